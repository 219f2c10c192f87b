/**
 * A pickle reader that can only build data: no name is looked up and nothing is called except the builders of globals.ts
 * (opcodes: CPython's pickletools.py). Time and memory are linear in the bytes read.
 */
import { messageOf, RocError } from "../../errors.js";
import type { Cursor } from "./cursor.js";
import { Damage, invalid, quoted } from "./errors.js";
import { call, isAllowed, storageOf } from "./globals.js";
import { Dict, Global, kindOf, StorageRef, Tuple, type Value } from "./values.js";

/** Maximum values pushed, marked or memoised in one pickle; about 60 per tensor are usual, so no real model comes near. */
const MAX_VALUES = 4_000_000;
/** Maximum bytes of a whole pickle. */
const MAX_PICKLE = 64 * 2 ** 20;
/** Maximum bytes of one string. */
const MAX_TEXT = 16 * 2 ** 20;
/** Maximum bytes of one line, name or long number. */
const MAX_LINE = 4096;

export interface Pickle {
  readonly value: Value;
  /** Every storage that the pickle refers to, by key. */
  readonly storages: ReadonlyMap<string, StorageRef>;
}

/**
 * Reads one pickle and leaves the cursor after it.
 *
 * @throws RocError CHECKPOINT_INVALID where it is damaged, truncated, too large, or refers to a name that is not allowed
 */
export function readPickle(cursor: Cursor): Pickle {
  return new Machine(cursor).run();
}

/** Ends a pickle. */
const STOP = 0x2e;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class Machine {
  #stack: Value[] = [];
  /** Stacks below the open marks. */
  readonly #marked: Value[][] = [];
  readonly #memo = new Map<number, Value>();
  readonly #storages = new Map<string, StorageRef>();
  #values = 0;

  constructor(private readonly cursor: Cursor) {}

  run(): Pickle {
    const start = this.cursor.position;
    for (;;) {
      if (this.cursor.position - start > MAX_PICKLE) throw this.#error("its pickle is absurdly long");
      const code = this.cursor.u8();
      try {
        if (code === STOP) return { value: this.pop(), storages: this.#storages };
        this.#step(code);
      } catch (error) {
        throw error instanceof RocError ? error : this.#error(messageOf(error), error);
      }
    }
  }

  #step(code: number): void {
    const step = OPCODES.get(code);
    if (step === undefined) throw new Damage(`refused: the pickle opcode 0x${code.toString(16).padStart(2, "0")}`);
    step(this, this.cursor);
  }

  #error(what: string, cause?: unknown): RocError {
    return invalid(this.cursor.map.path, what, cause);
  }

  push(value: Value): void {
    this.#count();
    this.#stack.push(value);
  }

  pop(): Value {
    const value = this.#stack.pop();
    if (value === undefined) throw new Damage("its pickle pops an empty stack");
    return value;
  }

  #count(values = 1): void {
    this.#values += values;
    if (this.#values > MAX_VALUES) throw new Damage("its pickle holds absurdly many values");
  }

  /** The top value, without removing it. */
  top(): Value {
    const value = this.#stack.at(-1);
    if (value === undefined) throw new Damage("its pickle pops an empty stack");
    return value;
  }

  mark(): void {
    this.#count();
    this.#marked.push(this.#stack);
    this.#stack = [];
  }

  /** The values above the last mark. */
  popMark(): Value[] {
    const below = this.#marked.pop();
    if (below === undefined) throw new Damage("its pickle pops a mark that it has not set");
    const values = this.#stack;
    this.#stack = below;
    return values;
  }

  take(count: number): Value[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  put(index: number): void {
    this.#count();
    this.#memo.set(index, this.top());
  }

  memoize(): void {
    this.put(this.#memo.size);
  }

  get(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw new Damage(`its pickle recalls value ${index}, which it has not stored`);
    this.push(value);
  }

  global(module: Value, name: Value): void {
    if (typeof module !== "string" || typeof name !== "string")
      throw new Damage("a name in its pickle is not a string");
    const full = `${module}.${name}`;
    if (/float8|qu?int\d|_qtensor|bitsandbytes/i.test(full))
      throw new Damage(
        `quantised weights (${full}); take the checkpoint that they were made of, in bfloat16 or float16`,
      );
    if (!isAllowed(full)) throw new Damage(`refused: ${described(module, name)}`);
    this.push(new Global(full));
  }

  reduce(): void {
    const args = this.pop();
    const target = this.pop();
    if (!(args instanceof Tuple)) throw new Damage("its pickle calls something without a tuple");
    // The items of one list may be passed to any number of calls.
    const [first] = args.items;
    if (Array.isArray(first)) this.#count(first.length);
    this.push(call(target, args.items));
  }

  persistent(): void {
    const storage = storageOf(this.pop());
    const known = this.#storages.get(storage.key);
    if (known && (known.dtype !== storage.dtype || known.length !== storage.length)) {
      throw new Damage(`its storage ${quoted(storage.key)} has two types or lengths`);
    }
    this.#storages.set(storage.key, known ?? storage);
    this.push(known ?? storage);
  }

  /** Attributes of an object: those of an OrderedDict (module versions) are ignored; nothing else has any. */
  build(): void {
    this.pop();
    if (!(this.top() instanceof Dict)) throw new Damage(`its pickle gives attributes to ${kindOf(this.top())}`);
  }

  setItems(values: readonly Value[]): void {
    const dict = this.top();
    if (!(dict instanceof Dict)) throw new Damage(`its pickle puts items into ${kindOf(dict)}`);
    for (const pair of pairs(values)) dict.entries.push(pair);
  }

  append(values: readonly Value[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw new Damage(`its pickle appends to ${kindOf(list)}`);
    for (const value of values) list.push(value);
  }
}

/** Modules whose name in pickles differs from the usual one. */
const KNOWN_AS: ReadonlyMap<string, string> = new Map([
  ["__builtin__", "builtins"],
  ["posix", "os"],
  ["nt", "os"],
]);

/** A name for a message; quoted where it is not plain, so that it cannot mislead the reader. */
function described(module: string, name: string): string {
  const known = KNOWN_AS.get(module);
  const full = `${module}.${name}`;
  if (!/^[\w.]{1,100}$/.test(full)) return quoted(full);
  return known === undefined ? full : `${full} (${known}.${name})`;
}

function* pairs(values: readonly Value[]): Generator<[Value, Value]> {
  if (values.length % 2 !== 0) throw new Damage("its pickle has a key without a value");
  for (let i = 0; i < values.length; i += 2) yield [values[i] ?? null, values[i + 1] ?? null];
}

function dictOf(values: readonly Value[]): Dict {
  const dict = new Dict();
  for (const pair of pairs(values)) dict.entries.push(pair);
  return dict;
}

/** A little-endian two's complement number of any length; a number where it is exact. */
function longOf(cursor: Cursor, length: number): number | bigint {
  if (length > MAX_LINE) throw new Damage("a number in its pickle is absurdly long");
  if (length === 0) return 0;
  const hexadecimal = Buffer.from(cursor.bytes(length)).reverse().toString("hex");
  return narrowed(BigInt.asIntN(8 * length, BigInt(`0x${hexadecimal}`)));
}

function narrowed(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** A decimal number, with the suffix L of Python 2's long. */
function decimal(text: string): number | bigint | boolean {
  if (text === "00" || text === "01") return text === "01";
  if (!/^-?\d{1,4000}L?$/.test(text)) throw new Damage("a number in its pickle is malformed");
  return narrowed(BigInt(text.replace("L", "")));
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

type Step = (machine: Machine, cursor: Cursor) => void;
const char = (symbol: string): number => symbol.charCodeAt(0);
const text = (bytes: Uint8Array): string => {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new Damage("a text in its pickle is not UTF-8");
  }
};
const copy = (bytes: Uint8Array): Uint8Array => bytes.slice();
const sized = (cursor: Cursor, length: number): Uint8Array => {
  if (length > MAX_TEXT) throw new Damage(`a text in its pickle claims ${length} bytes`);
  return cursor.bytes(length);
};
const pushed =
  (read: (cursor: Cursor) => Value): Step =>
  (machine, cursor) => {
    machine.push(read(cursor));
  };
const tupleOf =
  (count: number): Step =>
  (machine) => {
    machine.push(new Tuple(machine.take(count)));
  };

/** Every supported opcode. Not here, and so refused: INST, OBJ, NEWOBJ_EX, EXT, PERSID, sets, buffers. */
const OPCODES: ReadonlyMap<number, Step> = new Map<number, Step>([
  [0x80, (_, cursor) => checkProtocol(cursor.u8())],
  [0x95, (_, cursor) => void cursor.u64()], // FRAME: how much to read ahead
  [char("("), (m) => m.mark()],
  [char("0"), (m) => void m.pop()],
  [char("1"), (m) => void m.popMark()],
  [char("2"), (m) => m.push(m.top())],
  [char("N"), pushed(() => null)],
  [0x88, pushed(() => true)],
  [0x89, pushed(() => false)],
  [char("J"), pushed((c) => c.i32())],
  [char("K"), pushed((c) => c.u8())],
  [char("M"), pushed((c) => c.u16())],
  [char("I"), pushed((c) => decimal(c.line(MAX_LINE)))],
  [char("L"), pushed((c) => decimal(c.line(MAX_LINE)))],
  [0x8a, pushed((c) => longOf(c, c.u8()))],
  [0x8b, pushed((c) => longOf(c, c.u32()))],
  [char("G"), pushed((c) => c.view(8).getFloat64(0, false))],
  [char("F"), pushed((c) => Number(c.line(MAX_LINE)))],
  [char("X"), pushed((c) => text(sized(c, c.u32())))],
  [0x8c, pushed((c) => text(sized(c, c.u8())))],
  [0x8d, pushed((c) => text(sized(c, c.u64())))],
  [char("T"), pushed((c) => latin1(sized(c, c.u32())))],
  [char("U"), pushed((c) => latin1(sized(c, c.u8())))],
  [char("B"), pushed((c) => copy(sized(c, c.u32())))],
  [char("C"), pushed((c) => copy(sized(c, c.u8())))],
  [0x8e, pushed((c) => copy(sized(c, c.u64())))],
  [char("}"), pushed(() => new Dict())],
  [char("d"), (m) => m.push(dictOf(m.popMark()))],
  [char("s"), (m) => m.setItems(m.take(2))],
  [char("u"), (m) => m.setItems(m.popMark())],
  [char("]"), pushed(() => [])],
  [char("l"), (m) => m.push(m.popMark())],
  [char("a"), (m) => m.append(m.take(1))],
  [char("e"), (m) => m.append(m.popMark())],
  [char(")"), tupleOf(0)],
  [0x85, tupleOf(1)],
  [0x86, tupleOf(2)],
  [0x87, tupleOf(3)],
  [char("t"), (m) => m.push(new Tuple(m.popMark()))],
  [char("c"), (m, c) => m.global(c.line(MAX_LINE), c.line(MAX_LINE))],
  [0x93, (m) => m.global(...(m.take(2) as [Value, Value]))],
  [char("R"), (m) => m.reduce()],
  [0x81, (m) => m.reduce()], // NEWOBJ: same allow-list as REDUCE
  [char("b"), (m) => m.build()],
  [char("Q"), (m) => m.persistent()],
  [char("h"), (m, c) => m.get(c.u8())],
  [char("j"), (m, c) => m.get(c.u32())],
  [char("q"), (m, c) => m.put(c.u8())],
  [char("r"), (m, c) => m.put(c.u32())],
  [0x94, (m) => m.memoize()],
]);

function checkProtocol(version: number): void {
  if (version < 2 || version > 4) throw new Damage(`its pickle has the protocol ${version}; 2 to 4 are known`);
}
