/** The ranges that systems with attributes compute in: AADB's, on which the first of them were trained. */
import { z } from "zod";
import type { Tensor } from "../../torch/index.js";
import { SCORE, type Answer, type Output, type Targets } from "../types.js";
import { noLoss, ratedPair } from "./losses.js";

/** Attributes of AADB that are from 0 to 1 although its scale goes from -1, by either spelling of its files. */
const AADB_NON_NEGATIVE = ["Repetition", "Symmetry"];

/** Field of a config: names of attributes that have no bad side, on scales that go below 0. */
export const nonNegativeField = z.array(z.string()).default([...AADB_NON_NEGATIVE]);

/** What the network's number of an output means. */
export interface Range {
  /** -1: the number goes from -1 to 1; 0: from 0 to 1. */
  readonly low: -1 | 0;
  /** On the output's scale, of the number 0 and of a step of 1. */
  readonly zero: number;
  readonly step: number;
}

/** From -1 to 1 where the scale goes below 0 and the output does too; else, as the overall score, from 0 to 1. */
export function rangeOf({ name, scale }: Output, nonNegative: readonly string[]): Range {
  const { min, max } = scale;
  if (name === SCORE || min >= 0) return { low: 0, zero: min, step: max - min };
  if (nonNegative.includes(name)) return max > 0 ? { low: 0, zero: 0, step: max } : { low: 0, zero: min, step: -min };
  return { low: -1, zero: (min + max) / 2, step: (max - min) / 2 };
}

/** A network's numbers on the output's scale. */
export function onScale(x: Tensor, { zero, step }: Range): Tensor {
  return zero === 0 && step === 1 ? x : x.mul(step).add(zero);
}

/** The numbers, and what they should be, of the pictures that have a rating; undefined where none has one. */
export interface RatedPair {
  readonly predicted: Tensor;
  readonly rated: Tensor;
}

/** An output's predictions and ratings in the network's range. */
export function inRange(answer: Answer, targets: Targets, name: string, range: Range): RatedPair | undefined {
  const scores = targets.scores[name];
  const predicted = answer.outputs[name] as Tensor;
  const own = ratedPair(predicted, scores, scores);
  if (!own) return undefined;
  const back = (x: Tensor): Tensor => (range.zero === 0 && range.step === 1 ? x : x.sub(range.zero).div(range.step));
  return { predicted: back(own[0]), rated: back(own[1]) };
}

/** Mean square of the differences in the network's range. */
export function rangeLoss(answer: Answer, targets: Targets, name: string, range: Range): Tensor {
  const pair = inRange(answer, targets, name, range);
  if (!pair) return noLoss(answer.outputs[name] as Tensor);
  const difference = pair.predicted.sub(pair.rated);
  return difference.mul(difference).mean();
}
