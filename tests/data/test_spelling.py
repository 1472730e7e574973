"""American spellings of what users write are understood, wherever they are written, and results keep ours."""

import numpy as np
import pytest
from cases import case

import trusteq
from trusteq import Items, OptionError, PolicyError
from trusteq.comparing.own_measures import measure
from trusteq.data.pictures import Pictures
from trusteq.data.spelling import AMERICAN, british, british_keys
from trusteq.explain.units import replacement
from trusteq.models.preprocessing import preprocessing_of
from trusteq.policy import read_policy

RULES = {"disagreement": {"at_most": 0.1}}


def test_only_whole_words_are_spelt_otherwise():
    assert [british(word) for word in ("behavior", "behaviors", "Behavior", 3, None)] == [
        "behaviour", "behaviors", "Behavior", 3, None,
    ]  # fmt: skip
    assert british_keys({"color": 1, "x": 2}) == {"colour": 1, "x": 2}
    both = {"color": 1, "colour": 2}
    assert british_keys(both) is both
    assert not {*AMERICAN} & {*AMERICAN.values()}


def test_a_policy_may_be_written_either_way():
    ours = read_policy({"name": "p", "required": ["behaviour"], "rules": {"behaviour": RULES}})
    theirs = {"name": "p", "required": ["behavior"], "rules": {"behavior": RULES}}
    assert read_policy(theirs) == ours
    assert ours.requiring(("behavior",)).required == ("behaviour",)
    with pytest.raises(PolicyError, match="behavior"):
        read_policy({**theirs, "rules": {"behavior": RULES, "behaviour": RULES}})


def test_dimensions_and_measures_may_be_written_either_way():
    reference, candidate, items = case(120)
    options = {"resamples": 100, "costs": "none", "with_slices": False, "explain": False}
    one = trusteq.audit(reference, candidate, items, dimensions=["behavior", "calibration"], **options)
    assert one.policy.required == ("behaviour", "calibration")
    own = measure(lambda pair: None, name="nothing", dimension="behavior")
    assert own.dimension == "behaviour"


def test_a_preprocessing_may_be_written_either_way():
    ours = {"size": [4, 4], "shorter": 6, "resize": "bicubic", "layout": "NCHW", "crop": "centre", "colour": "grey"}
    theirs = {**ours, "crop": "center", "color": "gray"}
    del theirs["colour"]
    assert preprocessing_of(theirs, None, name="m") == preprocessing_of(ours, None, name="m")


def test_tiles_may_be_replaced_by_either_spelling_and_texts_are_left_alone():
    pictures = Items(["a", "b"], {"photo": Pictures.of_arrays(np.zeros((2, 8, 8, 3), np.uint8))})
    texts = Items(["a", "b"], {"text": ["one gray day", "two"]})
    assert replacement("tiles", "neighbors", pictures) == "neighbours"
    assert replacement("words", "neighbors", texts) == "neighbors"
    with pytest.raises(OptionError, match="'gray': units 'tiles' only support remove, neighbours, mean"):
        replacement("tiles", "gray", pictures)
