/** The work of `createBaseline()`. */
import { resolve } from "node:path";
import { refuseVariant, saveBaseline, systemNamed } from "../../baselines/registry.js";
import { RocError } from "../../errors.js";
import { refuseFilled } from "../../files/index.js";
import { startBaseline } from "./baseline.js";
import { filesOf } from "./config.js";
import type { NewBaseline, NewBaselineSpec } from "./new-baseline.js";

/** See `createBaseline()`. */
export async function writeNewBaseline(spec: NewBaselineSpec): Promise<NewBaseline> {
  const { variant, scale = { min: 1, max: 10 }, tiny, seed = 0 } = spec;
  if (!(Number.isSafeInteger(seed) && seed >= 0))
    throw new RocError("USAGE", `seed is ${seed}; give a whole number from 0.`);
  if (spec.bins === 1) throw new RocError("USAGE", "bins is 1; give 0, or from 2 on.");
  const bins = spec.bins === 0 ? undefined : spec.bins;
  const system = systemNamed(spec.system);
  refuseVariant(system, variant);
  const folder = resolve(spec.out);
  await refuseFilled(folder);
  const attributes = spec.attributes?.map((name) => ({ name, scale }));
  const config = system.configure({ variant, bins, scale, tiny, attributes });
  const { baseline } = await startBaseline({ system, config, seed, pretrained: filesOf(spec.pretrained) });
  try {
    await saveBaseline(baseline, folder);
    const weights = [...baseline.parameters().values(), ...(baseline.fixed?.().values() ?? [])];
    const parameters = weights.reduce((sum, { numel }) => sum + numel, 0);
    const outputs = baseline.outputs.map((one) => ({
      ...{ name: one.name, scale: one.scale, values: one.values?.length ?? null },
    }));
    return { folder, system: system.name, parameters, outputs };
  } finally {
    baseline.dispose();
  }
}
