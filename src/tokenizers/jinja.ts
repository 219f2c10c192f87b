/**
 * Jinja templates with resource limits. A checkpoint's template is an untrusted program: it may loop 10⁹ times or double a
 * text forty times, and neither may exhaust this process.
 */
import { Environment, Interpreter, Template } from "@huggingface/jinja";
import { inBoundedTime, MOST_TEXT } from "./bounded.js";

/** Maximum characters of a template; the longest public ones have some ten thousand. */
const MOST_SOURCE = 1_000_000;
/** Maximum steps of one rendering, list elements included; a real template takes some thousand. */
const MOST_STEPS = 500_000;
/** Maximum elements of a range. */
const MOST_ELEMENTS = 100_000;
/** Maximum nesting of lists, which are printed by recursion. */
const MOST_NESTED = 100;

/** A value of the library's: a text, a number, a list, a Map, a function. */
interface Value {
  readonly type: string;
  readonly value: unknown;
}

/** A node of the library's syntax tree. A filter is a name or a call. */
interface Node {
  readonly type: string;
  readonly value?: unknown;
  readonly callee?: Node;
  readonly args?: readonly Node[];
  readonly object?: Node;
  readonly property?: Node;
}

/**
 * The part of the library's class that is used here, typed by hand: the package's own declarations do not resolve under
 * Node's rules.
 */
interface LibraryInterpreter {
  run(program: object): Value;
  evaluate(node: Node | undefined, scope: object): Value;
  evaluateArguments(args: readonly Node[], scope: object): [Value[], Map<string, Value>];
  applyFilter(operand: Value, filter: Node, scope: object): Value;
  evaluateCallExpression(call: Node, scope: object): Value;
}

const Library = Interpreter as unknown as new (scope: object) => LibraryInterpreter;
const Scope = Environment as unknown as new () => { set(name: string, value: unknown): void };
const Parsed = Template as unknown as new (source: string) => {
  readonly parsed: object;
  render(values: object): string;
};

export class BoundedTemplate {
  readonly #parsed: object;

  /** @throws Error where the source is too long or does not parse */
  constructor(source: string) {
    if (source.length > MOST_SOURCE) throw new Error(`it has ${source.length} characters, over ${MOST_SOURCE}`);
    this.#parsed = inBoundedTime(() => new Parsed(source), slow).parsed;
  }

  /** @throws Error where the template fails, or exceeds the limits on steps, text or time */
  render(values: Readonly<Record<string, unknown>>): string {
    const scope = new Scope();
    const constants = { true: true, True: true, false: false, False: false, none: null, None: null };
    const functions = { raise_exception: raise, range: boundedRange, strftime_now: strftimeNow };
    for (const [name, value] of Object.entries({ ...constants, ...functions, ...values })) scope.set(name, value);
    return inBoundedTime(() => String(new BoundedInterpreter(scope).run(this.#parsed).value), slow);
  }
}

function slow(seconds: number): Error {
  return new Error(`it takes over ${seconds} seconds`);
}

function raise(message: string): never {
  throw new Error(message);
}

/** The library provides it for its own templates only. */
function strftimeNow(format: string): string {
  return new Parsed("{{ strftime_now(format) }}").render({ format });
}

/** Python's range(). */
function boundedRange(first: number, end?: number, step = 1): number[] {
  const [start, stop] = end === undefined ? [0, first] : [first, end];
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (step === 0 || !Number.isFinite(length)) throw new Error("range() needs whole numbers and a step that is not 0");
  if (length > MOST_ELEMENTS) throw new Error(`range() of ${length} elements, over ${MOST_ELEMENTS}`);
  return Array.from({ length }, (_, i) => start + i * step);
}

class BoundedInterpreter extends Library {
  #steps = 0;
  /** Characters and elements of values, including nested ones. */
  readonly #weights = new WeakMap<Value, number>();

  override evaluate(node: Node | undefined, scope: object): Value {
    this.#spend(1);
    const value = super.evaluate(node, scope);
    const weight = this.#weigh(value, 0);
    if (weight > MOST_TEXT) throw new Error(`it makes over ${MOST_TEXT} characters`);
    // Later steps may visit all of it.
    this.#spend(Array.isArray(value.value) ? value.value.length : weight / 64);
    return value;
  }

  /** Filters whose result has the product of two lengths are checked before they run. */
  override applyFilter(operand: Value, filter: Node, scope: object): Value {
    if (filter.type === "CallExpression") {
      const [positional, named] = this.evaluateArguments(filter.args ?? [], scope);
      const factor = Math.max(1, ...[...positional, ...named.values()].map((value) => this.#reach(value)));
      if (this.#weigh(operand, 0) * factor > MOST_TEXT) throw new Error(`it makes over ${MOST_TEXT} characters`);
    }
    return super.applyFilter(operand, filter, scope);
  }

  /** `text.replace(a, b)`, checked like the filter. */
  override evaluateCallExpression(call: Node, scope: object): Value {
    const { callee } = call;
    if (callee?.type === "MemberExpression" && callee.property?.value === "replace") {
      const operand = this.evaluate(callee.object, scope);
      if (operand.type === "StringValue") return this.applyFilter(operand, { ...call, callee: callee.property }, scope);
    }
    return super.evaluateCallExpression(call, scope);
  }

  #spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MOST_STEPS) throw new Error(`it takes over ${MOST_STEPS} steps`);
  }

  /** The factor by which an argument can lengthen a text: the length of a text, the value of a number. */
  #reach(value: Value): number {
    return typeof value.value === "number" ? Math.abs(value.value) : this.#weigh(value, 0);
  }

  #weigh(value: Value | undefined, depth: number): number {
    if (depth > MOST_NESTED) throw new Error(`it nests over ${MOST_NESTED} lists`);
    const held: unknown = value?.value;
    if (typeof held === "string") return held.length;
    if (!value || typeof held !== "object" || held === null) return 1;
    const known = this.#weights.get(value);
    if (known !== undefined) return known;
    const parts = (held instanceof Map ? [...held] : Object.entries(held)) as [string, Value][];
    let weight = 1;
    for (const [key, part] of parts) weight += 1 + key.length + this.#weigh(part, depth + 1);
    // A namespace is mutable: its weight is not cached.
    if (value.type !== "NamespaceValue") this.#weights.set(value, weight);
    return weight;
  }
}
