"""The same numbers as the libraries `lime` and `shap`, on the same masks and values."""

import os
import warnings

import numpy as np
import pytest
from lime.lime_text import IndexedString, LimeTextExplainer

from trusteq.explain.lime import KERNEL_WIDTH, lime_fit, lime_masks
from trusteq.explain.owen import linkage, owen_plan
from trusteq.explain.plan import mask_plan
from trusteq.explain.shapley import permutation_masks, shapley, shapley_from_permutations

# Compiling shap's loops takes longer than running them here.
os.environ["NUMBA_DISABLE_JIT"] = "1"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from shap import explainers


def model(units, outputs, seed=0):
    """A small network from masks [.., units] to probabilities [.., outputs]."""
    rng = np.random.default_rng([seed, units])
    into, out = rng.normal(size=(units, 8)), rng.normal(size=(8, outputs))

    def predict(masks):
        score = np.exp(np.tanh(np.asarray(masks, dtype=float) @ into) @ out)
        return score / score.sum(axis=-1, keepdims=True)

    return predict


class Masker:
    """Shows shap the masks themselves, over a tree of ours."""

    def __init__(self, segments):
        self.clustering = linkage(segments)
        self.shape = (1, len(segments))

    def __call__(self, mask, x):
        return (mask.astype(float)[None],)


def lime_of(masks, values, kept, selection):
    """Coefficients [units, outputs] that lime itself fits, its distances and kernel included."""
    base = LimeTextExplainer(kernel_width=KERNEL_WIDTH).base
    distances = 100 * (1 - masks.sum(axis=1) / np.sqrt(np.maximum(masks.sum(axis=1), 1) * masks.shape[1]))
    found = np.zeros((masks.shape[1], values.shape[1]))
    for output in range(values.shape[1]):
        exp = base.explain_instance_with_data(
            masks.astype(float), values, distances, output, kept, feature_selection=selection
        )[1]
        for unit, weight in exp:
            found[unit, output] = weight
    return found


@pytest.mark.parametrize(("units", "samples"), [(1, 12), (5, 40), (14, 300), (30, 1000)])
def test_all_coefficients_are_those_of_lime(units, samples):
    masks = lime_masks(units, samples, seed=1)
    values = model(units, 3)(masks)
    assert lime_fit(masks, values) == pytest.approx(lime_of(masks, values, units, "none"), abs=1e-6)


@pytest.mark.parametrize(("units", "kept"), [(24, 20), (40, 20), (40, 10)])
def test_the_kept_units_and_their_coefficients_are_those_of_lime(units, kept):
    masks = lime_masks(units, 400, seed=1)
    values = model(units, 3)(masks)
    ours = lime_fit(masks, values, features=kept)
    for selection in ("highest_weights", "auto"):
        theirs = lime_of(masks, values, kept, selection)
        assert np.array_equal(ours != 0, theirs != 0)
        assert ours == pytest.approx(theirs, abs=1e-6)


def test_lime_reads_a_whole_text_as_we_do():
    words = ["the", "quick", "brown", "fox", "jumps", "over", "one", "lazy", "dog", "today"]
    predict = model(len(words), 2)

    def classify(texts):
        return predict(np.array([[word in text.split() for word in words] for text in texts]))

    explainer = LimeTextExplainer(random_state=0)
    data, values, distances = explainer._LimeTextExplainer__data_labels_distances(
        IndexedString(" ".join(words)), classify, 500
    )
    ours = lime_fit(data.astype(bool), values)
    for output in (0, 1):
        fitted = explainer.base.explain_instance_with_data(data, values, distances, output, len(words), "none")[1]
        assert dict(fitted) == pytest.approx(dict(enumerate(ours[:, output])), abs=1e-6)


def test_masks_are_distributed_as_those_of_lime():
    samples, units = 20_000, 6
    text = IndexedString(" ".join("abcdef"))
    theirs = LimeTextExplainer(random_state=0)._LimeTextExplainer__data_labels_distances(
        text, lambda texts: np.zeros((len(texts), 2)), samples
    )[0]
    ours = lime_masks(units, samples, seed=0)
    assert theirs[0].all()
    counts = [np.bincount((m[1:] > 0) @ (1 << np.arange(units)), minlength=2**units) for m in (ours, theirs)]
    assert counts[0][-1] == counts[1][-1] == 0
    seen = counts[0] + counts[1] > 0
    spread = np.sqrt(counts[0] + counts[1])[seen]
    assert seen.sum() == 2**units - 1
    assert (np.abs(counts[0] - counts[1])[seen] < 4.5 * spread).all()


@pytest.mark.parametrize("units", [2, 3, 6, 9])
def test_over_all_masks_shapley_values_are_those_of_shap(units):
    predict = model(units, 3)
    plan = mask_plan("a", units, masks=max(2**units, 10))
    theirs = explainers.Exact(predict, np.zeros((1, units)))(np.ones((1, units))).values[0]
    assert shapley(plan, predict(plan.masks))[0] == pytest.approx(theirs, abs=1e-6)


def test_random_orders_have_the_limit_of_shap():
    predict = model(6, 2)
    masks = permutation_masks(6, 3000, seed=0)
    theirs = explainers.Exact(predict, np.zeros((1, 6)))(np.ones((1, 6))).values[0]
    assert shapley_from_permutations(masks, predict(masks)) == pytest.approx(theirs, abs=0.01)


@pytest.mark.parametrize("segments", [[0] * 2, [0] * 7, [0] * 4 + [1] * 9, [0, 0, 1], [0] * 3 + [1] * 2 + [2] * 4])
def test_owen_values_are_those_of_shap_over_the_same_tree(segments):
    predict = model(len(segments), 2)
    plan = owen_plan(segments)
    explained = explainers.Partition(predict, Masker(segments))(
        np.ones((1, len(segments))), max_evals=10_000, silent=True
    )
    assert plan.weights @ predict(plan.masks) == pytest.approx(explained.values[0], abs=1e-6)


@pytest.mark.parametrize("segments", [[0] * 8, [0] * 8 + [1] * 8])
def test_owen_values_of_groups_that_a_budget_leaves_closed_are_those_of_shap(segments):
    # Of a larger budget shap chooses by the answers which group to open next: no plan could follow.
    predict = model(len(segments), 2)
    plan = owen_plan(segments, evaluations=4)
    explained = explainers.Partition(predict, Masker(segments))(np.ones((1, len(segments))), max_evals=4, silent=True)
    assert plan.weights @ predict(plan.masks) == pytest.approx(explained.values[0], abs=1e-6)
