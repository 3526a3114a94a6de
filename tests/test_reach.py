"""What limits leave of a space: shares from those drawn, extremes from the way downhill, and never any training."""

import math
from pathlib import Path

import pytest
from test_compression import CUT, INT8, LEARN, STUDENT, study

from autocompress.compress import train
from autocompress.errors import Failure
from autocompress.study import reach as module
from autocompress.study.compression import Bench
from autocompress.study.core import Loop
from autocompress.study.reach import Share, foreseen, reach
from autocompress.study.scout import Scout, Sight, unseen
from autocompress.study.study import Study
from autocompress.values.device import Device, Runtime
from autocompress.values.job import Job
from autocompress.values.limit import Limit
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe

WIDTH = {"float": [1.0, 1000.0]}
RATIO = {"choice": [None, {"use": "cut", "ratio": {"float": [0.0, 0.9]}}]}
SPACE = {"student": {"use": "net", "width": WIDTH}, "stages": [RATIO]}
BEAM = {"use": "beam", "width": WIDTH}
TALL = {"use": "tall", "width": WIDTH}


def at_most(**bounds: float) -> tuple[Limit, ...]:
    return tuple(Limit(metric=name, side="max", bound=bound) for name, bound in bounds.items())


class Pretended:
    """`net` has as many parameters as it is wide, less what is cut. `tall` has few of them, and computes long with
    them; `beam` is the other way round."""

    def __init__(self, spec, folder):
        self.limits, self.unseen = spec.limits, {}

    def look(self, recipe):
        self.looked = True
        width, share = recipe.student["width"], math.prod(1 - stage["ratio"] for stage in recipe.stages)
        if recipe.student.get("broken"):
            return Sight(recipe, failed="there is no such network")
        params, macs = {"net": (1, 1), "tall": (1, 100), "beam": (100, 1)}[recipe.student["use"]]
        numbers = {"params": params * width * share, "macs": macs * width * share}
        found = {k: Measurement(metric=k, value=v, how="counted") for k, v in numbers.items()}
        return Sight(recipe, found)


@pytest.fixture
def pretended(monkeypatch):
    monkeypatch.setattr(module, "Scout", Pretended)
    monkeypatch.setattr(module, "loaded", lambda data: None)
    monkeypatch.setattr(module, "_build", lambda recipe: recipe.line)


def ticking(every: float = 1.0):
    """A clock on which every look takes a while."""
    now = iter(range(100_000))
    return lambda: every * next(now)


def told(space=SPACE, limits=None, **settings):
    limits = at_most(params=500.0) if limits is None else limits
    return reach(study(space=space, limits=limits), clock=ticking(0.0), **settings)


def test_a_share_says_how_sure_it_is():
    assert [round(end, 4) for end in Share(0, 64).interval] == [0.0, 0.0566]
    assert [round(end, 3) for end in Share(10, 10).interval] == [0.722, 1.0]
    assert Share(0, 0).interval == (0.0, 1.0)
    assert str(Share(32, 64)) == "32 of 64 (38 to 62 %)"


def test_those_at_the_ends_do_not_count_as_drawn(pretended):
    found = told(many=200)
    (bound,) = found.bounds
    assert bound.share.of == found.together.of == 200
    assert found.searched > 0
    low, high = bound.share.interval
    assert low < 0.664 < high  # half of the uncut; of the cut 0.829, by the integral of 0.5 / (1 - ratio)
    assert found.possible
    assert found.verdict == ""


def test_what_is_rare_is_found_at_the_ends(pretended):
    found = told(limits=at_most(params=0.2), many=20)
    assert found.together.kept == 0
    assert found.possible
    (bound,) = found.bounds
    assert bound.best.value == pytest.approx(0.1)  # the narrowest, most of it cut: not one draw is near
    easy = told({**SPACE, "student": {"choice": [BEAM, TALL]}}, at_most(params=1e9, macs=1e9), many=3)
    assert [bound.best.value for bound in easy.bounds] == pytest.approx([0.1, 0.1]), "the best of what all can do"


def test_the_best_that_can_be_reached_is_told_of_what_cannot_be_kept(pretended):
    found = told(limits=at_most(params=0.05, macs=900.0), many=20, ends=False)
    assert not found.possible
    assert found.settled
    assert found.verdict.startswith(
        "no candidate keeps params ≤ 0.050: the best has 0.10, net(width 1) → cut(ratio 0.9)"
    )
    assert "macs" not in found.verdict
    assert found.hint.startswith("params: about 0.10 can be kept; or give the space")
    margin = (Limit(metric="params", side="max", bound=0.1, margin=0.5),)
    assert told(limits=margin, many=20).hint.startswith("params: about 0.15 can be kept")


def test_what_holds_one_by_one_may_not_hold_together(pretended):
    space = {**SPACE, "student": {"choice": [TALL, BEAM]}}
    found = told(space, at_most(params=5.0, macs=5.0), many=50)
    assert all(bound.possible for bound in found.bounds)
    assert not found.possible
    assert found.verdict.startswith("each limit can be kept, but no candidate was found that keeps all: the nearest, ")
    assert found.lines[3].split()[:6] == ["all", "of", "these", "0", "of", "50"]
    together = told(space, at_most(params=11.0, macs=11.0), many=50)
    assert together.possible, "a hundredth of 1000 is 10"


def test_another_option_is_taken_on_the_way_down(pretended):
    """From the best of one branch into another that only pays after it is settled itself."""
    space = {**SPACE, "student": {"choice": [{**BEAM, "width": 50.0}, TALL]}}
    found = told(space, at_most(params=0.11), many=1, ends=False)
    assert found.possible


def test_time_is_counted_and_a_hunt_that_was_cut_short_says_so(pretended):
    slow = {"clock": ticking(), "seconds": 5.0, "patience": 3.0}
    found = reach(study(space=SPACE, limits=at_most(params=0.01)), **slow)
    assert found.together.of <= 6
    assert found.searched <= 10
    assert not found.settled
    plenty = reach(study(space=SPACE, limits=at_most(params=0.01)), clock=ticking(1e-6))
    assert plenty.settled
    assert plenty.together.of == module.DRAWN


def test_a_small_space_comes_to_an_end(pretended):
    found = told({"student": {"use": "net", "width": {"choice": [1, 2, 3]}}, "stages": []}, at_most(params=2.0))
    assert str(found.together).startswith("2 of 3 ")


def test_networks_that_cannot_be_made_are_no_matter_of_limits(pretended):
    broken = {"use": "net", "width": WIDTH, "broken": True}
    found = told({**SPACE, "student": broken}, many=5)
    assert found.possible
    assert found.lines[-1].endswith("cannot be made: 5 of those drawn: there is no such network")
    half = told({**SPACE, "student": {"choice": [broken, BEAM]}}, at_most(params=1.0), many=20)
    assert not half.possible
    assert half.bounds[0].best.value == pytest.approx(10.0), "those that can be made are searched"


def test_what_only_training_tells_is_named():
    here = study(limits=at_most(latency_p50=1e-3, peak_ram=1e6, params=9.0, energy=1.0, size_lzma=1e3))
    assert {x.metric: unseen(here, x) for x in here.limits if unseen(here, x)} == {
        "latency_p50": "measured while the study runs",
        "peak_ram": "measured while the study runs",
        "energy": "known once a candidate is trained",
        "size_lzma": "known once a candidate is trained",
    }
    relative = Limit(metric="accuracy", side="min", below_baseline=0.1)
    assert unseen(here, relative) == "known once a candidate is trained"
    away = {"id": "away", "name": "away", "kind": "mcu", "measurement": "estimate", "clock_hz": 1e8}
    told = Device(
        **away, estimators={"latency": {"use": "macs", "cycles_per_mac": 2.0, "error": {"p50": "10 %", "p90": "20 %"}}}
    )
    slow = at_most(latency_p50=1e-3)
    assert unseen(study(device=told, objectives=here.objectives, limits=slow), slow[0]) == ""
    several = told.model_copy(update={"runtimes": (Runtime(), Runtime(name="openvino"))})
    assert unseen(study(device=several, limits=slow), slow[0]).startswith("away takes the fastest of several runtimes")
    assert reach(study(limits=(relative,))) is None


@pytest.fixture
def untaught(tmp_path, monkeypatch):
    """A home in which nobody trains."""
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(train, "fit", lambda *_: pytest.fail("something was trained"))
    return tmp_path


def test_a_scout_sees_what_the_gate_sees(untaught, monkeypatch):
    spec = study(limits=at_most(size=9e3, macs=1e9, bops=1e15))
    bench, scout = Bench(spec, untaught / "study"), Scout(spec, untaught / "scout")
    ignorant = scout._teacher("teacher").model
    monkeypatch.setattr(bench, "_model", lambda name: ignorant)

    def asked(recipe):
        job = Job(0, recipe, seed=0)
        model, lab, stages = bench._begun(job)
        return bench._foretold(job, model, stages, lab)

    recipe = Recipe.of({"student": STUDENT, "stages": [LEARN, INT8]})
    seen = scout.look(recipe)
    assert seen.found.items() >= {m.metric: m for known in asked(recipe) for m in known}.items()
    assert seen.found["size"].how == "measured"
    assert seen.found["bops"].value > 0
    recipe = Recipe.of({"student": {"use": "same"}, "stages": [LEARN]})
    assert scout.look(recipe).found.items() >= {m.metric: m for m in next(asked(recipe))}.items()
    wide = scout.look(Recipe.of({"student": {**STUDENT, "width": 64}, "stages": [LEARN]}))
    assert wide.refused
    assert wide.found["size"].how == "counted", "no file is needed to see that it is too large"


def test_a_network_that_cannot_be_built_says_why(untaught):
    scout = Scout(study(limits=at_most(size=1e6)), untaught)
    sight = scout.look(Recipe.of({"student": {"use": "shufflenet_v2", "width": 0.25}, "stages": [LEARN, CUT]}))
    assert sight.failed == "its channels are shuffled, so none can go alone; make it narrower with `width`"
    assert sight.keeps(at_most(size=1e6)[0]) is False


def test_a_new_study_is_foreseen_and_leaves_nothing(untaught, monkeypatch):
    ours = Study.of(study(limits=at_most(params=100.0)))
    found = foreseen(ours)
    assert not found.possible
    assert found.settled
    assert "params ≤ 100" in found.verdict
    assert not ours.folder.exists()
    assert [path.name for path in (Path(ours.folder).parents[1]).glob("*")] in ([], ["cache"])
    begun = Study.of(study(limits=at_most(params=1e9)))
    assert foreseen(begun).possible
    with begun._begun() as store:
        loop = Loop(begun.spec, store, None, begun.craft)
        assert foreseen(begun) is not None, "it has no trials yet"
        loop._asked()
    assert foreseen(begun) is None


def test_what_run_refuses_itself_is_left_to_it(untaught, monkeypatch):
    elsewhere = study(limits=at_most(params=1.0)).device.model_copy(update={"machine": "a pocket calculator"})
    assert foreseen(Study.of(study(limits=at_most(params=1.0), device=elsewhere))) is None

    def nothing(data):
        raise Failure("data", "no such folder")

    monkeypatch.setattr(module, "loaded", nothing)
    assert foreseen(Study.of(study(limits=at_most(params=1.0)))) is None
    with pytest.raises(Failure, match="no such folder"):
        reach(study(limits=at_most(params=1.0)))
