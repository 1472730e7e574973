"""Agreement item by item and by length, against loops over words."""

from dataclasses import replace

import numpy as np
import pytest

from trusteq import RunError
from trusteq.report.figures.alignment import AlignmentDisplay
from trusteq.report.figures.alignment_by_length import AlignmentByLengthDisplay, length_groups


@pytest.fixture(scope="module")
def display(explained):
    return AlignmentDisplay.from_evidence(explained, candidate="poor")


def weights(evidence, model, method, item):
    frame = evidence.attributions
    return frame[(frame["model"] == model) & (frame["id"] == item)][method].tolist()


def top(values, k=10):
    return set(sorted(range(len(values)), key=lambda i: (-abs(values[i]), i))[:k])


@pytest.mark.parametrize("method", ["lime", "shapley"])
def test_each_item_s_cosine_and_jaccard_are_those_of_its_words(explained, display, method):
    assert len(display.ids) == 40
    for i, item in enumerate(display.ids):
        a, b = (weights(explained, model, method, item) for model in ("large", "poor"))
        assert display.lengths[i] == len(a)
        assert display.cosine[method][i] == pytest.approx(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))
        assert display.jaccard[method][i] == pytest.approx(len(top(a) & top(b)) / len(top(a) | top(b)))


@pytest.mark.parametrize("method", ["lime", "shapley"])
def test_their_means_are_the_run_s_measures(explained, display, method):
    measures = explained.candidate("poor").measures["explanation"]
    assert len(display.ids) == measures[f"cosine_{method}"].n
    for name, values in (("cosine", display.cosine[method]), ("jaccard", display.jaccard[method])):
        mean = np.average(values, weights=display.weights)
        assert mean == pytest.approx(measures[f"{name}_{method}"].value)
    mean = np.average(display.chance, weights=display.weights)
    assert mean == pytest.approx(measures[f"jaccard_chance_{method}"].value)


def test_a_flat_model_has_no_cosine_and_is_said_so(explained):
    frame = explained.attributions.copy()
    frame.loc[frame["model"] == "poor", ["lime", "shapley"]] = 0.0
    flat = replace(explained, table=lambda name: frame if name == "attributions" else explained.table(name))
    display = AlignmentDisplay.from_evidence(flat, candidate="poor")
    assert np.isnan(display.cosine["lime"]).all()
    assert "not defined on any item" in [text.get_text() for text in display.plot().ax_[0].texts]
    by_length = AlignmentByLengthDisplay.from_evidence(flat, candidate="poor")
    assert set(by_length.cosine["lime"]) == {None}
    by_length.plot()


def test_attributions_that_were_cut_off_are_refused(explained):
    for frame in (explained.attributions[:-3], explained.attributions.query("model != 'poor'")):
        cut = replace(explained, table=lambda name, frame=frame: frame if name == "attributions" else None)
        with pytest.raises(RunError, match="attributions"):
            AlignmentDisplay.from_evidence(cut, candidate="poor")


@pytest.mark.parametrize(
    ("lengths", "groups"),
    [
        (range(50), 5),
        (range(1000), 5),
        (range(25), 2),
        ([7] * 100, 1),
        ([7] * 60 + [8] * 40, 2),
        (range(9), 1),
    ],
)
def test_groups_of_length_are_few_in_order_and_keep_equal_lengths_together(lengths, groups):
    lengths = np.array(list(lengths))
    found = length_groups(lengths)
    assert sorted(set(found)) == list(range(groups))
    for short, long in zip(range(groups), range(1, groups), strict=False):
        assert lengths[found == short].max() < lengths[found == long].min()


def test_groups_are_equally_large_where_all_lengths_differ():
    assert np.bincount(length_groups(np.arange(50))).tolist() == [10] * 5


def test_a_group_s_mean_is_that_of_its_items(explained, display):
    by_length = AlignmentByLengthDisplay.from_evidence(explained, candidate="poor")
    groups = length_groups(display.lengths)
    assert by_length.items.sum() == 40
    for group, mean in enumerate(by_length.jaccard["lime"]):
        inside = [i for i in range(40) if groups[i] == group]
        assert by_length.words[group] == pytest.approx(np.mean([display.lengths[i] for i in inside]))
        assert mean.value == pytest.approx(np.average(display.jaccard["lime"][inside], weights=display.weights[inside]))
        assert mean.low <= mean.value <= mean.high
        assert mean.n == len(inside) == by_length.items[group]


def test_chance_is_1_where_all_words_are_in_the_top_and_falls(explained):
    display = AlignmentByLengthDisplay.from_evidence(explained, candidate="poor")
    assert display.chance_words.tolist() == list(range(5, 15))
    assert (display.chance[display.chance_words <= 10] == 1).all()
    assert (np.diff(display.chance[display.chance_words >= 10]) < 0).all()


def test_clusters_are_resampled_whole(clustered, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "trusteq.report.figures.alignment_by_length.Resampling",
        lambda n, *, clusters, **more: seen.append(clusters) or Mean(),
    )

    class Mean:
        def mean(self, x, *, what):
            return None

    AlignmentByLengthDisplay.from_evidence(clustered, candidate="small")
    assert seen
    of = dict(zip(clustered.items["id"], clustered.items["cluster"], strict=True))
    assert set(seen[0]) <= set(of.values())


def test_without_attributions_there_is_none(wordless, published):
    for evidence in (wordless, published):
        assert AlignmentDisplay.from_evidence(evidence, candidate="small") is None
        assert AlignmentByLengthDisplay.from_evidence(evidence, candidate="small") is None
