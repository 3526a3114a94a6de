"""The files of the front lie beside the page under names people understand, and the page links to what is there."""

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from fakes import spec
from views import TRIALS, trial, view

from autocompress.reports import bundle
from autocompress.reports.of_study import view_of
from autocompress.reports.page import page
from autocompress.reports.view import ModelFile, StudyView
from autocompress.study.artifacts import Artifacts
from autocompress.study.study import Study
from autocompress.values.job import Done, Gated, Outcome
from autocompress.values.limit import Objective
from autocompress.values.measurement import Measurement
from autocompress.values.study import Budget

SUFFIXES = {8: ".onnx", 16: ".pte", 24: ".tflite"}


@dataclass
class Files:
    """Three widths, nobody beats another; each leaves a file for another runtime."""

    kept: list[Artifacts] = field(default_factory=list)

    def __call__(self, job: Any) -> Any:
        width = job.recipe.student["width"]
        size = Measurement(metric="size", value=width, how="counted")
        if not (yield Gated(job.number, (size,))):
            return
        accuracy = Measurement(metric="accuracy", value=0.5 + width / 100, how="measured")
        papers = json.dumps({"suffix": SUFFIXES[width]}).encode()
        files = {"model": self.kept[0].keep(b"model %d" % width), "runtime": self.kept[0].keep(papers)}
        yield Done(job.number, Outcome("complete", (accuracy, size), files, 1.0, 1))


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path / "home"))
    world = Files()
    aims = (Objective(metric="accuracy", direction="maximize"), Objective(metric="size", direction="minimize"))
    found = Study.of(
        spec(
            space={"student": {"use": "cnn", "width": {"choice": [8, 16, 24]}}},
            objectives=aims, limits=(), driver={"use": "simulated", "workers": 1}, budget=Budget(trials=3),
        ),
        work=world,
    )  # fmt: skip
    world.kept.append(found.artifacts)
    found.run()
    assert len(found.front()) == 3
    return found


def written(given: StudyView, folder: Path) -> dict[str, bytes]:
    """What lies in the folder of models after a report."""
    bundle.write(given, folder)
    return {p.name: p.read_bytes() for p in sorted((folder / "models").iterdir())}


def links(text: str) -> list[str]:
    return re.findall(r'href="([^#"][^"]*)"', text)


def test_each_has_its_number_and_the_suffix_of_its_runtime(study: Study, tmp_path: Path) -> None:
    widths = {t.number: t.recipe.student["width"] for t in study.trials}
    found = written(view_of(study, whole=True), tmp_path / "a")
    assert found == {f"trial-{n}{SUFFIXES[w]}": b"model %d" % w for n, w in sorted(widths.items())}
    text = (tmp_path / "a" / "report.html").read_text()
    assert sorted(links(text)) == [f"models/{name}" for name in found]
    assert all((tmp_path / "a" / link).exists() for link in links(text))
    written(view_of(study, whole=True), tmp_path / "b" / "c")
    assert (tmp_path / "b" / "c" / "report.html").read_text() == text, "the same wherever it lies"


def test_what_is_there_is_left_alone_and_what_was_changed_is_mended(study: Study, tmp_path: Path) -> None:
    given = view_of(study, whole=True)
    found = written(given, tmp_path)
    first, second, _ = (tmp_path / "models" / name for name in found)
    second.write_bytes(b"something else")
    before = first.stat()
    assert written(given, tmp_path) == found
    assert (first.stat().st_ino, first.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_who_has_left_the_front_goes_and_what_is_of_others_stays(study: Study, tmp_path: Path) -> None:
    given = view_of(study, whole=True)
    written(given, tmp_path)
    folder = tmp_path / "models"
    for name in ("trial-77.onnx", "trial-0.old", "trial-x.onnx", "notes.txt", "my-trial-3.onnx"):
        (folder / name).write_bytes(b"")
    assert set(written(given, tmp_path)) == {*(m.place.removeprefix("models/") for m in given.models.values()),
                                             "trial-x.onnx", "notes.txt", "my-trial-3.onnx"}  # fmt: skip


def test_what_earlier_versions_left_goes_with_the_first_report_over_an_older_one(study: Study, tmp_path: Path) -> None:
    given = view_of(study)
    old = tmp_path / "pick.onnx"
    old.write_bytes(b"in a folder that is not a report's")
    bundle.write(given, tmp_path)
    assert old.exists()
    bundle.write(given, tmp_path)
    assert not old.exists()


def test_figures_that_are_not_drawn_any_more_go(study: Study, tmp_path: Path) -> None:
    given = view_of(study)
    folder = tmp_path / "figures"
    folder.mkdir()
    ours = {"techniques.svg", "accuracy-latency-p50.pdf", "growth-seconds.png"}
    theirs = {"accuracy-and-me.svg", "techniques", "notes.txt"}
    for name in ours | theirs:
        (folder / name).write_bytes(b"old")
    bundle.write(given, tmp_path)
    assert {p.name for p in folder.iterdir()} == ours | theirs, "nobody asked for figures"
    drawn = {p.name for p in bundle.write(given, tmp_path, pictures=True) if p.parent == folder}
    assert "accuracy-size.svg" in drawn
    assert {p.name for p in folder.iterdir()} == drawn | theirs


@pytest.mark.parametrize("role", ["model", "runtime"])
@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"damaged")])
def test_of_a_lost_or_damaged_file_there_is_a_report_but_no_link(
    study: Study, tmp_path: Path, role: str, harm: Any
) -> None:
    member = study.front().members[0]
    harm(study.artifacts.path(member.artifacts[role]))
    found = written(view_of(study, whole=True), tmp_path)
    assert len(found) == 2
    text = (tmp_path / "report.html").read_text()
    assert sorted(links(text)) == [f"models/{name}" for name in found]
    assert member.artifacts["model"][:12] in text, "its digest is still told"


def test_a_copy_whose_original_is_lost_stays(study: Study, tmp_path: Path) -> None:
    found = written(view_of(study, whole=True), tmp_path)
    study.artifacts.path(study.front().members[0].artifacts["model"]).unlink()
    assert written(view_of(study, whole=True), tmp_path) == found


def test_a_view_for_the_terminal_does_not_read_files(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Artifacts, "get", lambda *_: pytest.fail("it takes time"))
    assert view_of(study).models == {}


def test_names_are_harmless() -> None:
    own = trial(0, "complete", TRIALS[0].measurements, artifacts={"model": "ab" * 32})
    text = page(replace(view((own,)), models={0: ModelFile('models/trial-0."><b>', Path("x"))}))
    assert '"><b>' not in text
    assert links(page(view((own,)))) == []
