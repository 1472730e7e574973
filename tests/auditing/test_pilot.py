"""How many masks per unit a pilot on the reference asks for."""

import numpy as np
import pytest

import trusteq
from trusteq import ExplainSettings
from trusteq.auditing.pilot import ENOUGH, TIMES, enough, signal
from trusteq.explain.attributions import Attributions

LABELS = ("dark", "bright")


def test_enough_is_the_smallest_multiple_that_spearman_and_brown_promise():
    assert enough(0.5) == 1
    assert enough(0.0) == enough(-0.2) == TIMES[-1]
    for share in np.linspace(0.11, 0.29, 10):
        n = enough(share)
        assert n * share / (1 + (n - 1) * share) >= ENOUGH or n == TIMES[-1]
        if n > 1:
            less = TIMES[TIMES.index(n) - 1]
            assert less * share / (1 + (less - 1) * share) < ENOUGH


def attributions(first, second):
    zeros = np.zeros_like(first)
    return Attributions(zeros, zeros, first, second)


def test_signal_is_the_share_of_halves_that_agrees():
    a = np.random.default_rng(0).normal(size=(500, 10))
    assert signal(attributions(a, a)) == pytest.approx(1)
    noise = np.random.default_rng(1).normal(size=(2, 500, 10))
    assert signal(attributions(*noise)) == pytest.approx(0, abs=0.05)
    assert signal(attributions(a + noise[0], a + noise[1])) == pytest.approx(0.5, abs=0.05)
    assert signal(attributions(np.zeros((3, 2)), np.zeros((3, 2)))) == 1


def pictures(n=120):
    rng = np.random.default_rng(0)
    return trusteq.Items(
        [f"{i:03}" for i in range(n)],
        {"photo": trusteq.Pictures.of_arrays(rng.integers(0, 255, (n, 12, 12, 3)).astype(np.uint8))},
        rng.integers(0, 2, n),
        LABELS,
    )


def model(score, name):
    def predict(arrays):
        p = 1 / (1 + np.exp(-np.array([score(one.astype(np.float64)) for one in arrays])))
        return np.stack([1 - p, p], axis=1)

    return trusteq.from_callable(predict, labels=LABELS, name=name)


def brightness(picture):
    return (picture[:6].mean() - picture[6:].mean()) / 4


def chaotic(picture):
    return 3 * np.sin(picture.sum() * 12.9898)


@pytest.mark.parametrize(("score", "expected"), [(brightness, 8), (chaotic, 24)])
def test_a_model_that_answers_at_random_gets_more_masks(score, expected):
    pytest.importorskip("PIL")
    made = trusteq.audit(
        model(score, "large"),
        model(lambda p: 0.9 * score(p), "small"),
        pictures(),
        explain=ExplainSettings(items=30),
        resamples=100,
        costs="none",
        with_slices=False,
    )
    assert made.settings["explain"]["per_unit"] == expected
    assert made.explanation.settings.per_unit == expected


@pytest.mark.parametrize("chosen", [{"per_unit": 5}, {"masks": 40}])
def test_a_number_that_was_chosen_is_kept(chosen):
    pytest.importorskip("PIL")
    made = trusteq.audit(
        model(chaotic, "large"),
        model(brightness, "small"),
        pictures(),
        explain=ExplainSettings(items=10, **chosen),
        resamples=100,
        costs="none",
        with_slices=False,
    )
    settings = made.settings["explain"]
    assert (settings["per_unit"], settings["masks"]) == (chosen.get("per_unit", 8), chosen.get("masks"))
    assert len(made.explanation.plans[0]) in (40, 5 * 16 - 2, 5 * 16, 38)
