"""The lottery: rounds of training and thinning out, each from the same start; the controls; killed and taken up."""

from dataclasses import replace

import pytest
import torch
from hands import BIGGER, SMALL, counting, finish, fresh, lab, same, sizes, state
from pydantic import ValidationError

from autocompress.compress.cutting.surgery import cut
from autocompress.compress.masks import rewound, share, thinned
from autocompress.compress.model import Model
from autocompress.compress.patterns.magnitude import Magnitude
from autocompress.compress.patterns.uniform import Uniform
from autocompress.compress.shelf import Shelf
from autocompress.compress.stages.base import Stage
from autocompress.compress.stages.lottery import Lottery
from autocompress.compress.train import fit
from autocompress.errors import Failure
from autocompress.plugin import make

ONE = Lottery(by=Magnitude(), sparsity=0.6, rounds=1, epochs=2, batch_size=32)


def changed(**settings: object) -> Lottery:
    return ONE.model_copy(update=settings)


def zeros(model: Model) -> dict[str, torch.Tensor]:
    return {name: model.net.get_parameter(f"{name}.weight") == 0 for name in model.sparse}


def test_a_round_by_hand():
    """Train; take out the smallest; put back the first weights of the others; train again, the same way."""
    start, bench = fresh(SMALL), lab()
    trained = finish(fit(start, bench, ONE.plan(2)))
    ticket = rewound(thinned(trained, Magnitude(), 0.6, 0), start)
    expected = finish(fit(ticket, bench, ONE.plan(2)))
    found, epochs = counting(ONE.run(start, bench))
    assert epochs == 4
    assert same(state(found), state(expected))
    assert found.sparse == ticket.sparse


def test_rewound_to_a_later_epoch_all_rounds_begin_there():
    start, bench, stage = fresh(SMALL), lab(), changed(rewind=1)
    early = finish(fit(start, bench, replace(stage.plan(1), pace="constant")))
    trained = finish(fit(early, bench, stage.plan(1)))
    ticket = rewound(thinned(trained, Magnitude(), 0.6, 0), early)
    found, epochs = counting(stage.run(start, bench))
    assert epochs == 3
    assert same(state(found), state(finish(fit(ticket, bench, stage.plan(1)))))


def test_with_lr_alone_weights_stay_as_they_were_trained():
    start, bench = fresh(SMALL), lab()
    trained = finish(fit(start, bench, ONE.plan(2)))
    expected = finish(fit(thinned(trained, Magnitude(), 0.6, 0), bench, ONE.plan(2)))
    assert same(state(finish(changed(again="lr").run(start, bench))), state(expected))


def test_the_control_has_the_same_ticket_and_other_weights():
    start, bench = fresh(BIGGER), lab()
    winner, control = (finish(changed(again=again, rounds=2).run(start, bench)) for again in ("weights", "random"))
    assert all(torch.equal(gone, zeros(control)[name]) for name, gone in zeros(winner).items())
    assert not same(state(winner), state(control))


def test_the_control_begins_at_other_weights_of_the_same_kind():
    """With a rate at which nobody moves, the end shows where the last round began."""
    start, bench, still = fresh(BIGGER), lab(), changed(lr=1e-30)
    winner, control = (
        finish(still.run(start, bench)),
        finish(still.model_copy(update={"again": "random"}).run(start, bench)),
    )
    for name, gone in zeros(winner).items():
        first, began, drawn = (one.net.get_parameter(f"{name}.weight").detach() for one in (start, winner, control))
        assert torch.allclose(began[~gone], first[~gone])
        assert not torch.isclose(began[~gone], drawn[~gone]).any()
        assert float(drawn[~gone].std()) == pytest.approx(float(first.std()), rel=0.5)


def test_every_round_takes_the_same_share_of_what_is_left():
    stage = Lottery(by=Uniform(), sparsity=1 - 0.8**3, rounds=3, epochs=1)
    found = [share(replace(fresh(), net=epoch.net), Uniform()) for epoch in stage.run(fresh(), lab())]
    assert found == pytest.approx([0.0, 0.2, 0.36, 0.488], abs=0.01)
    onwards = thinned(fresh(), Uniform(), 0.2, 0)
    found = [share(replace(fresh(), net=epoch.net), Uniform()) for epoch in stage.run(onwards, lab())]
    assert found == pytest.approx([0.2, 1 - 0.8 ** (5 / 3), 1 - 0.8 ** (7 / 3), 0.488], abs=0.01)


@pytest.mark.parametrize("again", ["weights", "lr", "random"])
@pytest.mark.parametrize("killed_after", [1, 2, 3, 4])
def test_killed_at_any_epoch_it_ends_as_if_it_never_was(tmp_path, again, killed_after):
    rewind = 0 if again == "random" else 1
    stage = changed(again=again, rewind=rewind, rounds=2 - bool(not rewind), ema=0.5)
    whole, epochs = counting(stage.run(fresh(SMALL), lab()))
    assert epochs == 4
    begun = stage.run(fresh(SMALL), lab(shelf=Shelf(tmp_path)))
    for _ in range(killed_after):
        next(begun)
    begun.close()
    left, rest = counting(stage.run(fresh(SMALL), lab(shelf=Shelf(tmp_path))))
    assert rest == epochs - killed_after
    assert same(state(left), state(whole))


def test_it_counts_epochs_through_all_rounds():
    stage, bench = changed(rewind=1, rounds=2, epochs=3), lab()
    assert [(e.done, e.of) for e in stage.run(fresh(), bench)] == [(n, 7) for n in range(1, 8)]
    assert [stage.cost(lab(fidelity=f)) for f in (1.0, 0.5, 0.1)] == [7, 4, 3]


def test_a_cut_network_has_no_other_random_weights():
    smaller = cut(fresh(BIGGER), lab(), 0.5)
    assert sizes(finish(ONE.run(smaller, lab()))) == sizes(smaller)
    with pytest.raises(Failure, match="as it was built; this one was cut") as caught:
        next(changed(again="random").run(smaller, lab()))
    assert caught.value.code == "unsupported"


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        ({"by": "n_of_m", "sparsity": 0.9}, "sparsity: at most 0.75 with this pattern, got 0.9"),
        ({"by": "magnitude", "epochs": 5, "rewind": 5}, "rewind: to an epoch before the last of 5, got 5"),
        ({"by": "magnitude", "again": "random", "rewind": 1}, "again: random weights were never trained"),
    ],
)
def test_what_cannot_be_is_said(mistake, text):
    with pytest.raises(ValidationError, match=text):
        make(Stage, {"use": "lottery", **mistake})
