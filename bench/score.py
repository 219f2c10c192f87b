"""The Python side of score.ts: pictures from files to scores with transformers.

Answers a line of JSON, {"files": [...], "way": "generate" or "prefill", "batch": N}, with seconds, processor seconds and
the scores. "generate" is the authors' way: one picture at a time, the answer is generated with the logits of the whole
vocabulary, and those of the score tokens are taken at the step that writes the position token. The weights are random, so
every step is led to the canonical answer's token; the logits are the model's own. "prefill" puts prompt and answer up to the
position token through the model at once, `batch` pictures together. Arguments: folder, dtype, prompt, answer.
"""

import json
import sys
import time

import torch
import transformers
from PIL import Image

folder, dtype, prompt, answer = sys.argv[1:5]
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
model = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
processor = transformers.AutoProcessor.from_pretrained(folder)
config = json.load(open(f"{folder}/config.json"))
score_ids = torch.arange(config["output_first_id"], config["output_last_id"] + 1)
values = torch.linspace(config["min_score"], config["max_score"], len(score_ids), dtype=torch.float64)
tokens = processor.tokenizer
# Behind "ASSISTANT:" the answer follows after a blank; at the end of a text alone it would be tokenised otherwise.
before = tokens(prompt)["input_ids"]
answer_ids = tokens(f"{prompt} {answer.strip()}")["input_ids"][len(before) :]
at = answer_ids.index(config["score_id"])


class Lead(transformers.LogitsProcessor):
    """Leads every step to the next token of the answer."""

    def __init__(self, start):
        self.start = start

    def __call__(self, input_ids, scores):
        forced = torch.full_like(scores, -float("inf"))
        forced[:, answer_ids[input_ids.shape[1] - self.start]] = 0
        return forced


def read(logits):
    return (logits.double().softmax(-1) * values).sum(-1).tolist()


def picture(file):
    return Image.open(file).convert("RGB")


def inputs_of(files, text):
    inputs = processor(images=[picture(file) for file in files], text=[text] * len(files), return_tensors="pt")
    inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
    return inputs


def generate(files, _):
    scores = []
    for file in files:
        inputs = inputs_of([file], prompt)
        out = model.generate(
            **inputs,
            max_new_tokens=len(answer_ids),
            do_sample=False,
            eos_token_id=None,
            logits_processor=[Lead(inputs["input_ids"].shape[1])],
            output_logits=True,
            return_dict_in_generate=True,
        )
        scores += read(out.logits[at][:, score_ids])
    return scores


def prefill(files, batch):
    scores = []
    for i in range(0, len(files), batch):
        inputs = inputs_of(files[i : i + batch], prompt)
        tail = torch.tensor([answer_ids[:at]] * len(inputs["input_ids"]))
        inputs["input_ids"] = torch.cat([inputs["input_ids"], tail], 1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        inputs.pop("token_type_ids", None)
        logits = model(**inputs, logits_to_keep=1, use_cache=False).logits[:, -1]
        scores += read(logits[:, score_ids])
    return scores


for line in sys.stdin:
    asked = json.loads(line)
    start, cpu = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        scores = {"generate": generate, "prefill": prefill}[asked["way"]](asked["files"], asked["batch"])
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    with open("/proc/self/status") as lines:
        peak = next(int(entry.split()[1]) * 1024 for entry in lines if entry.startswith("VmHWM"))
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    answer_line = {"seconds": seconds, "cpu": cpu, "peak": peak, "scores": scores, "settings": versions}
    print(json.dumps(answer_line), flush=True)
