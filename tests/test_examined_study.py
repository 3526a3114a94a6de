"""At the end of a study the models of its front are examined: once each, and going on where it was stopped."""

from dataclasses import replace

import numpy as np
import pytest
from fakes import Pretend, spec
from test_compression import CUT, INT8, LEARN, STUDENT, study

from autocompress.data.digits import Digits
from autocompress.errors import StudyError, UnknownStudy
from autocompress.study import examine
from autocompress.study.core import Brake
from autocompress.study.examining.examiner import Examiner
from autocompress.study.examining.light import STRENGTHS
from autocompress.study.study import Study
from autocompress.values.examination import LARGEST
from autocompress.values.study import Budget


@pytest.fixture(scope="module")
def homed(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOCOMPRESS_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def done(homed):
    """Two models that cannot beat each other, and what was said while they were looked at."""
    space = {"student": STUDENT, "stages": [{**LEARN, "epochs": 3}, {"choice": [CUT, INT8]}]}
    small = {"sampler": {"use": "random"}, "first": "nothing", "driver": {"use": "serial"}, "budget": Budget(trials=4)}
    ended = Study.of(study(space=space, **small))
    said = [happening.text for happening, _ in ended.steps() if happening.kind == "progress"]
    assert len(ended.front()) == 2, ended.front()
    return ended, said


def test_each_model_of_the_front_is_examined_at_the_end_of_a_study(done):
    ended, said = done
    members = {t.number: t for t in ended.front().members}
    found = ended.examinations
    assert set(found) == set(members)
    assert [text for text in said if text.startswith("examining")] == [
        f"examining model {i + 1} of {len(members)}" for i in range(len(members))
    ]
    tested = ended.fact("test_accuracy")
    for number, one in found.items():
        assert one.model == members[number].artifacts["model"]
        assert one.baseline == ended.fact("baseline_artifacts")["model"]
        assert one.answers.accuracy.model_dump(mode="json") == tested[str(number)]
        assert {"layers", "answers", "changes", "light", "heat"} <= one.model_fields_set
        assert None not in (one.layers, one.answers, one.changes, one.light, one.heat)
        assert set(one.notes) <= {"weights_before"}
        assert len(one.text().encode()) < LARGEST / 2


def test_what_is_said_of_one_model_agrees_with_itself(done):
    ended, _ = done
    n = len(Digits().load().test)
    for one in ended.examinations.values():
        table = np.array(one.answers.confusion)
        assert table.sum() == n
        assert table.trace() / n == pytest.approx(one.answers.accuracy.value)
        assert [c.n for c in one.answers.classes] == table.sum(1).tolist()
        base = sum(c.baseline_right for c in one.answers.classes)
        assert base / n == pytest.approx(ended.fact("test_accuracy")["baseline"]["value"])
        assert one.changes.both_right + one.changes.lost == base
        assert one.changes.both_right + one.changes.gained == table.trace()
        assert one.changes.agreement.value * n == pytest.approx(
            one.changes.both_right + one.changes.same_mistake, abs=0.01
        )
        assert sum(b.n for b in one.answers.calibration.bins) == n
        assert one.light.strengths == STRENGTHS
        assert one.light.accuracy[0].value == pytest.approx(one.answers.accuracy.value, abs=1e-5)
        assert one.light.accuracy[-1].value < one.light.accuracy[0].value
        assert len(one.light.baseline) == len(STRENGTHS)
        assert 1 <= len(one.heat.looks) <= 4
        assert len({look.truth for look in one.heat.looks}) == len(one.heat.looks)
        assert -1 <= one.heat.similarity.value <= 1
        assert one.heat.similarity.n == 64


def test_layers_say_what_was_cut_and_what_is_stored(done):
    ended, _ = done
    for number, one in ended.examinations.items():
        t = next(t for t in ended.trials if t.number == number)
        cut = "prune" in t.recipe.line
        head = one.layers[-1]
        assert (head.name, head.kind, head.before[1], head.after[1]) == ("head", "linear", 10, 10)
        assert [layer.kept for layer in one.layers] == pytest.approx([0.5] * 3 + [1] if cut else [1.0] * 4)
        assert {layer.weight_bits for layer in one.layers} == {32.0 if cut else 8.0}
        assert {layer.activation_bits for layer in one.layers} == {32.0 if cut else 8.0}
        assert [layer.stored_bytes for layer in one.layers] == [
            layer.weights * (4 if cut else 1) for layer in one.layers
        ]
        assert all(layer.baseline is None for layer in one.layers)  # a residual network
        assert sum(layer.macs for layer in one.layers) == t.value("macs")
        assert one.weights_before == "start"
        for layer in one.layers:
            assert sum(layer.histogram.after) == layer.nonzero
            assert (sum(layer.histogram.before) > layer.weights) == (cut and layer.before != layer.after)
            assert len(layer.histogram.edges) == len(layer.histogram.after) + 1 == len(layer.histogram.before) + 1


def test_who_is_known_is_not_looked_at_again(done, monkeypatch):
    ended, _ = done
    before = ended.fact("examinations")
    monkeypatch.setattr(Examiner, "examined", lambda *_: pytest.fail("it is known"))
    ended.examine()
    assert [h.text for h, _ in ended.steps() if h.text.startswith("examining")] == []
    assert ended.fact("examinations") == before


def test_what_is_lost_or_of_another_file_is_made_again_to_the_same_bytes(done, monkeypatch):
    ended, _ = done
    before = ended.fact("examinations")
    first, *others = before
    ended.artifacts.path(before[first]).write_text("{}")  # damaged
    assert set(ended.examinations) == {int(n) for n in others}
    ended.artifacts.path(before[first]).unlink()
    looked = []
    examined = Examiner.examined
    monkeypatch.setattr(Examiner, "examined", lambda self, t: looked.append(t.number) or examined(self, t))
    ended.examine()
    assert looked == [int(first)]
    assert ended.fact("examinations") == before


def test_stopped_on_the_way_it_goes_on_there(done, monkeypatch):
    ended, _ = done
    members = ended.front().members
    whole, tested = ended.fact("examinations"), ended.fact("test_accuracy")
    with ended._begun() as store:
        store.set_fact("examinations", {})
        store.set_fact("test_accuracy", {})
        brake = Brake()
        turns = examine.looks(ended.spec, ended.folder, store, members, brake)
        assert next(turns) == f"examining model 1 of {len(members)}"
        brake.level = 1
        assert list(turns) == []  # the first is done when the second's turn would be
        assert list(store.fact("examinations")) == [str(members[0].number)]
        assert set(store.fact("test_accuracy")) == {"baseline", str(members[0].number)}
    monkeypatch.setattr(Examiner, "examined", _after(Examiner.examined, [t.number for t in members[1:]]))
    ended.examine()
    assert ended.fact("examinations") == whole
    assert ended.fact("test_accuracy") == tested


def _after(examined, expected):
    def watched(self, t):
        assert t.number == expected.pop(0)
        return examined(self, t)

    return watched


def test_a_control_is_only_asked_for_its_accuracy(done, monkeypatch):
    ended, _ = done
    whole, tested = ended.fact("examinations"), ended.fact("test_accuracy")
    control = replace(ended, spec=ended.spec.model_copy(update={"control": "random"})).control
    assert control.closely is False
    monkeypatch.setattr(Examiner, "examined", lambda *_: pytest.fail("too close"))
    with ended._begun() as store:
        store.set_fact("test_accuracy", {})
        list(examine.looks(ended.spec, ended.folder, store, ended.front().members, Brake(), closely=False))
        assert store.fact("test_accuracy") == tested
        assert store.fact("examinations") == whole


def test_there_is_nothing_to_examine_where_nothing_was_compressed(homed):
    with pytest.raises(UnknownStudy, match="has not been run yet"):
        Study.of(study(name="never")).examine()
    pretended = Study.of(spec(budget=Budget(trials=5)), work=Pretend())
    pretended.run()
    assert pretended.examinations == {}
    with pytest.raises(StudyError, match="searches a function of yours"):
        pretended.examine()
