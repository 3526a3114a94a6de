"""Training in compiled code: the same numbers, the same names, and no harm where it cannot be done."""

import gc
import shutil
import warnings
import weakref
from dataclasses import replace

import pytest
import torch
from hands import BIGGER, FAST, Hints, counting, finish, fresh, lab, own, same, state
from test_train import PLANS, TWICE
from torch import nn
from torch._dynamo.backends.common import aot_autograd
from torch._dynamo.backends.registry import lookup_backend

from autocompress.compress import compiled
from autocompress.compress.compiled import Compiled
from autocompress.compress.distillers.base import Needs
from autocompress.compress.distillers.logit import Logit
from autocompress.compress.shelf import Shelf
from autocompress.compress.stages._training import Training
from autocompress.compress.stages.base import Stage
from autocompress.compress.taps import Taps
from autocompress.compress.train import Run, fit
from autocompress.plugin import find, make, names

TRACED = "aot_eager"  # forward and backward are taken apart and put together as for a compiler, but none is called


class Graphs(list):
    """A backend that writes down the shapes of what it is given."""

    def __call__(self, module, inputs):
        self.append([tuple(x.shape) for x in inputs])
        return lookup_backend(TRACED)(module, inputs)


@pytest.fixture
def graphs(monkeypatch):
    found = Graphs()
    monkeypatch.setattr(compiled, "BACKEND", found)
    return found


def fickle(inputs, classes, width=8):
    """Its way through depends on what it sees: no compiler takes that as a whole."""

    class Fickle(nn.Sequential):
        def forward(self, x):
            x = super().forward(x)
            return x + 0.1 if x.mean() > 0 else x

    return Fickle(*own(inputs, classes, width))


def forgetful(inputs, classes, width=8):
    """It draws."""
    return nn.Sequential(*own(inputs, classes, width)[:-1], nn.Dropout(0.5), own(inputs, classes, width)[-1])


def short(inputs, classes, width=8):
    """The compiler is called for a few lines only."""
    return nn.Sequential(nn.Conv2d(inputs[0], width, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(9 * width, classes))


FICKLE = {"use": "python", "function": "test_compile:fickle"}
FORGETFUL = {"use": "python", "function": "test_compile:forgetful"}
SHORT = {"use": "python", "function": "test_compile:short"}
TINY = {"use": "python", "function": "hands:own"}


def trained(plan, method=(), student=BIGGER, **bench):
    """The losses, and the model."""
    losses, running = [], fit(fresh(student), lab(**bench), plan, method)
    while True:
        try:
            losses.append(next(running).loss)
        except StopIteration as end:
            return losses, state(end.value)


def alike(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("method", [[], [Logit(), Hints()]], ids=["alone", "taught"])
def test_it_is_the_same_training(plan, method, graphs):
    losses, weights = trained(plan, method)
    again, others = trained(replace(plan, compiled=True), method)
    assert again == pytest.approx(losses, rel=1e-4)
    alike(weights, others)
    assert len(graphs) == 1


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")
def test_a_real_compiler_trains_to_the_same_losses():
    losses, weights = trained(TWICE, student=SHORT)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        again, others = trained(replace(TWICE, compiled=True), student=SHORT)
    assert again == pytest.approx(losses, rel=1e-4)
    alike(weights, others)
    assert not same(weights, others)  # or nothing was compiled


def test_what_is_judged_copied_and_kept_is_the_plain_network(graphs, tmp_path):
    names = list(fresh(BIGGER).net.state_dict())
    running = fit(fresh(BIGGER), lab(shelf=Shelf(tmp_path)), replace(TWICE, compiled=True), [])
    epoch = next(running)
    assert "forward" not in vars(epoch.net)
    epoch.net.eval()(torch.zeros(7, 1, 8, 8))  # other modes and sizes would be compiled anew
    assert len(graphs) == 1
    kept = Shelf(tmp_path).get("fit")
    assert kept is not None
    assert {name[4:] for name in kept if name.startswith("net.")} == set(names)
    assert list(finish(running).net.state_dict()) == names


@pytest.mark.parametrize("student", [BIGGER, FORGETFUL], ids=["plain", "drawing"])
def test_killed_and_resumed_it_comes_to_the_very_same_weights(student, graphs, tmp_path):
    plan = replace(TWICE, compiled=True)
    _, whole = trained(plan, student=student)
    killed = fit(fresh(student), lab(shelf=Shelf(tmp_path)), plan)
    next(killed)
    killed.close()
    model, epochs = counting(fit(fresh(student), lab(shelf=Shelf(tmp_path)), plan))
    assert epochs == 1
    assert same(whole, state(model))


def test_a_short_batch_runs_as_it_is(graphs):
    trained(replace(FAST, batch_size=64, compiled=True))  # 200 examples: three batches, and one of eight
    assert [[shape for shape in shapes if shape[1:] == (1, 8, 8)] for shapes in graphs] == [[(64, 1, 8, 8)]]


def test_of_two_networks_of_one_build_each_has_code_and_hooks_of_its_own(graphs):
    """Torch does not look at hooks when it looks for code that was compiled before."""
    model, x = fresh(BIGGER), torch.randn(4, 1, 8, 8)
    plain, seen = model.copy().net, model.copy().net
    one, other = Compiled(plain), Compiled(seen)
    with one:
        plain(x)
    with Taps(seen, model.parts, Needs(features=True)) as taps:
        with other:
            seen(x)
        assert [tuple(f.shape[1:]) for f in taps.features] == [(8, 8, 8), (16, 4, 4), (32, 2, 2)]
        taps.forget()
        with one:
            plain(x)
        assert not taps._seen
    assert len(graphs) == 2


def test_more_networks_of_one_build_than_torch_would_keep_code_for(graphs):
    limit = torch._dynamo.config.recompile_limit
    for _ in range(limit + 2):
        net = own((1, 8, 8), 10)
        with Compiled(net):
            net(torch.zeros(2, 1, 8, 8))
    assert len(graphs) == limit + 2


def test_what_no_compiler_takes_is_trained_as_it_is(monkeypatch):
    monkeypatch.setattr(compiled, "BACKEND", TRACED)
    _, plain = trained(TWICE, student=FICKLE)
    with pytest.warns(RuntimeWarning, match="training goes on without compiled code: [A-Z]") as caught:
        _, weights = trained(replace(TWICE, compiled=True), student=FICKLE)
    assert len([one for one in caught if one.category is RuntimeWarning]) == 1
    assert same(plain, weights)


def test_without_a_compiler_training_goes_on(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", ("no-such-compiler",))
    _, plain = trained(TWICE, student=TINY)
    with pytest.warns(RuntimeWarning, match="training goes on without compiled code: .*compiler"):
        _, weights = trained(replace(TWICE, compiled=True), student=TINY)
    assert same(plain, weights)


def test_a_backward_pass_that_cannot_be_compiled_is_found_out_before_anything_is_done(monkeypatch):
    """Else the averages of norms would have seen the first batch twice."""

    def breaks(module, inputs):
        raise RuntimeError("no way back\nand more")

    monkeypatch.setattr(compiled, "BACKEND", aot_autograd(fw_compiler=lambda module, _: module, bw_compiler=breaks))
    _, plain = trained(TWICE)
    with pytest.warns(RuntimeWarning, match="without compiled code: .*no way back$"):
        _, weights = trained(replace(TWICE, compiled=True))
    assert same(plain, weights)


def test_a_forward_pass_that_was_put_on_the_network_stays_there(graphs):
    net = own((1, 8, 8), 10)
    theirs = net.forward = lambda x: nn.Sequential.forward(net, x) + 1
    with Compiled(net):
        assert net(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
        assert net.forward is not theirs
    assert net.forward is theirs


def test_compiled_code_is_not_recorded_too(graphs, monkeypatch):
    monkeypatch.setattr("autocompress.compress.train.Run._records", True)
    monkeypatch.setattr("autocompress.compress.train.graph", lambda *_: pytest.fail("one or the other"))
    trained(replace(TWICE, compiled=True))
    assert graphs


def test_what_compiling_needed_is_let_go_when_training_ends(graphs):
    runs: list[weakref.ref[object]] = []

    class Watched(Run):
        def __init__(self, *given) -> None:
            super().__init__(*given)
            runs.extend([weakref.ref(self), weakref.ref(self.code)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autocompress.compress.train.Run", Watched)
        finish(fit(fresh(), lab(), replace(FAST, compiled=True)))
    gc.collect()
    assert [run() for run in runs] == [None, None]


TRAINING = [name for name in names(Stage) if issubclass(find(Stage, name), Training)]


@pytest.mark.parametrize("name", TRAINING)
def test_every_stage_that_trains_can_be_told_and_no_search_tries_it(name):
    setting = find(Stage, name).model_fields["compiled"]
    assert setting.default is False
    assert setting.json_schema_extra is None


def test_the_setting_reaches_the_trainer():
    assert make(Stage, {"use": "finetune", "compiled": True}).plan(1).compiled
    assert not make(Stage, {"use": "finetune"}).plan(1).compiled
