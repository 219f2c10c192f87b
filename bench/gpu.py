"""The Python side of gpu.ts: one part with torch and transformers, given as JSON; prints its figures as the last line.

Arguments: the part, and a folder with config.json for the parts that have a model. Its weights are random.
"""

import json
import statistics
import sys
import time

import torch

asked = json.loads(sys.argv[1])
inputs = json.loads(sys.argv[2])
device, quick, rounds = asked["device"], asked["quick"], asked["rounds"]
batches = asked.get("batches", [1])
SUPERVISED = 12


def milliseconds(body):
    times = []
    for _ in range(rounds + 2):
        start = time.perf_counter()
        body()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[2:])


def model_of(dtype):
    import transformers

    config = transformers.AutoConfig.from_pretrained(inputs["folder"])
    torch.manual_seed(1)
    with torch.device(device):
        model = transformers.AutoModelForImageTextToText.from_config(config, dtype=dtype)
    return model.to(device)


def batch_of(batch, dtype):
    ids = torch.tensor([inputs["inputIds"]] * batch, device=device)
    shape = [batch * inputs["pixelShape"][0], *inputs["pixelShape"][1:]]
    made = {"input_ids": ids, "pixel_values": torch.randn(shape, device=device, dtype=dtype)}
    made["attention_mask"] = torch.ones_like(ids)
    if inputs.get("grid"):
        made["image_grid_thw"] = torch.tensor([inputs["grid"]] * batch, device=device)
        made["mm_token_type_ids"] = (ids == inputs["imageId"]).int()
    return made


def products():
    side, elements = (256, 2**18) if quick else (8192, 2**29)
    a = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    one, two = torch.ones(elements, device=device), torch.zeros(elements, device=device)
    product = milliseconds(lambda: (a @ a)[0, 0].item())
    copy = milliseconds(lambda: two.copy_(one)[0].item())
    return [
        {"what": f"bfloat16 product of {side}^3", "unit": "TFLOP/s", "value": 2 * side**3 / product / 1e9},
        {"what": "copy, read and written", "unit": "GB/s", "value": 8 * elements / copy / 1e6},
    ]


@torch.inference_mode()
def prefill():
    model = model_of(torch.bfloat16).eval()
    length = len(inputs["inputIds"])
    figures = []
    for batch in batches:
        given = batch_of(batch, torch.bfloat16)
        taken = milliseconds(lambda: model(**given, logits_to_keep=1, use_cache=False).logits[:, -1, 10:20].tolist())
        what = f"prefill of {length} tokens, batch {batch}"
        figures.append({"what": what, "unit": "ms a picture", "value": taken / batch})
    return figures


def train():
    model = model_of(torch.float32).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.0, fused=True)
    figures = []

    def step(batch):
        given = batch_of(batch, torch.float32)
        with torch.autocast(device.split(":")[0], torch.bfloat16):
            logits = model(**given, logits_to_keep=SUPERVISED + 1, use_cache=False).logits[:, :-1]
        targets = given["input_ids"][:, -SUPERVISED:]
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()

    for batch in batches:
        taken = milliseconds(lambda: step(batch))
        for name in ("", ", deterministic"):
            # Deterministic is our side alone: it stands beside the same.
            figures.append({"what": f"training step, batch {batch}{name}", "unit": "ms a step", "value": taken})
    return figures


figures = {"products": products, "prefill": prefill, "train": train}[asked["part"]]()
with open("/proc/self/status") as lines:
    peak = next(int(entry.split()[1]) * 1024 for entry in lines if entry.startswith("VmHWM"))
print(json.dumps({"figures": figures, "peak": peak}), flush=True)
