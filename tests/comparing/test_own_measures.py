"""A measure of somebody's own: measured, judged and shown like trusteq's, and refused in one line where it is wrong."""

import math
from dataclasses import replace

import numpy as np
import pytest

import trusteq
from trusteq import read_policy
from trusteq.auditing.verify import verify_run
from trusteq.comparing.own_measures import entries, from_entries, own_measures
from trusteq.record.evidence import evidence
from trusteq.record.run import rejudge
from trusteq.report.page.page import page

LABELS = ("no", "yes")


def leaves_yes(pair):
    """The share of the reference's "yes" that the candidate turns into "no"."""
    return pair.resampling.share((pair.reference.answer == 1) & (pair.candidate.answer == 0), what="yes that turns no")


def wide(pair):
    """An interval that was not made at the policy's level."""
    return replace(leaves_yes(pair), level=0.5)


@pytest.fixture(scope="module")
def audited():
    """What an audit with these measures and rules comes to; every fifth answer of the candidate differs."""
    n = 200
    gold = np.arange(n) % 2
    p = np.where(gold, 0.9, 0.1)
    moved = np.where(np.arange(n) % 10 == 1, 0.2, p)
    items = trusteq.Items(
        [str(i) for i in range(n)],
        {"at": np.arange(n)},
        labels=gold,
        label_names=LABELS,
        columns={"half": ["ab"[i // 100] for i in range(n)]},
    )
    models = [
        trusteq.from_callable(lambda at, p=p: np.stack([1 - p, p], axis=1)[at], labels=LABELS, name=name)
        for name, p in (("large", p), ("small", moved))
    ]

    def audit(measures, rules=None, **asked):
        policy = {
            "name": "own",
            "required": ["behaviour"],
            "rules": {"behaviour": rules or {"disagreement": {"at_most": 0.5}}},
        }
        return trusteq.audit(
            models[0],
            {"small": models[1]},
            items,
            policy=policy,
            measures=measures,
            costs="none",
            resamples=200,
            **asked,
        )

    return audit


def test_it_is_measured_of_the_whole_and_of_every_slice(audited):
    result = audited([leaves_yes])
    estimate = result["small"].measures["behaviour"]["leaves_yes"]
    assert (estimate.value, estimate.n) == (0.1, 200)
    assert estimate.low < 0.1 < estimate.high
    rows = result.estimates().query("measure == 'leaves_yes'").set_index("slice_value", drop=False)["value"]
    assert rows["yes"] == 0.2
    assert rows["no"] == 0.0
    assert rows["a"] == 0.1


@pytest.mark.parametrize(("most", "outcome"), [(0.2, "EQUIVALENT"), (0.05, "NOT EQUIVALENT"), (0.1, "UNDECIDED")])
def test_a_policy_can_name_it(audited, most, outcome):
    verdict = audited([leaves_yes], {"leaves_yes": {"at_most": most}})["small"].verdict
    assert verdict.outcome == outcome
    if outcome == "NOT EQUIVALENT":
        assert verdict.reason.startswith("leaves yes 0.1 [")


def test_all_that_is_known_of_it_is_entered_with_it(audited):
    @trusteq.measure(dimension="calibration", bounds=(0, 1), worse="higher", needs=["labels", "distribution"])
    def doubt(pair):
        return pair.resampling.mean(1 - pair.candidate.probabilities.max(axis=1), what="mean doubt")

    result = audited([doubt])
    assert result["small"].measures["calibration"]["doubt"].value == pytest.approx(0.11)
    (entry,) = result.settings["measures"]
    assert entry == {
        "name": "doubt",
        "dimension": "calibration",
        "bounds": [0.0, 1.0],
        "worse": 1,
        "needs": ["labels", "distribution"],
    }
    policy = {"name": "p", "required": ["calibration"], "rules": {"calibration": {"doubt": {"at_most": 2}}}}
    with pytest.raises(trusteq.PolicyError, match="doubt is always from 0 to 1, so at most 2 could never fail"):
        read_policy(policy, own_measures([doubt]))


def test_where_its_needs_are_not_met_it_is_not_measured():
    @trusteq.measure(needs=["labels"])
    def wrong_twice(pair):
        return pair.resampling.share(~pair.reference.right & ~pair.candidate.right, what="wrong twice")

    p = np.tile([[0.9, 0.1], [0.2, 0.8]], (60, 1))
    models = [trusteq.from_callable(lambda at: p[at], labels=LABELS, name=name) for name in ("large", "small")]
    policy = {"name": "own", "required": ["behaviour"], "rules": {"behaviour": {"wrong_twice": {"at_most": 0.1}}}}
    items = trusteq.Items([str(i) for i in range(120)], {"at": np.arange(120)})
    result = trusteq.audit(
        models[0], models[1], items, policy=policy, measures=[wrong_twice], allow_same=True, costs="none"
    )
    assert "wrong_twice" not in result["small"].measures["behaviour"]
    assert result["small"].verdict.outcome == "UNDECIDED"
    assert result["small"].verdict.reason == "behaviour was not measured (it needs gold labels)"


def test_a_saved_run_is_read_judged_and_shown_where_its_code_is_not(audited, tmp_path):
    result = audited([leaves_yes], {"leaves_yes": {"at_most": 0.05}})
    run = trusteq.load_run(result.save(tmp_path / "run"))
    assert run.document.own_measures[0].name == "leaves_yes"
    assert run.document.candidates[0].verdict == result["small"].verdict
    assert run.policy == result.policy
    rows = run.table("estimates").query("measure == 'leaves_yes'")
    assert len(rows) == 5
    assert "leaves yes" in page(evidence(run))
    assert rejudge(run, read_policy(LOOSE, run.document.own_measures))["small"].outcome == "EQUIVALENT"
    with pytest.raises(trusteq.PolicyError, match="behaviour has no measure 'leaves_yes'"):
        read_policy(LOOSE)
    with pytest.raises(
        trusteq.RunError, match="measure 'leaves_yes' is not part of trusteq, and its code is not installed"
    ):
        verify_run(run)


LOOSE = {"name": "loose", "required": ["behaviour"], "rules": {"behaviour": {"leaves_yes": {"at_most": 0.5}}}}


def test_what_is_kept_of_it_comes_back():
    entry = trusteq.measure(leaves_yes, bounds=(-math.inf, 1), worse="lower", needs=["labels"])
    (back,) = from_entries(entries([entry]))
    assert (back.name, back.title, back.bounds, back.worse, back.needs, back.dimension) == (
        "leaves_yes", "leaves yes", (-math.inf, 1.0), -1, ("labels",), "behaviour"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("measures", "said"),
    [
        (leaves_yes, "measures must be a list of functions, found function"),
        ([3], "measure 3 is not a function of a pair"),
        ([lambda pair: None], "measure '<lambda>': give it a name"),
        ([leaves_yes, leaves_yes], "two measures are called leaves_yes"),
        (
            [trusteq.measure(leaves_yes, name="accuracy_difference")],
            "accuracy_difference: trusteq or a plugin already has",
        ),
        ([trusteq.measure(lambda pair: 0.5, name="half")], "half returned float '0.5', not a trusteq.Estimate"),
        (
            [trusteq.measure(lambda pair: 1 / 0, name="broken")],
            "broken stopped with ZeroDivisionError: division by zero",
        ),
        ([trusteq.measure(wide, name="wide")], "wide has an interval at 0.5, the policy asks for 0.95"),
        ([trusteq.Measure("empty", "empty")], "empty is incomplete; make it with trusteq.measure"),
        (
            [trusteq.measure(lambda pair: trusteq.Estimate(9.0, 0.0, 0.001, 100, "mean"), name="far")],
            r"far is 9, outside its own interval \[0, 0.001\]",
        ),
        (
            [trusteq.measure(lambda pair: trusteq.Estimate(9.0, 9.5, 0.0, 100, "mean"), name="turned")],
            r"turned is 9, outside its own interval \[9.5, 0\]",
        ),
        ([trusteq.measure(leaves_yes, bounds=(0.5, 1))], "leaves_yes is 0.1, outside its bounds 0.5 and 1"),
    ],
)
def test_what_is_no_measure_is_one_line(audited, measures, said):
    with pytest.raises(trusteq.OptionError, match=said) as caught:
        audited(measures)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"dimension": "explanation"}, "dimension 'explanation' is unknown; choose from behaviour, calibration"),
        ({"worse": "up"}, "worse is 'up'; choose lower, higher or None"),
        ({"needs": ["gold"]}, r"it can need distribution and labels, found \['gold'\]"),
        ({"bounds": (1, 0)}, "bounds 1 and 0: give the lowest value, then the highest"),
        ({"name": "Leaves yes"}, "'Leaves yes': give it a name of lower-case letters"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(known, said):
    with pytest.raises(trusteq.OptionError, match=said):
        trusteq.measure(leaves_yes, **known)


def test_one_that_finds_nothing_to_measure_is_left_out(audited):
    assert "nothing" not in audited([trusteq.measure(lambda pair: None, name="nothing")])["small"].measures["behaviour"]
