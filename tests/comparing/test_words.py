import numpy as np
import pytest
from oracles.alignment import padded
from scipy import stats

from trusteq.comparing.words import word_leans


def models(seed, *, items=200, units=8, noise=1.0, names=0, shared=False, random=False):
    """Words, lengths and halves of two models; the candidate leans on "Anna" in the first ``names`` items."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, units + 1, items)
    there = np.arange(units) < lengths[:, None]
    words = [[f"w{w}" for w in rng.zipf(1.5, n) % 200] for n in lengths]
    truth = rng.normal(size=(items, units)) * np.exp(rng.normal(size=(items, 1)) * 0.5)
    other = rng.normal(size=(items, units)) * np.exp(rng.normal(size=(items, 1)) * 0.5) if random else truth.copy()
    for i in range(names):
        words[i][0] = "Anna"
        other[i, 0] = 4 + rng.normal() * 0.5
    scale = noise * np.sqrt(np.square(truth[there]).mean())
    noises = rng.normal(size=(4, items, units)) * scale
    if shared:
        noises[2:] = noises[:2] + rng.normal(size=(2, items, units)) * 0.1 * scale
    halves = [np.where(there, x + e, 0.0) for x, e in zip((truth, truth, other, other), noises, strict=True)]
    return words, lengths, (halves[0], halves[1]), (halves[2], halves[3])


def found(result):
    return [row.word for row in result.rows if row.q_value < 0.05]


def by_word(result):
    return {row.word: row for row in result.rows}


def small():
    """Three items of "a" and "b": the reference leans on "a", the candidate on "b", as sizes 3 and 1."""
    a, lengths = padded([[3.0, 1.0], [-3.0, 1.0], [3.0, -1.0]])
    b, _ = padded([[1.0, 3.0], [1.0, -3.0], [1.0, 3.0]])
    return [["a", "b"]] * 3, lengths, (a, a), (b, b)


def test_leans_are_the_mean_square_on_the_word_over_that_of_all_units():
    # Mean square (9 + 1) / 2 = 5. Both models give the items the same, but not their other units: unadjusted leans are
    # 9/5 and 1/5, the other units' the same turned round, so the slope is 1 and their difference, 1.6, is added.
    row = by_word(word_leans(*small(), min_items=3))["a"]
    assert (row.items, row.occurrences) == (3, 3)
    assert (row.lean_reference, row.lean_candidate) == pytest.approx((9 / 5, 1 / 5))
    assert row.lean_difference.value == pytest.approx(-3.2)
    assert row.lean_difference.n == 3


def test_a_lean_needs_no_adjustment_where_both_models_give_the_other_units_the_same():
    rows = [[3.0, 1.0, 1.0]] * 4
    a, lengths = padded(rows)
    b, _ = padded([[-1.0, 3.0, 1.0]] * 4)
    row = by_word(word_leans([["x", "y", "z"]] * 4, lengths, (a, a), (b, b), min_items=2))["z"]
    # Mean square 11/3; z has 1 in both.
    assert row.lean_reference == row.lean_candidate == pytest.approx(3 / 11)
    assert row.p_lean == 1.0


def test_signed_leans_are_mean_attributions_over_the_root_mean_square_of_an_average_item():
    row = by_word(word_leans(*small(), min_items=3))["a"]
    assert row.signed_reference == pytest.approx(1 / np.sqrt(5))
    assert row.signed_candidate == pytest.approx(1 / np.sqrt(5))
    assert row.signed_difference.value == pytest.approx(0.0, abs=1e-12)


def test_the_signed_test_is_student_s_paired_t():
    words, lengths, (a1, a2), (b1, b2) = models(0, items=40, random=True)
    words = [["the", *row[1:]] for row in words]

    def signed(first, second):
        item_square = (first * second).sum(axis=1)
        size = np.sum(np.sign(item_square) * np.sqrt(np.abs(item_square) * lengths)) / lengths.sum()
        values = (first + second) / 2 / size
        return np.array([np.mean(values[i, :n][np.array(words[i]) == "the"]) for i, n in enumerate(lengths)])

    x, y = signed(a1, a2), signed(b1, b2)
    row = by_word(word_leans(words, lengths, (a1, a2), (b1, b2)))["the"]
    expected = stats.ttest_rel(y, x)
    assert row.p_signed == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (row.signed_difference.low, row.signed_difference.high) == pytest.approx((interval.low, interval.high))


def test_the_lean_test_is_student_s_t_of_differences_less_slope_times_that_of_the_other_units():
    words, lengths, (a1, a2), (b1, b2) = models(1, items=40, random=True)
    words = [["the", *row[1:]] for row in words]
    values = []
    for first, second in ((a1, a2), (b1, b2)):
        square = first * second / (first * second).sum() * lengths.sum()
        is_the = [np.array(row) == "the" for row in words]
        values.append([square[i, :n][is_the[i]].mean() for i, n in enumerate(lengths)])
        values.append([square[i, :n][~is_the[i]].mean() for i, n in enumerate(lengths)])
    x, other_x, y, other_y = np.array(values)
    slope = (x + y).sum() / (other_x + other_y).sum()
    expected = stats.ttest_1samp(y - x - slope * (other_y - other_x), 0.0)
    row = by_word(word_leans(words, lengths, (a1, a2), (b1, b2)))["the"]
    assert row.p_lean == pytest.approx(expected.pvalue)
    assert row.lean_difference.value == pytest.approx((y - x - slope * (other_y - other_x)).mean())


def test_clusters_that_differ_in_a_nul_at_their_end_are_two():
    a, lengths = padded([[1.0, 3.0], [2.0, 2.0]])
    words = [["x", "y"], ["x", "z"]]
    result = word_leans(words, lengths, (a, a), (a, a), clusters=["c", "c\0"], min_items=2)
    assert [row.word for row in result.rows] == ["x"]


def test_occurrences_are_averaged_within_an_item_and_case_does_not_count():
    a, lengths = padded([[1.0, 3.0, 2.0], [2.0, 2.0, 2.0]])
    result = word_leans([["The", "the", "x"], ["THE", "y", "z"]], lengths, (a, a), (a, a), min_items=2)
    (row,) = result.rows
    assert (row.word, row.items, row.occurrences, result.untested) == ("the", 2, 3, 3)
    # Root mean squares sqrt(14 / 3) and 2; the items' means of "the" are both 2.
    assert row.signed_reference == pytest.approx(2 / ((np.sqrt(14 / 3) + 2) / 2))


@pytest.mark.parametrize("noise", [0.0, 1.0])
@pytest.mark.parametrize("random", [False, True])
def test_a_shortcut_in_five_percent_of_items_is_the_first_row(noise, random):
    for seed in range(10):
        result = word_leans(*models(seed, items=400, names=20, noise=noise, random=random))
        first = result.rows[0]
        assert (first.word, first.items, first.q_value < 0.05) == ("anna", 20, True)
        assert first.lean_candidate > first.lean_reference
        assert first.signed_difference.low > 0


def test_a_shortcut_whose_sign_varies_is_found_by_its_squares():
    words, lengths, reference, candidate = models(3, items=800, names=80)
    for half in candidate:
        half[:80:2, 0] *= -1
    row = word_leans(words, lengths, reference, candidate).rows[0]
    assert row.word == "anna"
    assert row.q_value < 0.05
    assert row.p_signed > 0.05


@pytest.mark.slow
@pytest.mark.parametrize("kind", [{}, {"shared": True}, {"random": True}, {"noise": 0.2, "random": True}])
def test_models_without_a_systematic_word_show_none_in_95_percent_of_runs(kind):
    alarms = [bool(found(word_leans(*models(seed, **kind)))) for seed in range(200)]
    # Twice the Monte Carlo error above the nominal rate.
    assert np.mean(alarms) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)


def test_a_candidate_whose_items_differ_more_in_size_has_no_special_words():
    alarms = []
    for seed in range(100):
        words, lengths, reference, candidate = models(seed, noise=0.2, random=True)
        size = np.exp(np.random.default_rng(seed).normal(size=(200, 1)) * 1.2)
        alarms.append(bool(found(word_leans(words, lengths, reference, tuple(half * size for half in candidate)))))
    assert np.mean(alarms) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 100)


def test_a_model_against_itself_differs_in_no_word_at_all():
    words, lengths, reference, _ = models(0)
    result = word_leans(words, lengths, reference, tuple(3 * half for half in reference))
    assert result.tested > 5
    assert {row.p_value for row in result.rows} == {1.0}


def test_the_scale_of_a_model_does_not_matter_however_extreme():
    words, lengths, reference, candidate = models(0, names=20)
    plain = word_leans(words, lengths, reference, candidate)
    for factor in (2.0**-600, 2.0**600):
        scaled = word_leans(words, lengths, reference, tuple(half * factor for half in candidate))
        assert scaled.rows == plain.rows


def test_the_order_of_items_does_not_matter_to_the_last_bit():
    words, lengths, reference, candidate = models(0, names=20)
    clusters = [f"c{i // 2}" for i in range(200)]
    order = np.random.default_rng(1).permutation(200)
    for given in (None, clusters):
        shuffled = word_leans(
            [words[i] for i in order],
            lengths[order],
            tuple(half[order] for half in reference),
            tuple(half[order] for half in candidate),
            clusters=None if given is None else [given[i] for i in order],
        )
        assert shuffled == word_leans(words, lengths, reference, candidate, clusters=given)


def test_more_padding_changes_nothing():
    words, lengths, reference, candidate = models(0, names=20)
    wide = [tuple(np.pad(half, ((0, 0), (0, 5))) for half in halves) for halves in (reference, candidate)]
    assert word_leans(words, lengths, *wide) == word_leans(words, lengths, reference, candidate)


def test_other_names_for_the_words_and_clusters_change_only_the_names():
    words, lengths, reference, candidate = models(0, names=20)
    plain = by_word(word_leans(words, lengths, reference, candidate, clusters=[f"c{i}" for i in range(200)]))
    renamed = [[word.casefold()[::-1] + "~" for word in row] for row in words]
    other = by_word(word_leans(renamed, lengths, reference, candidate, clusters=[f"z{-i}" for i in range(200)]))
    assert {word[::-1] + "~": row.p_value for word, row in plain.items()} == {w: r.p_value for w, r in other.items()}


def test_the_roles_of_the_models_can_be_exchanged():
    words, lengths, reference, candidate = models(0, names=20)
    there = by_word(word_leans(words, lengths, reference, candidate))
    back = by_word(word_leans(words, lengths, candidate, reference))
    for word, row in there.items():
        assert back[word].lean_difference.value == pytest.approx(-row.lean_difference.value)
        assert back[word].p_value == pytest.approx(row.p_value)


def test_copies_of_items_in_one_cluster_are_no_more_evidence():
    words, lengths, reference, candidate = models(0, names=20)
    plain = by_word(word_leans(words, lengths, reference, candidate))
    halves = [tuple(np.repeat(half, 3, axis=0) for half in x) for x in (reference, candidate)]
    repeated = [row for row in words for _ in range(3)]
    clustered = by_word(
        word_leans(repeated, np.repeat(lengths, 3), *halves, clusters=[f"c{i // 3}" for i in range(600)])
    )
    assert clustered["anna"].items == 60
    assert clustered["anna"].lean_difference.n == 20
    assert {w: r.q_value for w, r in clustered.items()} == pytest.approx({w: r.q_value for w, r in plain.items()})
    ignored = by_word(word_leans(repeated, np.repeat(lengths, 3), *halves))
    assert ignored["anna"].p_value < plain["anna"].p_value


def test_words_of_too_few_items_or_clusters_are_counted_and_not_tested():
    words, lengths, reference, candidate = models(0, names=20)
    plain = word_leans(words, lengths, reference, candidate, min_items=20)
    assert "anna" in by_word(plain)
    assert plain.tested + plain.untested == len({word.casefold() for row in words for word in row})
    assert "anna" not in by_word(word_leans(words, lengths, reference, candidate, min_items=21))
    paired = word_leans(words, lengths, reference, candidate, min_items=20, clusters=[f"c{i // 2}" for i in range(200)])
    assert "anna" not in by_word(paired)


def test_both_tests_of_a_word_and_all_words_are_corrected_for():
    rows = word_leans(*models(0, names=20)).rows
    for row in rows:
        assert row.p_value == min(1.0, 2 * min(row.p_lean, row.p_signed))
    expected = stats.false_discovery_control([row.p_value for row in rows])
    assert [row.q_value for row in rows] == pytest.approx(expected.tolist())
    assert [row.p_value for row in rows] == sorted(row.p_value for row in rows)


def test_nothing_is_tested_where_a_model_has_no_attributions_or_there_are_no_items():
    words, lengths, reference, candidate = models(0)
    flat = tuple(np.zeros_like(half) for half in candidate)
    result = word_leans(words, lengths, reference, flat)
    assert (result.rows, result.root_mean_square_candidate) == ([], 0.0)
    assert result.untested == len({word for row in words for word in row})
    none = np.zeros((0, 0))
    assert word_leans([], np.zeros(0, dtype=np.int64), (none, none), (none, none)).untested == 0


def test_an_item_that_is_one_word_only_has_no_other_units():
    a, lengths = padded([[2.0]] * 4 + [[1.0, 1.0]] * 4)
    b, _ = padded([[1.0]] * 4 + [[2.0, 2.0]] * 4)
    rows = by_word(word_leans([["x"]] * 4 + [["y", "y"]] * 4, lengths, (a, a), (b, b), min_items=4))
    # Mean squares 24/12 and 36/12.
    assert (rows["x"].lean_reference, rows["x"].lean_candidate) == pytest.approx((2.0, 1 / 3))
    assert (rows["y"].lean_reference, rows["y"].lean_candidate) == pytest.approx((0.5, 4 / 3))


def test_inputs_that_do_not_fit_are_refused():
    words, lengths, reference, candidate = models(0)
    with pytest.raises(ValueError, match="item 0 has 1 words"):
        word_leans([["x"], *words[1:]], lengths, reference, candidate)
    with pytest.raises(ValueError, match="one cluster per item"):
        word_leans(words, lengths, reference, candidate, clusters=["c"])
    with pytest.raises(ValueError, match="at least 2 items"):
        word_leans(words, lengths, reference, candidate, min_items=1)
    with pytest.raises(ValueError, match="lengths"):
        word_leans(words, lengths, reference, tuple(half[:, :3] for half in candidate))
