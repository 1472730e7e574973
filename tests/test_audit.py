"""The audit as a whole: what it refuses, what it finds, and what does not change its result."""

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases import LABELS, Table, case
from rich.console import Console
from sklearn.linear_model import LogisticRegression

import trusteq
from trusteq import Outcome
from trusteq.comparing.slices import ANSWER, CONFIDENCE
from trusteq.record.document import document
from trusteq.record.plain import plain
from trusteq.report.terminal import render
from trusteq.stats.outlook import chance, chances

FAST = {"resamples": 200, "with_slices": False}


def test_a_model_against_itself_is_equivalent_with_every_difference_zero():
    large, _, items = case()
    required = ("behaviour", "calibration")
    result = trusteq.audit(large, replace(large, name="copy"), items, dimensions=required, **FAST)
    assert result["copy"].verdict.outcome is Outcome.EQUIVALENT
    assert result.exit_code == 0
    for group in result["copy"].measures.values():
        for name, estimate in group.items():
            if name.endswith("_difference") or name.startswith(("disagreement", "js", "kl", "confidence_shift")):
                assert estimate.value == 0, name


def test_a_model_that_answers_at_random_is_not_equivalent():
    large, _, items = case()
    rng = np.random.default_rng(0)
    random = Table("random", {i: rng.dirichlet(np.ones(3)) for i in items.ids})
    result = trusteq.audit(large, random, items, **FAST)
    assert result["random"].verdict.outcome is Outcome.NOT_EQUIVALENT
    assert result.exit_code == 1


def test_ten_items_are_undecided_even_for_identical_models():
    large, _, items = case(10)
    result = trusteq.audit(large, replace(large, name="copy"), items, **FAST)
    assert result["copy"].verdict.outcome is Outcome.UNDECIDED
    assert result.exit_code == 3


def test_equal_answers_with_another_confidence_are_not_equivalent_and_one_temperature_corrects_them():
    large, small, items = case(2000, noise=0.0, sharpness=0.5)
    result = trusteq.audit(large, small, items, **FAST)
    comparison = result["small"]
    outcomes = {d.dimension: d.outcome for d in comparison.verdict.dimensions}
    assert outcomes["behaviour"] is Outcome.EQUIVALENT
    assert outcomes["calibration"] is Outcome.NOT_EQUIVALENT
    assert comparison.remedies["temperature_matched"].value == pytest.approx(0.5, abs=0.01)
    assert comparison.advice[0].sentence.startswith("calibration is corrected by T = 0.50")


def test_lost_information_is_not_called_corrected():
    large, _, items = case(3000)
    rng = np.random.default_rng(1)
    # Right answers, but a confidence that says nothing.
    blurred = {}
    for id_, p in large.answers.items():
        c = rng.uniform(0.4, 0.95)
        q = np.full(3, (1 - c) / 2)
        q[np.argmax(p)] = c
        blurred[id_] = q
    result = trusteq.audit(large, Table("blurred", blurred), items, **FAST)
    said = result["blurred"].advice[0].sentence
    assert "information is lost" in said
    assert "corrected by" not in said


def test_the_order_of_the_items_changes_nothing():
    large, small, items = case(300)
    shuffled = items.take(np.random.default_rng(0).permutation(len(items)))
    one, other = (plain(document(trusteq.audit(large, small, i, resamples=200))) for i in (items, shuffled))
    assert one == other


def test_another_candidate_changes_nothing_about_the_first():
    large, small, items = case(300)
    twin = replace(small, name="twin")
    alone = plain(document(trusteq.audit(large, small, items, **FAST)))
    beside = plain(document(trusteq.audit(large, {"small": small, "twin": twin}, items, **FAST)))
    assert alone["candidates"][0] == beside["candidates"][0]
    assert {**beside["candidates"][1], "name": "small", "identity": None} == {
        **beside["candidates"][0],
        "identity": None,
    }


def test_labels_are_matched_by_name_never_by_position():
    large, small, items = case(300)
    turned = Table("small", {i: p[[2, 0, 1]] for i, p in small.answers.items()}, tuple(np.array(LABELS)[[2, 0, 1]]))
    straight, crossed = (trusteq.audit(large, c, items, **FAST).estimates() for c in (small, turned))
    assert list(straight["measure"]) == list(crossed["measure"])
    np.testing.assert_allclose(straight[["value", "low", "high"]], crossed[["value", "low", "high"]], atol=1e-9)


def test_other_label_names_are_refused_with_both_sets_and_the_way_out():
    large, small, items = case(50)
    strange = replace(small, labels=("LABEL_0", "LABEL_1", "LABEL_2"))
    with pytest.raises(
        trusteq.LabelError,
        match=r"only large has \{'no', 'maybe', 'yes'\}, only small has \{'LABEL_0', .*--labels small=",
    ):
        trusteq.audit(large, strange, items)


def test_a_gold_label_that_no_model_knows_is_refused_with_the_item():
    large, small, items = case(50)
    strange = replace(items, label_names=("no", "maybe", "perhaps"))
    with pytest.raises(
        trusteq.LabelError, match=r"item 'i\d+' has label 'perhaps', which is not one of the models' labels"
    ):
        trusteq.audit(large, small, strange)


def test_the_same_content_under_another_name_is_refused_unless_allowed():
    large, _, items = case(50)
    one, two = replace(large, content="abc"), replace(large, name="copy", content="abc")
    with pytest.raises(trusteq.ModelError, match=r"copy is the same model as large .*--allow-same"):
        trusteq.audit(one, two, items)
    assert trusteq.audit(one, two, items, allow_same=True, **FAST)["copy"]


def test_the_same_python_object_is_refused_as_its_own_candidate():
    model = LogisticRegression().fit([[0.0], [1.0]], ["a", "b"])
    items = trusteq.Items(ids=["x", "y"], segments={"x": np.array([[0.5], [0.4]])})
    with pytest.raises(trusteq.ModelError, match="the same model"):
        trusteq.audit(model, model, items)


def test_one_item_says_nothing_of_others():
    large, small, items = case(50)
    with pytest.raises(trusteq.DataError, match="a single item says nothing about others"):
        trusteq.audit(large, small, items.take([3]))


def test_too_few_resamples_for_the_policy_s_level_are_refused():
    large, small, items = case(50)
    policy = {**trusteq.read_policy("default").model_dump(), "name": "surer", "level": 0.999}
    with pytest.raises(trusteq.OptionError, match=r"100 resamples are too few for an interval of 99\.9.*use 2,000"):
        trusteq.audit(large, small, items, policy=policy, resamples=100)


def test_a_column_without_a_frequent_value_is_said_not_to_be_sliced():
    large, small, items = case(120)
    items = replace(items, columns={"rare": list(items.ids), "group": items.columns["group"]})
    result = trusteq.audit(large, small, items, resamples=100, costs="none")
    (found,) = (f for f in result.findings if f.kind == "not sliced")
    assert found.message == "column 'rare' was not sliced: a slice needs 30 items, but its most frequent value has 1"
    assert set(result["small"].skewsize) == {"group"}


@pytest.mark.slow
def test_a_slice_of_one_cluster_is_none():
    """Resampled by itself it would always be the same, and look certain."""
    large, small, items = case(200)
    whose = [f"{i % 5}" for i in range(200)]
    items = replace(items, columns={"speaker": whose}, clusters=whose)
    result = trusteq.audit(large, small, items, resamples=100, costs="none")
    assert not [s for s in result["small"].slices if s.column == "speaker"]
    assert any("of two clusters or more" in f.message for f in result.findings)


def test_a_slice_column_called_as_our_own_is_refused():
    large, small, items = case(200)
    gold = [items.label_names[code] for code in items.labels]
    same = replace(items, columns={"label": gold})
    assert trusteq.audit(large, small, same, resamples=100, costs="none")["small"].slices
    own = (("label", gold[::-1]), ("text length", gold), ("its answer", gold), ("both models' answers", gold))
    for name, values in own:
        other = replace(items, columns={name: values}, segments={"t": ["a word"] * 200})
        with pytest.raises(trusteq.OptionError, match=f"slice column {re.escape(repr(name))} has the name of a slice"):
            trusteq.audit(large, small, other, resamples=100)


def test_tied_answers_are_counted():
    large, small, items = case(60)
    tied = {**small.answers, "i0": [0.4, 0.4, 0.2], "i7": [0.2, 0.4, 0.4]}
    result = trusteq.audit(large, replace(small, answers=tied), items, **FAST)
    (found,) = (f for f in result.findings if f.kind == "tied answers")
    assert found.model == "small"
    assert found.message == "in 2 of 60 answers, labels tie for the most probable: the first one counts"


def test_two_models_of_one_name_are_refused():
    large, small, items = case(50)
    with pytest.raises(trusteq.ModelError, match="two models are named 'large'"):
        trusteq.audit(large, replace(small, name="large"), items)


def test_no_candidate_is_refused():
    large, _, items = case(50)
    with pytest.raises(trusteq.ModelError, match="no candidate"):
        trusteq.audit(large, [], items)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ([np.nan, 0.5, 0.5], "item 'i7', label 'no': probability is nan"),
        ([np.inf, 0.5, 0.5], "item 'i7', label 'no': probability is inf"),
        ([0.5, 0.2, 0.2], "item 'i7': probabilities .* sum to 0.9, not 1"),
        ([-0.1, 0.6, 0.5], "item 'i7', label 'no': -0.1 is not a probability"),
    ],
)
def test_a_bad_probability_is_refused_with_item_label_and_value(bad, says):
    large, small, items = case(50)
    small.answers["i7"] = np.array(bad)
    with pytest.raises(trusteq.ModelError, match=says):
        trusteq.audit(large, small, items)


def test_fewer_rows_than_items_are_refused():
    large, small, items = case(50)

    class Short(Table):
        def predict(self, items):
            return super().predict(items)[:-1]

    with pytest.raises(trusteq.ModelError, match=r"small: \d+ rows of predictions for \d+ items"):
        trusteq.audit(large, Short("small", small.answers), items)


def test_a_single_label_is_refused():
    large, small, items = case(50)
    single = Table("small", {i: p[:1] for i, p in small.answers.items()}, ("no",))
    with pytest.raises(trusteq.ModelError, match="only 1 label column"):
        trusteq.audit(large, single, items)


def test_a_model_that_gives_one_answer_only_is_reported():
    large, _, items = case(200)
    stuck = Table("stuck", dict.fromkeys(items.ids, np.array([0.1, 0.8, 0.1])))
    result = trusteq.audit(large, stuck, items, **FAST)
    first = result["stuck"].candidate.findings[0]
    assert (first.kind, first.message) == (
        "one answer",
        "gives the answer 'maybe' to all 200 items: check its input",
    )


def test_a_batch_dependent_model_is_reported_and_asked_in_the_stated_shape():
    large, small, items = case(60)
    sizes = []

    class Dynamic(Table):
        def predict(self, items):
            answers = super().predict(items)
            sizes.append(len(answers))
            # Like dynamic int8: the scale is set by the whole batch.
            mixed = answers + 0.2 * (answers.mean(axis=0) - answers)
            return mixed / mixed.sum(axis=1, keepdims=True)

    model = Dynamic("small", small.answers)
    result = trusteq.audit(large, model, items, batch=3, **FAST)
    assert {"batch-dependent", "fixed batch"} <= {f.kind for f in result.findings}
    assert result["small"].candidate.batch == 3
    assert sizes[-20:] == [3] * 20


def test_without_labels_what_needs_none_is_measured_and_the_verdict_says_what_is_missing():
    large, small, items = case(400)
    result = trusteq.audit(large, small, replace(items, labels=None, label_names=()), resamples=200)
    measured = {name for group in result["small"].measures.values() for name in group}
    assert {"agreement", "js", "kl_reference_candidate", "nuclear_norm_difference", "confidence_shift"} <= measured
    assert not any(name.startswith(("accuracy", "ece", "brier", "regressions")) for name in measured)
    assert result["small"].verdict.outcome is not Outcome.EQUIVALENT
    assert "accuracy difference was not measured (it needs gold labels)" in result["small"].verdict.reason


def test_a_required_dimension_that_was_not_measured_is_never_equivalent():
    large, _, items = case(400)
    copy = replace(large, name="copy")
    asked = ["behaviour", "calibration", "explanation"]
    result = trusteq.audit(large, copy, items, dimensions=asked, **FAST)
    assert result["copy"].verdict.outcome is Outcome.UNDECIDED
    assert result["copy"].verdict.reason == "explanation was not measured (it needs explained items)"


def test_clusters_widen_the_intervals():
    large, small, items = case(600)
    together = replace(items, clusters=[str(i // 6) for i in range(600)])
    # Items of a cluster are copies of its first: there are only 100 of them.
    for model in (large, small):
        for i in range(600):
            model.answers[f"i{i}"] = model.answers[f"i{i - i % 6}"]
    apart = trusteq.audit(large, small, items, **FAST)["small"].measures["behaviour"]
    joined = trusteq.audit(large, small, together, **FAST)["small"].measures["behaviour"]
    for name in ("disagreement", "js"):
        assert joined[name].high - joined[name].low > 1.8 * (apart[name].high - apart[name].low)


def test_one_cluster_in_all_is_refused():
    large, small, items = case(50)
    with pytest.raises(trusteq.DataError, match="all items are in one cluster"):
        trusteq.audit(large, small, replace(items, clusters=["a"] * 50))


def test_a_planted_bad_slice_is_named():
    large, small, items = case(2000, noise=0.1)
    rng = np.random.default_rng(5)
    for id_, group in zip(items.ids, items.columns["group"], strict=True):
        if group == "odd" and rng.random() < 0.3:
            small.answers[id_] = small.answers[id_][[1, 2, 0]]
    result = trusteq.audit(large, small, items, resamples=200)
    assert any(advice.sentence.startswith("group = odd does worse than the rest") for advice in result["small"].advice)


def test_several_candidates_have_pies():
    large, small, items = case(300, noise=2.0)
    result = trusteq.audit(large, {"a": small, "b": replace(small, name="b")}, items, **FAST)
    assert {row["id"] for row in result.pies} == {row["id"] for row in result["a"].flips}


def test_data_frames_hold_every_estimate_prediction_and_flip():
    large, small, items = case(200)
    result = trusteq.audit(large, small, items, resamples=200)
    estimates = result.estimates()
    assert {"value", "low", "high", "n", "method", "slice_column"} <= set(estimates.columns)
    assert set(estimates["slice_column"].dropna()) == {"label", "group", ANSWER, CONFIDENCE}
    assert len(result.predictions()) == 400
    assert len(result.flips()) == len(result["small"].flips)


def test_candidates_are_found_by_name_and_shown_in_a_line():
    large, small, items = case(300)
    result = trusteq.audit(large, {"a": small, "b": replace(small, name="b")}, items, **FAST)
    assert list(result) == ["a", "b"]
    assert len(result) == 2
    assert "b" in result
    assert "large" not in result
    with pytest.raises(KeyError, match="no candidate 'large'; there are"):
        result["large"]
    assert repr(result).startswith("<Audit of 300 items against large; a: ")
    assert repr(result["a"]) == f"<Comparison of a: {result['a'].verdict.outcome}>"
    assert repr(items) == "<300 Items of items; labels no, maybe, yes; columns group>"


def test_an_estimator_is_a_model_and_candidates_may_be_named():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 5))
    y = (x.sum(axis=1) > 0).astype(int)
    large, small = LogisticRegression().fit(x, y), LogisticRegression(C=0.01).fit(x, y)
    items = trusteq.Items(
        ids=[str(i) for i in range(300)], segments={"x": x}, labels=y.astype(np.int64), label_names=("0", "1")
    )
    result = trusteq.audit(large, {"weak": small}, items, **FAST)
    assert result["weak"].measures["behaviour"]["agreement"].value > 0.9


def test_a_mapping_names_candidates_whatever_they_call_themselves():
    large, small, items = case(50)
    result = trusteq.audit(large, {"int8": small, "large-2": replace(small, name="large")}, items, **FAST)
    assert result["int8"].candidate.name == "int8"
    assert result["large-2"].candidate.name == "large-2"

    class Own:
        name, labels, identity = "own", small.labels, small.identity
        predict, findings = small.predict, small.findings

    with pytest.raises(trusteq.ModelError, match="candidate 'int8': the model's own name is 'own'"):
        trusteq.audit(large, {"int8": Own()}, items, **FAST)


def test_progress_is_told_for_every_stage():
    large, small, items = case(50)
    told = []
    trusteq.audit(large, small, items, progress=lambda *step: told.append(step), **FAST)
    assert {stage for stage, _, _ in told} == {"predict large", "predict small", "compare", "measure speed"}
    assert ("predict small", 50, 50) in told


def test_identical_predictions_of_another_file_are_reported():
    large, _, items = case(200)
    result = trusteq.audit(large, replace(large, name="copy"), items, **FAST)
    assert any(f.kind == "identical" for f in result["copy"].candidate.findings)


def test_items_that_repeat_a_text_are_reported_unless_they_are_of_one_cluster():
    large, small, items = case(60)
    texts = {"text": [f"text {i // 2}" for i in range(60)]}
    doubled = replace(items, segments=texts)
    (found,) = trusteq.audit(large, small, doubled, **FAST).item_findings
    assert (found.kind, found.value) == ("repeated items", 30)
    assert found.message.startswith("30 of 60 repeat the text of another item; intervals treat them as independent")
    assert "--cluster" in found.message
    together = replace(doubled, clusters=texts["text"])
    assert trusteq.audit(large, small, together, **FAST).item_findings == ()
    assert trusteq.audit(large, small, items, **FAST).findings == ()


@pytest.mark.slow
def test_items_that_were_copied_under_new_ids_are_told_where_there_is_no_text():
    large, small, items = case(60)
    ids = [f"i{i}" for i in range(600)]
    more = trusteq.Items(ids=ids, labels=np.tile(items.labels, 10), label_names=LABELS)
    many = [Table(m.name, {i: m.answers[f"i{int(i[1:]) % 60}"] for i in ids}) for m in (large, small)]
    (found,) = trusteq.audit(*many, more, **FAST).item_findings
    assert (found.kind, found.value) == ("repeated rows", 540)
    assert found.message.startswith("540 of 600 have the gold label and every model's probabilities of another item")
    assert "--cluster" in found.message
    together = replace(more, clusters=[str(i % 60) for i in range(600)])
    assert trusteq.audit(*many, together, **FAST).item_findings == ()
    blocks = replace(more, clusters=[str(i // 60) for i in range(600)])
    (found,) = trusteq.audit(*many, blocks, **FAST).item_findings
    assert found.message.startswith("540 of 600 have the gold label and every model's probabilities of another item in")
    assert trusteq.audit(large, small, items, **FAST).item_findings == ()


@pytest.mark.slow
def test_clusters_that_are_all_the_same_leave_no_interval_without_width():
    """Resampling them changes nothing: every figure would be certain."""
    large, small, items = case(60)
    ids = [f"i{i}" for i in range(600)]
    more = trusteq.Items(ids=ids, labels=np.tile(items.labels, 10), label_names=LABELS)
    many = [Table(m.name, {i: m.answers[f"i{int(i[1:]) % 60}"] for i in ids}) for m in (large, small)]
    blocks = replace(more, clusters=[str(i // 60) for i in range(600)])
    of_blocks, of_items = (trusteq.audit(*many, i, **FAST)["small"] for i in (blocks, more))
    for found, least in ((of_blocks.measures[d], of_items.measures[d]) for d in ("behaviour", "calibration")):
        for name, estimate in found.items():
            assert estimate.high - estimate.low >= (least[name].high - least[name].low) / 2, name
    for name, estimate in of_blocks.remedies.items():
        least = of_items.remedies[name]
        assert estimate.high > estimate.low or least.high == least.low, name


def test_labels_in_another_order_are_told_above_the_numbers():
    large, small, items = case(300)
    reversed_ = replace(items, label_names=items.label_names[::-1])
    result = trusteq.audit(large, small, reversed_, **FAST)
    kinds = {(f.model, f.kind) for f in result.findings}
    assert kinds == {("large", "labels misnamed"), ("small", "labels misnamed")}
    console = Console(file=io.StringIO(), width=100)
    console.print(render(result))
    above = " ".join(console.file.getvalue().partition("  measure")[0].split())
    assert "large: right in" in above
    assert "check --labels and --label-names" in above


def test_answers_to_other_items_are_told_above_the_numbers():
    large, small, items = case(300)
    other = replace(items, labels=np.roll(items.labels, 1))
    told = trusteq.audit(large, small, other, **FAST).findings
    assert {f.kind for f in told} <= {"chance", "below majority"}
    assert {f.model for f in told} == {"large", "small"}


def test_a_rule_at_its_margin_is_left_to_a_person():
    large, small, items = case(400)
    rules = {"name": "t", "required": ["behaviour"], "rules": {"behaviour": {"disagreement": {"at_most": 0.068}}}}
    result = trusteq.audit(large, small, items, policy=rules, **FAST)["small"]
    (advice,) = [advice for advice in result.advice if advice.kind in {"measure more", "decide"}]
    assert advice.kind == "decide"
    still = result.verdict.dimensions[0].rules[0].outlook.chances[-1].undecided
    for said in (
        "leans within the margin (at most 0.068)",
        "even 10,000 items (now 400) would leave it undecided with a chance of ",
        f" {chance(still)}; decide yourself, on the record (trusteq waive), or change the margin on purpose",
    ):
        assert said in advice.sentence


def test_one_number_of_items_serves_all_rules_and_a_decision_the_rest():
    large, small, items = case(400)
    shift = trusteq.audit(large, small, items, **FAST)["small"].measures["calibration"]["confidence_shift"]
    rules = {
        "behaviour": {"disagreement": {"at_most": 0.09}, "accuracy_difference": {"at_least": -0.03}},
        "calibration": {"confidence_shift": {"at_least": (shift.low + 9 * shift.value) / 10}},
    }
    policy = {"name": "t", "required": ["behaviour", "calibration"], "rules": rules}
    result = trusteq.audit(large, small, items, policy=policy, **FAST)["small"]
    one, other, third = (rule for d in result.verdict.dimensions for rule in d.rules)
    needed = max(one.items_needed, other.items_needed)
    assert one.items_needed != other.items_needed
    more, decide = (advice for advice in result.advice if advice.kind in {"measure more", "decide"})
    assert more.sentence.startswith(f"about {needed:,} items would decide; the chances then: disagreement ")
    assert more.sentence.count(" items would decide") == 1
    within, _ = chances(one.estimate, None, 0.09, needed, averaged=True)
    assert f"disagreement {chance(within)} within margin" in more.sentence
    assert more.mends == ("disagreement", "accuracy_difference")
    assert third.at_margin
    assert decide.sentence.startswith("confidence shift ")


def test_clusters_are_counted_in_what_would_decide():
    large, small, items = case(400)
    rules = {"name": "t", "required": ["behaviour"], "rules": {"behaviour": {"disagreement": {"at_most": 0.09}}}}
    apart = trusteq.audit(large, small, items, policy=rules, **FAST)["small"]
    joined = trusteq.audit(
        large, small, replace(items, clusters=[str(i // 4) for i in range(400)]), policy=rules, **FAST
    )["small"]
    (rule,) = joined.verdict.dimensions[0].rules
    assert rule.clusters_needed == -(-rule.items_needed // 4)
    said = f"about {rule.items_needed:,} items in {rule.clusters_needed:,} clusters would decide"
    assert said in rule.reason
    assert joined.advice[-1].sentence.startswith(f"{said}; the chances then: disagreement ")
    assert "clusters" not in apart.advice[-1].sentence
    assert "items would decide" in apart.advice[-1].sentence


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"resamples": 0}, trusteq.OptionError, "resamples must be a whole number from 100 to 100,000, found 0"),
        ({"resamples": 10**6}, trusteq.OptionError, "found 1000000"),
        ({"resamples": 2000.0}, trusteq.OptionError, "found 2000.0"),
        ({"seed": -1}, trusteq.OptionError, "seed must be a whole number from 0 to .*, found -1"),
        ({"seed": None}, trusteq.OptionError, "found None"),
        ({"batch": 0}, trusteq.OptionError, "batch must be a whole number from 1 to .*, found 0"),
        ({"batch": True}, trusteq.OptionError, "found True"),
        ({"policy": {"name": "x"}}, trusteq.PolicyError, "policy: required: field required"),
        ({"policy": 0.05}, trusteq.PolicyError, "policy is 0.05; give a preset's name"),
        ({"dimensions": "beauty"}, trusteq.PolicyError, "no dimension 'beauty'"),
        ({"explain": 40}, trusteq.OptionError, r"found 40; for a number of items use trusteq\.ExplainSettings\(items="),
        ({"explain": "no"}, trusteq.OptionError, "explain must be True, False or ExplainSettings, found 'no'"),
        ({"explain": 0}, trusteq.OptionError, "found 0"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(settings, error, says):
    large, small, items = case(50)
    with pytest.raises(error, match=says):
        trusteq.audit(large, small, items, **settings)


@pytest.mark.parametrize("items", [["a text"], None])
def test_items_that_are_none_are_told_how_to_be_read(items):
    large, small, _ = case(50)
    with pytest.raises(trusteq.DataError, match=r"items must be .*, a file, .*, found \w+ .*see trusteq\.read_items"):
        trusteq.audit(large, small, items)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_of_items_is_read_like_a_data_frame(tmp_path, kind):
    frame = pd.DataFrame({"id": [f"i{n}" for n in range(40)], "a": np.linspace(0.1, 0.9, 40), "y": ["no", "yes"] * 20})
    frame.to_csv(tmp_path / "test.csv", index=False)
    models = [
        trusteq.from_callable(
            lambda rows, s=s: np.column_stack([1 - s * rows["a"], s * rows["a"]]), labels=["no", "yes"], name=str(s)
        )
        for s in (1.0, 0.9)
    ]
    how = {"columns": "all", "label": "y", "explain": False, "costs": "none", "resamples": 100, "with_slices": False}
    from_file, from_frame = (trusteq.audit(*models, items, **how) for items in (kind(tmp_path / "test.csv"), frame))
    pd.testing.assert_frame_equal(from_file.estimates(), from_frame.estimates())


def test_a_mapping_is_a_policy_and_one_dimension_a_list_of_one():
    large, small, items = case(400)
    rules = {"name": "mine", "required": ["behaviour"], "rules": {"behaviour": {"disagreement": {"at_most": 0.9}}}}
    result = trusteq.audit(large, small, items, policy=rules, dimensions="behaviour", **FAST)
    assert (result.policy.name, result.exit_code) == ("mine", 0)


def test_a_name_that_cannot_be_written_is_refused_before_any_answer():
    large, small, items = case(50)
    with pytest.raises(trusteq.ModelError, match="cannot be written"):
        trusteq.audit(large, replace(small, name="caf\udce9", answers={}), items)


@pytest.mark.parametrize(
    ("labels", "says"),
    [([0, -1], "label code -1"), ([0, 7], "label code 7"), ([0.0, 1.0], "whole codes"), (["a", "b"], "whole codes")],
)
def test_label_codes_outside_the_names_are_refused(labels, says):
    with pytest.raises(trusteq.DataError, match=says):
        trusteq.Items(ids=["a", "b"], labels=np.array(labels), label_names=("x", "y"))


def test_ids_that_are_no_texts_are_refused():
    with pytest.raises(trusteq.DataError, match="ids must be texts"):
        trusteq.Items(ids=[1, 2])


def test_a_file_read_by_row_keeps_the_order_of_the_items_whatever_their_ids(tmp_path):
    large, small, items = case(100)
    backwards = items.take(np.arange(100)[::-1])
    rows = [",".join(map(str, small.answers[i])) for i in backwards.ids]
    (tmp_path / "small.csv").write_text("\n".join([",".join(LABELS), *rows]) + "\n", "utf-8")
    file = trusteq.open_model(tmp_path / "small.csv", options=trusteq.ModelOptions(by_row=True))
    by_row, by_id = (trusteq.audit(large, c, backwards, **FAST)["small"].measures for c in (file, small))
    assert by_row["behaviour"]["agreement"].value == by_id["behaviour"]["agreement"].value


def predictions(path, columns):
    pd.DataFrame(columns).to_csv(path, index=False)
    return str(path)


@pytest.fixture
def told(tmp_path):
    """A function from a file's columns beside id and label to what the audit of it against itself says."""

    def say(labels, more, **options):
        n = len(labels)
        columns = {"id": [f"i{i}" for i in range(n)], "gold": labels, "no": [0.9] * n, "yes": [0.1] * n, **more}
        path = predictions(tmp_path / "m.csv", columns)
        items = trusteq.read_items(path, text=(), label=options.pop("label", "gold"))
        model = trusteq.open_model(path, options=trusteq.ModelOptions(not_labels=("gold",), **options))
        with pytest.raises(trusteq.LabelError) as error:
            trusteq.audit(model, {"same": model}, items, allow_same=True, **FAST)
        return str(error.value)

    return say


def test_a_number_beside_the_labels_is_none_and_said_before_it_is_read(told):
    said = told(["no", "yes"], {"score": [1.5, 2.5]})
    assert "column 'score' would be read as a label, but no item has that label" in said
    assert said.endswith("name all labels, including those that no item has: --labels m=no,yes")


@pytest.mark.parametrize("more", [{"fold": [0, 0]}, {"score": [0.01, 0.0]}])
def test_a_number_that_rows_do_not_sum_to_1_with_is_no_label(told, more):
    assert "would be read as a label, but no item has that label" in told(["no", "yes"], more)


def test_a_label_that_no_item_has_is_one_where_rows_sum_to_1_with_it(tmp_path):
    """As a few of a thousand labels are in no sample of two thousand items."""
    rng = np.random.default_rng(0)
    names = [f"class {k}" for k in range(1_000)]
    gold = rng.integers(0, 990, 2_000)
    p = rng.dirichlet(np.full(1_000, 0.01), 2_000)
    table = pd.DataFrame(p, columns=names).assign(gold=[names[code] for code in gold])
    path = str(tmp_path / "large.parquet")
    table.to_parquet(path, index=False)
    items = trusteq.read_items(path, label="gold")
    model = trusteq.open_model(path, options=trusteq.ModelOptions(not_labels=("gold",)))
    probabilities = model.predict(items)
    np.testing.assert_allclose(probabilities, p, atol=1e-12)
    logits = trusteq.open_model(path, options=trusteq.ModelOptions(not_labels=("gold",), scores="logits"))
    with pytest.raises(trusteq.LabelError) as error:
        logits.predict(items)
    assert "would be read as a label, but no item has that label" in str(error.value)
    assert len(str(error.value)) < 400


def test_items_whose_labels_are_codes_are_told_how_to_name_them(told):
    assert told([0, 1], {}).endswith("if these are codes, name the label of each: --label-names no,yes")


def test_logits_without_gold_labels_need_names(told):
    said = told(["no", "yes"], {"tokens": [7, 9]}, scores="logits", label=None)
    assert said.endswith("trusteq cannot tell which are logits; name them: --labels m=no,yes,tokens")
