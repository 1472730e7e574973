"""Maps toward the original's probabilities: planted ones are found again, and the simplest that is enough is chosen."""

import numpy as np
import pytest
from scipy import special

from trusteq.compress.calibrate_choice import choice, divergences, held_out, mean_and_error, too_few
from trusteq.compress.calibrate_maps import (
    APART,
    Isotonic,
    Line,
    centred,
    fit_isotonic,
    fit_matched,
    fit_temperature,
    fit_vector,
    log_odds,
)
from trusteq.stats.resampling import Resampling

ALL = ("temperature", "vector", "isotonic")


@pytest.fixture
def logits():
    """The original's logits of three labels, of unequal size."""
    rng = np.random.default_rng(0)
    return rng.normal(0, 2, (2_000, 3)) * rng.uniform(0.5, 2, (2_000, 1))


def logs_of(logits):
    return special.log_softmax(logits, axis=1)


def probabilities_of(logits):
    return special.softmax(logits, axis=1)


def test_twice_the_logits_are_divided_by_a_temperature_of_2(logits):
    fitted = fit_temperature(logs_of(2 * logits), probabilities_of(logits))
    assert fitted.temperature == pytest.approx(2, rel=1e-7)
    np.testing.assert_allclose(fitted.of(logs_of(2 * logits)), probabilities_of(logits), rtol=0, atol=1e-8)


def test_scales_and_shifts_of_labels_are_found_again(logits):
    scale, bias = np.array([0.5, 1.0, 2.0]), np.array([1.0, -1.5, 0.5])
    target = probabilities_of(centred(logits) * scale + bias)
    fitted = fit_vector(logs_of(logits), target)
    np.testing.assert_allclose(fitted.scale, scale, rtol=1e-3)
    np.testing.assert_allclose(fitted.bias, bias, rtol=0, atol=1e-3)
    assert divergences(target, fitted.of(logs_of(logits))).mean() < 1e-7


def test_a_vector_reads_probabilities_and_not_what_their_logits_add_up_to(logits):
    fitted = fit_vector(logs_of(logits), probabilities_of(logits * [1, 2, 3]))
    np.testing.assert_allclose(fitted.of(logits), fitted.of(logs_of(logits)), rtol=0, atol=1e-12)
    assert fitted.bias.sum() == pytest.approx(0, abs=1e-12)


def test_an_isotonic_map_of_equal_models_changes_nothing(logits):
    fitted = fit_isotonic(logs_of(logits), probabilities_of(logits))
    for line in fitted.lines:
        np.testing.assert_allclose(line.becomes, line.at, rtol=0, atol=1e-9)
    np.testing.assert_allclose(fitted.of(logs_of(logits)), probabilities_of(logits), rtol=0, atol=1e-9)


def test_an_isotonic_map_finds_a_planted_distortion_that_no_other_can():
    """The candidate's log-odds of two labels are a step, flat in the middle and steep on both sides."""
    x = np.linspace(-4, 4, 4_000)
    distorted = np.where(np.abs(x) < 2, 0.2 * x, x + np.sign(x) * (0.4 - 2))
    logs, target = (logs_of(np.stack([z / 2, -z / 2], axis=1)) for z in (distorted, x))
    target = np.exp(target)
    found = choice(logs, target, ALL, None)
    assert found.chosen == "isotonic"
    kl = {name: one.kl.mean() for name, one in found.tried.items()}
    assert kl["isotonic"] < 0.05 * kl["vector"]
    line = found.tried["isotonic"].fitted.lines[0]
    # Inverted: what was 0.2 x becomes x again.
    np.testing.assert_allclose(line.of(np.array([-0.3, 0.3])), [-1.5, 1.5], atol=0.1)


def test_a_line_never_falls_has_points_apart_and_rises_one_for_one_beyond_them(logits):
    rng = np.random.default_rng(1)
    noisy = probabilities_of(logits + rng.normal(0, 3, logits.shape))
    close = np.where(rng.random((2_000, 1)) < 0.5, logits, 0.01 * logits)  # half of all answers are nearly the same
    for line in fit_isotonic(logs_of(close), noisy).lines:
        assert np.diff(line.at).min() >= APART
        assert np.diff(line.becomes).min() >= -1e-12
        ends = line.of(np.array([line.at[0] - 3, line.at[-1] + 2]))
        np.testing.assert_allclose(ends, [line.becomes[0] - 3, line.becomes[-1] + 2])


def test_probabilities_of_an_isotonic_map_are_the_lines_by_hand_divided_by_their_sum():
    lines = (Line(np.array([-1.0, 1.0]), np.array([0.0, 3.0])), Line(np.array([0.0]), np.array([1.0])))
    logs = np.log([[0.5, 0.5]])  # log-odds 0 and 0
    first, second = special.expit(1.5), special.expit(1.0)
    expected = [[first / (first + second), second / (first + second)]]
    np.testing.assert_allclose(Isotonic(lines).of(logs), expected, rtol=1e-12)


def test_log_odds_keep_their_digits_near_certainty():
    logits = np.array([[30.0, 12.0, 11.0]])
    others = special.logsumexp([12.0, 11.0])
    assert log_odds(logs_of(logits))[0, 0] == pytest.approx(30 - others, rel=1e-12)


# The choice


def test_the_temperature_is_chosen_where_it_is_enough(logits):
    found = choice(logs_of(2 * logits), probabilities_of(logits), ALL, None)
    assert found.chosen == "temperature"
    assert found.tried["temperature"].kl.mean() < 1e-12


def test_a_shift_of_one_label_needs_a_vector(logits):
    found = choice(logs_of(logits + np.array([0, 1, 0])), probabilities_of(logits), ALL, None)
    assert found.chosen == "vector"


@pytest.mark.parametrize("noise", [0, 1e-7])
def test_nothing_is_chosen_where_nothing_helps(noise, logits):
    near = logits + noise * np.random.default_rng(1).normal(size=logits.shape)
    assert choice(logs_of(near), probabilities_of(logits), ALL, None).chosen is None


def test_a_map_that_only_flattens_where_the_two_disagree_is_not_chosen(logits):
    """Noise makes a candidate as sure as the original but of other answers, and KL is lower if it is less sure."""
    noise = np.random.default_rng(5).normal(0, 2, logits.shape)
    noisy = (logits + noise) * np.sqrt(logits.var() / (logits + noise).var())
    found = choice(logs_of(noisy), probabilities_of(logits), ALL, None)
    assert found.chosen is None
    gain, error = found.gain("temperature")
    assert gain > 10 * error
    assert found.moves_away("temperature")
    assert found.facts()["none"]["profile distance"] < 0.03 < found.facts()["temperature"]["profile distance"]


def test_matched_gives_the_mean_confidence_of_the_original(logits):
    noisy = logits + np.random.default_rng(5).normal(0, 2, logits.shape)
    fitted = fit_matched(logs_of(noisy), probabilities_of(logits))
    assert fitted.of(logs_of(noisy)).max(axis=1).mean() == pytest.approx(probabilities_of(logits).max(axis=1).mean())
    assert fitted.temperature < fit_temperature(logs_of(noisy), probabilities_of(logits)).temperature


def test_each_item_is_tried_by_a_map_that_has_not_seen_it(logits):
    """Whatever one item's target is, the map of its fold stays the same, and those of the others do not."""
    logs, target = logs_of(logits), probabilities_of(logits)
    other = target.copy()
    other[7] = target[7][::-1]
    a, b = (held_out("temperature", logs, t, Resampling(len(logs))) for t in (target, other))
    assert (a[7] == b[7]).all()
    assert (a != b).any(axis=1).mean() == pytest.approx(0.8, abs=0.01)


def test_items_of_a_cluster_are_left_out_together(logits):
    logs, target = logs_of(logits), probabilities_of(logits)
    sampling = Resampling(len(logs), clusters=[str(i // 4) for i in range(len(logits))])
    other = target.copy()
    other[8] = target[8][::-1]
    a, b = (held_out("temperature", logs, t, sampling) for t in (target, other))
    assert (a[8:12] == b[8:12]).all()


def test_the_standard_error_counts_a_cluster_as_one_draw():
    rng = np.random.default_rng(2)
    x = rng.normal(1, 1, 60)
    mean, error = mean_and_error(x, Resampling(60))
    assert (mean, error) == (pytest.approx(x.mean()), pytest.approx(x.std(ddof=1) / np.sqrt(60)))
    # Each item four times, as a cluster, says no more than once.
    repeated, clusters = np.repeat(x, 4), [str(i) for i in range(60) for _ in range(4)]
    assert mean_and_error(repeated, Resampling(240, clusters=clusters)) == (pytest.approx(mean), pytest.approx(error))


def test_rich_maps_need_items_and_not_too_many_labels():
    assert too_few("temperature", 30, 1_000) is None
    assert too_few("vector", 119, 3) == "119 items, and it needs 120"
    assert too_few("vector", 120, 3) is None
    assert too_few("isotonic", 99, 2) == "99 items, and it needs 100"
    assert "51 labels" in too_few("isotonic", 1_000_000, 51)
