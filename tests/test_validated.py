"""Verdicts on a front whose recipes were trained again: who holds, who was lucky, and how lucky the search was."""

import pytest

from autocompress.values.front import Front
from autocompress.values.limit import Limit, Objective
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe
from autocompress.values.trial import Trial
from autocompress.values.validated import validated, winners_curse

AIMS = (Objective(metric="accuracy", direction="maximize"), Objective(metric="size", direction="minimize"))


def trial(number, width, accuracy, size, seed=0, *, spread=None, how="measured", **more):
    told = (
        Measurement(metric="accuracy", value=accuracy, how="measured", spread=spread),
        Measurement(metric="size", value=size, how=how, spread=more.pop("off", None)),
    )
    recipe = Recipe.of({"student": {"use": "cnn", "width": width}})
    state = more.pop("state", "complete")
    return Trial(number=number, recipe=recipe, state=state, seed=seed, measurements=told, **more)


def again(width, *accuracies, size=None, first=0, **more):
    """Fresh seeds of one recipe."""
    size = size or width
    return [trial(first + i, width, a, size, 100 + i, **more) for i, a in enumerate(accuracies)]


def verdicts(members, fresh, limits=()):
    found = validated(Front(tuple(members), AIMS, limits), fresh, {})
    return {number: one.verdict for number, one in found.items()}


THREE = [trial(7, 24, 0.90, 24), trial(4, 16, 0.85, 16), trial(2, 8, 0.80, 8)]


def test_who_looked_good_by_luck_falls_off():
    fresh = [*again(24, 0.840, 0.842), *again(16, 0.850, 0.852), *again(8, 0.80, 0.80)]
    found = validated(Front(tuple(THREE), AIMS), fresh, {})
    assert {n: one.verdict for n, one in found.items()} == {7: "fell off", 4: "holds", 2: "holds"}
    assert found[7].why == (
        "trial 4 beats it: accuracy 85.10 ± 0.10 % against 84.10 ± 0.10 %, file size 16 B against 24 B"
    )
    assert found[4].why == ""
    assert (found[7].stands, found[4].stands) == (False, True)


def test_the_number_it_was_chosen_by_is_not_in_its_mean():
    found = validated(Front((THREE[0],), AIMS), again(24, 0.80, 0.84), {})[7]
    assert found.seeds == (100, 101)
    assert found.measured("accuracy").value == pytest.approx(0.82)
    assert found.measured("accuracy").spread == pytest.approx(0.02)
    assert found.measured("accuracy").note == "mean of 2 seeds"


@pytest.mark.parametrize(
    ("ahead", "verdict"),
    [(0.0011, "within noise"), (0.0014, "within noise"), (0.0015, "fell off"), (0.0, "within noise")],
)
def test_a_lead_within_one_standard_error_is_none(ahead, verdict):
    """Each mean is known to 0.001, so their difference to 0.00141."""
    fresh = [*again(24, 0.849, 0.851), *again(16, 0.849 + ahead, 0.851 + ahead)]
    assert verdicts(THREE[:2], fresh) == {7: verdict, 4: "holds"}


def test_luck_in_one_objective_is_enough_to_be_within_noise():
    """Far behind in size, but who knows about accuracy."""
    fresh = [*again(24, 0.84, 0.86), *again(16, 0.85, 0.87, size=1)]
    found = validated(Front(tuple(THREE[:2]), AIMS), fresh, {})
    assert found[7].verdict == "within noise"
    assert found[7].why.endswith("file size 1 B against 24 B, not beyond noise")


def test_the_shortest_lead_counts():
    """Far ahead in accuracy; of sizes that differ from seed to seed nobody knows."""
    off = {"spread": 0.001, "off": 2.0}
    smaller = [*again(16, 0.85, size=22, **off), *again(24, 0.80, size=24, **off)]
    assert verdicts(THREE[:2], smaller) == {7: "within noise", 4: "holds"}
    clearly = [*again(16, 0.85, size=20, **off), *again(24, 0.80, size=24, **off)]
    assert verdicts(THREE[:2], clearly) == {7: "fell off", 4: "holds"}


def test_where_nothing_can_be_off_a_tie_is_a_tie():
    fresh = [*again(24, 0.85, 0.85), *again(16, 0.85, 0.85)]
    assert verdicts(THREE[:2], fresh)[7] == "fell off"
    fresh = [*again(24, 0.85, 0.85, size=16), *again(16, 0.85, 0.85)]
    assert verdicts(THREE[:2], fresh) == {7: "holds", 4: "holds"}, "equals do not beat each other"


def test_an_estimators_error_is_nobodys_luck():
    """It is the same for all: whoever is told to be smaller is so."""
    how = {"how": "estimated", "off": 10.0}
    fresh = [*again(24, 0.84, 0.842, **how), *again(16, 0.85, 0.852, **how)]
    found = validated(Front(tuple(THREE[:2]), AIMS), fresh, {})
    assert found[7].verdict == "fell off"
    assert found[7].measured("size").spread == pytest.approx(10 / 2**0.5), "but people are told of it"


LIMIT = Limit(metric="accuracy", side="min", bound=0.85)


@pytest.mark.parametrize(
    ("accuracies", "verdict"),
    [((0.849, 0.853), "holds"), ((0.846, 0.852), "within noise"), ((0.846, 0.848), "broke a limit")],
)
def test_a_limit_is_kept_or_broken_by_the_mean(accuracies, verdict):
    assert verdicts(THREE[:1], again(24, *accuracies), (LIMIT,)) == {7: verdict}
    soft = LIMIT.model_copy(update={"hard": False})
    assert verdicts(THREE[:1], again(24, *accuracies), (soft,)) == {7: "holds"}


def test_a_broken_limit_says_by_what():
    bytes_ = Limit(metric="size", side="max", bound=20)
    found = validated(Front(tuple(THREE[:1]), AIMS, (LIMIT, bytes_)), again(24, 0.80, 0.82), {})[7]
    assert found.why == ("accuracy 81.00 ± 1.00 % breaks accuracy ≥ 85.00 %; file size 24 B breaks size ≤ 20 B")
    maybe = validated(Front(tuple(THREE[:1]), AIMS, (LIMIT,)), again(24, 0.84, 0.856), {})[7]
    assert maybe.why == "accuracy 84.80 ± 0.80 % breaks accuracy ≥ 85.00 %, not beyond noise"


def test_who_breaks_a_limit_beats_nobody():
    limit = Limit(metric="latency_p50", side="max", bound=1.0)
    slow = [
        t.model_copy(
            update={"measurements": (*t.measurements, Measurement(metric="latency_p50", value=2, how="measured"))}
        )
        for t in again(16, 0.90, 0.90)
    ]
    assert verdicts(THREE[:2], [*again(24, 0.84, 0.84), *slow], (limit,)) == {7: "holds", 4: "broke a limit"}


def test_the_first_to_be_named_is_the_one_furthest_ahead():
    fresh = [*again(24, 0.80, 0.802), *again(16, 0.82, 0.822), *again(8, 0.85, 0.852)]
    assert validated(Front(tuple(THREE), AIMS), fresh, {})[7].why.startswith("trial 2 beats it: accuracy 85.10")


def test_what_cannot_be_trained_again_has_failed():
    dead = {"state": "failed", "code": "nan_loss"}
    found = validated(Front((THREE[0],), AIMS), again(24, 0.1, 0.1, **dead), {})[7]
    assert (found.verdict, found.seeds, found.measurements) == ("failed", (), ())
    assert found.why == "2 of 2 seeds failed (nan_loss)"
    some = [*again(24, 0.9, 0.9), trial(9, 24, 0.1, 24, 200, **dead)]
    found = validated(Front((THREE[0],), AIMS), some, {})[7]
    assert (found.verdict, found.why) == ("holds", "1 of 3 seeds failed (nan_loss)")


def test_a_seed_that_was_lost_and_done_again_counts_once():
    lost = trial(3, 24, 0.1, 24, 100, state="failed", code="worker_died")
    twin = trial(5, 24, 0.9, 24, 100)
    found = validated(Front((THREE[0],), AIMS), [lost, *again(24, 0.9), twin], {})[7]
    assert (found.seeds, found.verdict, found.why) == ((100,), "holds", "")


def test_who_was_not_tried_is_not_judged():
    waiting = trial(9, 16, 0.1, 16, 100, state="running")
    assert verdicts(THREE, [*again(24, 0.9), waiting]) == {7: "holds"}
    assert verdicts(THREE, []) == {}


def test_accuracy_on_test_is_a_mean_too():
    told = [Measurement(metric="accuracy", value=a, how="measured", on="test", spread=0.001) for a in (0.8, 0.84)]
    fresh = again(24, 0.9, 0.9, 0.9, first=20)
    tested = validated(Front((THREE[0],), AIMS), fresh, {20: told[0], 21: told[1], 1: told[0]})[7].test_accuracy
    assert (tested.value, tested.note) == (pytest.approx(0.82), "mean of 2 seeds")
    assert tested.spread == pytest.approx(0.02)
    one = validated(Front((THREE[0],), AIMS), fresh, {22: told[1]})[7].test_accuracy
    assert one == told[1]
    assert validated(Front((THREE[0],), AIMS), fresh, {})[7].test_accuracy is None


def test_the_winners_curse_is_one_number():
    front = Front(tuple(THREE), AIMS)
    fresh = [*again(24, 0.84, 0.84), *again(16, 0.83, 0.83)]
    curse = winners_curse(front, validated(front, fresh, {}))
    assert curse.members == 2, "of those that were tried"
    assert curse.value == pytest.approx((0.06 + 0.02) / 2)
    assert curse.spread == pytest.approx(0.02)  # 0.06 and 0.02: they differ by 0.0283 / root of 2
    alone = Front((trial(7, 24, 0.90, 24, spread=0.03),), AIMS)
    one = winners_curse(alone, validated(alone, again(24, 0.88, spread=0.04), {}))
    assert (one.value, one.spread) == (pytest.approx(0.02), pytest.approx(0.05))
    assert winners_curse(front, {}) is None
    assert winners_curse(front, validated(front, fresh, {}), metric="energy") is None
