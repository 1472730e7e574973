"""The answer in one sentence."""

from dataclasses import replace

import pytest
from cases import case

import trusteq
from trusteq.policy import Rule, read_policy
from trusteq.record.document import document
from trusteq.report.page.sentence import Name, answer, listed, share, why
from trusteq.stats.estimate import Estimate
from trusteq.verdict import DimensionVerdict, Outcome, RuleVerdict, Verdict

E, N, U, X = Outcome.EQUIVALENT, Outcome.NOT_EQUIVALENT, Outcome.UNDECIDED, Outcome.NOT_MEASURED


@pytest.fixture(scope="module")
def judged():
    large, small, items = case(100)
    made = trusteq.audit(large, small, items, resamples=100, with_slices=False, costs="none")
    return document(made).candidates[0]


def candidates(judged, **outcomes):
    return [
        replace(judged, name=name.replace("_", "-"), verdict=Verdict(outcome, judged.verdict.dimensions, ""))
        for name, outcome in outcomes.items()
    ]


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ({"a": E, "b": N, "c": N}, "a may replace large; b and c may not."),
        ({"a": E, "b": E, "c": U}, "a and b may replace large; of c it is not yet known."),
        ({"a": N, "b": U}, "a may not replace large; of b it is not yet known."),
        ({"a": E, "b": N, "c": U}, "a may replace large; b may not; of c it is not yet known."),
        ({"a": E, "b": E}, "All 2 candidates may replace large."),
        ({"a": N, "b": N}, "None of the 2 candidates may replace large."),
        ({"a": U, "b": U}, "Whether any of the 2 candidates may replace large is not yet known."),
        ({f"c{i}": N for i in range(8)} | {"good": E}, "good may replace large; 8 candidates may not."),
    ],
)
def test_of_several_candidates(judged, outcomes, said):
    assert "".join(answer("large", candidates(judged, **outcomes))) == said


def test_names_are_told_from_words(judged):
    parts = answer("may replace", candidates(judged, a=E, b=N))
    assert [part for part in parts if isinstance(part, Name)] == ["a", "may replace", "b"]


def rule(measure, outcome, estimate=(0.0, 0.0, 0.0), judged_on="interval", **margin):
    return RuleVerdict(measure, Rule(**margin, judged_on=judged_on), outcome, "", Estimate(*estimate, 1_500, "made up"))


def verdict(whole, *dimensions):
    made = [DimensionVerdict(name, outcome, True, tuple(rules)) for name, outcome, *rules in dimensions]
    return Verdict(whole, tuple(made), "")


def test_why_it_may():
    policy = read_policy("default")
    names = [
        (d, E, *(rule(m, E, **r.model_dump(exclude={"judged_on"})) for m, r in policy.rules[d].items()))
        for d in policy.required
    ]
    assert why(verdict(E, *names), {}) == "it answers alike, is as sure and looks at the same words, within the margins"


def test_why_it_may_not_says_each_reason_once():
    broken = verdict(
        N,
        ("behaviour", N, rule("disagreement", N, (0.118, 0.1, 0.13), at_most=0.05)),
        ("calibration", N, rule("smooth_ece_difference", N, at_most=0.02)),
        (
            "explanation",
            N,
            rule("alignment_lime_to_peer", N, at_least=0.9),
            rule("alignment_shapley_to_peer", N, at_least=0.9),
        ),
    )
    said = "it changes 12% of the answers (at most 5% may), is worse calibrated and looks at other words"
    assert why(broken, {}) == said


def test_a_loss_of_accuracy_is_told_with_both_figures():
    broken = verdict(N, ("behaviour", N, rule("accuracy_difference", N, (-0.33, -0.36, -0.3), at_least=-0.01)))
    both = {f"accuracy_{side}": Estimate(v, v, v, 9, "") for side, v in (("reference", 0.77), ("candidate", 0.44))}
    assert why(broken, both) == "it is right less often (44% instead of 77%)"
    assert why(broken, {}) == "it is right less often"


def test_a_measure_that_has_no_words_of_its_own_is_named():
    broken = verdict(N, ("calibration", N, rule("nll_difference", N, at_most=0.1)))
    assert why(broken, {}) == "it is beyond the margin of NLL difference"


def test_why_it_is_not_known():
    unknown = verdict(
        U,
        ("behaviour", U, rule("accuracy_difference", U, at_least=-0.01), rule("disagreement", E, at_most=0.05)),
        ("explanation", X),
    )
    assert why(unknown, {}) == "1,500 items leave open whether it is right as often; explanation was not measured"


def test_passing_a_policy_that_needs_no_proof_is_not_called_alike():
    passed = verdict(E, ("calibration", E, rule("ece_difference", E, judged_on="significance", at_least=0, at_most=0)))
    assert why(passed, {}) == "it passes what the policy asks of calibration"
    failed = verdict(N, ("calibration", N, rule("ece_difference", N, judged_on="significance", at_least=0, at_most=0)))
    assert why(failed, {}) == "it differs significantly in ECE"


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0%"), (1.0, "100%"), (0.004, "0.4%"), (0.118, "12%"), (0.987, "98.7%"), (float("nan"), "an unknown share")],
)
def test_shares_are_said_as_people_say_them(value, said):
    assert share(value) == said


def test_lists():
    assert (listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])) == ("a", "a and b", "a, b and c")
