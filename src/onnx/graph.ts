/**
 * ONNX files (onnx.proto): a graph of operators that is built node by node, and its bytes. Values are known by their names; every
 * method that adds a node gives the name of what the node computes.
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** Of operators: what onnxruntime has run since 2022. */
export const OPSET = 17;

/** The first that has the operators of {@link OPSET}. */
const IR_VERSION = 8;

/** `TensorProto.DataType`. */
const TYPES = { float32: 1, uint8: 2, int32: 6, int64: 7, float16: 10 } as const;
type ElementType = keyof typeof TYPES;

/** `AttributeProto.AttributeType`. */
const ATTRIBUTE = { float: 1, int: 2, ints: 7 } as const;

/** A whole number; numbers that are to be floats are given as `{ float }`. */
type Attribute = number | readonly number[] | { readonly float: number };

/** The name of a value within the graph. */
export type Value = string;

/** What the graph takes or gives. */
export interface Port {
  readonly name: Value;
  readonly type: ElementType;
  readonly shape: readonly number[];
}

type Part = (writer: BinaryWriter) => void;

export class Graph {
  readonly #nodes: Part[] = [];
  readonly #constants: Part[] = [];
  #count = 0;

  /** Adds a node. @returns its one output */
  node(
    op: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>> = {},
    name?: Value,
  ): Value {
    const output = name ?? this.#fresh(op);
    this.#nodes.push((writer) => {
      for (const input of inputs) text(writer, 1, input);
      text(writer, 2, output);
      text(writer, 4, op);
      for (const [key, value] of Object.entries(attributes)) message(writer, 5, attribute(key, value));
    });
    return output;
  }

  /** Adds a constant by the bytes of its elements, row by row, little-endian. */
  constant(type: ElementType, shape: readonly number[], bytes: Uint8Array, name = this.#fresh("constant")): Value {
    this.#constants.push((writer) => {
      for (const length of shape) whole(writer, 1, length);
      whole(writer, 2, TYPES[type]);
      text(writer, 8, name);
      writer.tag(9, WireType.LengthDelimited).bytes(bytes);
    });
    return name;
  }

  floats(shape: readonly number[], values: ArrayLike<number>): Value {
    return this.constant("float32", shape, bytesOf(Float32Array.from(values)));
  }

  ints(values: readonly number[]): Value {
    return this.constant("int64", [values.length], bytesOf(BigInt64Array.from(values, BigInt)));
  }

  reshape(x: Value, shape: readonly number[]): Value {
    return this.node("Reshape", [x, this.ints(shape)]);
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return this.node("Transpose", [x], { perm });
  }

  /** Rows `[start, end)` of an axis. */
  slice(x: Value, axis: number, start: number, end: number): Value {
    return this.node("Slice", [x, this.ints([start]), this.ints([end]), this.ints([axis])]);
  }

  gather(x: Value, axis: number, indices: readonly number[]): Value {
    return this.node("Gather", [x, this.ints(indices)], { axis });
  }

  /** The file. @param metadata texts that it carries about itself */
  finish(inputs: readonly Port[], outputs: readonly Port[], metadata: Readonly<Record<string, string>>): Uint8Array {
    const model = new BinaryWriter();
    whole(model, 1, IR_VERSION);
    text(model, 2, "roc4mllm");
    message(model, 7, (graph) => {
      for (const node of this.#nodes) message(graph, 1, node);
      text(graph, 2, "score");
      for (const constant of this.#constants) message(graph, 5, constant);
      for (const input of inputs) message(graph, 11, port(input));
      for (const output of outputs) message(graph, 12, port(output));
    });
    message(model, 8, (opset) => {
      text(opset, 1, "");
      whole(opset, 2, OPSET);
    });
    for (const [key, value] of Object.entries(metadata)) {
      message(model, 14, (entry) => {
        text(entry, 1, key);
        text(entry, 2, value);
      });
    }
    return model.finish();
  }

  #fresh(kind: string): Value {
    return `${kind}_${this.#count++}`;
  }
}

/** The memory of numbers, which is little-endian on every processor that Node runs on. */
export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

function whole(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value);
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

function message(writer: BinaryWriter, field: number, part: Part): void {
  part(writer.tag(field, WireType.LengthDelimited).fork());
  writer.join();
}

function attribute(name: string, value: Attribute): Part {
  return (writer) => {
    text(writer, 1, name);
    if (typeof value === "number") {
      whole(writer, 3, value);
      whole(writer, 20, ATTRIBUTE.int);
    } else if ("float" in value) {
      writer.tag(2, WireType.Bit32).float(value.float);
      whole(writer, 20, ATTRIBUTE.float);
    } else {
      for (const one of value) whole(writer, 8, one);
      whole(writer, 20, ATTRIBUTE.ints);
    }
  };
}

/** `ValueInfoProto`. */
function port({ name, type, shape }: Port): Part {
  return (writer) => {
    text(writer, 1, name);
    message(writer, 2, (form) =>
      message(form, 1, (tensor) => {
        whole(tensor, 1, TYPES[type]);
        message(tensor, 2, (dims) => {
          for (const length of shape) message(dims, 1, (dim) => whole(dim, 1, length));
        });
      }),
    );
  };
}
