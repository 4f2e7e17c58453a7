#!/usr/bin/env python3
"""A small differentiable architecture search in PyTorch, tuned from outside by nastune.

After SNAS (Xie et al., ICLR 2019) and ProxylessNAS (Cai, Zhu & Han, ICLR 2019): every layer has several
operations, of which each step draws one (Gumbel-softmax, straight through). Weights are trained on one
half of the images, the logits of the operations on the other, with the loss CE + lambda * log(expected
runtime). The architecture is the most likely operation of every layer.

nastune needs three things of such a script, and they are marked with (1), (2), (3) below:
  (1) its settings as arguments, from placeholders of the study's command;
  (2) what it found, in lines "nastune: accuracy=... runtime=... epoch=...";
  (3) for Hyperband: a checkpoint left in one folder, and continued from another.
"""
import argparse
import gzip
import math
import os
import sys

import torch
import torch.nn.functional as F
from torch import nn

LAYERS, WIDTH = 4, 12


def separable(width, kernel):
    return nn.Sequential(
        nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width, bias=False),
        nn.Conv2d(width, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    )


def full(width, kernel):
    return nn.Sequential(
        nn.Conv2d(width, width, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    )


# name, operation, multiply-adds and weights of a layer of 14 x 14 x WIDTH
OPERATIONS = [
    ("skip", nn.Identity, 0, 0),
    ("sep3", lambda: separable(WIDTH, 3), 196 * WIDTH * (9 + WIDTH), WIDTH * (9 + WIDTH)),
    ("sep5", lambda: separable(WIDTH, 5), 196 * WIDTH * (25 + WIDTH), WIDTH * (25 + WIDTH)),
    ("conv3", lambda: full(WIDTH, 3), 196 * WIDTH * 9 * WIDTH, WIDTH * 9 * WIDTH),
]
BASE_FLOPS, BASE_PARAMS = 196 * 9 * WIDTH + 10 * WIDTH, 9 * WIDTH + 10 * WIDTH + 10
FLOPS_PER_MS = 2e7  # a plain model of the runtime, so that results do not depend on the machine
COSTS = torch.tensor([flops / FLOPS_PER_MS for _, _, flops, _ in OPERATIONS])


class Supernet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, WIDTH, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU()
        )
        self.layers = nn.ModuleList(nn.ModuleList(make() for _, make, _, _ in OPERATIONS) for _ in range(LAYERS))
        self.head = nn.Linear(WIDTH, 10)
        self.logits = nn.Parameter(1e-3 * torch.randn(LAYERS, len(OPERATIONS)))

    def forward(self, x, choice=None):
        """With a choice, those operations; else ones drawn by the logits, which get gradients."""
        shares = F.gumbel_softmax(self.logits, hard=True) if choice is None else None
        x = self.stem(x)
        for i, layer in enumerate(self.layers):
            operation = shares[i].argmax().item() if choice is None else choice[i]
            y = layer[operation](x)
            x = x + (y if choice else shares[i, operation] * y)
        return self.head(x.mean((2, 3)))

    def weights(self):
        return [p for name, p in self.named_parameters() if name != "logits"]

    def choice(self):
        return self.logits.argmax(1).tolist()

    def log_runtime(self):
        return torch.log(BASE_FLOPS / FLOPS_PER_MS + (self.logits.softmax(1) * COSTS).sum())


def load_images(folder, name, count):
    with gzip.open(os.path.join(folder, f"{name}-images-idx3-ubyte.gz")) as file:
        images = torch.frombuffer(bytearray(file.read()[16 : 16 + 784 * count]), dtype=torch.uint8)
    with gzip.open(os.path.join(folder, f"{name}-labels-idx1-ubyte.gz")) as file:
        labels = torch.frombuffer(bytearray(file.read()[8 : 8 + count]), dtype=torch.uint8)
    return images.view(-1, 1, 28, 28).float() / 255 - 0.286, labels.long()


def train_epoch(net, optimizers, data, args, seed, epoch):
    torch.manual_seed(seed * 1000 + epoch)  # so that a resumed search goes the same way
    generator = torch.Generator().manual_seed(seed * 1000 + epoch)
    images, labels = data
    half = len(images) // 2
    order = torch.randperm(half, generator=generator)
    other = half + torch.randperm(half, generator=generator)
    net.train()
    for step in range(0, half, args.batch):
        for optimizer, rows, weight in zip(optimizers, (order, other), (0, args.penalty)):
            rows = rows[step : step + args.batch]
            loss = F.cross_entropy(net(images[rows]), labels[rows]) + weight * net.log_runtime()
            net.zero_grad()
            loss.backward()
            optimizer.step()


@torch.no_grad()
def evaluate(net, data):
    """The most likely architecture with the weights it shares."""
    images, labels = data
    net.train()  # statistics of the batch: the running ones are of all the paths that were drawn
    outputs = net(images, net.choice())
    accuracy = (outputs.argmax(1) == labels).float().mean().item()
    return accuracy, F.cross_entropy(outputs, labels).item()


def report(net, data, epoch):
    accuracy, loss = evaluate(net, data)
    choice = net.choice()
    flops = BASE_FLOPS + sum(OPERATIONS[c][2] for c in choice)
    params = BASE_PARAMS + sum(OPERATIONS[c][3] for c in choice)
    shares = net.logits.softmax(1)
    entropy = -(shares * shares.log()).sum(1).mean().item()
    arch = " ".join(OPERATIONS[c][0] for c in choice)
    # (2) the last line of all counts as the trial's result, those before it as its learning curve
    print(
        f"nastune: epoch={epoch} accuracy={accuracy:.6f} loss={loss:.6f} runtime={flops / FLOPS_PER_MS:.6f} "
        f"params={params} flops={flops} entropy={entropy:.6f} arch={arch}",
        flush=True,
    )


def main():
    # (1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--penalty", type=float, default=0.02, help="lambda, the weight of log runtime")
    parser.add_argument("--lr", type=float, default=0.05, help="learning rate of the weights")
    parser.add_argument("--epochs", type=int, default=3, help="train until this epoch")
    parser.add_argument("--horizon", type=int, default=0, help="epochs of the whole schedule; 0: --epochs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--checkpoint", default="", help="folder to leave a checkpoint in")
    parser.add_argument("--resume", default="", help="folder with a checkpoint to continue")
    args = parser.parse_args()
    args.horizon = args.horizon or args.epochs

    torch.set_num_threads(int(os.environ.get("NASTUNE_THREADS", "1")))
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(args.seed)
    try:
        images, labels = load_images(args.data, "train", args.images + 1000)
    except FileNotFoundError as error:
        sys.exit(f"{error}; apt-get install dataset-fashion-mnist, or give --data")
    train, validation = (images[:-1000], labels[:-1000]), (images[-1000:], labels[-1000:])

    net = Supernet()
    optimizers = [
        torch.optim.SGD(net.weights(), lr=args.lr, momentum=0.9, weight_decay=3e-4),
        torch.optim.Adam([net.logits], lr=0.03, betas=(0.5, 0.999)),
    ]
    first, seed = 0, args.seed
    if args.resume:  # (3)
        state = torch.load(os.path.join(args.resume, "state.pt"))
        net.load_state_dict(state["net"])
        for optimizer, saved in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        first, seed = state["epoch"], state["seed"]

    for epoch in range(first, args.epochs):
        optimizers[0].param_groups[0]["lr"] = args.lr * 0.5 * (1 + math.cos(math.pi * epoch / args.horizon))
        train_epoch(net, optimizers, train, args, seed, epoch)
        report(net, validation, epoch + 1)

    if args.checkpoint:  # (3)
        state = {
            "net": net.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            "epoch": args.epochs,
            "seed": seed,
        }
        torch.save(state, os.path.join(args.checkpoint, "state.pt"))


if __name__ == "__main__":
    main()
