import numpy as np
import pytest
from oracles.pairs import drawn, pair_of
from scipy import stats

from trusteq import Items
from trusteq.comparing import noise_bias
from trusteq.comparing import slices as module
from trusteq.comparing.against_rest import item_values, p_against_rest
from trusteq.comparing.compute_measures import measure_all
from trusteq.comparing.slices import LABEL, quarters, slice_columns, slices
from trusteq.data.texts import LENGTH
from trusteq.stats.multiplicity import holm


@pytest.fixture(autouse=True)
def few_simulations(monkeypatch):
    """The noise's simulation has tests of its own; here a rough one will do."""
    monkeypatch.setattr(noise_bias, "SIMULATIONS", 10)
    monkeypatch.setattr(noise_bias, "STEPS", 5)


def independent(n):
    return np.arange(n)


# Columns -------------------------------------------------------------------------------------------


def test_the_columns_are_the_label_the_items_own_and_the_texts_length():
    items = Items(
        ids=["1", "2"],
        segments={"premise": ["a b c", "a"], "hypothesis": ["d", "e f"], "image": np.zeros((2, 4))},
        columns={"topic": ["x", "y"]},
    )
    found = slice_columns(items, np.array([1, 0]), ["no", "yes"])
    assert found[LABEL] == ["yes", "no"]
    assert found["topic"] == ["x", "y"]
    # Words of all texts together: 4 and 3.
    assert list(found[LENGTH]) == ["4 words", "3 words"]


def test_without_labels_and_texts_only_the_items_own_columns_remain():
    items = Items(ids=["1"], segments={"image": np.zeros((1, 2))}, columns={"topic": ["x"]})
    assert slice_columns(items, None, ["no", "yes"]) == {"topic": ["x"]}


def test_quarters_of_eight_different_lengths_hold_two_each():
    assert quarters(np.array([8, 1, 2, 7, 3, 4, 5, 6]), "word") == [
        "7-8 words", "1-2 words", "1-2 words", "7-8 words", "3-4 words", "3-4 words", "5-6 words", "5-6 words",
    ]  # fmt: skip


def test_equal_lengths_stay_in_one_quarter():
    assert quarters(np.array([5] * 9 + [9]), "word") == ["5 words"] * 9 + ["9 words"]
    assert quarters(np.array([3]), "word") == ["3 words"]
    assert quarters(np.array([1]), "word") == ["1 word"]


def test_quarters_of_a_measure_are_ranges_in_as_few_digits_as_tell_them_apart():
    measured = np.array([0.5, 0.1234, 127.04, 255.96])
    assert quarters(measured) == ["0.50", "0.12", "127", "256"]
    assert quarters(np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == ["1 to 2", "1 to 2", "3", "4", "5"]
    assert quarters(np.array([-0.5, -0.25, -0.2501, 3.0])) == ["-0.5000", "-0.2500", "-0.2501", "3"]


def test_pictures_are_sliced_by_how_they_look():
    items = Items(["1", "2"], {"photo": [np.full((2, 4), grey, np.uint8) for grey in (10, 200)]})
    found = slice_columns(items, None, ["no", "yes"])
    assert found["brightness"] == ["10", "200"]
    assert "size in pixels" not in found  # all have the same
    items = Items(["1", "2"], dict.fromkeys(("left", "right"), items.segments["photo"]))
    assert slice_columns(items, None, ["no", "yes"])["brightness of right"] == ["10", "200"]


# The p-value against the rest ----------------------------------------------------------------------


def test_the_p_value_by_hand():
    # Means .75 and .25; variances of the means .1875 / 4 each, pooled .25 (1/4 + 1/4) = .125: z = .5 / root .125.
    x = np.array([1.0, 1, 1, 0, 0, 0, 0, 1])
    expected = 2 * stats.norm.sf(0.5 / np.sqrt(0.125))
    assert p_against_rest(x, np.arange(8) < 4, independent(8)) == pytest.approx(expected)


def test_the_wider_of_the_two_variances_counts():
    # Inside spread of 9 and outside none: apart 3^2 * 2/3 / 3 rules over the pooled one.
    x = np.array([0.0, 3, -3] + [1.0] * 97)
    inside = np.arange(100) < 3
    apart = 6 / 3
    assert p_against_rest(x, inside, independent(100)) == pytest.approx(2 * stats.norm.sf(1 / np.sqrt(apart)))


def test_values_that_are_all_equal_are_exactly_one():
    assert p_against_rest(np.full(9, 0.3), np.arange(9) < 4, independent(9)) == 1.0


def test_items_given_twice_in_one_cluster_count_once():
    """Where the slice holds no rare event, too, and has the variance of all items."""
    x, inside = np.repeat([1.0, 0.0], [4, 36]), np.arange(40) >= 30
    once = p_against_rest(x, inside, independent(40))
    twice = p_against_rest(np.repeat(x, 2), np.repeat(inside, 2), np.repeat(np.arange(40), 2))
    assert twice == pytest.approx(once)
    assert 0.1 < once < 0.5


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("size", [30, 300])
def test_alike_slices_seldom_look_different_even_where_the_event_is_rare(rate, size):
    rng = np.random.default_rng(0)
    inside = np.arange(1_500) < size
    p = [p_against_rest((rng.random(1_500) < rate).astype(float), inside, independent(1_500)) for _ in range(600)]
    assert np.mean(np.array(p) < 0.05) <= 0.075
    assert np.mean(np.array(p) < 0.005) <= 0.015


def test_p_values_of_alike_slices_are_uniform():
    rng = np.random.default_rng(1)
    p = [p_against_rest(rng.normal(size=600), np.arange(600) < 150, independent(600)) for _ in range(500)]
    assert stats.kstest(p, "uniform").pvalue > 0.01


@pytest.mark.parametrize("kind", ["whole clusters", "one of each cluster"])
@pytest.mark.parametrize("rate", [0.03, 0.4])
def test_p_values_allow_for_clusters_inside_a_slice_and_across_slices(kind, rate):
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(200), 5)
    inside = cluster < 25 if kind == "whole clusters" else np.tile(np.arange(5) == 0, 200)
    p = []
    for _ in range(500):
        x = (rng.random(1_000) < rng.beta(rate, 1 - rate, 200)[cluster]).astype(float)
        p.append(p_against_rest(x, inside, cluster))
    assert np.mean(np.array(p) < 0.05) <= 0.08


def test_ignoring_clusters_would_raise_false_alarms():
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(100), 10)
    p = [p_against_rest(rng.normal(size=100)[cluster], cluster < 30, independent(1_000)) for _ in range(200)]
    assert np.mean(np.array(p) < 0.05) > 0.3


# Slices --------------------------------------------------------------------------------------------


@pytest.fixture
def unmeasured(monkeypatch):
    """Slices without their measures, where only p-values and names are asked about."""
    monkeypatch.setattr(module, "measured_by", lambda part, groups: {})


def planted(n=1_200, seed=0):
    """Models alike but for topic "bad", where the candidate answers at random."""
    p, _, gold = drawn(n, 3, seed)
    rng = np.random.default_rng(seed + 1)
    topic = rng.choice(["bad", "good", "fine", "well"], size=n)
    q = p.copy()
    wrong = np.flatnonzero((topic == "bad") & (rng.random(n) < 0.4))
    q[wrong] = q[wrong][:, [1, 2, 0]]
    return p, q, gold, topic


@pytest.mark.usefixtures("unmeasured")
def test_a_planted_bad_slice_is_found_and_no_other():
    p, q, gold, topic = planted()
    found = {s.value: s for s in slices(pair_of(p, q, gold, resamples=20), {"topic": topic}, None)}
    assert set(found) == {"bad", "good", "fine", "well"}
    for name in ("disagreement", "regressions", "accuracy_difference", "brier_difference", "js"):
        assert found["bad"].p_rest[name] < 0.05
        assert found["bad"].worse_than_rest[name]
        for other in ("good", "fine", "well"):
            assert not found[other].worse_than_rest[name]


def test_values_that_differ_in_a_nul_at_their_end_are_two_slices():
    p, q, gold = drawn(80, 3, 0)
    clusters = [f"c{i // 2}" + "\0" * (i % 2) for i in range(80)]
    found = slices(pair_of(p, q, gold, resamples=20), {"topic": ["a", "a\0"] * 40}, clusters)
    assert {s.value: {e.n for group in s.measures.values() for e in group.values()} for s in found} == {
        "a": {40},
        "a\0": {40},
    }


@pytest.mark.usefixtures("unmeasured")
def test_slices_that_are_alike_are_seldom_called_different():
    p, q, gold = drawn(1_200, 3, 5)
    topic = np.random.default_rng(9).choice(list("abcdefgh"), size=1_200)
    found = slices(pair_of(p, q, gold, resamples=20), {"topic": topic}, None)
    assert sum(p < 0.05 for s in found for p in s.p_rest.values()) <= 2


@pytest.mark.usefixtures("unmeasured")
def test_p_values_of_a_measure_are_corrected_over_all_slices_of_all_columns():
    p, q, gold, topic = planted(600)
    pair = pair_of(p, q, gold, resamples=20)
    half = np.where(np.arange(600) < 300, "first", "second")
    found = slices(pair, {"topic": topic, "half": half}, None)
    assert len(found) == 6
    x = item_values(pair)["brier_difference"]
    columns = {"topic": topic, "half": half}
    raw = [p_against_rest(x, columns[s.column] == s.value, pair.resampling.unit) for s in found]
    assert [s.p_rest["brier_difference"] for s in found] == pytest.approx(holm(raw))
    raw = [s.tests["mcnemar"].p_value for s in found]
    assert [s.p_tests["mcnemar"] for s in found] == pytest.approx(holm(raw))


def test_a_slice_is_measured_as_its_items_by_themselves():
    p, q, gold = drawn(200, 3, 0)
    topic = np.where(np.arange(200) % 4 == 0, "a", "b")
    pair = pair_of(p, q, gold, resamples=30)
    a = next(s for s in slices(pair, {"topic": topic}, None) if s.value == "a")
    inside = topic == "a"
    alone = measure_all(pair_of(p[inside], q[inside], gold[inside], resamples=30))
    assert a.n == 50
    assert a.measures == alone


@pytest.mark.usefixtures("unmeasured")
def test_slices_of_fewer_than_thirty_items_are_left_out():
    p, q, gold = drawn(89, 3, 0)
    topic = np.array(["a"] * 30 + ["b"] * 29 + ["c"] * 30)
    assert [s.value for s in slices(pair_of(p, q, gold, resamples=5), {"topic": topic}, None)] == ["a", "c"]


@pytest.mark.usefixtures("unmeasured")
def test_every_value_with_enough_items_is_a_slice_the_most_frequent_first():
    n = 25 * 30 + 25
    topic = np.array([f"{i % 25:02}" for i in range(25 * 30)] + ["24"] * 25)
    p, q, gold = drawn(n, 2, 0)
    found = [s.value for s in slices(pair_of(p, q, gold, resamples=2), {"topic": topic}, None)]
    assert found == ["24", *(f"{i:02}" for i in range(24))]


@pytest.mark.usefixtures("unmeasured")
def test_a_slice_of_all_items_has_no_rest():
    p, q, gold = drawn(40, 2, 0)
    (only,) = slices(pair_of(p, q, gold, resamples=5), {"topic": ["a"] * 40}, None)
    assert only.p_rest == {}


@pytest.mark.usefixtures("unmeasured")
def test_p_values_against_the_rest_allow_for_clusters():
    p, q, gold = (np.repeat(x, 2, axis=0) for x in drawn(60, 2, 0))
    topic, clusters, cluster = np.array(["a"] * 60 + ["b"] * 60), [f"{i // 2}" for i in range(120)], np.arange(120) // 2
    pair = pair_of(p, q, gold, resamples=5, clusters=clusters)
    first, second = slices(pair, {"topic": topic}, clusters)
    for name, x in item_values(pair).items():
        raw = p_against_rest(x, topic == "a", cluster)
        assert first.p_rest[name] == second.p_rest[name] == pytest.approx(min(2 * raw, 1)), name
    x = item_values(pair)["js"]
    assert p_against_rest(x, topic == "a", independent(120)) < p_against_rest(x, topic == "a", cluster) < 0.5


def test_slices_keep_their_clusters():
    p, q, gold = drawn(60, 2, 0)
    p, q, gold = (np.repeat(x, 2, axis=0) for x in (p, q, gold))
    clusters = [f"{i // 2}" for i in range(120)]
    pair = pair_of(p, q, gold, resamples=20, clusters=clusters)
    found = slices(pair, {"topic": ["a"] * 60 + ["b"] * 60}, clusters)
    assert all("clusters" in s.measures["behaviour"]["js"].method for s in found)
    assert found[0].measures["behaviour"]["disagreement"].high == pytest.approx(
        measure_all(pair_of(p[:60:2], q[:60:2], gold[:60:2]))["behaviour"]["disagreement"].high, abs=0.02
    )


def test_without_labels_slices_carry_what_needs_none():
    p, q, _ = drawn(80, 3, 0)
    (a, _) = slices(pair_of(p, q, resamples=5), {"topic": ["a"] * 40 + ["b"] * 40}, None)
    assert set(a.p_rest) == {"disagreement", "js", "confidence_shift"}
    assert set(a.worse_than_rest) == {"disagreement", "js"}


def test_the_item_values_average_to_the_measures():
    p, q, gold = drawn(150, 3, 0)
    pair = pair_of(p, q, gold)
    measures = {name: e for group in measure_all(pair).values() for name, e in group.items()}
    for name, values in item_values(pair).items():
        assert values.mean() == pytest.approx(measures[name].value), name


def test_what_is_known_of_the_reference_from_another_candidate_changes_nothing():
    p, q, gold, topic = planted(200)
    other, references = pair_of(p, p[::-1], gold, resamples=20), {}
    slices(other, {"topic": topic}, None, references=references)
    found = slices(pair_of(p, q, gold, resamples=20), {"topic": topic}, None, references=references)
    assert references.keys() == {("topic", value) for value in set(topic)}
    assert found == slices(pair_of(p, q, gold, resamples=20), {"topic": topic}, None)
