"""The only training loop: SGD with momentum, a cosine after a short warm-up, and one distiller's losses."""

import math
from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from autocompress.compress.distillers.base import Distiller
from autocompress.compress.lab import Epoch, Lab
from autocompress.compress.lesson import Lesson
from autocompress.compress.model import Model
from autocompress.errors import Failure

WARMUP = 0.1  # of the steps
CLIP = 5.0  # longest gradient; a guard against a bad first step, rarely reached later


def fit(
    model: Model,
    lab: Lab,
    distiller: Distiller | None = None,
    *,
    epochs: int,
    lr: float,
    batch_size: int,
    weight_decay: float = 5e-4,
    smoothing: float = 0.0,
) -> Generator[Epoch, None, Model]:
    """Train a copy of `model`, yielding after each epoch. Without a distiller: plain cross-entropy.

    The copy trains with channels last (10 to 25 % faster on a CPU) and comes back contiguous, on the CPU, in eval mode.
    """
    net = model.copy().net.to(lab.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    lesson = Lesson(distiller, model, net, lab) if distiller else None
    optimizer = _optimizer([net, lesson.bridge] if lesson else [net], weight_decay)
    trainable = [p for group in optimizer.param_groups for p in group["params"]]
    task_weight = distiller.task_weight if distiller else 1.0
    per_epoch = lab.steps(batch_size)
    step = 0

    with lesson or nullcontext():
        for epoch in range(epochs):
            net.train()
            # tensors, not floats: asking a GPU after each step would make it wait
            total, longest = torch.zeros((), device=lab.device), torch.zeros((), device=lab.device)
            with torch.random.fork_rng(devices=lab.cuda):
                torch.manual_seed(lab.order(epoch))  # for networks that draw while training, such as dropout
                for batch in lab.batches(batch_size, epoch):
                    for group in optimizer.param_groups:
                        group["lr"] = lr * pace(step, epochs * per_epoch)
                    with lab.autocast():
                        logits = net(batch.x)
                    logits = logits.float()
                    loss = task_weight * F.cross_entropy(logits, batch.y, label_smoothing=smoothing)
                    if lesson:
                        loss = loss + lesson.loss(batch, logits, epoch, epochs)
                    optimizer.zero_grad()
                    loss.backward()  # type: ignore[no-untyped-call]
                    norm = torch.nn.utils.clip_grad_norm_(trainable, CLIP)
                    optimizer.step()
                    total += loss.detach()
                    longest = torch.maximum(longest, norm.detach())
                    step += 1
            mean = float(total) / per_epoch
            if not math.isfinite(mean + float(longest)):
                raise Failure("nan_loss", f"training diverged in epoch {epoch + 1} of {epochs}, lr {lr:g}")
            yield Epoch(epoch + 1, epochs, mean, net)
    rested = net.to("cpu", memory_format=torch.contiguous_format).eval()
    return replace(model, net=rested)


def pace(step: int, steps: int) -> float:
    """Share of the full learning rate: up in a line over the warm-up, then down along half a cosine."""
    warm = max(1, round(steps * WARMUP))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm + 1) / (steps - warm + 1)))


def _optimizer(modules: list[nn.Module], weight_decay: float) -> torch.optim.SGD:
    """Decay pulls on filters and matrices; on norms and biases it only disturbs."""
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=0.0, momentum=0.9, nesterov=True, fused=True)
