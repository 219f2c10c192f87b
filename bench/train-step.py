"""The Python side of train-step.ts: the same model by transformers, the same loss, fused AdamW, the same batch.

Answers "COUNT" with the seconds of that many steps, the peak of memory and the last loss; "matmul" with the matrix
multiplication's peak in FLOP a second. Arguments: folder, batch, threads, dtype.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file

folder, batch, threads, dtype = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), getattr(torch, sys.argv[4])
torch.set_num_threads(threads)
transformers.utils.logging.disable_progress_bar()
model = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0, fused=True)
data = load_file(f"{folder}/batch.safetensors")
config = json.load(open(f"{folder}/config.json"))
labels, truth = data.pop("labels"), data.pop("gt_score")
if "image_grid_thw" in data:
    data["mm_token_type_ids"] = (data["input_ids"] == config["image_token_id"]).int()
first, last = config["output_first_id"], config["output_last_id"]
values = torch.linspace(config["min_score"], config["max_score"], last - first + 1)
supervised = int((labels[0] != -100).sum())


def step():
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16):
        # The supervised positions and the one before them are at the end of every sequence.
        logits = model(**data, logits_to_keep=supervised + 1, use_cache=False).logits[:, :-1]
    logits, targets = logits.float().flatten(0, 1), labels[:, -supervised:].flatten()
    text = F.cross_entropy(logits, targets)
    scores = (logits[targets == config["score_id"]][:, first : last + 1].softmax(-1) * values).sum(-1)
    loss = text + F.smooth_l1_loss(scores, truth)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def matmul():
    a = torch.randn(1024, 1024, dtype=dtype)
    best = 0.0
    for _ in range(12):
        start = time.perf_counter()
        a @ a
        best = max(best, 2 * 1024**3 / (time.perf_counter() - start))
    return best


for line in sys.stdin:
    if line.strip() == "matmul":
        print(json.dumps(matmul()), flush=True)
        continue
    start = time.perf_counter()
    for _ in range(int(line)):
        loss = step()
    seconds = time.perf_counter() - start
    with open("/proc/self/status") as lines:
        peak = next(int(entry.split()[1]) * 1024 for entry in lines if entry.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "peak": peak, "loss": loss}), flush=True)
