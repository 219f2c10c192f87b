/** Parsers of options that are numbers. What is none is refused by commander, with the option's name and exit code 2. */
import { InvalidArgumentError } from "commander";
import { parseNumber } from "../../data/numbers.js";

/** A finite decimal number; NaN for any other text. */
function finite(text: string): number {
  const value = parseNumber(text) ?? NaN;
  return Number.isFinite(value) ? value : NaN;
}

function parserOf(low: number, high: number, isAllowed: (value: number) => boolean, kind: string) {
  return (text: string): number => {
    const value = finite(text);
    if (value >= low && value <= high && isAllowed(value)) return value;
    const from = low === -Infinity ? "" : ` from ${low}`;
    const to = high === Infinity || high === Number.MAX_SAFE_INTEGER ? "" : ` to ${high}`;
    throw new InvalidArgumentError(`Give a ${kind}${from}${to}.`);
  };
}

/** A parser of finite numbers from `low` to `high`. It throws InvalidArgumentError. */
export function number(low = -Infinity, high = Infinity): (text: string) => number {
  return parserOf(low, high, () => true, "number");
}

/** A parser of whole numbers from `low` to `high`, none so large that its neighbours are lost. It throws InvalidArgumentError. */
export function whole(low: number, high = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return parserOf(low, high, Number.isInteger, "whole number");
}

/** As many numbers as `count` with commas between them. @throws InvalidArgumentError */
export function numbersOf(text: string, count: number): number[] {
  const values = text.split(",").map(finite);
  if (values.length === count && values.every(Number.isFinite)) return values;
  throw new InvalidArgumentError(`Give ${count} numbers with commas between them.`);
}

/** A scale as `1,10`. @throws InvalidArgumentError */
export function parseScale(text: string): { min: number; max: number } {
  const [min = 0, max = 0] = numbersOf(text, 2);
  if (min < max) return { min, max };
  throw new InvalidArgumentError("Give the lowest score first.");
}
