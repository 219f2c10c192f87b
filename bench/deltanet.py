"""The Python side of deltanet.ts: transformers' plain path of a Gated DeltaNet, Qwen3_5GatedDeltaNet with its torch functions.

Answers a line of JSON, {"file", "hidden", "valueHeads", "dtype", "tokens", "calls"}, with the seconds of a call and what it gives:
of a prefill of `tokens`, or where that is 1 of a step behind 64. The weights are in the file, with the input `x`.
"""

import json
import sys
import time

import torch
import transformers
from safetensors.torch import load_file
from transformers import DynamicCache, Qwen3_5TextConfig
from transformers.models.qwen3_5.modeling_qwen3_5 import Qwen3_5GatedDeltaNet

transformers.logging.set_verbosity_error()
torch.set_num_threads(1)


@torch.inference_mode()
def measure(asked):
    dtype = getattr(torch, asked["dtype"])
    sizes = {"hidden_size": asked["hidden"], "linear_num_value_heads": asked["valueHeads"], "num_hidden_layers": 1}
    config = Qwen3_5TextConfig(**sizes, layer_types=["linear_attention"])
    given = load_file(asked["file"])
    x = given.pop("x")
    layer = Qwen3_5GatedDeltaNet(config, 0).to(dtype)
    layer.load_state_dict(given)
    tokens = asked["tokens"]
    if tokens > 1:
        run = lambda: layer(x[:, :tokens], cache=DynamicCache(config=config))
    else:
        cache = DynamicCache(config=config)
        layer(x[:, :64], cache=cache)
        run = lambda: layer(x[:, 64:65], cache=cache)
    first = run()
    start = time.perf_counter()
    for _ in range(asked["calls"]):
        run()
    seconds = (time.perf_counter() - start) / asked["calls"]
    return {"seconds": seconds, "output": first[0, -1].float().tolist(), "torch": torch.__version__, "transformers": transformers.__version__}


for line in sys.stdin:
    print(json.dumps(measure(json.loads(line))), flush=True)
