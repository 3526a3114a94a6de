"""Tree-structured Parzen estimator, each hole on its own, aware of what is running."""

from optuna.samplers import BaseSampler, TPESampler
from pydantic import Field

from autocompress.search.samplers.base import Sampler


class Tpe(Sampler):
    """Learns which settings the good trials share (Watanabe 2023, arXiv:2304.11127). The default."""

    startup: int = Field(10, ge=1)  # random trials before it begins to learn

    def build(self, seed: int) -> BaseSampler:
        return TPESampler(seed=seed, n_startup_trials=self.startup, multivariate=False, constant_liar=True)
