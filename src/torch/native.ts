/**
 * The typed statement of the C++ surface (native/module.cc) and the only module that loads the addon.
 *
 * Handles are numbers; only native/environment.h knows what they mean.
 */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { findAddon, SETUP_COMMAND } from "#scripts/places.mjs";
import { RocError, messageOf } from "../errors.js";
import { threadsAreGiven, usableCores } from "./cores.js";
import { setEnvironment } from "./preload.js";

export type Handle = number;
/**
 * Name of a switch of the whole process, see {@link setFlag}.
 *
 * @category Threads and devices
 */
export type Flag = "allowTf32" | "cudnnAttention" | "deterministic" | "keepFreedMemory";

/** An operator's schema, taken apart. */
export interface OperatorDescription {
  readonly name: string;
  readonly overload: string;
  readonly schema: string;
  readonly returnsSelf: boolean;
  readonly arguments: readonly {
    readonly name: string;
    readonly type: string;
    readonly keywordOnly: boolean;
    readonly hasDefault: boolean;
  }[];
  readonly returns: readonly string[];
}

export interface Native {
  operatorNames(): string[];
  describeOperator(name: string, overload: string): OperatorDescription;
  resolveOperator(name: string, overload: string): number;
  callOperator(id: number, ...values: unknown[]): unknown;

  fromBytes(bytes: ArrayBufferView, dtype: string, shape: readonly number[]): Handle;
  readBytes(handle: Handle, into: ArrayBufferView): void;
  itemOf(handle: Handle): number;
  shapeOf(handle: Handle): number[];
  dtypeOf(handle: Handle): string;
  deviceOf(handle: Handle): string;
  bytesOf(handle: Handle): number;
  heldBytes(handle: Handle): number;

  isLive(handle: Handle): boolean;
  freeTensor(handle: Handle): void;
  keepTensor(handle: Handle): void;
  beginScope(): number;
  endScope(depth: number, survivors: readonly Handle[]): void;
  liveTensors(): number;
  adjustMemory(bytes: number): number;

  quantizeRows(x: Handle): [bytes: Handle, scales: Handle];
  int8Linear(x: Handle, weight: Handle, scales: Handle, bias: Handle | null, kernels: string | null): Handle;
  int8Kernels(): string[];

  openMapping(path: string): [id: number, length: number];
  mappedTensor(id: number, offset: number, dtype: string, shape: readonly number[]): Handle;
  dropMapped(id: number, offset: number, length: number): void;
  mappedBytes(id: number, offset: number, into: ArrayBufferView): void;
  closeMapping(id: number): void;

  backward(roots: readonly Handle[], gradients: readonly (Handle | null)[], retainGraph: boolean): void;
  gradients(
    outputs: readonly Handle[],
    inputs: readonly Handle[],
    gradients: readonly (Handle | null)[],
    retainGraph: boolean,
    createGraph: boolean,
  ): (Handle | null)[];
  requiresGrad(handle: Handle): boolean;
  setRequiresGrad(handle: Handle, on: boolean): void;
  gradOf(handle: Handle): Handle | null;
  setGrad(handle: Handle, gradient: Handle | null): void;

  setGradMode(on: boolean): boolean;
  pushInferenceMode(): void;
  popInferenceMode(): void;
  pushAutocast(device: string, dtype: string): void;
  popAutocast(): void;

  manualSeed(seed: number | bigint): void;
  generatorStates(): Handle[];
  setGeneratorStates(states: readonly Handle[]): void;
  setThreads(count: number): void;
  threads(): number;
  holdThreads(count: number): number;
  releaseThreads(holder: number): void;
  setFlag(name: Flag, on: boolean): void;
  flagIsOn(name: Flag): boolean;
  holdFlag(name: Flag, on: boolean): number;
  releaseFlag(name: Flag, holder: number): void;
  canCapture(device: string): boolean;
  openGraph(device: string): number;
  enterGraph(graph: number, capture: boolean): void;
  leaveGraph(graph: number, keep: boolean): void;
  replayGraph(graph: number): void;
  closeGraph(graph: number): void;

  hasCuda(): boolean;
  deviceCount(kind: string): number;
  version(): string;

  distributedBackends(): string[];
  joinGroup(
    host: string,
    port: number,
    rank: number,
    size: number,
    serves: boolean,
    prefix: string,
    nccl: boolean,
    timeout: number,
  ): Promise<void>;
  giveUpGroup(): void;
  leaveGroup(ended: boolean): void;
  groupDisconnect(): void;
  groupPublish(key: string, text: string): void;
  groupFind(key: string): string | null;
  groupAllReduce(handles: readonly Handle[], mean: boolean, bytes: number): number;
  groupBroadcast(handles: readonly Handle[], from: number, bytes: number): number;
  groupAllGather(handle: Handle): [operation: number, results: Handle[]];
  groupReduceScatter(handle: Handle): [operation: number, result: Handle];
  groupBarrier(): number;
  groupWait(operation: number): void;
  groupFinished(operation: number): Promise<void>;
  attachGradients(
    handles: readonly Handle[],
    firstRows: readonly number[],
    rows: readonly number[],
    bucketBytes: number,
  ): void;
  detachGradients(): void;
  armGradients(): void;
  finishGradients(): number;
}

function loadNative(): Native {
  const { path, fault } = findAddon(process.env);
  if (fault !== undefined) throw new RocError("NATIVE_UNAVAILABLE", fault);
  setEnvironment();
  try {
    const loaded = createRequire(import.meta.url)(path) as Native;
    // libtorch takes a thread a core of the machine, also where a container may use two of 64.
    if (!threadsAreGiven()) loaded.setThreads(Math.min(loaded.threads(), usableCores()));
    return loaded;
  } catch (error) {
    throw new RocError(
      "NATIVE_UNAVAILABLE",
      `The native addon ${path} does not load: ${messageOf(error)}. ` +
        `If libtorch was moved or changed, delete ${dirname(path)}. ${SETUP_COMMAND}.`,
      { cause: error },
    );
  }
}

export const native = loadNative();
