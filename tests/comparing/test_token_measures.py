"""KL, same top, change of probability and NLL per byte, as told by a slow count."""

import numpy as np
import pytest
from oracles import tokens as slow
from oracles.token_pairs import pair_of, texts

from trusteq.comparing.compute_measures import measure_all
from trusteq.comparing.measures import MEASURES, find_measure
from trusteq.comparing.nll_per_byte import nll_per_byte, over
from trusteq.comparing.token_divergence import token_divergence
from trusteq.comparing.token_probability import same_top, token_probability


def as_told(documents):
    return slow.measures([list(zip(*(x.tolist() for x in document), strict=True)) for document in documents])


def test_measures_of_tokens_are_those_of_a_slow_count():
    documents = texts()
    made = measure_all(pair_of(documents))["distribution"]
    for name, value in as_told(documents).items():
        assert made[name].value == pytest.approx(value, abs=1e-9), name
        assert made[name].low <= value <= made[name].high, name


def test_each_function_measures_what_is_entered_for_it():
    pair = pair_of(texts(), floor=0.01)
    for group in (token_divergence, same_top, token_probability, nll_per_byte):
        of = f"{group.__module__.rpartition('.')[2]}.{group.__name__}"
        assert sorted(group(pair)) == sorted(one.name for one in MEASURES if one.of == of), of


def test_no_measure_leaves_its_limits():
    for name, estimate in measure_all(pair_of(texts(by=4.0)))["distribution"].items():
        low, high = find_measure(name).bounds
        assert low <= estimate.low <= estimate.value <= estimate.high <= high, name


def test_only_what_tokens_can_show_is_measured():
    assert set(measure_all(pair_of(texts()))) == {"calibration", "distribution"}


def test_equal_models_are_equal_in_everything():
    made = measure_all(pair_of(texts(by=0.0)))["distribution"]
    nothing = [name for name in made if name.startswith(("token_kl", "token_probability", "token_tail"))]
    assert [made[name].value for name in nothing] == [0.0] * 24
    for name in [*(name for name in nothing if "_q" not in name), "nll_per_byte_difference"]:
        assert (made[name].low, made[name].high) == (0, 0), name
    assert made["same_top"].value == made["nll_per_byte_ratio"].value == made["nll_per_byte_ratio"].high == 1


def test_n_counts_documents():
    made = measure_all(pair_of(texts(12)))
    assert {e.n for group in made.values() for e in group.values()} == {12}


def test_the_reference_against_itself_is_taken_off():
    documents = texts()
    made = token_divergence(pair_of(documents, floor=0.01))
    assert made["token_kl_floor"].value == pytest.approx(0.01)
    assert made["token_kl_excess"].value == pytest.approx(as_told(documents)["token_kl"] - 0.01)
    assert made["token_kl"].value == pytest.approx(as_told(documents)["token_kl"])


def test_a_floor_that_is_not_known_is_not_told_and_nothing_is_taken_off():
    made = token_divergence(pair_of(texts(), floor=np.nan))
    assert "token_kl_floor" not in made
    assert made["token_kl_excess"].value == made["token_kl"].value
    assert "not known and taken as 0" in made["token_kl_excess"].method


def test_quantiles_are_those_of_tokens():
    documents = texts(40)
    values = np.sort([slow.kl(p, q) for *_, ps, qs in documents for p, q in zip(ps, qs, strict=True)])
    made = token_divergence(pair_of(documents))
    for q in (0.5, 0.9, 0.99):
        assert made[f"token_kl_q{100 * q:g}"].value == pytest.approx(values[int(np.ceil(q * len(values))) - 1])


@pytest.mark.parametrize(
    ("reference", "candidate", "expected"),
    [(2.0, 3.0, 1.5), (0.0, 0.0, 1.0), (0.0, 1e-9, np.inf), (0.0, np.nan, np.nan)],
)
def test_any_surprise_over_none_is_infinitely_more_and_never_equal(reference, candidate, expected):
    sums = [np.array([[x]]) for x in (reference, 1.0, candidate, 1.0)]
    np.testing.assert_equal(over(*sums), [expected])
