/** What the command `roc4mllm setup` uses of plan.mjs. */
export interface PlannedStep {
  readonly step: "libtorch" | "addon";
  readonly done: boolean;
  readonly path: string;
  readonly what: string;
  readonly downloadBytes?: number;
  readonly diskBytes?: number;
}
export interface Plan {
  readonly home: string;
  readonly done: boolean;
  readonly steps: readonly PlannedStep[];
  readonly missing: readonly string[];
}
export declare function planSetup(env: Readonly<Record<string, string | undefined>>): Plan;
export declare function describePlan(plan: Plan): string;
