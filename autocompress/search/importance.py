"""What mattered: how far each choice decides whether a trial is among the best in one objective.

PED-ANOVA as Optuna computes it, choices that only some recipes have included (Watanabe et al. 2023, arXiv 2304.10255):
how differently a choice is distributed among the best tenth and among all.
"""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from autocompress.values.columns import Cell

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

MOST = 1000  # rows; more change nothing that can be seen
FEWEST = 20  # trials below which nothing is said at all
SHAKY = 100  # trials below which it should not be trusted


def importance(rows: Sequence[dict[str, Cell]], costs: Sequence[float], names: Sequence[str]) -> dict[str, float]:
    """Shares that sum to 1, largest first. `costs` are to be minimised."""
    import optuna
    from optuna.importance import PedAnovaImportanceEvaluator
    from optuna.trial import create_trial

    step = max(1, len(rows) // MOST)
    rows, costs = rows[::step], costs[::step]
    spaces = {name: space for name in names if (space := _space([r[name] for r in rows if name in r]))}
    if len(rows) < FEWEST or not spaces:
        return {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental features of Optuna
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        for row, cost in zip(rows, costs, strict=True):
            params = {name: row[name] for name in spaces if name in row}
            study.add_trial(create_trial(params=params, distributions={n: spaces[n] for n in params}, value=cost))
        found = PedAnovaImportanceEvaluator(target_quantile=0.1, region_quantile=1.0).evaluate(study)
    total = sum(found.values())
    if total <= 0:
        return {}
    ranked = sorted(found.items(), key=lambda kv: (-kv[1], kv[0]))
    return {name: float(value) / total for name, value in ranked}


def _space(values: Sequence[Cell]) -> "BaseDistribution | None":
    """What the values were taken from, as far as they tell; None where there was no choice."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    some = sorted(set(values), key=lambda v: (str(type(v)), v))
    if len(some) < 2:
        return None
    if any(isinstance(v, str | bool) for v in some):
        return CategoricalDistribution(some)
    low, high = float(some[0]), float(some[-1])
    return FloatDistribution(low, high, log=low > 0 and high / low >= 30)
