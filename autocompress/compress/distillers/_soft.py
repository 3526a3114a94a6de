"""Softened answers: what the methods that compare logits have in common."""

import torch.nn.functional as F
from torch import Tensor

LEAST_SPREAD = 1e-3  # of one example's logits: fewer would be blown up to nonsense


def divergence(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """T^2 x KL(teacher || student), a mean over the batch: with T^2, gradients are as long at any temperature."""
    t = F.log_softmax(teacher / temperature, dim=1)
    s = F.log_softmax(student / temperature, dim=1)
    return temperature**2 * F.kl_div(s, t, reduction="batchmean", log_target=True)


def standardised(logits: Tensor) -> Tensor:
    """Mean 0 and spread 1 for each example (Sun et al. 2024, arXiv 2403.01427): their size no longer matters."""
    logits = logits - logits.mean(1, keepdim=True)
    variance = logits.square().sum(1, keepdim=True) / (logits.shape[1] - 1)
    return logits / (variance + LEAST_SPREAD**2).sqrt()
