"""The Python side of decode.ts: transformers' generate with its default cache, greedy.

Answers a line of JSON, {"inputs": "FILE.safetensors", "tokens": N}, with the seconds up to the first token, the seconds of the
others, and the tokens. Arguments: folder, dtype, device.
"""

import json
import sys
import time

import torch
import transformers
from safetensors.torch import load_file

folder, dtype, device = sys.argv[1:4]
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
model = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype=getattr(torch, dtype)).to(device).eval()


def now():
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter()


class First(transformers.LogitsProcessor):
    """Notes when the first logits are there."""

    at = None

    def __call__(self, input_ids, scores):
        if self.at is None:
            self.at = now()
        return scores


@torch.inference_mode()
def generate(file, tokens):
    inputs = {name: tensor.to(device) for name, tensor in load_file(file).items()}
    inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    if "image_grid_thw" in inputs:
        inputs["mm_token_type_ids"] = (inputs["input_ids"] == model.config.image_token_id).int()
    first, start = First(), now()
    out = model.generate(**inputs, max_new_tokens=tokens, do_sample=False, eos_token_id=None, logits_processor=[first])
    end = now()
    ids = out[:, inputs["input_ids"].shape[1] :]
    return {"first": first.at - start, "others": end - first.at, "ids": ids.tolist()}


versions = {"torch": torch.__version__, "transformers": transformers.__version__}
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps({**generate(asked["inputs"], asked["tokens"]), "settings": versions}), flush=True)
