/** What a checkpoint's tensors come to, and which of them are damaged. */
import { DTYPES, nonFiniteText, type NonFiniteTensors, type Tensor } from "../torch/index.js";
import type { Checkpoint } from "../weights/index.js";

/** Of a checkpoint that cannot be opened. */
export const EMPTY_TOTALS = { tensors: 0, parameters: 0, bytes: 0, dtypes: {}, files: [] } as const;

/** One after another, each freed when the next one is asked for. */
export function* tensorsOf(checkpoint: Checkpoint): Generator<[string, Tensor], void, void> {
  for (const name of checkpoint.names()) {
    using tensor = checkpoint.tensor(name);
    yield [name, tensor];
  }
}

export function damageText(checkpoint: Checkpoint, found: NonFiniteTensors): string {
  return `${checkpoint.info(found.name).file}: ${nonFiniteText(found)}. Fetch or train the checkpoint again.`;
}

/** What a checkpoint holds, by the headers of its files. */
export function totalsOf(checkpoint: Checkpoint) {
  const infos = checkpoint.names().map((name) => checkpoint.info(name));
  const dtypes: Record<string, number> = {};
  let [parameters, bytes] = [0, 0];
  for (const { dtype, shape } of infos) {
    const elements = shape.reduce((product, side) => product * side, 1);
    dtypes[dtype] = (dtypes[dtype] ?? 0) + elements;
    parameters += elements;
    bytes += elements * DTYPES[dtype].bytes;
  }
  return {
    tensors: infos.length,
    parameters,
    bytes,
    dtypes,
    files: [...new Set(infos.map(({ file }) => file))].sort(),
  };
}
