/** What the families' parameter names have in common. Loads no libtorch. */

/** The matrices of nn's decoder that have a row a token, wherever the decoder is. */
export function isDecoderVocabulary(parameter: string): boolean {
  return /(^|\.)(embed_tokens|lm_head)\./.test(parameter);
}

/** All linear maps of the language model, by transformers' names, the original LLaVA's or mPLUG-Owl2's. */
export const LANGUAGE_MAPS = String.raw`model\.(language_model|layers)\..*`;
