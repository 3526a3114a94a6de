"""What is said of a file's answers: by hand where it can be, else against another way to the same number."""

import json
import math

import numpy as np
import pytest

from autocompress.measure.accuracy import BINS, accuracy, ece, nll, per_class, scores, top5

LOG = np.log(np.array([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.1, 0.8], [0.6, 0.3, 0.1]], dtype=np.float32))
Y = np.array([0, 0, 2, 1])  # right, wrong, right, wrong


def some(n: int, classes: int = 10, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that know something, and are too sure of it."""
    random = np.random.default_rng(seed)
    y = random.integers(0, classes, n)
    logits = random.standard_normal((n, classes)).astype(np.float32)
    logits[np.arange(n), y] += 1.5
    return 2 * logits, y


def test_scores_of_many_and_of_few_classes():
    assert [m.metric for m in scores(LOG, Y, "here")] == ["accuracy", "nll", "ece"]
    found = scores(*some(50), "here")
    assert [m.metric for m in found] == ["accuracy", "top5", "nll", "ece"]
    assert {(m.how, m.on, m.n) for m in found} == {("measured", "here", 50)}


def test_accuracy_is_a_share_with_the_spread_of_a_coin():
    m = accuracy(LOG, Y, "here")
    assert (m.value, m.spread) == (0.5, pytest.approx(0.25))


def test_a_file_without_mistakes_is_not_known_to_make_none():
    m = accuracy(LOG[:1], Y[:1], "here")
    assert m.value == 1
    assert m.spread == pytest.approx(0.5)


def test_top5_wants_the_label_among_five_and_a_tie_counts_against_it():
    logits = np.array([[6, 5, 4, 3, 2, 1], [6, 5, 4, 3, 2, 1], [0, 0, 0, 0, 0, 0]], dtype=np.float32)
    assert top5(logits, np.array([4, 5, 0]), "here").value == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="of 3 classes, the label is always among the first five"):
        top5(LOG, Y, "here")


def test_nll_by_hand():
    lost = -np.log([0.7, 0.4, 0.8, 0.3])
    m = nll(LOG, Y, "here")
    assert m.value == pytest.approx(lost.mean(), rel=1e-6)
    assert m.spread == pytest.approx(lost.std(ddof=1) / 2, rel=1e-6)


def test_nll_of_logits_that_would_overflow():
    logits = np.array([[3e38, -3e38], [-3e38, 3e38], [1000, 0]], dtype=np.float32)
    assert nll(logits, np.array([0, 1, 0]), "here").value == 0
    assert nll(logits[2:], np.array([1]), "here").value == 1000
    assert math.isfinite(nll(logits, np.array([1, 0, 0]), "here").value)
    assert ece(logits, np.array([0, 1, 0]), "here").value == 0


def test_ece_by_hand():
    """Confidences .7, .5, .8, .6 lie in bins of their own, and are right, wrong, right, wrong."""
    assert ece(LOG, Y, "here").value == pytest.approx((0.3 + 0.5 + 0.2 + 0.6) / 4)


def test_ece_as_it_is_defined():
    logits, y = some(500)
    p = np.exp(logits.astype(np.float64))
    p /= p.sum(1, keepdims=True)
    confidence, right = p.max(1), p.argmax(1) == y
    wanted = 0.0
    for low in np.arange(BINS) / BINS:
        inside = (confidence >= low) & (confidence < low + 1 / BINS)
        if inside.any():
            wanted += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert ece(logits, y, "here").value == pytest.approx(wanted)


@pytest.mark.parametrize("measure", [accuracy, nll, ece])
def test_the_spread_is_that_of_other_images(measure):
    """Many splits of one size: what their values spread by is what each says of itself."""
    found = [measure(*some(400, seed=seed), "here") for seed in range(200)]
    assert np.mean([m.spread for m in found]) == pytest.approx(np.std([m.value for m in found]), rel=0.2)


def test_classes_have_a_line_each_and_go_into_json():
    found = per_class(LOG, Y, ("cat", "dog", "owl"))
    assert (found["classes"], found["right"], found["n"]) == (["cat", "dog", "owl"], [1, 0, 1], [2, 1, 1])
    assert found["spread"] == [pytest.approx(0.125**0.5), pytest.approx(0.5), pytest.approx(0.5)]
    assert json.loads(json.dumps(found)) == found


def test_a_class_without_examples_has_no_spread():
    found = per_class(LOG, np.array([0, 0, 0, 0]), ("cat", "dog", "owl"))
    assert (found["n"][1], found["right"][1], found["spread"][1]) == (0, 0, None)
