"""Evolution by non-dominated sorting."""

from optuna.samplers import BaseSampler, NSGAIISampler
from pydantic import Field

from autocompress.search.samplers.base import Sampler


class Nsga2(Sampler):
    """NSGA-II (Deb et al. 2002, doi:10.1109/4235.996017). A population of 20 suits small budgets."""

    population: int = Field(20, ge=2)

    def build(self, seed: int) -> BaseSampler:
        return NSGAIISampler(seed=seed, population_size=self.population)
