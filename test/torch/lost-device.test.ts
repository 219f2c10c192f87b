/** A GPU that is lost for the process is reported once and for all, with CUDA's words as the reason. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { torchError } from "../../src/torch/call.js";

const ASSERTION =
  "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported at some other API call, so " +
  "the stacktrace below might be incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1\n" +
  "Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.\n";

function reported(message: string, operation: string): { code: string; message: string } {
  return torchError(Object.assign(new Error(message), { code: "TORCH" }), operation);
}

test("errors that can be recovered from are reported as they are", () => {
  for (const message of [
    "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)",
    "CUDA error: invalid device ordinal",
    "CUDA error: no kernel image is available for execution on the device",
    "misaligned address of a file", // nothing of a GPU
    "Tensor for argument weight is on CPU, but expected it to be on GPU",
  ]) {
    const found = reported(message, "aten::mm");
    assert.equal(found.code, "TORCH", message);
    assert.ok(found.message.includes(message));
  }
});

test("after a device-side assertion every call on the GPU says to start the process anew", () => {
  const first = reported(ASSERTION, "aten::index_select");
  assert.equal(first.code, "DEVICE_LOST");
  assert.match(
    first.message,
    /^The GPU has failed \(device-side assert triggered\), reported by aten::index_select\. /,
  );
  assert.match(first.message, /start the process anew/);
  assert.doesNotMatch(first.message, /stacktrace|DSA|\n/);
  for (const later of [
    ASSERTION,
    "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling cublasSgemm(...)",
    "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR",
    "NCCL error: unhandled cuda error",
    "CUDA error: an illegal memory access was encountered",
  ]) {
    const found = reported(later, "aten::add");
    assert.equal(found.code, "DEVICE_LOST", later);
    assert.match(
      found.message,
      /^The GPU has failed \(device-side assert triggered\), reported by aten::index_select before/,
    );
  }
  assert.equal(reported("expected 2 arguments", "aten::add").code, "TORCH", "the CPU still works");
});
