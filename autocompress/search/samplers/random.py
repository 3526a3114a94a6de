"""Blind choice: the control every other sampler has to beat."""

from optuna.samplers import BaseSampler, RandomSampler

from autocompress.search.samplers.base import Sampler


class Random(Sampler):
    """Uniform over every hole."""

    def build(self, seed: int) -> BaseSampler:
        return RandomSampler(seed=seed)
