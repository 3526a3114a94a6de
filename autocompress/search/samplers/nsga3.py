"""Evolution that spreads along reference directions."""

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, NSGAIIISampler
from pydantic import Field

from autocompress.search.samplers.base import Sampler


class Nsga3(Sampler):
    """NSGA-III (Deb and Jain 2014, doi:10.1109/TEVC.2013.2281535), for four objectives."""

    population: int = Field(20, ge=2)

    def build(self, seed: int) -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return NSGAIIISampler(seed=seed, population_size=self.population)
