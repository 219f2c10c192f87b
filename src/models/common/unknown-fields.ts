/** Fields of a config.json that nothing here looks at: where weights do not fit, one of a newer layout may be why. */
import { z } from "zod";

/** What transformers writes for every model, and what only training or generation looks at. */
const ORDINARY =
  /^(_.*|architectures|auto_map|ignore_index|chunk_size_feed_forward|dtype|torch_dtype|id2label|label2id|is_(en|de)coder.*|model_type|output_attentions|output_hidden_states|output_scores|problem_type|return_dict.*|torchscript|transformers_version|use_cache|use_bfloat16|use_return_dict|attn_implementation|pretraining_tp|sliding_window|max_position_embeddings|tie_(word|encoder)_.*|(add_)?cross_attention.*|pruned_heads|tokenizer_class|task_specific_params|finetuning_task|tf_legacy_loss|prefix|quantization_config|.*_token_ids?|.*_token_index|.*dropout.*|.*drop_(path_)?rate|initializer_.*|gradient_checkpointing|projection_dim|mrope_interleaved|image_seq_length|vision_use_head|factor|min_length|max_length|do_sample|temperature|top_[kp]|num_beams.*|repetition_penalty|length_penalty|no_repeat_ngram_size|encoder_no_repeat_ngram_size|bad_words_ids|num_return_sequences|early_stopping|diversity_penalty|typical_p|remove_invalid_values|exponential_decay_length_penalty|suppress_tokens|begin_suppress_tokens|forced_.*)$/;
/** Ours: of checkpoints with score tokens, and whose scorer a written checkpoint is. */
const OURS =
  /^(roc4mllm_scorer|num_tokens|img_token_num|(min|max)_score|(score|output_(first|last))_id|(l1|ce|emd)_weight)$/;

/** The objects that a schema takes, however they are wrapped, without those of their fields. */
function objectsOf(type: unknown): z.ZodObject[] {
  if (type instanceof z.ZodObject) return [type];
  if (!(type instanceof z.ZodType) || type instanceof z.ZodArray) return [];
  const inside: unknown[] = Object.values(type.def);
  return inside.flatMap((part) => (Array.isArray(part) ? part.flatMap(objectsOf) : objectsOf(part)));
}

/** Configs nest no deeper. */
const DEEPEST = 4;

/** A field without effect has so for some values only, where its type says so: a tower without experts. */
function accepts(type: unknown, value: unknown): boolean {
  return type instanceof z.ZodType && type.safeParse(value).success;
}

function unknownIn(fields: unknown, known: readonly z.ZodObject[], path: readonly string[]): string[] {
  // What no schema looks into is no layout.
  if (known.every(({ shape }) => Object.keys(shape).length === 0)) return [];
  if (typeof fields !== "object" || fields === null || Array.isArray(fields) || path.length > DEEPEST) return [];
  return Object.entries(fields).flatMap(([name, value]) => {
    if (ORDINARY.test(name) || OURS.test(name)) return [];
    const here = [...path, name];
    const types = known.flatMap(({ shape }): unknown[] => (Object.hasOwn(shape, name) ? [shape[name]] : []));
    const inside = types.flatMap(objectsOf);
    if (inside.length > 0) return unknownIn(value, inside, here);
    return value === null || types.some((type) => accepts(type, value)) ? [] : [here.join(".")];
  });
}

/** Fields that a message names. */
const MOST_FIELDS = 12;

/** {@link unknownFields} as a message has them; undefined where there are none. */
export function unknownFieldsText(config: unknown, schemas: readonly z.ZodType[]): string | undefined {
  const fields = unknownFields(config, schemas);
  if (fields.length === 0) return undefined;
  return `${fields.slice(0, MOST_FIELDS).join(", ")}${fields.length > MOST_FIELDS ? ", ..." : ""}`;
}

/**
 * Names, with dots, of a config's fields that neither the family's schemas have at that place nor transformers' ordinary ones.
 *
 * @param schemas of the whole file: the fields of all of them count
 */
function unknownFields(config: unknown, schemas: readonly z.ZodType[]): string[] {
  return unknownIn(config, schemas.flatMap(objectsOf), []);
}
