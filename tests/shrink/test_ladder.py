"""The ladder: every rung fits its models and has a name of its own; what shrinks no model is tried only on request."""

import pytest

from trusteq import OptionError
from trusteq.compress.methods import CLASSIFIERS, GRAPHS, LANGUAGE_MODELS, METHODS, PICTURE_MODELS, checked_options
from trusteq.shrink.ladder import LADDER, SAME_SIZE, ladder

KINDS = (CLASSIFIERS, LANGUAGE_MODELS, PICTURE_MODELS, GRAPHS)


@pytest.mark.parametrize("kind", KINDS)
def test_rungs_have_names_of_their_own_and_options_that_their_methods_take(kind):
    rungs = ladder(kind, 6)
    assert len({rung.name for rung in rungs}) == len(rungs)
    for rung in rungs:
        for step in rung.steps:
            checked_options(step.method, step.options)
            assert step.keep is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_step_of_a_rung_is_for_the_kind_of_model(kind):
    for rung in ladder(kind, 6):
        assert kind in METHODS[rung.steps[0].method].models


def test_a_classifier_is_rounded_first_and_taught_last():
    rungs = ladder(CLASSIFIERS, 6)
    assert [rung.learns for rung in rungs] == sorted(rung.learns for rung in rungs)
    names = [rung.name for rung in rungs]
    assert {"int8-onnx", "int4-weights-32", "int4-weights-32+heal", "distil-3+int8-onnx", "distil-4"} <= set(names)


def test_what_follows_a_graph_must_take_graphs():
    assert "int8-onnx+calibrate" in [rung.name for rung in ladder(CLASSIFIERS, 6)]
    assert "calibrate" not in [rung.steps[0].method for rung in LADDER]
    assert [rung.name for rung in ladder(GRAPHS, None)] == ["int8-onnx", "int8-static", "int8-onnx+calibrate"]


def test_shares_of_layers_become_numbers_and_rungs_that_keep_all_are_left_out():
    names = [rung.name for rung in ladder(CLASSIFIERS, 2)]
    assert "distil-1" in names
    assert not [name for name in names if name.startswith("distil-2")]
    assert not [rung for rung in ladder(CLASSIFIERS, None) if rung.steps[0].method in ("distil", "drop-layers")]


def test_methods_that_do_not_shrink_a_model_are_tried_only_by_name():
    methods = {step.method for rung in ladder(CLASSIFIERS, 6) for step in rung.steps}
    assert not methods & {"prune-weights", "low-rank", "prune-2of4"}
    asked_for = ladder(CLASSIFIERS, 6, ["prune-weights"])
    assert [rung.name for rung in asked_for] == ["prune-weights-0.3", "prune-weights-0.5"]
    assert {rung.note for rung in asked_for} == {SAME_SIZE}
    assert {step.method for rung in LADDER if rung.note for step in rung.steps} > {"prune-weights"}


def test_methods_restrict_the_ladder_to_rungs_of_these_alone():
    names = [rung.name for rung in ladder(CLASSIFIERS, 6, ["int4-weights", "heal"])]
    assert names == ["int4-weights-32", "int4-weights-64", "int4-weights-32+heal"]


def test_an_unknown_method_is_refused():
    with pytest.raises(OptionError, match=r"no rung of the ladder uses method 'zip'; choose from fp16, "):
        ladder(CLASSIFIERS, 6, ["zip"])


def test_methods_without_any_rung_for_the_kind_are_refused():
    with pytest.raises(OptionError, match=r"no rung of the ladder for ONNX graphs uses only heal; name more methods"):
        ladder(GRAPHS, None, ["heal"])
