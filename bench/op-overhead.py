"""The Python side of bench/op-overhead.ts: answers each name with nanoseconds per call. Needs torch only."""
import json
import sys
import time

import torch

torch.set_num_threads(int(sys.argv[1]))
one = torch.ones(1)
square = torch.ones(4, 4)

torch.manual_seed(0)
x = torch.randn(32, 64)
y = torch.randn(32, 10)
w1 = torch.randn(128, 64).mul_(0.1).requires_grad_()
b1 = torch.zeros(128, requires_grad=True)
w2 = torch.randn(10, 128).mul_(0.1).requires_grad_()
b2 = torch.zeros(10, requires_grad=True)


def add(n):
    for _ in range(n):
        one.add(one)


def matmul(n):
    for _ in range(n):
        square.matmul(square)


def mlp(n):
    linear = torch.nn.functional.linear
    for _ in range(n):
        hidden = linear(x, w1, b1).relu()
        loss = linear(hidden, w2, b2).sub(y).pow(2).mean()
        loss.backward()
        for parameter in (w1, b1, w2, b2):
            parameter.grad = None


CASES = {"add": (add, 20000), "matmul": (matmul, 20000), "mlp": (mlp, 500)}
for line in sys.stdin:
    run, count = CASES[line.strip()]
    run(count // 10)
    begin = time.perf_counter_ns()
    run(count)
    print(json.dumps((time.perf_counter_ns() - begin) / count), flush=True)
