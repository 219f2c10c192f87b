/** Parsers of options that are several numbers. */
import { InvalidArgumentError } from "commander";

/** As many numbers as `count` with commas between them. @throws InvalidArgumentError */
export function numbersOf(text: string, count: number): number[] {
  const values = text.split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
  if (values.length === count && values.every(Number.isFinite)) return values;
  throw new InvalidArgumentError(`Give ${count} numbers with commas between them.`);
}

/** A scale as `1,10`. */
export function parseScale(text: string): { min: number; max: number } {
  const [min = 0, max = 0] = numbersOf(text, 2);
  if (min < max) return { min, max };
  throw new InvalidArgumentError("Give the lowest score first.");
}
