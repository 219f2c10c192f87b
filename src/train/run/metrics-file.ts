/** What a run leaves for people and plots: `metrics.jsonl`, `config.json`, `environment.json`. */
import { cpus, platform, release } from "node:os";
import { getNumThreads, torchVersion } from "../../torch/index.js";
import { append, atomicWriteFile, ifThere, readText } from "../../files/index.js";
import { gitRevision } from "../../version.js";
import type { StepEvent, ValidationEvent } from "../events.js";

/** One line of `metrics.jsonl`: the optimizer step that it was measured after, and figures. */
export interface MetricsRecord {
  readonly step: number;
  readonly [figure: string]: unknown;
}

/** A JSON Lines file that only grows, except that it is truncated to the step that a run resumes from. */
export class MetricsFile {
  constructor(private readonly path: string) {}

  /**
   * Retains the records up to and including `step`; drops later ones and what a kill left of a last line.
   * @throws RocError FILE_UNREADABLE, FILE_UNWRITABLE; the file is then as it was
   */
  async truncate(step: number): Promise<void> {
    const text = (await ifThere(readText(this.path))) ?? "";
    // A whole line without a step is not of this program: it stays.
    const kept = text.split("\n").slice(0, -1).filter((line) => (stepOf(line) ?? step) <= step); // prettier-ignore
    await atomicWriteFile(this.path, kept.map((line) => `${line}\n`).join(""));
  }

  /** @throws RocError FILE_UNWRITABLE */
  async append(record: MetricsRecord): Promise<void> {
    await append(this.path, `${JSON.stringify(record)}\n`);
  }
}

/** An event's figures by tag, for plots. */
export function figuresOf(event: StepEvent | ValidationEvent): Record<string, number> {
  if (event.type === "validation") {
    const { srcc, plcc, mae } = event;
    const known = Object.entries({ srcc, plcc, mae }).filter(([, value]) => value !== null);
    return Object.fromEntries(known.map(([name, value]) => [`validation/${name}`, value ?? NaN]));
  }
  const { loss, terms, learningRate, gradientNorm, imagesPerSecond } = event;
  const figures = { loss, ...terms, learningRate, gradientNorm, imagesPerSecond };
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [`train/${name}`, value]));
}

function stepOf(line: string): number | undefined {
  try {
    const record: unknown = JSON.parse(line);
    const step = typeof record === "object" && record !== null && "step" in record ? record.step : undefined;
    return typeof step === "number" ? step : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Where a run's numbers come from.
 *
 * @category Training
 */
export interface RunEnvironment {
  /** Version of Node. */
  readonly node: string;
  /** Version of libtorch. */
  readonly torch: string;
  /** Threads of one operator. */
  readonly threads: number;
  /** Name of the processor. */
  readonly cpu: string;
  /** Its logical cores. */
  readonly cores: number;
  /** Operating system and its version. */
  readonly system: string;
  /** Git revision of this program, with "+" where files were changed; null outside of a work tree. */
  readonly revision: string | null;
}

export async function describeEnvironment(): Promise<RunEnvironment> {
  const processors = cpus();
  return {
    node: process.version,
    torch: torchVersion(),
    threads: getNumThreads(),
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    system: `${platform()} ${release()}`,
    revision: await gitRevision(),
  };
}
