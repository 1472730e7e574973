"""Rows to learn from that are items with units left out."""

import numpy as np
import pytest

from trusteq import Items, OptionError
from trusteq.compress.methods import checked_options
from trusteq.compress.perturbed import Perturbing, masks, perturbed, perturbing_of
from trusteq.explain.units import cutter


def items_of(*texts):
    return Items([f"i{n}" for n in range(len(texts))], {"text": list(texts)})


EIGHT = "one two three four five six seven eight"


def test_every_number_of_kept_words_is_as_likely():
    items = items_of(EIGHT)
    kept = [masks(items, np.zeros(50, np.int64), seed=0, epoch=epoch) for epoch in range(40)]
    counts = np.bincount([mask.sum() for rows in kept for mask in rows], minlength=9)
    assert counts[0] == counts[8] == 0
    expected = 2000 / 7
    assert ((counts[1:8] - expected) ** 2 / expected).sum() < 22.5  # chi-square with 6 degrees of freedom, p = .001


def test_masks_are_fresh_in_each_epoch_and_the_seed_decides_them():
    items = items_of(*[EIGHT] * 6)

    def drawn(seed, epoch):
        return np.stack(masks(items, np.arange(6), seed=seed, epoch=epoch))

    assert (drawn(0, 1) == drawn(0, 1)).all()
    assert (drawn(0, 1) != drawn(0, 2)).any()
    assert (drawn(0, 1) != drawn(1, 1)).any()
    assert len({row.tobytes() for row in drawn(0, 1)}) > 1


def test_a_row_is_what_the_explainer_would_ask():
    items = items_of(EIGHT, "not a word more, please")
    at = np.array([1, 0, 1])
    kept = masks(items, at, seed=3, epoch=2)
    for replace, written in (("remove", None), ("mask", "[M]"), ("xx", "xx")):
        rows = perturbed(items, at, kept, replace, "[M]")
        expected = [
            cutter("words", items)(i).write(mask, written)[0] for i, mask in zip(at.tolist(), kept, strict=True)
        ]
        assert list(rows.texts()[0]) == expected


def test_a_text_without_words_stays():
    items = items_of("?!", "yes", "a b")
    at = np.arange(3)
    rows = perturbed(items, at, masks(items, at, seed=0, epoch=1), "remove", None)
    texts = list(rows.texts()[0])
    assert texts[:2] == ["?!", ""]
    assert texts[2] in {"a", "b"}


def test_pairs_stay_pairs():
    items = Items(["p"], {"premise": ["one two three"], "hypothesis": ["four five six"]})
    (mask,) = kept = masks(items, np.array([0]), seed=1, epoch=1)
    rows = perturbed(items, np.array([0]), kept, "remove", None)
    assert list(rows.segments) == ["premise", "hypothesis"]
    words = " ".join(text[0] for text in rows.texts()).split()
    assert words == [
        word for word, stays in zip(["one", "two", "three", "four", "five", "six"], mask, strict=True) if stays
    ]


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_perturbed_rows_take_the_place_of_whole_ones(share):
    whole, left_out = Perturbing(share).split(np.arange(200), 1)
    assert sorted([*whole, *left_out]) == list(range(200))
    assert len(left_out) == round(share * 200)
    assert Perturbing(share).rows(200) == 200
    assert set(left_out) != set(Perturbing(share).split(np.arange(200), 2)[1])


def test_or_come_on_top():
    perturbing = Perturbing(0.75, whole=True)
    whole, left_out = perturbing.split(np.arange(100), 1)
    assert (whole == np.arange(100)).all()
    assert (len(left_out), perturbing.rows(100)) == (300, 400)


def test_options_that_need_perturbed_rows(one_line):
    for given in ({"replace": "mask"}, {"whole": True}):
        with pytest.raises(OptionError) as caught:
            checked_options("distil", given)
        one_line(caught, "has no effect without perturb")
    assert perturbing_of(None, None, whole=False, seed=0) is None
