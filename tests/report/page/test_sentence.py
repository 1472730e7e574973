"""The answer in one sentence."""

from dataclasses import replace

import pytest
from cases import case

import trusteq
from trusteq import Estimate, Outcome, read_policy
from trusteq.comparing.measures import DIMENSIONS
from trusteq.policy import Rule
from trusteq.record.document import document
from trusteq.report.page.sentence import Name, answer, reasons, share
from trusteq.verdict import DimensionVerdict, RuleVerdict, Verdict

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
        ({"a": E, "b": E, "c": U}, "a and b may replace large; it is undecided whether c may."),
        ({"a": N, "b": U}, "a may not replace large; it is undecided whether b may."),
        ({"a": E, "b": N, "c": U}, "a may replace large; b may not; it is undecided whether c may."),
        ({"a": E, "b": U, "c": U}, "a may replace large; it is undecided whether b and c may."),
        ({"a": E, "b": E}, "All 2 candidates may replace large."),
        ({"a": N, "b": N}, "None of the 2 candidates may replace large."),
        ({"a": U, "b": U}, "It is undecided whether any of the 2 candidates may replace large."),
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


def unmeasured(measure):
    return RuleVerdict(measure, Rule(at_least=0.9), X, f"{measure} was not measured (it needs something)")


def verdict(whole, *dimensions):
    made = [DimensionVerdict(name, outcome, True, tuple(rules)) for name, outcome, *rules in dimensions]
    return Verdict(whole, tuple(made), "")


def test_why_it_may():
    policy = read_policy("default")
    names = [
        (d, E, *(rule(m, E, **r.model_dump(exclude={"judged_on"})) for m, r in policy.rules[d].items()))
        for d in policy.required
    ]
    alike = [DIMENSIONS[name].equivalent.removeprefix("it ") for name in ("behaviour", "calibration", "explanation")]
    assert reasons(verdict(E, *names), {}) == "it {}, {} and {}, within the margins".format(*alike)


def test_reasons_name_the_units_that_were_explained():
    broken = verdict(N, ("explanation", N, rule("alignment_lime", N, at_least=0.9)))
    assert reasons(broken, {}) == "it looks at different words"
    assert reasons(broken, {}, "tile") == "it looks at different tiles"


def test_why_a_language_model_may_not():
    broken = verdict(
        N,
        (
            "distribution",
            N,
            rule("token_kl_excess", N, at_most=0.01),
            rule("same_top", N, (0.547, 0.52, 0.57), at_least=0.95),
            rule("nll_per_byte_ratio", N, at_most=1.005),
        ),
    )
    assert reasons(broken, {}) == (
        "it gives next tokens other probabilities, finds another token most probable at 45% of the places (at most 5% "
        "allowed) and predicts the texts worse"
    )


def test_what_is_not_known_of_a_language_model():
    names = ("token_kl_excess", "same_top", "nll_per_byte_ratio")
    between = verdict(U, ("distribution", U, *(rule(name, U, at_least=0) for name in names)))
    assert reasons(between, {}).endswith(
        "do not show whether it gives next tokens the same probabilities, finds the same tokens most probable and "
        "predicts the texts as well"
    )


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
    said = "it changes 12% of the answers (at most 5% allowed), is worse calibrated and looks at different words"
    assert reasons(broken, {}) == said


def test_a_loss_of_accuracy_is_told_with_both_figures():
    broken = verdict(N, ("behaviour", N, rule("accuracy_difference", N, (-0.33, -0.36, -0.3), at_least=-0.01)))
    both = {f"accuracy_{side}": Estimate(v, v, v, 9, "") for side, v in (("reference", 0.77), ("candidate", 0.44))}
    assert reasons(broken, both) == "it is less accurate (44% instead of 77%)"
    assert reasons(broken, {}) == "it is less accurate"


def test_a_measure_that_has_no_words_of_its_own_is_named():
    broken = verdict(N, ("calibration", N, rule("nll_difference", N, at_most=0.1)))
    assert reasons(broken, {}) == "it is beyond the margin of NLL difference"


def test_why_it_is_not_known():
    unknown = verdict(
        U,
        ("behaviour", U, rule("accuracy_difference", U, at_least=-0.01), rule("disagreement", E, at_most=0.05)),
        ("explanation", X),
    )
    assert reasons(unknown, {}) == "1,500 items do not show whether it is as accurate; explanation was not measured"


def test_what_was_not_measured_says_what_it_needs():
    unknown = verdict(
        U,
        ("behaviour", X, unmeasured("accuracy_difference")),
        ("calibration", U, rule("smooth_ece_difference", U, at_most=0.02), unmeasured("ece_difference")),
        ("explanation", X, unmeasured("alignment_lime"), unmeasured("alignment_shapley")),
    )
    assert reasons(unknown, {}) == (
        "1,500 items do not show whether it is as well calibrated; "
        "ece_difference was not measured (it needs something); "
        "behaviour was not measured (it needs gold labels); "
        "explanation was not measured (it needs explained items)"
    )


def test_passing_a_policy_that_needs_no_proof_is_not_called_alike():
    passed = verdict(E, ("calibration", E, rule("ece_difference", E, judged_on="significance", at_least=0, at_most=0)))
    assert reasons(passed, {}) == "it passes the policy's rules on calibration"
    failed = verdict(N, ("calibration", N, rule("ece_difference", N, judged_on="significance", at_least=0, at_most=0)))
    assert reasons(failed, {}) == "it differs significantly in ECE"


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0%"), (1.0, "100%"), (0.004, "0.4%"), (0.118, "12%"), (0.987, "98.7%"), (float("nan"), "an unknown share")],
)
def test_shares_are_said_as_people_say_them(value, said):
    assert share(value) == said
