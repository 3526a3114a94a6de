"""The program from outside: what it prints where, its exit codes, and how light it is."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from outside import STUDY, program

from autocompress.config.cores import MACHINES

VERBS = [
    "init",
    "check",
    "run",
    "resume",
    "retarget",
    "status",
    "front",
    "report",
    "compare",
    "validate",
    "reproduce",
    "export",
    "verify",
    "plugins",
    "schema",
    "devices",
    "runtimes",
    "doctor",
]
HEAVY = ["torch", "optuna", "ray", "pandas", "onnx", "onnxruntime", "sklearn", "pydantic", "sqlalchemy"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A small real study, run once through the command line."""
    home = tmp_path_factory.mktemp("home")
    file = home / "small.yaml"
    file.write_text(STUDY)
    done = program("run", file, home=home)
    assert done.returncode == 0, done.stderr
    return home, file, done


def test_help_is_light(tmp_path):
    told = program("--help", home=tmp_path)
    assert told.returncode == 0
    for verb in VERBS:
        assert f"  {verb} " in told.stdout
    probe = f"import sys, autocompress.cli.app; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True).stdout == "[]\n"


def test_run_ends_with_the_front_the_pick_and_the_files(ran):
    home, _, done = ran
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["trial", "accuracy"]
    assert "baseline" in lines[1]
    assert sum(line.startswith("*") for line in lines) == 1
    said = done.stderr
    assert "small: take trial " in said
    assert "against the baseline: " in said
    report = home / "studies" / "small" / "report"
    assert f"report: {report / 'report.html'}" in said or "report.html" in said
    pick = next(line.split()[1] for line in lines if line.startswith("*"))
    assert said.splitlines()[-1].startswith("model:  ")
    assert said.splitlines()[-1].endswith(f"report/models/trial-{pick}.onnx")
    assert (report / "models" / f"trial-{pick}.onnx").stat().st_size > 0
    assert (report / "report.html").read_text().startswith("<!doctype html>")
    assert all(line[2] == ":" for line in said.splitlines() if line[:2].isdigit()), "plain lines start with the time"


def test_what_ended_is_not_done_again(ran):
    home, file, done = ran
    again = program("run", file, home=home)
    assert again.returncode == 0
    assert again.stdout == done.stdout
    assert "asked" in again.stderr


def test_resume_needs_no_file_and_may_have_a_larger_budget(ran):
    home, _, _ = ran
    done = program("resume", "small", "--trials", "4", "--json", home=home)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "autocompress.front/v1"
    assert document["counts"]["complete"] + document["counts"]["failed"] == 4
    assert "  4/4 trials" in program("status", "small", home=home).stdout


def test_every_reading_verb_speaks_json(ran):
    home, _, _ = ran
    for arguments, schema in [
        (["status", "--json"], "status"),
        (["status", "small", "--json"], "status"),
        (["front", "small", "--json"], "front"),
        (["plugins", "--json"], "plugins"),
        (["devices", "list", "--json"], "devices"),
        (["devices", "show", "this-machine", "--json"], "device"),
        (["doctor", "--json"], "doctor"),
        (["check", "quickstart", "--quick", "--format", "json"], "diagnostics"),
    ]:
        told = program(*arguments, home=home)
        assert json.loads(told.stdout)["schema"] == f"autocompress.{schema}/v1", (arguments, told.stderr)


@pytest.mark.slow
def test_a_check_that_tries_everything_speaks_json(tmp_path):
    told = program("check", "quickstart", "--format", "json", home=tmp_path)
    assert json.loads(told.stdout)["schema"] == "autocompress.diagnostics/v1", told.stderr


def test_front_as_a_table_and_as_csv(ran):
    home, _, _ = ran
    table = program("front", "small", "--pick", "smallest", home=home)
    assert table.returncode == 0
    assert "smallest" in table.stderr
    csv = program("front", "small", "--csv", home=home).stdout
    assert csv.startswith("trial,pick,recipe,")
    wrong = program("front", "small", "--pick", "best", home=home)
    assert wrong.returncode == 2
    assert "accuracy-first, balanced, fastest, smallest" in " ".join(wrong.stderr.split())


def test_export_takes_a_model_out(ran, tmp_path):
    home, _, _ = ran
    done = program("export", "small", "--pick", "smallest", "-o", tmp_path / "out", home=home)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'out' / 'model.onnx'}\n"
    facts = json.loads((tmp_path / "out" / "facts.json").read_text())
    assert facts["model"] == "model.onnx"
    assert {"infer.py", "README.md", "SHA256SUMS"} < {p.name for p in (tmp_path / "out").iterdir()}
    assert (tmp_path / "out" / "model.onnx").stat().st_size == next(
        m["value"] for m in facts["measurements"] if m["metric"] == "size"
    )
    for arguments, text in [
        (["--trial", "99"], "study 'small' has no trial 99; it has 0 to "),
        (["--trial", "1", "--pick", "fastest"], "give --trial or --pick, not both"),
    ]:
        wrong = program("export", "small", *arguments, "-o", tmp_path / "no", home=home)
        assert wrong.returncode != 0
        assert text in " ".join(wrong.stderr.replace("│", "").split())
    assert not (tmp_path / "no").exists()
    again = program("verify", tmp_path / "out", home=home)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "ok   infer.py on test" in again.stdout
    (tmp_path / "out" / "model.onnx").write_bytes(b"no model")
    broken = program("verify", tmp_path / "out", "--json", home=home)
    assert broken.returncode != 0


def test_status_lists_what_was_run(ran):
    home, _, _ = ran
    line = program("status", home=home).stdout
    assert line.startswith("small  finished  ")


def test_a_mistake_in_a_file_is_exit_3_with_its_place(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text(STUDY.replace("trials: 3", "trails: 3"))
    done = program("run", file, home=tmp_path)
    assert done.returncode == 3
    assert f"{file}:22:10: error[unknown-key]: budget.trails: unknown key" in done.stderr
    assert "did you mean 'trials'?" in done.stderr
    checked = program("check", file, "quickstart", "--quick", home=tmp_path)
    assert checked.returncode == 3
    assert "quickstart: ok" in checked.stderr
    github = program("check", file, "--format", "github", home=tmp_path)
    assert github.stdout.startswith("::error file=")


def test_plugins_shows_the_settings_of_one(tmp_path):
    done = program("plugins", "prune", home=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("stages  prune  Cut the channels that score lowest")
    assert '    ratio: 0.5  auto: {"float": [0.0, 0.9]}\n' in done.stdout
    assert "    by: required\n" in done.stdout
    unknown = program("plugins", "prun", home=tmp_path)
    assert unknown.returncode == 2
    assert "no plug-in is called 'prun'" in unknown.stderr


def test_check_tries_the_students_of_a_study(tmp_path):
    file = tmp_path / "one.yaml"
    student = "student: {use: shufflenet_v2, width: 0.25}"
    prune = "stages: [{use: prune, by: magnitude}]"
    start = STUDY.index("space:")
    end = STUDY.index("device:")
    file.write_text(f"{STUDY[:start]}space:\n  {student}\n  {prune}\n{STUDY[end:]}")
    done = program("check", file, home=tmp_path)
    assert done.returncode == 3, done.stderr
    why = "its channels are shuffled, so none can go alone; make it narrower with `width`"
    assert done.stdout.startswith("BAD  shufflenet_v2(width 0.25): ")
    assert f"       cut: {why}\n" in done.stdout
    assert f"       refused: prune(magnitude): {why} (every candidate needs it)\n" in done.stdout


def test_check_says_what_run_would_say_of_a_device_elsewhere(tmp_path):
    file = tmp_path / "away.yaml"
    core, machine = next((c, m) for c, m in MACHINES.items() if m not in (None, platform.machine()))
    file.write_text(STUDY.replace("core: any", f"core: {core}"))
    why = (
        f"quick is measured on the machine that runs the study, and this one is {platform.machine()}, not {machine}; "
        "run the study on the device itself, or use device: this-machine"
    )
    refused = program("run", file, home=tmp_path)
    assert refused.returncode == 5
    assert why in refused.stderr
    line = STUDY.splitlines().index("device:") + 2
    checked = program("check", "--quick", file, home=tmp_path)
    assert checked.stdout == f"{file}:{line}:3: warning[not-here]: device: {why}\n"
    assert checked.returncode == 0, "elsewhere it can be run"
    file.write_text(STUDY)
    assert program("check", "--quick", file, home=tmp_path).stdout == ""


def test_data_that_cannot_be_read_is_a_mistake_in_its_place(tmp_path):
    file = tmp_path / "photos.yaml"
    line = STUDY.splitlines().index("data: digits") + 1
    file.write_text(STUDY.replace("data: digits", f"data: {{use: folder, path: {tmp_path}/photos, side: 8}}"))
    done = program("check", file, home=tmp_path)
    assert done.returncode == 3
    assert f"{file}:{line}:7: error[bad-value]: data: {tmp_path}/photos: no such folder" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_changed_study_is_exit_5_and_as_forks_it(ran):
    home, file, _ = ran
    changed = home / "changed.yaml"
    changed.write_text(file.read_text().replace("{use: local, workers: 1}", "serial") + "seed: 3\n")
    done = program("run", changed, home=home)
    assert done.returncode == 5
    assert "  seed: 0 -> 3\n" in done.stderr
    assert "--as small-2" in done.stderr
    fork = program("run", changed, "--as", "small-2", "--trials", "1", home=home)
    assert fork.returncode == 0, fork.stderr
    assert program("status", "small-2", home=home).stdout.startswith("small-2  finished  1/1 trials")


def test_nothing_fits_is_exit_4_and_names_the_tightest_limit(ran):
    home, file, _ = ran
    hopeless = home / "hopeless.yaml"
    text = file.read_text().replace("size: 256 kB", "latency_p50: 1 ns").replace("small", "hopeless")
    few = text.replace("choice: [4, 8, 12]", "choice: [4]").replace("choice: [2, 3, 4]", "choice: [2]")
    hopeless.write_text(few.replace("{use: local, workers: 1}", "serial"))
    done = program("run", hopeless, "--trials", "2", home=home)
    assert done.returncode == 4, done.stderr
    assert "nothing fits the limits" in done.stderr
    assert "latency" in done.stderr
    assert program("front", "hopeless", home=home).returncode == 4


def test_what_no_candidate_can_keep_is_exit_4_before_anything_is_trained(tmp_path):
    file, home = tmp_path / "vain.yaml", tmp_path / "home"
    file.write_text(STUDY.replace("size: 256 kB", "params: 100"))
    why = "no candidate keeps params ≤ 100: the best has 438, cnn(depth 2, width 4)"
    done = program("run", file, home=home)
    assert done.returncode == 4, done.stderr
    assert why in done.stderr
    assert "hint: params: about 438 can be kept; or give the space smaller students" in done.stderr
    assert not (home / "studies").exists(), "nothing stands in the way of a second try"
    checked = program("check", "--format", "json", file, home=home)
    assert checked.returncode == 4
    (told,) = json.loads(checked.stdout)["diagnostics"]
    assert (told["code"], told["path"]) == ("empty-space", "device")  # whose limits they are
    assert told["text"].startswith(why)
    (reached,) = json.loads(checked.stdout)["reach"].values()
    assert [limit["metric"] for limit in reached["limits"]] == ["params"]
    assert reached["together"]["kept"] == 0


def test_a_driver_without_workers_says_so(tmp_path):
    file = tmp_path / "alone.yaml"
    file.write_text(STUDY.replace("{use: local, workers: 1}", "serial"))
    done = program("run", file, "--workers", "2", home=tmp_path)
    assert done.returncode == 2
    assert "the study's driver 'serial' has none" in " ".join(done.stderr.replace("│", "").split())


def test_an_unknown_study_or_command_is_told_in_words(tmp_path):
    nobody = program("resume", "nobody", home=tmp_path)
    assert nobody.returncode == 2
    assert "there is no study 'nobody' in " in nobody.stderr
    wrong = program("rum", home=tmp_path)
    assert wrong.returncode == 2
    missing = program("run", "quikstart", home=tmp_path)
    assert missing.returncode == 3
    assert "did you mean 'quickstart'?" in missing.stderr


def test_init_writes_files_that_pass_the_check(tmp_path):
    done = program("init", tmp_path / "mine", home=tmp_path)
    assert done.returncode == 0
    yaml = [line for line in done.stdout.splitlines() if line.endswith(".yaml")]
    assert len(yaml) == 4
    assert program("check", "--quick", *yaml, home=tmp_path).returncode == 0
    again = program("init", tmp_path / "mine", home=tmp_path)
    assert again.returncode == 3
    assert "--force overwrites" in again.stderr


def test_schema_writes_one_file_per_kind(tmp_path):
    program("schema", "-o", tmp_path / "s", home=tmp_path)
    assert {p.name for p in (tmp_path / "s").iterdir()} == {
        f"{k}.schema.json" for k in ("study", "space", "device", "analysis")
    }


def test_no_colour_where_nobody_looks(ran):
    home, _, _ = ran
    for arguments in (["front", "small"], ["status"], ["plugins"]):
        told = program(*arguments, home=home, NO_COLOR="1")
        assert "\x1b" not in told.stdout + told.stderr


def test_the_package_says_its_version():
    assert Path(__file__).parents[1].joinpath("pyproject.toml").read_text().count('version = "0.1.0"') == 1
    import autocompress

    assert autocompress.__version__ == "0.1.0"
