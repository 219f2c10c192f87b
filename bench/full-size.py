"""The Python side of full-size.ts: loads a checkpoint with transformers and computes one prefill on request.

Answers each line of input ("load", "prefill", "memory") with one line of JSON. Arguments: folder, inputs.safetensors.
"""

import json
import sys
import time

import torch
import transformers
from safetensors.torch import load_file

folder, inputs_file, threads = sys.argv[1:4]
torch.set_num_threads(int(threads))
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
model = None


def status(key):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def load():
    global model
    start = time.perf_counter()
    model = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.bfloat16).eval()
    return {"seconds": time.perf_counter() - start, "peak": status("VmHWM")}


@torch.inference_mode()
def prefill():
    inputs = load_file(inputs_file)
    if "image_grid_thw" in inputs:
        inputs["mm_token_type_ids"] = (inputs["input_ids"] == model.config.image_token_id).int()
    start = time.perf_counter()
    logits = model(**inputs, logits_to_keep=1).logits[0, -1].float()
    return {"seconds": time.perf_counter() - start, "peak": status("VmHWM"), "logits": logits[:8].tolist()}


for line in sys.stdin:
    print(json.dumps(load() if line.strip() == "load" else prefill()), flush=True)
