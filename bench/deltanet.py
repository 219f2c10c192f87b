"""The Python side of deltanet.ts: transformers' plain path of a Gated DeltaNet, Qwen3_5GatedDeltaNet with its torch functions.

Answers a line of JSON, {"part", "file", "hidden", "valueHeads", "dtype", "tokens", "calls"}, with the seconds of a call and what
it gives: of a prefill of `tokens`, or where that is 1 of a step behind 64. The file has a layer's weights and its input `x`, or
the rule's inputs `qkv`, `g` and `beta`.
"""

import json
import sys
import time

import torch
import transformers
from safetensors.torch import load_file
from transformers import DynamicCache, Qwen3_5TextConfig
from transformers.models.qwen3_5.modeling_qwen3_5 import (
    Qwen3_5GatedDeltaNet,
    torch_chunk_gated_delta_rule,
    torch_recurrent_gated_delta_rule,
)

transformers.logging.set_verbosity_error()
torch.set_num_threads(1)


KEY_HEADS, HEAD_SIZE = 16, 128


def layer_of(asked, given):
    """What a call of the layer runs."""
    sizes = {"hidden_size": asked["hidden"], "linear_num_value_heads": asked["valueHeads"], "num_hidden_layers": 1}
    config = Qwen3_5TextConfig(**sizes, layer_types=["linear_attention"])
    x = given.pop("x")
    layer = Qwen3_5GatedDeltaNet(config, 0).to(getattr(torch, asked["dtype"]))
    layer.load_state_dict(given)
    tokens = asked["tokens"]
    if tokens > 1:
        return lambda: layer(x[:, :tokens], cache=DynamicCache(config=config))[0, -1]
    cache = DynamicCache(config=config)
    layer(x[:, :64], cache=cache)
    return lambda: layer(x[:, 64:65], cache=cache)[0, -1]


def rule_of(asked, given):
    """What a call of the gated delta rule runs."""
    width = KEY_HEADS * HEAD_SIZE
    heads = {"query": KEY_HEADS, "key": KEY_HEADS, "value": asked["valueHeads"]}
    parts = given["qkv"].split([width, width, asked["valueHeads"] * HEAD_SIZE], 2)
    inputs = {name: x.unflatten(2, (n, HEAD_SIZE)) for (name, n), x in zip(heads.items(), parts)}
    inputs |= {"g": given["g"], "beta": given["beta"]}
    always = {"output_final_state": True, "use_qk_l2norm_in_kernel": True}
    of = lambda start, n: {name: x[:, start : start + n] for name, x in inputs.items()}
    tokens = asked["tokens"]
    if tokens > 1:
        return lambda: torch_chunk_gated_delta_rule(**of(0, tokens), **always)[0][0, -1].flatten()
    state = torch_chunk_gated_delta_rule(**of(0, 64), **always)[1]
    return lambda: torch_recurrent_gated_delta_rule(**of(64, 1), initial_state=state, **always)[0][0, -1].flatten()


@torch.inference_mode()
def measure(asked):
    given = load_file(asked["file"])
    run = layer_of(asked, given) if asked["part"] == "layer" else rule_of(asked, given)
    first = run()
    start = time.perf_counter()
    for _ in range(asked["calls"]):
        run()
    seconds = (time.perf_counter() - start) / asked["calls"]
    return {"seconds": seconds, "output": first.float().tolist(), "torch": torch.__version__, "transformers": transformers.__version__}


for line in sys.stdin:
    print(json.dumps(measure(json.loads(line))), flush=True)
