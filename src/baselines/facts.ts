/** What the classical systems' checkpoints are known by, before libtorch is loaded; the systems themselves: registry.ts. */
import { RocError } from "../errors.js";
import { biaaFacts } from "./biaa/facts.js";
import { laionFacts } from "./clip/facts.js";
import { aesmambaFacts } from "./aesmamba/facts.js";
import { eatFacts } from "./eat/facts.js";
import { hlagcnFacts } from "./hlagcn/facts.js";
import { icaaFacts } from "./icaa/facts.js";
import { maxvitFacts } from "./maxvit/facts.js";
import { musiqFacts } from "./musiq/facts.js";
import { tanetFacts } from "./tanet/facts.js";
import type { SystemFacts } from "./types.js";
import { kongFacts } from "./kong/facts.js";
import { mainetFacts } from "./mainet/facts.js";
import { maluFacts } from "./malu/facts.js";
import { mpadaFacts } from "./mpada/facts.js";
import { nimaFacts } from "./nima/facts.js";

/** A line a system, in the order of the registry. */
const FACTS: readonly SystemFacts[] = [
  laionFacts,
  tanetFacts,
  eatFacts,
  icaaFacts,
  nimaFacts,
  musiqFacts,
  maxvitFacts,
  maluFacts,
  kongFacts,
  mpadaFacts,
  aesmambaFacts,
  hlagcnFacts,
  biaaFacts,
  mainetFacts,
];

/** Names of the classical systems, which `model_type` of their config.json is. */
export const SYSTEM_NAMES: readonly string[] = FACTS.map(({ name }) => name);

/** The facts of a system by its name; undefined where there is none of that name. */
export function systemFacts(name: unknown): SystemFacts | undefined {
  return FACTS.find((facts) => facts.name === name);
}

/** The facts of the system that takes a `model_type`, its own or another program's; undefined where none does. */
export function systemFactsOfType(modelType: unknown): SystemFacts | undefined {
  if (typeof modelType !== "string") return undefined;
  return systemFacts(modelType) ?? FACTS.find(({ foreignTypes = [] }) => foreignTypes.includes(modelType));
}

/** The error of a name that is no system's, which lists them. */
export function unknownSystem(name: string): RocError {
  return new RocError("USAGE", `There is no system "${name}". The systems are ${SYSTEM_NAMES.join(", ")}.`);
}
