"""The networks of tests/bench/bench_engine.c in PyTorch: the other side of scripts/bench_engine.sh.

    bench_engine_torch.py worker CASE THREADS FORMAT   a training step for every line of the input; prints seconds
    bench_engine_torch.py curve CASE FILE              trains from the weights and batches that bench_engine wrote
                                                       and compares the losses
"""
import resource
import sys
import time

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

BATCH, SIDE, CLASSES = 64, 32, 10
OPS = ["none", "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3",
       "dil_conv_5x5"]
DARTS_V2 = [[("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 1),
             ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2)],
            [("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1), ("max_pool_3x3", 0),
             ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1)]]


class Unit(nn.Module):
    """(ReLU, depthwise, 1x1, batch norm) or a part of it."""

    def __init__(self, c_in, c_out, affine, kernel=0, stride=1, dilation=1, pool=None):
        super().__init__()
        self.pool, self.stride = pool, stride
        self.depth = nn.Conv2d(c_in, c_in, kernel, stride, dilation * (kernel - 1) // 2, dilation, c_in,
                               bias=False) if kernel else None
        self.point = None if pool else nn.Conv2d(c_in, c_out, 1, bias=False)
        self.norm = nn.BatchNorm2d(c_out, affine=affine)

    def forward(self, x):
        if self.pool == "max":
            return self.norm(F.max_pool2d(x, 3, self.stride, 1))
        if self.pool == "avg":
            return self.norm(F.avg_pool2d(x, 3, self.stride, 1, count_include_pad=False))
        x = F.relu(x)
        return self.norm(self.point(self.depth(x) if self.depth else x))


class Factorized(nn.Module):
    def __init__(self, c_in, c_out, affine):
        super().__init__()
        self.first = nn.Conv2d(c_in, c_out - c_out // 2, 1, 2, bias=False)
        self.second = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.norm = nn.BatchNorm2d(c_out, affine=affine)

    def forward(self, x):
        x = F.relu(x)
        return self.norm(torch.cat([self.first(x), self.second(x[:, :, 1:, 1:])], 1))


def operation(name, c, stride, affine):
    if name == "none":
        return None
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else Factorized(c, c, affine)
    if "pool" in name:
        return Unit(c, c, affine, stride=stride, pool=name[:3])
    k = int(name[-1])
    if name.startswith("sep"):
        return nn.Sequential(Unit(c, c, affine, k, stride), Unit(c, c, affine, k))
    return Unit(c, c, affine, k, stride, 2)


class Cell(nn.Module):
    def __init__(self, c0, c1, c, reduces, after_reduction, ops, affine, chosen):
        super().__init__()
        self.ops = ops
        self.input = nn.ModuleList([Factorized(c0, c, affine) if after_reduction else Unit(c0, c, affine),
                                    Unit(c1, c, affine)])
        self.edge = nn.ModuleList()
        edge = 0
        for node in range(4):
            for j in range(2 + node):
                wanted = [op for op in ops if chosen is None or (op, j) in chosen[2 * node:2 * node + 2]]
                stride = 2 if reduces and j < 2 else 1
                self.edge.append(nn.ModuleDict({op: operation(op, c, stride, affine) for op in wanted
                                                if op != "none"}))
                edge += 1

    def forward(self, s0, s1, mix):
        nodes = [self.input[0](s0), self.input[1](s1)]
        edge = 0
        for node in range(4):
            total = 0
            for j in range(2 + node):
                for i, op in enumerate(self.ops):
                    if op in self.edge[edge]:
                        y = self.edge[edge][op](nodes[j])
                        total = total + (y if mix is None else mix[edge, i] * y)
                edge += 1
            nodes.append(total)
        return torch.cat(nodes[2:], 1)


class CellNet(nn.Module):
    def __init__(self, case):
        super().__init__()
        c, fixed = 16, case == "fixed"
        self.ops = ["skip_connect", "sep_conv_3x3"] if case == "sep" else OPS
        self.stem = nn.Conv2d(3, 3 * c, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(3 * c)
        self.cells = nn.ModuleList()
        c0, c1, after = 3 * c, 3 * c, False
        cells = 3 if case == "small" else 8
        for k in range(cells):
            reduces = k in (cells // 3, 2 * cells // 3)
            c *= 2 if reduces else 1
            self.cells.append(Cell(c0, c1, c, reduces, after, self.ops, fixed, DARTS_V2[reduces] if fixed else None))
            c0, c1, after = c1, 4 * c, reduces
        self.head = nn.Linear(4 * c, CLASSES)
        self.mix = None if fixed else nn.Parameter(torch.full((cells, 14, len(self.ops)), 1 / len(self.ops)))

    def forward(self, x):
        s0 = s1 = self.stem_norm(self.stem(x))
        for k, cell in enumerate(self.cells):
            s0, s1 = s1, cell(s0, s1, None if self.mix is None else self.mix[k])
        return self.head(s1.mean((2, 3)))


class MBConv(nn.Module):
    def __init__(self, c_in, c_out, kernel, stride, expansion):
        super().__init__()
        e = c_in * expansion
        self.residual = stride == 1 and c_in == c_out
        norm = lambda c: nn.BatchNorm2d(c, eps=1e-3)
        self.body = nn.Sequential(
            *([nn.Conv2d(c_in, e, 1, bias=False), norm(e), nn.ReLU(inplace=True)] if expansion > 1 else []),
            nn.Conv2d(e, e, kernel, stride, kernel // 2, groups=e, bias=False), norm(e), nn.ReLU(inplace=True),
            nn.Conv2d(e, c_out, 1, bias=False), norm(c_out))

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


def mbconv_net():
    layout = [(3, 1, 1, 16), (5, 1, 6, 24), (5, 1, 6, 24), (5, 2, 6, 40), (5, 1, 6, 40), (5, 1, 6, 40), (5, 2, 6, 80),
              (5, 1, 6, 80), (5, 1, 6, 80)]
    c, layers = 16, [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16, eps=1e-3), nn.ReLU(inplace=True)]
    for kernel, stride, expansion, out in layout:
        layers.append(MBConv(c, out, kernel, stride, expansion))
        c = out
    return nn.Sequential(*layers, nn.Conv2d(c, 256, 1, bias=False), nn.BatchNorm2d(256, eps=1e-3),
                         nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, CLASSES))


class Trainer:
    def __init__(self, case, memory_format, rate=0.025):
        self.format = memory_format
        self.model = (mbconv_net() if case == "mbconv" else CellNet(case)).to(memory_format=memory_format)
        self.weights = [p for n, p in self.model.named_parameters() if n != "mix"]
        self.optimizer = torch.optim.SGD(self.weights, rate, momentum=0.9, weight_decay=3e-4)

    def step(self, x, labels):
        for p in self.model.parameters():
            p.grad = None
        loss = F.cross_entropy(self.model(x.contiguous(memory_format=self.format)), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(self.weights, 5)
        self.optimizer.step()
        return loss.item()


def worker(case, threads, memory_format):
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    trainer = Trainer(case, torch.channels_last if memory_format == "channels_last" else torch.contiguous_format)
    x, labels = torch.randn(BATCH, 3, SIDE, SIDE), torch.randint(CLASSES, (BATCH,))
    trainer.step(x, labels)
    trainer.step(x, labels)
    for _ in sys.stdin:
        start, busy = time.monotonic(), time.process_time()
        trainer.step(x, labels)
        print(f"step {time.monotonic() - start:.6f} {time.process_time() - busy:.6f}", flush=True)
    print(f"facts memory_mb {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.1f}", flush=True)


def read_arrays(path):
    arrays = {}
    with open(path, "rb") as file:
        while line := file.readline():
            name, size = line.decode().split()
            arrays[name] = file.read(int(size))
    return arrays


def load_cell_weights(model, arrays):
    """Their layouts: dense (k,k,in,out), depthwise (k,k,c), pointwise (in,out)."""
    numbers = {k: torch.from_numpy(np.frombuffer(v, np.float32).copy()) for k, v in arrays.items() if "/" in k}

    def put(parameter, value):
        parameter.data.copy_(value.reshape(parameter.shape) if value.dim() == 1 else value)

    def unit(module, owner, i):
        if isinstance(module, Factorized):
            c_in, first, second = module.first.in_channels, module.first.out_channels, module.second.out_channels
            w = numbers[f"{owner}/point0"]
            put(module.first.weight, w[:c_in * first].reshape(c_in, first).t()[:, :, None, None])
            put(module.second.weight, w[c_in * first:].reshape(c_in, second).t()[:, :, None, None])
        elif module.point is not None:
            put(module.point.weight, numbers[f"{owner}/point{i}"].reshape(module.point.in_channels, -1).t()[:, :, None,
                                                                                                          None])
        if getattr(module, "depth", None) is not None:
            k, c = module.depth.kernel_size[0], module.depth.in_channels
            put(module.depth.weight, numbers[f"{owner}/depth{i}"].reshape(k, k, c).permute(2, 0, 1)[:, None])

    put(model.stem.weight, numbers["stem/conv"].reshape(3, 3, 3, -1).permute(3, 2, 0, 1))
    put(model.head.weight, numbers["head/weight"].reshape(-1, CLASSES).t())
    model.head.bias.data.zero_()
    for k, cell in enumerate(model.cells):
        for i in range(2):
            unit(cell.input[i], f"cell{k}/input{i}", 0)
        for e, edge in enumerate(cell.edge):
            for name, op in edge.items():
                units = op if isinstance(op, nn.Sequential) else [] if isinstance(op, nn.Identity) else [op]
                for i, module in enumerate(units):
                    unit(module, f"cell{k}/edge{e}/{name}", i)


def curve(case, path):
    torch.set_num_threads(2)
    arrays = read_arrays(path)
    trainer = Trainer(case, torch.channels_last, 0.002)
    load_cell_weights(trainer.model, arrays)
    worst, steps = 0.0, 0
    while f"x{steps}" in arrays:
        x = torch.from_numpy(np.frombuffer(arrays[f"x{steps}"], np.float32).copy()).reshape(BATCH, SIDE, SIDE, 3)
        labels = torch.from_numpy(np.frombuffer(arrays[f"labels{steps}"], np.int32).astype(np.int64))
        ours = np.frombuffer(arrays[f"loss{steps}"], np.float64)[0]
        theirs = trainer.step(x.permute(0, 3, 1, 2), labels)
        worst = max(worst, abs(ours - theirs))
        print(f"step {steps} engine {ours:.6f} pytorch {theirs:.6f}", flush=True)
        steps += 1
    print(f"largest difference of {steps} losses: {worst:.2e}")
    return 0 if steps and worst <= 1e-3 else 1


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] == "worker":
        sys.exit(worker(sys.argv[2], int(sys.argv[3]), sys.argv[4]))
    if len(sys.argv) == 4 and sys.argv[1] == "curve":
        sys.exit(curve(sys.argv[2], sys.argv[3]))
    sys.exit(__doc__)
