/**
 * What a tensor looks like on a console: its kind in one line, then its values as PyTorch prints them, of large tensors those
 * only at the corners.
 */
import { messageOf } from "../errors.js";
import { aten } from "./aten.js";
import { INTEGERS } from "./dtype.js";
import { scope } from "./lifetime.js";
import type { Tensor } from "./tensor.js";

/** As PyTorch's default print options: elements that are all shown, those at either end of more, digits, columns. */
const THRESHOLD = 1000;
const EDGE = 3;
const PRECISION = 4;
const LINE_WIDTH = 80;

/** How many elements of a dimension are shown at its start and at its end; none at the end: only the first ones. */
type Shown = readonly [front: number, back: number];

/** The tensor's text; never throws, and frees what it makes. */
export function tensorText(tensor: Tensor): string {
  try {
    if (tensor.isDisposed) return "Tensor(disposed)";
    const head = `Tensor(${tensor.dtype}[${tensor.shape.join(", ")}], ${tensor.device}${tensor.requiresGrad ? ", requiresGrad" : ""})`;
    const values = valuesText(tensor);
    return values.includes("\n") ? `${head}\n${values}` : `${head} ${values}`;
  } catch (error) {
    return `Tensor(unreadable: ${firstLine(error)})`;
  }
}

function firstLine(error: unknown): string {
  return messageOf(error).split("\n", 1)[0] ?? "";
}

function valuesText(tensor: Tensor): string {
  if (tensor.device.startsWith("meta")) return "...";
  if (tensor.numel === 0) return "[]";
  try {
    return scope(() => table(tensor.detach()));
  } catch (error) {
    return `(its values cannot be read: ${firstLine(error)})`;
  }
}

function table(tensor: Tensor): string {
  const { shape } = tensor;
  const shown = shownOf(shape);
  const corners = corner(tensor, shown, 0);
  const { texts, width } = elementsOf(corners.to({ device: "cpu" }));
  return rows(texts, { shape, shown, width });
}

/** All of a small tensor; of others both ends of every dimension, and fewer of those that have very many dimensions. */
function shownOf(shape: readonly number[]): Shown[] {
  const whole = shape.map((size): Shown => [size, 0]);
  if (countOf(whole) <= THRESHOLD) return whole;
  for (let edge = EDGE; edge > 0; edge--) {
    const ends = shape.map((size): Shown => (size > 2 * edge ? [edge, edge] : [size, 0]));
    if (countOf(ends) <= THRESHOLD) return ends;
  }
  const ends = shape.map((size): Shown => (size > 2 ? [1, 1] : [size, 0]));
  for (let dim = 0; dim < shape.length && countOf(ends) > THRESHOLD; dim++) ends[dim] = [1, 0];
  return ends;
}

function countOf(shown: readonly Shown[]): number {
  return shown.reduce((product, [front, back]) => product * (front + back), 1);
}

/** What is shown of a tensor, as a tensor of its own; nothing else of it is read or copied. */
function corner(tensor: Tensor, shown: readonly Shown[], dim: number): Tensor {
  const [front, back] = shown[dim] ?? [0, 0];
  if (dim === shown.length) return tensor;
  const size = tensor.size(dim);
  if (front === size) return corner(tensor, shown, dim + 1);
  const ends = [tensor.narrow(dim, 0, front), ...(back > 0 ? [tensor.narrow(dim, size - back, back)] : [])];
  return aten("cat")(
    ends.map((end) => corner(end, shown, dim + 1)),
    dim,
  );
}

// --- elements -----------------------------------------------------------------------------------------------------------

/** Texts of about the same width. */
interface Column {
  readonly texts: readonly string[];
  readonly width: number;
}

/** The elements row by row, in one notation. */
function elementsOf(tensor: Tensor): Column {
  const dtype: string = tensor.dtype;
  if (dtype === "bool") return aligned(textsOf(tensor, (value) => String(value === 1)));
  if (dtype in INTEGERS) return aligned(textsOf(tensor, String));
  if (dtype.startsWith("uint")) return aligned(textsOf(tensor.to("int64"), unsigned));
  if (/^complex/i.test(dtype)) return complexColumn(tensor);
  return floatColumn(tensor.to("float64").toNumbers());
}

function textsOf(tensor: Tensor, text: (value: number | bigint) => string): string[] {
  return Array.from<number | bigint, string>(tensor.toArray() as Iterable<number | bigint>, text);
}

function unsigned(value: number | bigint): string {
  return BigInt.asUintN(64, BigInt(value)).toString();
}

function floatColumn(values: readonly number[]): Column {
  return aligned(values.map(notationOf(values)));
}

function complexColumn(tensor: Tensor): Column {
  const parts = aten("view_as_real")(aten("resolve_conj")(tensor)).to("float64").toNumbers();
  const real = floatColumn(parts.filter((_, i) => i % 2 === 0));
  const imaginary = floatColumn(parts.filter((_, i) => i % 2 === 1));
  const texts = real.texts.map((text, i) => {
    const other = imaginary.texts[i]?.trimStart() ?? "";
    return `${text}${other.startsWith("-") ? "" : "+"}${other}j`;
  });
  return { texts, width: real.width + imaginary.width + 1 };
}

function aligned(texts: readonly string[]): Column {
  const width = Math.max(...texts.map(({ length }) => length));
  return { texts: texts.map((text) => text.padStart(width)), width };
}

/**
 * PyTorch's choice: whole numbers without digits behind the point, others with four; with an exponent where the largest is
 * above 1e8 or above a thousand times the smallest, or the smallest of numbers that are not whole below 1e-4.
 */
function notationOf(values: readonly number[]): (value: number) => string {
  const sizes = values.filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs);
  const most = Math.max(...sizes);
  const least = Math.min(...sizes);
  const isWhole = sizes.every(Number.isInteger);
  const isScientific = sizes.length > 0 && (most / least > 1000 || most > 1e8 || (!isWhole && least < 1e-4));
  if (isScientific) return (value) => special(value) ?? scientific(value);
  return (value) => special(value) ?? (isWhole ? `${withSign(value, 0)}.` : withSign(value, PRECISION));
}

function special(value: number): string | undefined {
  if (Number.isNaN(value)) return "nan";
  return Number.isFinite(value) ? undefined : value > 0 ? "inf" : "-inf";
}

/** A negative number that is rounded to 0, and -0, keep their sign. */
function withSign(value: number, digits: number): string {
  return `${Object.is(value, -0) ? "-" : ""}${value.toFixed(digits)}`;
}

/** An exponent has at least two digits, as in C. */
function scientific(value: number): string {
  const text = value.toExponential(PRECISION).replace(/e([+-])(\d)$/, "e$10$2");
  return Object.is(value, -0) ? `-${text}` : text;
}

// --- layout -------------------------------------------------------------------------------------------------------------

interface Layout {
  readonly shape: readonly number[];
  readonly shown: readonly Shown[];
  /** Of an element's text. */
  readonly width: number;
}

/** The texts of the shown elements, bracketed by dimension. */
function rows(texts: readonly string[], layout: Layout, dim = 0): string {
  const [front, back] = layout.shown[dim] ?? [1, 0];
  if (dim === layout.shape.length) return (texts[0] ?? "").trimStart();
  const isLast = dim + 1 === layout.shape.length;
  const each = texts.length / (front + back);
  const parts = Array.from({ length: front + back }, (_, i) => {
    const part = texts.slice(i * each, (i + 1) * each);
    return isLast ? (part[0] ?? "") : rows(part, layout, dim + 1);
  });
  if (front + back < (layout.shape[dim] ?? 0)) parts.splice(front, 0, isLast ? " ..." : "...");
  const indent = " ".repeat(dim + 1);
  if (!isLast) return `[${parts.join(`,${"\n".repeat(layout.shape.length - dim - 1)}${indent}`)}]`;
  const perLine = Math.max(1, Math.floor((LINE_WIDTH - dim) / (layout.width + 2)));
  const lines = Array.from({ length: Math.ceil(parts.length / perLine) }, (_, i) =>
    parts.slice(i * perLine, (i + 1) * perLine).join(", "),
  );
  return `[${lines.join(`,\n${indent}`)}]`;
}
