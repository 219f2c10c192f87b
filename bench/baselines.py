"""The Python side of baselines.ts: networks of torchvision, timm, transformers and pyiqa, and heads as the systems have them.

Answers a line of JSON, {"system", "batch", "what": "inference" | "step", "side"}, with the seconds of a call, and those of
the processor, on `batch` pictures of
`side` pixels: a forward without gradients, or a step of training (forward, backward, SGD). PYIQA is the folder of pyiqa's package.
"""

import importlib
import json
import os
import sys
import time
import types

import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)
OUTPUTS = 12


class Head(nn.Module):
    """NIMA: the mean over the picture, dropout, ten weights."""

    def __init__(self, features, channels):
        super().__init__()
        self.features = features
        self.classifier = nn.Linear(channels, 10)

    def forward(self, x):
        x = self.features(x)
        x = x[-1] if isinstance(x, (list, tuple)) else x
        return self.classifier(F.dropout(x.mean((2, 3)), 0.75, self.training)).softmax(1)


def nima_vgg16():
    from torchvision.models import vgg16

    return Head(vgg16().features, 512)


def nima_inception_resnet_v2():
    import timm

    return Head(timm.create_model("inception_resnet_v2", features_only=True, pretrained=False), 1536)


def maxvit():
    import timm

    return nn.Sequential(timm.create_model("maxvit_tiny_tf_224", num_classes=10, pretrained=False), nn.Softmax(1))


def mpada():
    from torchvision.models import resnet18

    return resnet18(num_classes=2)


class Tanet(nn.Module):
    """MobileNetV2 whose first block keeps its 1x1 convolution, cosines between 144 mean colours, and weights made of 365 logits."""

    def __init__(self):
        super().__init__()
        from torchvision.models import mobilenet_v2, resnet18
        from torchvision.ops.misc import Conv2dNormActivation

        self.scenes = resnet18(num_classes=365).requires_grad_(False)
        self.look = mobilenet_v2().features
        self.look[1].conv.insert(0, Conv2dNormActivation(32, 32, 1, activation_layer=nn.ReLU6))
        self.look[0][2] = self.look[18][2] = nn.ReLU()
        self.weigh, self.bias, self.own = nn.Linear(365, 100), nn.Linear(365, 1), nn.Linear(365, 100)
        self.norm, self.rectify = nn.BatchNorm1d(100), nn.PReLU()
        self.last_norm, self.last_rectify = nn.BatchNorm1d(1), nn.PReLU()
        end = lambda inputs: nn.Sequential(nn.ReLU(), nn.Dropout(0.75), nn.Linear(inputs, 10))
        self.look_head, self.colour_head, self.head = end(1280), end(144**2), end(30)

    def forward(self, x):
        places = F.adaptive_avg_pool2d(x, 12).flatten(2)
        alike = F.cosine_similarity(places.unsqueeze(3), places.unsqueeze(2)).flatten(1)
        with torch.no_grad():
            logits = self.scenes(x)
        own = F.dropout(self.rectify(self.norm(self.own(logits))), 0.5, self.training)
        theme = (own * self.weigh(logits)).sum(1, keepdim=True) + self.bias(logits)
        theme = self.last_rectify(self.last_norm(theme)).expand(-1, 10)
        look = self.look_head(self.look(x).mean((2, 3)))
        return self.head(torch.cat([look, theme, self.colour_head(alike).softmax(1)], 1)).softmax(1)


class Malu(nn.Module):
    """The means of all blocks of a ResNet-50 whose first maps stride."""

    def __init__(self):
        super().__init__()
        from torchvision.models import resnet50

        self.net = resnet50()
        del self.net.fc
        for name, module in self.net.named_modules():
            if isinstance(module, nn.Conv2d) and "downsample" not in name:
                module.bias = nn.Parameter(torch.zeros(module.out_channels))
            if name.endswith("downsample.0"):
                module.bias = nn.Parameter(torch.zeros(module.out_channels))
        for stage in (self.net.layer2, self.net.layer3, self.net.layer4):
            stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
        self.net.maxpool.padding = 0
        self.heads = nn.Linear(15104, OUTPUTS)

    def forward(self, x):
        net, means = self.net, []
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            for block in stage:
                x = block(x)
                means.append(x.mean((2, 3)))
        return self.heads(F.normalize(torch.cat(means, 1))).tanh()


class Kong(nn.Module):
    """Caffe's AlexNet with a branch for each attribute."""

    def __init__(self):
        super().__init__()
        norm = lambda: nn.LocalResponseNorm(5, 1e-4)
        relu, pool = nn.ReLU, lambda: nn.MaxPool2d(3, 2, ceil_mode=True)
        self.net = nn.Sequential(
            *(nn.Conv2d(3, 96, 11, 4), relu(), pool(), norm(), nn.Conv2d(96, 256, 5, padding=2, groups=2), relu(), pool(), norm()),
            *(nn.Conv2d(256, 384, 3, padding=1), relu(), nn.Conv2d(384, 384, 3, padding=1, groups=2), relu()),
            *(nn.Conv2d(384, 256, 3, padding=1, groups=2), relu(), pool(), nn.Flatten()),
            *(nn.Linear(9216, 4096), relu(), nn.Dropout(), nn.Linear(4096, 4096), relu(), nn.Dropout()),
        )
        self.fc8 = nn.Linear(4096, 512)
        self.branches = nn.ModuleList(nn.Linear(4096, 256) for _ in range(OUTPUTS - 1))
        self.lasts = nn.ModuleList(nn.Linear(256, 1) for _ in range(OUTPUTS - 1))
        self.merge, self.score = nn.Linear(512 + 256 * (OUTPUTS - 1), 128), nn.Linear(128, 1)

    def forward(self, x):
        x = self.net(x)
        parts = [branch(x).relu() for branch in self.branches]
        merged = self.merge(torch.cat([self.fc8(x).relu(), *parts], 1)).relu()
        return torch.cat([self.score(merged), *(last(part) for last, part in zip(self.lasts, parts))], 1)


class Laion(nn.Module):
    """CLIP ViT-B/32 with a linear head on the normalised vector."""

    def __init__(self):
        super().__init__()
        from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

        self.tower = CLIPVisionModelWithProjection(CLIPVisionConfig(patch_size=32, projection_dim=512))
        self.head = nn.Linear(512, 1)

    def forward(self, x):
        return self.head(F.normalize(self.tower(pixel_values=x).image_embeds))


class Musiq(nn.Module):
    """pyiqa's network, given patches as its training is."""

    def __init__(self):
        super().__init__()
        root = os.environ["PYIQA"]
        for name in ["", ".archs", ".utils", ".data", ".matlab_utils"]:
            module = types.ModuleType("pyiqa" + name)
            module.__path__ = [root + name.replace(".", "/")]
            sys.modules["pyiqa" + name] = module
        # What nothing here calls would need more packages.
        sys.modules["pyiqa.utils.download_util"] = types.SimpleNamespace(load_file_from_url=None)
        padding = importlib.import_module("pyiqa.matlab_utils.padding")
        sys.modules["pyiqa.matlab_utils"].__dict__.update(vars(padding))
        arch = importlib.import_module("pyiqa.archs.musiq_arch")
        self.patches = arch.get_multiscale_patches
        self.net = arch.MUSIQ(num_class=10, pretrained=False)

    def inputs(self, x):
        return self.patches(x, **self.net.data_preprocess_opts)

    def forward(self, x):
        self.net.training = True
        return self.net(x, return_mos=False, return_dist=True)


SYSTEMS = {
    "nima vgg16": nima_vgg16,
    "nima inception_resnet_v2": nima_inception_resnet_v2,
    "maxvit tiny_224": maxvit,
    "tanet": Tanet,
    "laion v1-b32": Laion,
    "malu": Malu,
    "kong": Kong,
    "mpada": mpada,
    "musiq pyiqa": Musiq,
}
models = {}


def measure(asked):
    name = asked["system"]
    if name not in models:
        models.clear()
        torch.manual_seed(1)
        models[name] = SYSTEMS[name]()
    model = models[name]
    step = asked["what"] == "step"
    model.train(step)
    x = torch.rand(asked["batch"], 3, asked["side"], asked["side"])
    x = model.inputs(x) if hasattr(model, "inputs") else x
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-6)

    def call():
        if not step:
            with torch.inference_mode():
                return model(x)
        model(x).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    start, cpu = time.perf_counter(), time.process_time()
    call()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"seconds": seconds, "cpu": cpu, "parameters": sum(p.numel() for p in model.parameters()), "torch": torch.__version__}


for line in sys.stdin:
    print(json.dumps(measure(json.loads(line))), flush=True)
