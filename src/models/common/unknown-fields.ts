/** Fields of a config.json that nothing here looks at: where weights do not fit, one of a newer layout may be why. */
import { z } from "zod";

/** What transformers writes for every model, and what only training or generation looks at. */
const ORDINARY =
  /^(_.*|architectures|auto_map|chunk_size_feed_forward|dtype|torch_dtype|id2label|label2id|is_(en|de)coder.*|model_type|output_attentions|output_hidden_states|output_scores|problem_type|return_dict.*|torchscript|transformers_version|use_cache|use_bfloat16|use_return_dict|attn_implementation|pretraining_tp|sliding_window|max_position_embeddings|tie_(word|encoder)_.*|(add_)?cross_attention.*|pruned_heads|tokenizer_class|task_specific_params|finetuning_task|tf_legacy_loss|prefix|quantization_config|.*_token_ids?|.*_token_index|.*dropout.*|.*drop_(path_)?rate|initializer_.*|gradient_checkpointing|projection_dim|mrope_interleaved|image_seq_length|vision_use_head|factor|min_length|max_length|do_sample|temperature|top_[kp]|num_beams.*|repetition_penalty|length_penalty|no_repeat_ngram_size|encoder_no_repeat_ngram_size|bad_words_ids|num_return_sequences|early_stopping|diversity_penalty|typical_p|remove_invalid_values|exponential_decay_length_penalty|suppress_tokens|begin_suppress_tokens|forced_.*)$/;
/** Ours, of checkpoints with score tokens. */
const SCORES = /^(num_tokens|img_token_num|(min|max)_score|(score|output_(first|last))_id|(l1|ce|emd)_weight)$/;

/** Adds the names of a schema's fields, however it is wrapped, to `names`. */
function collect(part: unknown, names: Set<string>, seen: Set<unknown>): void {
  if (typeof part !== "object" || part === null || seen.has(part)) return;
  seen.add(part);
  if (part instanceof z.ZodObject) for (const name of Object.keys(part.shape)) names.add(name);
  const inside = part instanceof z.ZodType ? Object.values(part.def) : Object.values(part);
  for (const inner of inside) collect(inner, names, seen);
}

/** Configs nest no deeper. */
const DEEPEST = 4;

function unknownIn(fields: unknown, known: ReadonlySet<string>, path: readonly string[]): string[] {
  if (typeof fields !== "object" || fields === null || Array.isArray(fields) || path.length > DEEPEST) return [];
  return Object.entries(fields).flatMap(([name, value]) => {
    if (ORDINARY.test(name) || SCORES.test(name)) return [];
    const here = [...path, name];
    return known.has(name) ? unknownIn(value, known, here) : value === null ? [] : [here.join(".")];
  });
}

/**
 * Names, with dots, of a config's fields that neither the family's schemas nor transformers' ordinary ones have.
 *
 * @param schemas all of the family's: the names of each count wherever they stand
 */
export function unknownFields(config: unknown, schemas: readonly z.ZodType[]): string[] {
  const names = new Set<string>();
  const seen = new Set<unknown>();
  for (const schema of schemas) collect(schema, names, seen);
  return unknownIn(config, names, []);
}
