/** The caller's side of an explanation: a picture's file to a map of it. Loads no libtorch. */
import { RocError } from "../../errors.js";
import { uprightSize, withStoredImage } from "../../image/index.js";
import type { ImageInputs } from "../../models/types.js";
import { namedInput } from "../inputs.js";
import { checkTypes, EXPLAIN_TYPES } from "../option-types.js";
import type { ScoreInput } from "../types.js";
import { gridOf } from "./grid.js";
import { probePictures } from "./pictures.js";
import { EXPLAIN_METHODS, REPLACEMENTS } from "./types.js";
import type { CellMap, Explanation, ExplainOptions, ExplainRequest } from "./types.js";

/** Pictures that are scored where nobody says how many. */
const EVALUATIONS = 96;

/** What an explanation needs of a model. */
interface Explainer {
  /** As {@link Explanation.model}. */
  readonly name: string;
  readonly prepare: ImageInputs["prepare"];
  readonly explain: (request: ExplainRequest, signal: AbortSignal) => Promise<CellMap>;
  /** Fires once the model is disposed. */
  readonly ended: AbortSignal;
}

/** @throws RocError as `Model.explain()` */
export async function explainPicture(
  { name: model, prepare, explain, ended }: Explainer,
  input: ScoreInput,
  options: ExplainOptions,
): Promise<Explanation> {
  checkOptions(options);
  const { method, replacement = REPLACEMENTS[0], evaluations = EVALUATIONS, of, signal } = options;
  const { maxPixels, allowDamaged } = options;
  const { name: file, data } = namedInput(input, "explain()");
  const ends = signal ? AbortSignal.any([signal, ended]) : ended;
  const reading = { name: file, signal: ends, ...(maxPixels !== undefined && { maxPixels }), ...(allowDamaged && { allowDamaged }) }; // prettier-ignore
  const { photo, pictures } = await withStoredImage(
    data,
    async (picture) => ({
      photo: uprightSize(picture),
      pictures: await probePictures(picture, replacement, prepare),
    }),
    reading,
  );
  const grid = gridOf(photo);
  const map = await explain({ method, evaluations, of, grid, pictures }, ends);
  return { file, model, of: of ?? null, replacement, photo, ...grid, ...map };
}

/** @throws RocError USAGE */
function checkOptions(options: ExplainOptions): void {
  checkTypes("explain()", options, EXPLAIN_TYPES);
  const { method, replacement, evaluations } = options;
  const among = (name: string, value: string | undefined, known: readonly string[]): void => {
    if (value !== undefined && !known.includes(value))
      throw new RocError("USAGE", `explain(): ${name} is ${value}; give one of ${known.join(", ")}.`);
  };
  among("method", method, EXPLAIN_METHODS);
  among("replacement", replacement, REPLACEMENTS);
  if (evaluations === undefined || (Number.isInteger(evaluations) && evaluations >= 8 && evaluations <= 4096)) return;
  throw new RocError("USAGE", `explain(): evaluations is ${evaluations}; give a whole number from 8 to 4096.`);
}
