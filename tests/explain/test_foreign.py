"""Attributions made elsewhere: read by what they look like, refused where they cannot be compared, then compared.

The stand-ins have the attributes of the real objects: shap 0.51.0, lime 0.2.0.1, tensors as of torch 2 (captum 0.7).
"""

import sys
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import trusteq
from trusteq import ExplainSettings
from trusteq.comparing.agreement_scores import SCORES
from trusteq.explain.exchange.agreement import ELSEWHERE, ESTIMATED_TWICE

WORDS = ["a", "film", "that", "takes", "its", "time", "and", "ours", "too", "but", "ends", "well", "enough", "."]


@dataclass
class ShapExplanation:
    values: Any
    data: Any = None
    output_names: Any = None
    base_values: Any = None
    feature_names: Any = None


class IndexedString:
    def __init__(self, words):
        self.inverse_vocab = words

    def num_words(self):
        return len(self.inverse_vocab)

    def word(self, id_):
        return np.str_(self.inverse_vocab[id_])


class LimeExplanation:
    def __init__(self, words, local_exp, class_names=("negative", "positive")):
        self.domain_mapper = type("TextDomainMapper", (), {"indexed_string": IndexedString(words)})()
        self.local_exp, self.class_names = local_exp, class_names

    def as_map(self):
        return self.local_exp


class Tensor:
    """A tensor that keeps its gradient: numpy cannot take it before ``detach``."""

    def __init__(self, values, detached=False):
        self.values, self.detached = values, detached
        self.dtype = "torch.float32"

    def detach(self):
        return Tensor(self.values, detached=True)

    def cpu(self):
        return self

    def __array__(self, dtype=None, copy=None):
        if not self.detached:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return np.asarray(self.values, dtype=dtype)


def ragged(rows):
    made = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        made[i] = np.asarray(row)
    return made


def items(n=40, seed=0, lengths=(3, 14)):
    """Units and attributions of n items."""
    rng = np.random.default_rng(seed)
    units = [WORDS[: rng.integers(lengths[0], lengths[1] + 1)] for _ in range(n)]
    return units, [rng.normal(size=len(words)) for words in units]


def given(n=40, seed=0, **stated):
    units, rows = items(n, seed)
    return trusteq.read_attributions(rows, units=units, **stated)


def rows_of(made):
    return [row[:n].tolist() for row, n in zip(made.values, made.lengths, strict=True)]


def lime_of(units, rows, code=1, top=None, **options):
    made = []
    for words, row in zip(units, rows, strict=True):
        order = np.argsort(-np.abs(row))[:top]
        made.append(LimeExplanation(words, {code: [(np.int64(u), np.float64(row[u])) for u in order]}, **options))
    return made


# Reading -----------------------------------------------------------------------------------------


def test_shap_s_ragged_arrays_are_read_for_the_named_label():
    units, rows = items(5)
    both = ragged([np.stack([-row, row], axis=1) for row in rows])
    glued = tuple(np.array([f"{word} " for word in words], dtype=object) for words in units)
    explanation = ShapExplanation(both, data=glued, output_names=["negative", "positive"])
    made = trusteq.read_attributions(explanation, label="positive")
    assert made.units == tuple(map(tuple, units))
    assert rows_of(made) == [row.tolist() for row in rows]
    assert made.labels == ("positive",) * 5
    mixed = trusteq.read_attributions(explanation, label=["positive", "negative", "positive", "positive", "positive"])
    assert rows_of(mixed)[1] == (-rows[1]).tolist()
    with pytest.raises(trusteq.LabelError, match="explains the labels negative, positive; name one"):
        trusteq.read_attributions(explanation)
    with pytest.raises(trusteq.LabelError, match="item 1: no label 'good'; it explains negative, positive"):
        trusteq.read_attributions(explanation, label="good")


def test_shap_s_outputs_without_a_name_each_are_refused():
    units, rows = items(2)
    both = ragged([np.stack([-row, row], axis=1) for row in rows])
    for names in (None, ["positive"], "positive"):
        with pytest.raises(trusteq.LabelError, match="name one output for each label"):
            trusteq.read_attributions(ShapExplanation(both, data=units, output_names=names), label="positive")


def test_a_sliced_shap_explanation_states_its_label():
    units, rows = items(3)
    explanation = ShapExplanation(ragged(rows), data=units, output_names=np.str_("positive"))
    assert trusteq.read_attributions(explanation).labels == ("positive",) * 3
    with pytest.raises(trusteq.LabelError, match="item 1 is explained for the label 'positive', not 'negative'"):
        trusteq.read_attributions(explanation, label="negative")


def test_shap_of_table_rows_takes_the_names_of_columns():
    values = np.arange(6.0).reshape(3, 2)
    made = trusteq.read_attributions(ShapExplanation(values, data=values, feature_names=["age", "income"]))
    assert made.units == (("age", "income"),) * 3
    with pytest.raises(trusteq.DataError, match="neither data nor feature_names are texts"):
        trusteq.read_attributions(ShapExplanation(values, data=values))


def test_shap_of_one_item_or_of_interactions_is_refused():
    one = ShapExplanation(np.ones(2), data=np.array(["good ", "film"], dtype=object))
    with pytest.raises(trusteq.DataError, match="explains one item"):
        trusteq.read_attributions(one)
    with pytest.raises(trusteq.DataError, match="interactions"):
        trusteq.read_attributions(ShapExplanation(np.ones((2, 3, 3, 2)), feature_names=["a", "b", "c"]))


def test_special_tokens_without_weight_are_no_units_and_with_weight_an_error():
    words, weights = ["", "good ", "film", ""], np.array([0.0, 0.5, 0.25, 1e-17])
    made = trusteq.read_attributions(ShapExplanation(ragged([weights] * 2), data=[words] * 2))
    assert made.units == (("good", "film"),) * 2
    with pytest.raises(trusteq.DataError, match=r"item 2: unit 1 is blank \(''\) but has the attribution 0.1"):
        trusteq.read_attributions(ShapExplanation(ragged([weights, weights + 0.1]), data=[words] * 2))


def test_lime_s_weights_are_put_in_the_order_of_the_words():
    units, rows = items(4)
    made = trusteq.read_attributions(lime_of(units, rows))
    assert made.units == tuple(map(tuple, units))
    assert rows_of(made) == [row.tolist() for row in rows]
    assert made.labels == ("positive",) * 4
    assert not made.cut_off.any()


def test_lime_s_label_can_be_named_or_numbered_and_must_be_where_there_are_two():
    both = LimeExplanation(["good", "film"], {0: [(0, -1.0), (1, 0.5)], 1: [(0, 1.0), (1, -0.5)]})
    for label in ("negative", 0):
        made = trusteq.read_attributions([both, both], label=label)
        assert rows_of(made) == [[-1.0, 0.5]] * 2
        assert made.labels == ("negative", "negative")
    with pytest.raises(trusteq.LabelError, match="item 1 explains the labels negative, positive; name one"):
        trusteq.read_attributions([both])
    with pytest.raises(trusteq.LabelError, match="item 1: label 'good' is not explained, only negative, positive"):
        trusteq.read_attributions([both], label="good")
    nameless = LimeExplanation(["good"], {2: [(0, 1.0)]}, class_names=None)
    assert trusteq.read_attributions([nameless]).labels == ("2",)


def test_lime_of_anything_but_a_text_is_refused():
    one = LimeExplanation([], {1: [(0, 1.0)]})
    one.domain_mapper = object()
    with pytest.raises(trusteq.DataError, match="item 1 is not an explanation of a text"):
        trusteq.read_attributions([one])


def test_tensors_are_detached_and_a_padded_matrix_is_cut_to_the_units():
    units, rows = items(4)
    padded = np.zeros((4, 20))
    for i, row in enumerate(rows):
        padded[i, : len(row)] = row
    for holder in (padded, Tensor(padded), [Tensor(row) for row in rows], ragged(rows), [list(row) for row in rows]):
        assert rows_of(trusteq.read_attributions(holder, units=units)) == [row.tolist() for row in rows]
    padded[2, len(rows[2])] = 0.5
    with pytest.raises(trusteq.DataError, match=f"item 3 has 20 attributions for {len(rows[2])} units"):
        trusteq.read_attributions(padded, units=units)


def test_arrays_need_units_and_one_number_for_each():
    with pytest.raises(trusteq.OptionError, match="name the units of each item"):
        trusteq.read_attributions([[1.0, 2.0]])
    with pytest.raises(trusteq.DataError, match="units of 2 items but attributions of 1"):
        trusteq.read_attributions([[1.0]], units=[["a"], ["b"]])
    with pytest.raises(trusteq.DataError, match="item 1 has 2 attributions for 1 units"):
        trusteq.read_attributions([[1.0, 2.0]], units=[["a"]])
    with pytest.raises(trusteq.DataError, match="sum over embeddings"):
        trusteq.read_attributions([np.ones((2, 8))], units=[["a", "b"]])
    with pytest.raises(trusteq.DataError, match=r"shape \[1, 2, 8\].*sum over embeddings"):
        trusteq.read_attributions(np.ones((1, 2, 8)), units=[["a", "b"]])
    with pytest.raises(trusteq.DataError, match="its units are a single text"):
        trusteq.read_attributions([[1.0, 2.0]], units=["ab"])
    with pytest.raises(trusteq.DataError, match="unit 2 is int 7"):
        trusteq.read_attributions([[1.0, 2.0]], units=[["a", 7]])
    with pytest.raises(trusteq.DataError, match="not an array of numbers"):
        trusteq.read_attributions([["much", "little"]], units=[["a", "b"]])


@pytest.mark.parametrize(
    "wrong", [np.nan, np.inf, -np.inf, np.ma.masked], ids=["nan", "infinite", "minus infinite", "masked"]
)
def test_what_is_not_finite_is_refused_by_item_and_unit(wrong):
    units, rows = items(3)
    row = np.ma.array(rows[1])
    row[2] = wrong
    with pytest.raises(trusteq.DataError, match=r"item 2: the attribution of unit 3 \('that'\) is (nan|-?inf)"):
        trusteq.read_attributions([rows[0], row, rows[2]], units=units)


def test_no_item_an_item_without_units_and_an_unknown_object_are_refused():
    with pytest.raises(trusteq.DataError, match="arrays: no items"):
        trusteq.read_attributions([], units=[])
    with pytest.raises(trusteq.DataError, match="item 2 has no unit"):
        trusteq.read_attributions([[1.0], []], units=[["a"], []])
    with pytest.raises(trusteq.DataError, match="has no readable attributions"):
        trusteq.read_attributions({"good": 0.5})


def test_an_option_without_effect_is_refused():
    made = given(3)
    with pytest.raises(trusteq.OptionError, match="an AttributionSet: scale has no effect"):
        trusteq.read_attributions(made, scale="probability")
    with pytest.raises(trusteq.OptionError, match="list: model has no effect"):
        trusteq.read_attributions([[1.0]], units=[["a"]], model="small")
    with pytest.raises(trusteq.OptionError, match="units has no effect"):
        trusteq.read_attributions(lime_of([["a"]], [np.ones(1)]), units=[["a"]])
    with pytest.raises(trusteq.LabelError, match="2 labels for 1 items"):
        trusteq.read_attributions([[1.0]], units=[["a"]], label=["x", "y"])


# Tables ------------------------------------------------------------------------------------------

FRAME = pd.DataFrame(
    {
        "id": ["x", "x", "y", "x", "x", "y"],
        "model": ["large"] * 3 + ["small"] * 3,
        "word": ["good", "film", "bad", "good", "film", "bad"],
        "label": ["positive", "positive", "negative"] * 2,
        "lime": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        "lime_error": 0.01,
        "shapley": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "shapley_error": 0.01,
    }
)


def test_a_table_is_read_by_model_and_method(tmp_path):
    FRAME.to_parquet(tmp_path / "attributions.parquet")
    for holder in (FRAME, tmp_path / "attributions.parquet", str(tmp_path / "attributions.parquet")):
        made = trusteq.read_attributions(holder, model="small", method="shapley", scale="probability")
        assert made.ids == ("x", "y")
        assert made.units == (("good", "film"), ("bad",))
        assert rows_of(made) == [[4.0, 5.0], [6.0]]
        assert made.labels == ("positive", "negative")
        assert made.scale == "probability"


def test_the_row_numbers_that_pandas_writes_are_no_method(tmp_path):
    one = FRAME[FRAME["model"] == "large"][["id", "word", "lime"]]
    one.to_csv(tmp_path / "a.csv")
    pd.concat([one]).to_parquet(tmp_path / "b.parquet")
    one.reset_index().to_parquet(tmp_path / "c.parquet")
    for name in ("a.csv", "b.parquet", "c.parquet"):
        assert rows_of(trusteq.read_attributions(tmp_path / name)) == [[0.1, 0.2], [0.3]]


def test_a_table_of_one_model_and_one_method_needs_no_names():
    frame = FRAME[FRAME.model == "large"][["id", "word", "lime"]]
    assert rows_of(trusteq.read_attributions(frame)) == [[0.1, 0.2], [0.3]]


def test_what_a_table_must_be_told_or_cannot_be():
    with pytest.raises(trusteq.OptionError, match="has several models; choose model= from large, small"):
        trusteq.read_attributions(FRAME, method="lime")
    with pytest.raises(trusteq.OptionError, match="no model 'tiny'; choose model= from large, small"):
        trusteq.read_attributions(FRAME, model="tiny", method="lime")
    with pytest.raises(trusteq.OptionError, match="has several methods; choose method= from lime, shapley"):
        trusteq.read_attributions(FRAME, model="small")
    with pytest.raises(trusteq.OptionError, match="model has no effect"):
        trusteq.read_attributions(FRAME[["id", "word", "lime"]], model="small")
    with pytest.raises(trusteq.DataError, match="no column 'word'"):
        trusteq.read_attributions(FRAME.drop(columns="word"), model="small", method="lime")
    with pytest.raises(trusteq.DataError, match="column 'lime' appears twice"):
        trusteq.read_attributions(FRAME.rename(columns={"shapley": "lime"}), model="small")
    with pytest.raises(trusteq.LabelError, match="item 'x' is explained for the label 'positive', not 'negative'"):
        trusteq.read_attributions(FRAME, model="small", method="lime", label="negative")


def test_a_table_whose_items_are_not_whole_is_refused():
    shuffled = FRAME[FRAME.model == "large"].iloc[[0, 2, 1]]
    with pytest.raises(trusteq.DataError, match="row 3: rows of item 'x' are not contiguous"):
        trusteq.read_attributions(shuffled, method="lime")
    two = FRAME.assign(label=["positive", "negative", "negative"] * 2)
    with pytest.raises(trusteq.LabelError, match="item 'x' has rows of the labels positive, negative"):
        trusteq.read_attributions(two, model="large", method="lime")
    gap = FRAME.assign(lime=[0.1, None, 0.3] * 2)
    with pytest.raises(trusteq.DataError, match=r"item 'x': the attribution of unit 2 \('film'\) is nan"):
        trusteq.read_attributions(gap, model="large", method="lime")


def test_a_folder_is_pointed_at_load_run(tmp_path):
    with pytest.raises(trusteq.DataError, match=r"a folder; give trusteq.load_run"):
        trusteq.read_attributions(tmp_path)


# Comparing ---------------------------------------------------------------------------------------


def test_identical_attributions_agree_completely():
    made = given()
    found = trusteq.compare_attributions(made, made, resamples=100)
    for name in SCORES:
        assert found[name].value == pytest.approx(1.0, abs=1e-12), name
        assert found[name].low == pytest.approx(1.0, abs=1e-12), name
        assert found[name].method.startswith(ELSEWHERE)
        assert "explained label and scale not checked" in found[name].method
    assert found["jaccard_chance"].value < 1
    assert found["tied_items"].value == 0
    assert found["short_items"].value == np.mean([n <= 10 for n in made.lengths])


def test_shuffled_attributions_agree_as_much_as_chance():
    rng = np.random.default_rng(3)
    units, rows = items(400, lengths=(11, 14))
    made, shuffled = (
        trusteq.read_attributions(r, units=units, label="positive", scale="logit")
        for r in (rows, [rng.permutation(row) for row in rows])
    )
    found = trusteq.compare_attributions(made, shuffled, k=4, resamples=200)
    chance = found["jaccard_chance"].value
    assert found["jaccard"].low < chance < found["jaccard"].high
    for name, expected in (("pairwise_rank_agreement", 0.5), ("spearman", 0.0), ("signed_spearman", 0.0)):
        assert found[name].low < expected < found[name].high, name
    assert found["jaccard"].high < 0.5
    assert "not checked" not in found["jaccard"].method


def test_the_order_of_items_with_ids_does_not_matter():
    a = trusteq.read_attributions(FRAME, model="large", method="lime")
    b = trusteq.read_attributions(FRAME, model="small", method="lime")
    assert trusteq.compare_attributions(a, b.take([1, 0]), resamples=100) == trusteq.compare_attributions(
        a, b, resamples=100
    )


def test_anything_that_says_all_itself_can_be_compared_as_it_is():
    units, rows = items(6)
    found = trusteq.compare_attributions(
        ShapExplanation(ragged(rows), data=units, output_names="positive"), lime_of(units, rows), resamples=100
    )
    assert found["cosine"].value == pytest.approx(1.0)


def test_other_items_are_refused():
    with pytest.raises(trusteq.DataError, match="the reference has 5 items, candidate 4"):
        trusteq.compare_attributions(given(5), given(4))
    a = replace(given(3), ids=("x", "y", "z"))
    with pytest.raises(trusteq.DataError, match="item 'y' of the reference is not in candidate"):
        trusteq.compare_attributions(a, replace(a, ids=("x", "z", "w")))
    with pytest.raises(trusteq.DataError, match="1 item, too few for an interval"):
        trusteq.compare_attributions(given(1), given(1))


def test_other_units_are_refused_by_item_and_unit():
    a = trusteq.read_attributions([[1.0, 2.0]] * 2, units=[["good", "film"]] * 2)
    other = trusteq.read_attributions([[1.0, 2.0]] * 2, units=[["good", "film"], ["good", "movie"]])
    with pytest.raises(trusteq.DataError, match="item 2: unit 2 is 'film' in the reference, 'movie' in candidate"):
        trusteq.compare_attributions(a, other)
    fewer = trusteq.read_attributions([[1.0, 2.0], [1.0]], units=[["good", "film"], ["good"]])
    message = (
        "item 2: 2 units in the reference, 1 in candidate; unit 2 is 'film' in the reference, missing in candidate"
    )
    with pytest.raises(trusteq.DataError, match=message):
        trusteq.compare_attributions(a, fewer)


def test_other_labels_and_scales_are_refused():
    a = given(3, label="positive", scale="probability")
    message = "item 2: the reference is explained for the label 'positive', candidate for 'negative'"
    with pytest.raises(trusteq.LabelError, match=message):
        trusteq.compare_attributions(a, given(3, label=["positive", "negative", "positive"]))
    with pytest.raises(trusteq.DataError, match="the scale 'probability', candidate on 'log-odds'"):
        trusteq.compare_attributions(a, given(3, label="positive", scale="log-odds"))


def test_limits_of_k_resamples_and_clusters():
    made = given(4)
    for k in (0, -1, 2.5, True, "ten"):
        with pytest.raises(trusteq.OptionError, match="k must be a whole number"):
            trusteq.compare_attributions(made, made, k=k)
    with pytest.raises(trusteq.OptionError, match="resamples must be"):
        trusteq.compare_attributions(made, made, resamples=1)
    with pytest.raises(trusteq.OptionError, match="clusters has 2 values for 4 items"):
        trusteq.compare_attributions(made, made, clusters=["a", "b"])
    with pytest.raises(trusteq.DataError, match="all items are in one cluster"):
        trusteq.compare_attributions(made, made, clusters=["a"] * 4)
    found = trusteq.compare_attributions(made, given(4), clusters=["a", "a", "b", "b"], resamples=100)
    assert "resamples of clusters" in found["jaccard"].method


def test_explanations_of_the_top_units_give_only_scores_of_the_top():
    units, rows = items(20, lengths=(12, 14))
    whole, top = lime_of(units, rows), lime_of(units, rows, top=5)
    found = trusteq.compare_attributions(whole, top, k=5, resamples=100)
    assert found["jaccard"].value == 1
    assert {name for name in SCORES if name in found} == {name for name, score in SCORES.items() if score.uses_k}
    with pytest.raises(trusteq.OptionError, match=r"item 1: 5 of \d+ units have a weight, too few for a top 6; .*=14"):
        trusteq.compare_attributions(whole, top, k=6)
    again = noisy(units, rows, 1.0, 1)
    with pytest.raises(trusteq.OptionError, match="candidate: explanations have only the top units"):
        trusteq.compare_attributions(whole, top, reference_again=again, candidate_again=again, k=5)


def test_two_items_are_enough_for_an_interval():
    found = trusteq.compare_attributions(given(2), given(2), resamples=100)
    assert found["cosine"].n == 2


# Two estimates of each model ---------------------------------------------------------------------


def noisy(units, rows, noise, seed):
    rng = np.random.default_rng(seed)
    return trusteq.read_attributions([row + noise * rng.normal(size=len(row)) for row in rows], units=units)


def test_from_two_estimates_of_each_the_agreement_of_the_true_attributions_is_found():
    units, rows = items(600, lengths=(12, 14))
    rng = np.random.default_rng(9)
    rows = [row - row.mean() for row in rows]
    others = [0.6 * row + 0.8 * rng.normal(size=len(row)) for row in rows]
    others = [row - row.mean() for row in others]
    true = sum(map(np.dot, rows, others)) / np.sqrt(sum(map(np.dot, rows, rows)) * sum(map(np.dot, others, others)))
    a, b, again_a, again_b = (noisy(units, r, 1.0, seed) for seed, r in enumerate((rows, others, rows, others)))
    found = trusteq.compare_attributions(a, b, reference_again=again_a, candidate_again=again_b, resamples=200)
    assert found["alignment"].low < true < found["alignment"].high
    assert found["alignment"].method.startswith(ESTIMATED_TWICE)
    assert found["cosine"].high < true - 0.1  # the noise that the plain one has in it
    assert found["reliability_reference"].value == pytest.approx(0.5, abs=0.05)
    assert found["jaccard_halves"].value <= found["jaccard_ceiling_reference"].value
    assert "alignment_per_item" not in found


def test_where_both_models_are_one_the_adjusted_jaccard_is_about_one():
    units, rows = items(600, lengths=(13, 14))
    sets = [noisy(units, rows, 0.5, seed) for seed in range(4)]
    found = trusteq.compare_attributions(
        *sets[:2], reference_again=sets[2], candidate_again=sets[3], k=4, resamples=200
    )
    assert found["jaccard_adjusted"].value == pytest.approx(1.0, abs=0.06)
    assert found["alignment"].value == pytest.approx(1.0, abs=0.02)


def test_a_second_estimate_of_one_model_only_or_that_repeats_the_first_is_refused():
    units, rows = items(5)
    a, b = noisy(units, rows, 1, 0), noisy(units, rows, 1, 1)
    with pytest.raises(trusteq.OptionError, match="reference_again without candidate_again"):
        trusteq.compare_attributions(a, a, reference_again=b)
    with pytest.raises(trusteq.OptionError, match="candidate_again without reference_again"):
        trusteq.compare_attributions(a, a, candidate_again=b)
    with pytest.raises(trusteq.OptionError, match="candidate_again is the same as candidate"):
        trusteq.compare_attributions(a, a, reference_again=b, candidate_again=a, resamples=100)


# Our own, written and read back ------------------------------------------------------------------


@pytest.fixture(scope="module")
def audit():
    weight = {word: w for w, word in enumerate(WORDS, -6)}

    def answers(power):
        def ask(texts):
            score = np.array([sum(weight.get(word, 0) for word in text.split()) for text in texts]) / 20
            positive = 1 / (1 + np.exp(-np.sign(score) * np.abs(score) ** power))
            return np.stack([1 - positive, positive], axis=1)

        return ask

    rng = np.random.default_rng(0)
    texts = [" ".join(rng.permutation(WORDS[:-1])[: 4 + i % 6]) for i in range(12)]
    asked = trusteq.Items(ids=[f"i{i}" for i in range(12)], segments={"text": texts})
    names = ["negative", "positive"]
    large = trusteq.from_callable(answers(1.0), labels=names, name="large")
    small = trusteq.from_callable(answers(0.7), labels=names, name="small")
    return trusteq.audit(large, small, asked, resamples=100, explain=ExplainSettings(masks=64, scale="log-odds"))


def test_a_run_s_attributions_are_read_back_as_they_were_made(audit, tmp_path):
    run = trusteq.load_run(audit.save(tmp_path / "run"))
    path = tmp_path / "run" / "attributions.parquet"
    made = audit.explanation.attributions()["shapley"][1].whole
    for holder, scale in ((audit, None), (run, None), (path, "log-odds"), (audit.attributions(), "log-odds")):
        back = trusteq.read_attributions(holder, model="small", method="shapley", scale=scale)
        assert (back.values == made).all()
        assert back.units == tuple(units.names for units in audit.explanation.units)
        assert back.scale == "log-odds"
        assert back.ids == tuple(audit.items.ids[i] for i in audit.explanation.positions)
        assert back.labels == tuple(audit.labels[i] for i in audit.explanation.targets[1])
    with pytest.raises(trusteq.OptionError, match="explained on the scale log-odds, not probability"):
        trusteq.read_attributions(run, model="small", method="shapley", scale="probability")


def test_scores_of_what_was_read_back_are_the_audit_s(audit):
    a, b = (trusteq.read_attributions(audit, model=name, method="lime") for name in ("large", "small"))
    found = trusteq.compare_attributions(a, b, resamples=100)
    for name in ("jaccard", "cosine", "spearman"):
        assert found[name].value == pytest.approx(audit["small"].measures["explanation"][f"{name}_lime"].value)


def test_an_audit_or_run_without_explanations_says_so(audit, tmp_path):
    bare = replace(audit, explanation=None)
    with pytest.raises(trusteq.DataError, match="no explanations"):
        trusteq.read_attributions(bare, model="small", method="lime")
    with pytest.raises(trusteq.OptionError, match="no explanations"):
        trusteq.to_shap(bare, "small")
    run = trusteq.load_run(audit.save(tmp_path / "run"))
    settings = {**run.manifest, "settings": {"explain": None}}
    with pytest.raises(trusteq.DataError, match="the run has no explanations"):
        trusteq.read_attributions(replace(run, manifest=settings), model="small", method="lime")


def test_without_shap_the_install_command_is_told(audit, monkeypatch):
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(trusteq.MissingExtraError, match=r"needs an optional part: pip install shap$"):
        trusteq.to_shap(audit, "small")


def test_an_unknown_model_or_method_is_refused_before_shap_is_asked_for(audit, monkeypatch):
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(trusteq.OptionError, match="no model 'tiny'; choose from large, small"):
        trusteq.to_shap(audit, "tiny")
    with pytest.raises(trusteq.OptionError, match="no method 'occlusion'; choose from lime, shapley"):
        trusteq.to_shap(audit, "small", method="occlusion")


def test_an_export_of_a_table_adds_up(monkeypatch):
    """Nothing of a row is left where all its columns are those of others, and there are several others."""
    monkeypatch.setitem(sys.modules, "shap", type("shap", (), {"Explanation": ShapExplanation}))
    rng = np.random.default_rng(0)
    names = ["a", "b", "c", "d"]
    rows = trusteq.read_items(pd.DataFrame(rng.normal(size=(60, 4)), columns=names), columns=names)

    def scores(weight):
        def answer(frame):
            values = frame.to_numpy()
            positive = 1 / (1 + np.exp(-weight * values[:, 0] * values[:, 1] - values[:, 2] ** 2))
            return np.stack([1 - positive, positive], axis=1)

        return answer

    models = [trusteq.from_callable(scores(w), labels=["no", "yes"], name=f"m{w}") for w in (1, 2)]
    audit = trusteq.audit(*models, rows, resamples=100, costs="none", explain=ExplainSettings(items=20, masks=64))
    exported = trusteq.to_shap(audit, "m2")
    for i, at in enumerate(audit.explanation.positions):
        p = audit.models[1].predictions.probabilities[at]
        assert exported.base_values[i] + exported.values[i].sum(axis=0) == pytest.approx(p)


def test_an_export_adds_up_and_reads_back(audit, monkeypatch):
    monkeypatch.setitem(sys.modules, "shap", type("shap", (), {"Explanation": ShapExplanation}))
    exported = trusteq.to_shap(audit, "small")
    assert exported.values.dtype == object
    assert exported.output_names == ["negative", "positive"]
    explanation = audit.explanation
    for i, at in enumerate(explanation.positions):
        p = audit.models[1].predictions.probabilities[at]
        odds = np.log(p / (1 - p))
        assert exported.base_values[i] + exported.values[i].sum(axis=0) == pytest.approx(odds)
        assert tuple(exported.data[i]) == explanation.units[i].names
    labels = [audit.labels[i] for i in explanation.targets[1]]
    back = trusteq.read_attributions(exported, label=labels)
    assert back.values == pytest.approx(explanation.attributions()["shapley"][1].whole, abs=1e-12)


# The real ones -----------------------------------------------------------------------------------


def imported(name):
    """The library, or a skip; its own warnings while it is imported are none of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


def answer(texts):
    """Longer texts are more positive."""
    positive = np.array([len(text) / 100 for text in texts])
    return np.stack([1 - positive, positive], axis=1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_real_shap_s_text_explanations_are_read():
    shap = imported("shap")
    explainer = shap.Explainer(answer, shap.maskers.Text(r"\W+"), output_names=["negative", "positive"], seed=0)
    for texts in (["good film and fun", "bad film"], ["good film", "bad film"]):  # ragged, and of one length
        explanation = explainer(texts, silent=True)
        made = trusteq.read_attributions(explanation, label="positive")
        assert made.units == tuple(tuple(text.split()) for text in texts)
        assert made.values[1, :2] == pytest.approx(explanation.values[1][:, 1])
        sliced = trusteq.read_attributions(explanation[:, :, "positive"])
        assert (sliced.values == made.values).all()
        assert sliced.labels == made.labels
        with pytest.raises(trusteq.DataError, match="explains one item"):
            trusteq.read_attributions(explanation[0], label="positive")


@pytest.mark.filterwarnings("ignore")
def test_the_real_shap_takes_an_export_slices_it_and_plots_it(audit):
    shap = imported("shap")
    exported = trusteq.to_shap(audit, "small")
    assert isinstance(exported, shap.Explanation)
    positive = exported[:, :, "positive"]
    assert positive.output_names == "positive"
    assert (positive.values[3] == exported.values[3][:, 1]).all()
    assert WORDS[1] in shap.plots.text(positive, display=False)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bow", [True, False])
def test_the_real_lime_s_text_explanations_are_read(bow):
    lime_text = imported("lime.lime_text")
    explainer = lime_text.LimeTextExplainer(class_names=["negative", "positive"], bow=bow, random_state=0)
    texts = ["good film and good fun", "bad film"]
    explained = [explainer.explain_instance(text, answer, num_features=9, num_samples=50) for text in texts]
    made = trusteq.read_attributions(explained)
    assert made.units[0] == (("good", "film", "and", "fun") if bow else ("good", "film", "and", "good", "fun"))
    assert made.labels == ("positive", "positive")
    assert not made.cut_off.any()
    assert dict(explained[1].as_map()[1])[0] == made.values[1, 0]
    few = [explainer.explain_instance(text, answer, num_features=2, num_samples=50) for text in texts]
    assert trusteq.read_attributions(few).cut_off.tolist() == [True, False]


def test_real_tensors_are_read():
    torch = pytest.importorskip("torch")
    values = torch.tensor([[0.5, -1.0, 0.0], [2.0, 1.0, 3.0]], dtype=torch.bfloat16, requires_grad=True)
    made = trusteq.read_attributions(values, units=[["a", "b"], ["c", "d", "e"]])
    assert rows_of(made) == [[0.5, -1.0], [2.0, 1.0, 3.0]]


def test_reading_imports_no_explainer():
    import subprocess

    code = (
        "import trusteq, sys; trusteq.compare_attributions; trusteq.read_attributions; trusteq.to_shap; "
        "print({'shap', 'lime', 'captum', 'torch'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert out.strip() == "set()"
