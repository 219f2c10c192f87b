/** The values in a pickle of tensors, as plain data. */
import type { DType } from "../../torch/index.js";

/** A Python tuple. */
export class Tuple {
  constructor(readonly items: readonly Value[]) {}
}

/** A Python dict; keys may be anything and may repeat (the last one wins). */
export class Dict {
  readonly entries: [Value, Value][] = [];

  /** The value of a string key. */
  get(key: string): Value | undefined {
    return this.entries.findLast(([name]) => name === key)?.[1];
  }
}

/** An allowed name of a Python module. */
export class Global {
  constructor(readonly name: string) {}
}

/** A buffer in the file, of which tensors are views. */
export interface Storage {
  readonly key: string;
  readonly dtype: DType;
  /** Elements. */
  readonly length: number;
}

export class StorageRef implements Storage {
  constructor(
    readonly key: string,
    readonly dtype: DType,
    readonly length: number,
  ) {}
}

/** A view of a storage. Offset and strides count elements. */
export class TensorRef {
  constructor(
    readonly storage: StorageRef,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** A harmless object that tensors do not need: a device, a size, an attribute. */
export class Opaque {
  constructor(readonly name: string) {}
}

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Value[]
  | Tuple
  | Dict
  | Global
  | StorageRef
  | TensorRef
  | Opaque;

/** A kind of value, for messages. */
export function kindOf(value: Value | undefined): string {
  if (value === null) return "None";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof Global || value instanceof Opaque) return value.name;
  if (value instanceof Tuple) return "a tuple";
  if (value instanceof Dict) return "a dict";
  if (value instanceof TensorRef) return "a tensor";
  if (value instanceof StorageRef) return "a storage";
  return value === undefined ? "nothing" : `a ${typeof value}`;
}
