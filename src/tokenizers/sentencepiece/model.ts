/** The content of a SentencePiece model file (sentencepiece_model.proto of the SentencePiece project). */
import { Message } from "./protobuf.js";

/** SentencePiece's piece types. */
export const PIECE_TYPES = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

export interface Piece {
  readonly text: string;
  /** Log probability (unigram), or minus the rank of the merge (BPE). */
  readonly score: number;
  /** One of {@link PIECE_TYPES}. */
  readonly type: number;
}

export interface NormalizerSpec {
  /** Replacements of strings by strings; empty: none. */
  readonly charsMap: Uint8Array;
  readonly addDummyPrefix: boolean;
  readonly removeExtraWhitespaces: boolean;
  readonly escapeWhitespaces: boolean;
}

export interface SentencePieceModel {
  /** Path, for messages. */
  readonly file: string;
  readonly kind: "unigram" | "bpe";
  /** By id. */
  readonly pieces: readonly Piece[];
  /** The id of the one unknown piece. */
  readonly unknownId: number;
  readonly byteFallback: boolean;
  /** The text of a decoded unknown piece. */
  readonly unknownSurface: string;
  readonly normalizer: NormalizerSpec;
}

const KINDS: ReadonlyMap<number, SentencePieceModel["kind"]> = new Map([
  [1, "unigram"],
  [2, "bpe"],
]);

/** Reads and validates a model.
 *
 * @param file its path, for messages
 * @throws RocError TOKENIZER_INVALID naming file and field
 */
export function parseModel(bytes: Uint8Array, file: string): SentencePieceModel {
  const root = new Message(bytes, file);
  const pieces: Piece[] = [];
  let trainer = new Message(new Uint8Array(), file, "trainer_spec");
  let normalizer = new Message(new Uint8Array(), file, "normalizer_spec");
  for (const field of root.fields()) {
    if (field.number === 1) pieces.push(readPiece(root.message(field, `pieces.${pieces.length}`)));
    else if (field.number === 2) trainer = root.message(field, "trainer_spec");
    else if (field.number === 3) normalizer = root.message(field, "normalizer_spec");
    else if (field.number === 5) refuseDenormalizer(root.message(field, "denormalizer_spec"));
  }
  const { byteFallback, ...spec } = readTrainer(trainer);
  checkPieces(root, pieces, byteFallback);
  const unknownId = pieces.findIndex(({ type }) => type === PIECE_TYPES.unknown);
  return { file, ...spec, pieces, unknownId, byteFallback, normalizer: readNormalizer(normalizer) };
}

function readPiece(message: Message): Piece {
  let [text, score, type]: [string, number, number] = ["", 0, PIECE_TYPES.normal];
  for (const field of message.fields()) {
    if (field.number === 1) text = message.text(field, "piece");
    else if (field.number === 2) score = message.float(field, "score");
    else if (field.number === 3) type = message.number(field, "type");
  }
  if (text === "") throw message.error("is empty", "piece");
  if (Number.isNaN(score)) throw message.error("is not a number", "score");
  if (!(type >= 1 && type <= 6)) throw message.error(`${type} is unknown`, "type");
  return { text, score, type };
}

function readTrainer(message: Message) {
  let [type, byteFallback, unknownSurface] = [1, false, " \u2047 "];
  for (const field of message.fields()) {
    if (field.number === 3) type = message.number(field, "model_type");
    else if (field.number === 35) byteFallback = message.flag(field, "byte_fallback");
    else if (field.number === 44) unknownSurface = message.text(field, "unk_surface");
    else if (field.number === 24 && message.flag(field, "treat_whitespace_as_suffix")) {
      throw message.error("is not supported", "treat_whitespace_as_suffix");
    }
  }
  const kind = KINDS.get(type);
  if (kind === undefined) throw message.error(`${type} is not supported; 1 (unigram) and 2 (BPE) are`, "model_type");
  return { kind, byteFallback, unknownSurface };
}

function readNormalizer(message: Message): NormalizerSpec {
  let charsMap = new Uint8Array();
  let [addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces] = [true, true, true];
  for (const field of message.fields()) {
    if (field.number === 2) charsMap = Uint8Array.from(message.data(field, "precompiled_charsmap"));
    else if (field.number === 3) addDummyPrefix = message.flag(field, "add_dummy_prefix");
    else if (field.number === 4) removeExtraWhitespaces = message.flag(field, "remove_extra_whitespaces");
    else if (field.number === 5) escapeWhitespaces = message.flag(field, "escape_whitespaces");
  }
  return { charsMap, addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces };
}

function refuseDenormalizer(message: Message): void {
  for (const field of message.fields()) {
    if (field.number === 2 && message.data(field, "precompiled_charsmap").length > 0) {
      throw message.error("is not supported", "precompiled_charsmap");
    }
  }
}

/** The checks that SentencePiece performs when it loads a model. */
function checkPieces(root: Message, pieces: readonly Piece[], byteFallback: boolean): void {
  const seen = new Set<string>();
  for (const [id, { text, type }] of pieces.entries()) {
    if (seen.has(text)) throw root.error(`"${text}" occurs twice`, `pieces.${id}.piece`);
    seen.add(text);
    if (type !== PIECE_TYPES.byte) continue;
    if (!byteFallback) throw root.error("is a byte, but trainer_spec.byte_fallback is false", `pieces.${id}.type`);
    if (!/^<0x[0-9A-F]{2}>$/.test(text)) throw root.error(`"${text}" is not a byte`, `pieces.${id}.piece`);
  }
  const count = (type: number): number => pieces.filter((piece) => piece.type === type).length;
  const unknown = count(PIECE_TYPES.unknown);
  if (unknown !== 1) throw root.error(`${unknown} unknown pieces where there must be one`, "pieces");
  if (byteFallback && count(PIECE_TYPES.byte) !== 256)
    throw root.error("not all of the 256 bytes are present", "pieces");
}
