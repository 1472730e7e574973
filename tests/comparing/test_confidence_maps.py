import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.pairs import coarse_models, drawn
from scipy import optimize
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from trusteq.comparing import confidence_maps as module
from trusteq.comparing.confidence_maps import (
    FITS,
    ByAnswer,
    Isotonic,
    Temperature,
    Vector,
    fit_by_answer,
    fit_isotonic,
    fit_temperature,
    fit_vector,
    map_from,
)
from trusteq.data.predictions import softmax


def law(n, seed, labels=3):
    """Logits [items, labels] and gold codes drawn from their probabilities."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, labels)) * 2
    return z, (z + rng.gumbel(size=z.shape)).argmax(axis=1)


def test_a_temperature_divides_the_logits():
    z, _ = law(20, 0)
    assert Temperature(2.0).applied(softmax(z)) == pytest.approx(softmax(z / 2))


def test_temperatures_by_answer_divide_the_logits_of_each_answer():
    z, _ = law(200, 1)
    t = np.array([0.5, 1.0, 3.0])
    assert ByAnswer(t).applied(softmax(z)) == pytest.approx(softmax(z / t[z.argmax(axis=1)][:, None]))


def test_temperatures_by_answer_are_found_again():
    z, gold = law(100_000, 2)
    t = np.array([0.5, 1.0, 3.0])
    fitted = fit_by_answer(softmax(z * t[z.argmax(axis=1)][:, None]), gold)
    assert fitted.temperature == pytest.approx(t, rel=0.03)


def test_a_rare_answer_has_the_temperature_of_all():
    z, gold = law(2_000, 3)
    z[:, 2] -= 8
    p = softmax(z)
    assert (p.argmax(axis=1) == 2).sum() < module.FEWEST_OF_ANSWER
    assert fit_by_answer(p, gold).temperature[2] == fit_temperature(p, gold).temperature


def test_vector_scaling_by_hand():
    p = np.array([[0.5, 0.3, 0.2]])
    made = Vector(np.array([1.0, 2.0, 1.0]), np.array([0.0, 0.0, np.log(2)])).applied(p)
    weights = np.array([0.5, 0.09, 0.4])
    assert made[0] == pytest.approx(weights / weights.sum())


def test_vector_scaling_finds_scales_and_biases_again():
    rng = np.random.default_rng(4)
    p = softmax(rng.normal(size=(50_000, 3)) * 2)
    scale, bias = np.array([0.5, 1.0, 2.0]), np.array([1.0, 0.0, -1.0])
    truth = np.log(p) * scale + bias
    fitted = fit_vector(p, (truth + rng.gumbel(size=p.shape)).argmax(axis=1))
    assert fitted.scale == pytest.approx(scale, abs=0.1)
    # A number added to all biases changes nothing.
    assert fitted.bias - fitted.bias.mean() == pytest.approx(bias, abs=0.1)


def test_vector_scaling_is_the_least_loss_that_a_general_search_finds(monkeypatch):
    p, _, gold = drawn(150, 3, 5)
    logs = np.log(p)

    def loss(parameters):
        made = softmax(logs * parameters[:3] + parameters[3:])
        away = parameters - [1, 1, 1, 0, 0, 0]
        return -np.log(made[np.arange(len(gold)), gold]).sum() + module.PRIOR * (away @ away) / 2

    found = optimize.minimize(loss, [1, 1, 1, 0, 0, 0], method="BFGS", options={"gtol": 1e-6}).x
    fitted = fit_vector(p, gold)
    assert np.concatenate([fitted.scale, fitted.bias]) == pytest.approx(found, abs=1e-3)


def test_vector_scaling_of_two_labels_separates_as_well_as_a_logistic_regression():
    z, gold = law(4_000, 6, labels=2)
    p = softmax(z * 1.7 + [0.4, 0.0])
    logs = np.log(p)
    reference = LogisticRegression(C=1e6).fit(logs, gold).predict_proba(logs)
    assert fit_vector(p, gold).applied(p) == pytest.approx(reference, abs=2e-3)


def test_an_isotonic_map_is_that_of_sklearn():
    p, _, gold = drawn(400, 3, 7)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == gold
    theirs = IsotonicRegression(y_min=1 / 402, y_max=401 / 402, out_of_bounds="clip").fit(confidence, right)
    mine = fit_isotonic(p, gold)
    at = np.random.default_rng(0).uniform(0.2, 1, 100)
    assert np.interp(at, mine.confidence, mine.becomes) == pytest.approx(theirs.predict(at), abs=1e-9)


def test_an_isotonic_map_to_a_reference_finds_a_monotone_change_again():
    p, _, _ = drawn(2_000, 2, 8)
    c = p.max(axis=1)
    wanted = 0.5 + 2 * (c - 0.5) ** 2
    made = fit_isotonic(p, wanted).applied(p)
    assert made.max(axis=1) == pytest.approx(np.clip(wanted, None, 2001 / 2002), abs=1e-8)


def test_an_isotonic_map_never_gives_certainty():
    p, _, _ = drawn(30, 3, 9)
    assert fit_isotonic(p, p.argmax(axis=1)).becomes.max() == 31 / 32


def test_an_isotonic_map_keeps_the_proportions_of_the_other_labels():
    made = Isotonic(np.array([0.5]), np.array([0.7])).applied(np.array([[0.5, 0.3, 0.2]]))
    assert made[0] == pytest.approx([0.7, 0.18, 0.12])


def test_an_isotonic_map_of_the_confidence_alone_may_fall_below_a_half():
    made = Isotonic(np.array([0.9]), np.array([0.3]), binary=True).applied(np.array([[0.9, 0.1]]))
    assert made[0] == pytest.approx([0.3, 0.7])


@settings(derandomize=True, deadline=None, max_examples=30)
@given(coarse_models(min_items=4, max_items=30), st.sampled_from(["temperature", "by answer", "isotonic"]))
def test_all_maps_but_vector_scaling_keep_every_answer_and_give_probabilities(model, name):
    p, gold = model
    made = FITS[name](p, gold).applied(p)
    assert (made.argmax(axis=1) == p.argmax(axis=1)).all()
    assert made.sum(axis=1) == pytest.approx(1)
    assert (made >= 0).all()


def test_the_parameters_are_all_that_a_map_needs():
    p, _, gold = drawn(500, 3, 10)
    for name, fit in FITS.items():
        fitted = fit(p, gold)
        assert (map_from(name, fitted.parameters).applied(p) == fitted.applied(p)).all()
