"""A stage says how far it is: epochs are counted through, however many trainings it consists of."""

from contextlib import suppress

import pytest
from hands import SHORTER, fresh, lab, made, settings
from pydantic import ValidationError
from test_train import TWICE

from autocompress.compress.shelf import Shelf
from autocompress.compress.stages.base import Stage
from autocompress.compress.train import fit

LONGER = {**SHORTER, "epochs": 2, "recover": 2, "steps": 2, "rewind": 1}


def one_of_each():
    """Whatever goes into it, as long as it can be told all that."""
    found = {}
    for case in settings(Stage, **LONGER):
        with suppress(ValidationError):
            made(Stage, case.values[0])
            found.setdefault(case.values[0]["use"], case)
    return found.values()


@pytest.mark.parametrize("stage", one_of_each())
@pytest.mark.parametrize("fidelity", [1.0, 0.5])
def test_every_stage_counts_its_epochs_through(stage, fidelity):
    bench, plugin = lab(fidelity=fidelity), made(Stage, stage)
    said = [(epoch.done, epoch.of) for epoch in plugin.run(fresh(), bench)]
    cost = plugin.cost(bench)
    assert said == [(done, cost) for done in range(1, cost + 1)]


def test_a_part_of_a_stage_counts_from_where_it_begins_even_when_resumed(tmp_path):
    def part():
        return fit(fresh(), lab(shelf=Shelf(tmp_path)), TWICE, before=3, of=7)

    killed = part()
    first = next(killed)
    killed.close()
    assert [(epoch.done, epoch.of) for epoch in (first, *part())] == [(4, 7), (5, 7)]
