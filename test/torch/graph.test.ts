/** CUDA graphs where there is no CUDA: that is said, and nothing is left behind. (What is recorded: generation/decode.test.) */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/torch/index.js";

const { canCapture, captureGraph, liveTensors, onCaptureStream, ones } = torch;

test("nothing is recorded on a CPU", () => {
  assert.equal(canCapture("cpu"), false);
  let runs = 0;
  const body = (): { x: torch.Tensor } => {
    runs += 1;
    return { x: ones([2]) };
  };
  assert.throws(() => captureGraph("cpu", body), { name: "RocError", message: /captureGraph/ });
  assert.throws(() => onCaptureStream("cpu", body), { name: "RocError", message: /onCaptureStream/ });
  assert.equal(runs, 0);
  assert.equal(liveTensors(), 0);
});
