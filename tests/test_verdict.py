import pytest

from trusteq import Estimate, Outcome, read_policy
from trusteq.policy import parse_policy
from trusteq.tasks.task import task_named
from trusteq.verdict import EXIT_CODES, fewest_explained, fewest_to_resample, judge

EQUIVALENT, NOT_EQUIVALENT, UNDECIDED, NOT_MEASURED = (
    Outcome.EQUIVALENT,
    Outcome.NOT_EQUIVALENT,
    Outcome.UNDECIDED,
    Outcome.NOT_MEASURED,
)
INSIDE, ACROSS, OUTSIDE = (-0.005, 0.005), (-0.02, 0.02), (-0.04, -0.03)


def estimate(interval, n=1_000):
    low, high = interval
    return Estimate((low + high) / 2, low, high, n, "test")


def policy(required=("behaviour", "calibration"), **rule):
    margin = {"at_least": -0.01, "at_most": 0.01, **rule}
    return parse_policy(
        {
            "name": "test",
            "min_items": 100,
            "required": list(required),
            "rules": {
                "behaviour": {"accuracy_difference": margin},
                "calibration": {"overconfidence_difference": margin},
                "explanation": {"alignment_shapley": {"at_least": 0.9}},
            },
        },
        where="test",
    )


def measured(behaviour=None, calibration=None, **options):
    given = {"behaviour": ("accuracy_difference", behaviour), "calibration": ("overconfidence_difference", calibration)}
    return {d: {name: estimate(i, **options)} for d, (name, i) in given.items() if i is not None}


def dimension(verdict, name):
    return next(d for d in verdict.dimensions if d.dimension == name)


@pytest.mark.parametrize(
    ("behaviour", "calibration", "expected"),
    [
        (INSIDE, INSIDE, EQUIVALENT),
        (INSIDE, ACROSS, UNDECIDED),
        (INSIDE, OUTSIDE, NOT_EQUIVALENT),
        (INSIDE, None, UNDECIDED),
        (ACROSS, INSIDE, UNDECIDED),
        (ACROSS, ACROSS, UNDECIDED),
        (ACROSS, OUTSIDE, NOT_EQUIVALENT),
        (ACROSS, None, UNDECIDED),
        (OUTSIDE, INSIDE, NOT_EQUIVALENT),
        (OUTSIDE, ACROSS, NOT_EQUIVALENT),
        (OUTSIDE, OUTSIDE, NOT_EQUIVALENT),
        (OUTSIDE, None, NOT_EQUIVALENT),
        (None, INSIDE, UNDECIDED),
        (None, ACROSS, UNDECIDED),
        (None, OUTSIDE, NOT_EQUIVALENT),
        (None, None, UNDECIDED),
    ],
)
def test_the_whole_follows_from_the_required_dimensions(behaviour, calibration, expected):
    verdict = judge(measured(behaviour, calibration), policy())
    assert verdict.outcome is expected
    places = {INSIDE: EQUIVALENT, ACROSS: UNDECIDED, OUTSIDE: NOT_EQUIVALENT, None: NOT_MEASURED}
    assert dimension(verdict, "behaviour").outcome is places[behaviour]
    assert dimension(verdict, "calibration").outcome is places[calibration]
    assert dimension(verdict, "explanation").outcome is NOT_MEASURED


@pytest.mark.parametrize("calibration", [INSIDE, ACROSS, OUTSIDE, None])
def test_a_dimension_that_is_not_required_is_told_and_does_not_count(calibration):
    verdict = judge(measured(INSIDE, calibration), policy(required=("behaviour",)))
    assert verdict.outcome is EQUIVALENT
    assert not dimension(verdict, "calibration").required


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (INSIDE, INSIDE, EQUIVALENT),
        (INSIDE, None, UNDECIDED),
        (INSIDE, ACROSS, UNDECIDED),
        (ACROSS, OUTSIDE, NOT_EQUIVALENT),
        (None, OUTSIDE, NOT_EQUIVALENT),
        (None, None, NOT_MEASURED),
    ],
)
def test_a_dimension_follows_from_all_its_rules(first, second, expected):
    margin = {"at_least": -0.01, "at_most": 0.01}
    two = parse_policy(
        {
            "name": "test",
            "required": ["behaviour"],
            "rules": {"behaviour": {"accuracy_difference": margin, "disagreement": margin}},
        },
        where="test",
    )
    given = {"accuracy_difference": first, "disagreement": second}
    verdict = judge({"behaviour": {name: estimate(i) for name, i in given.items() if i is not None}}, two)
    assert dimension(verdict, "behaviour").outcome is expected


@pytest.mark.parametrize("interval", [INSIDE, ACROSS, OUTSIDE, (float("nan"), 1.0), None])
def test_every_rule_is_told_with_its_measure_and_what_was_measured(interval):
    asked, given = policy(), measured(interval)
    (rule,) = dimension(judge(given, asked), "behaviour").rules
    assert rule.measure == "accuracy_difference"
    assert rule.rule == asked.rules["behaviour"]["accuracy_difference"]
    assert rule.estimate is given.get("behaviour", {}).get("accuracy_difference")


def test_a_verdict_is_printed_with_its_reason():
    verdict = judge(measured(OUTSIDE, INSIDE), policy())
    assert str(verdict) == f"NOT EQUIVALENT: {verdict.reason}"


def test_a_required_explanation_that_nobody_measured_is_undecided():
    verdict = judge(measured(INSIDE, INSIDE), policy(required=("behaviour", "calibration", "explanation")))
    assert verdict.outcome is UNDECIDED
    assert verdict.reason == "explanation was not measured (it needs explained items)"


def test_the_papers_protocol_is_undecided_without_explanations_however_good_the_rest():
    measures = {"calibration": {f"{name}_difference": estimate((0, 0)) for name in ("ece", "mce", "brier")}}
    assert judge(measures, read_policy("paper")).outcome is UNDECIDED


@pytest.mark.parametrize(("n", "expected"), [(99, UNDECIDED), (100, EQUIVALENT)])
def test_fewer_items_than_the_policy_asks_for_are_never_equivalent(n, expected):
    verdict = judge(measured(INSIDE, INSIDE, n=n), policy(at_least=-0.04, at_most=0.04))
    assert verdict.outcome is expected
    assert (verdict.dimensions[0].rules[0].items_needed == 100) == (n == 99)


@pytest.mark.parametrize(("margin", "least"), [(0.01, 368), (0.02, 183), (0.05, 72)])
def test_fewer_items_than_contain_what_would_break_a_rule_are_never_equivalent(margin, least):
    """What concerns 2 % of all items is missed by 182 of them with a chance of more than 2.5 %."""
    assert (1 - margin) ** least <= 0.025 < (1 - margin) ** (least - 1)
    content = {
        "name": "t",
        "min_items": 2,
        "required": ["calibration"],
        "rules": {"calibration": {"smooth_ece_difference": {"at_most": margin}}},
    }
    for n, expected in ((least - 1, UNDECIDED), (least, EQUIVALENT)):
        given = {"calibration": {"smooth_ece_difference": estimate((0, margin / 2), n=n)}}
        verdict = judge(given, parse_policy(content, where="t"))
        assert verdict.outcome is expected
        assert (f"fewer than {least} items too often miss" in verdict.reason) is (expected is UNDECIDED)
    content["rules"]["calibration"]["smooth_ece_difference"]["judged_on"] = "value"
    assert (
        judge(
            given | {"calibration": {"smooth_ece_difference": estimate((0, 0), n=2)}}, parse_policy(content, where="t")
        ).outcome
        is EQUIVALENT
    )


def jaccard(rule, name="jaccard_lime", **estimates):
    asked = {"name": "test", "min_items": 100, "required": ["explanation"], "rules": {"explanation": {name: rule}}}
    given = {"explanation": {key: Estimate(value, value, value, 1_000, "test") for key, value in estimates.items()}}
    return judge(given, parse_policy(asked, where="test"))


@pytest.mark.parametrize("judged_on", ["interval", "value", "significance"])
@pytest.mark.parametrize("level", ["jaccard_lime_chance", "jaccard_chance_lime"])
def test_a_jaccard_that_random_sets_reach_as_well_shows_nothing(level, judged_on):
    rule = {"at_least": 0.7, "judged_on": judged_on}
    assert jaccard(rule, jaccard_lime=0.9, **{level: 0.69}).outcome is EQUIVALENT
    found = jaccard(rule, jaccard_lime=1.0, **{level: 0.7})
    assert found.outcome is UNDECIDED
    assert "but so is that of random sets, 0.7: items of more units would decide" in found.reason
    assert jaccard(rule, jaccard_lime=0.5, **{level: 0.7}).outcome is NOT_EQUIVALENT
    halves = {"jaccard_halves_lime": 0.9, "jaccard_halves_chance_lime": 0.8}
    assert jaccard(rule, "jaccard_halves_lime", **halves).outcome is UNDECIDED


@pytest.mark.parametrize("name", ["feature_agreement", "rank_agreement", "rbo"])
def test_neither_does_another_score_that_random_explanations_reach(name):
    rule = {"at_least": 0.7}
    for chance, expected in ((0.69, EQUIVALENT), (0.7, UNDECIDED)):
        found = jaccard(rule, f"{name}_lime", **{f"{name}_lime": 1.0, f"{name}_chance_lime": chance})
        assert found.outcome is expected
    assert "but so is that of random explanations, 0.7" in found.reason


@pytest.mark.parametrize(
    ("name", "chance"), [("pairwise_rank_agreement", 0.5), ("spearman", 0), ("signed_spearman", 0)]
)
def test_what_random_rankings_reach_shows_nothing(name, chance):
    for least, expected in ((chance + 0.01, EQUIVALENT), (chance, UNDECIDED)):
        assert jaccard({"at_least": least}, f"{name}_shapley", **{f"{name}_shapley": 0.9}).outcome is expected


@pytest.mark.parametrize(("tail", "expected"), [(0.0, EQUIVALENT), (0.0009, EQUIVALENT), (0.001, UNDECIDED)])
def test_a_divergence_of_some_tokens_alone_is_a_lower_bound(tail, expected):
    asked = {
        "name": "test",
        "min_items": 100,
        "required": ["distribution"],
        "rules": {"distribution": {"token_kl_excess": {"at_most": 0.01}}},
    }
    given = {"token_kl_excess": estimate((0, 0.001)), "token_tail": estimate((tail, tail))}
    task = task_named("tokens")
    assert judge({"distribution": given}, parse_policy(asked, where="test"), task=task).outcome is expected
    given["token_kl_excess"] = estimate((0.02, 0.03))
    assert judge({"distribution": given}, parse_policy(asked, where="test"), task=task).outcome is NOT_EQUIVALENT


@pytest.mark.parametrize(("clusters", "expected"), [(4, UNDECIDED), (5, UNDECIDED), (6, EQUIVALENT)])
def test_few_clusters_certify_no_sample_of_their_items_either(clusters, expected):
    asked = policy(required=("explanation",))
    given = measured(INSIDE, INSIDE, n=1_200) | {"explanation": {"alignment_shapley": estimate((0.95, 0.99), n=1_200)}}
    assert judge(given, asked, cluster_size=1_200 / clusters).outcome is expected


@pytest.mark.parametrize(("clusters", "expected"), [(1, UNDECIDED), (5, UNDECIDED), (6, EQUIVALENT), (90, EQUIVALENT)])
def test_few_clusters_among_the_explained_items_certify_nothing_however_many_there_are(clusters, expected):
    asked = policy(required=("explanation",))
    given = measured(INSIDE, INSIDE, n=40_000) | {"explanation": {"alignment_shapley": estimate((0.95, 0.99), n=500)}}
    verdict = judge(given, asked, cluster_size=100, explained_clusters=clusters)
    assert verdict.outcome is expected
    assert ("but fewer than 6 clusters cannot show it" in verdict.reason) is (expected is UNDECIDED)


def test_items_needed_come_in_clusters_only_where_clusters_are_counted():
    asked = policy(required=("explanation",))
    given = {"explanation": {"alignment_shapley": estimate((0.86, 0.97), n=200)}}
    found = judge(given, asked, cluster_size=100, explained_clusters=150)
    (rule,) = dimension(found, "explanation").rules
    assert rule.items_needed > 200
    assert rule.clusters_needed is None
    assert "explained items would decide" in rule.reason


def test_explaining_goes_on_until_there_are_enough_items_to_see_what_would_break_a_rule():
    for least, fewest in ((0.9, 100), (0.95, 100), (0.98, 183)):
        rules = {"explanation": {"alignment_lime": {"at_least": least}}}
        content = {"name": "t", "min_items": 100, "required": ["explanation"], "rules": rules}
        assert fewest_explained(parse_policy(content, where="t")) == fewest
    assert fewest_explained(policy(required=("behaviour",))) == 100


def test_what_repeats_widens_intervals_and_lessens_items_of_its_own_kind_alone():
    """0.02 + 0.01 is within 0.035, 0.02 + 2 * 0.01 is not; and a quarter of 500 items are 125."""
    content = {
        "name": "t",
        "min_items": 100,
        "required": ["calibration", "explanation"],
        "rules": {
            "calibration": {"smooth_ece_difference": {"at_most": 0.035}},
            "explanation": {"alignment_lime": {"at_least": 0.9}},
        },
    }
    given = {
        "calibration": {"smooth_ece_difference": estimate((0.01, 0.03), n=4_000)},
        "explanation": {"alignment_lime": estimate((0.99, 1.0), n=500)},
    }
    asked = parse_policy(content, where="t")
    assert judge(given, asked).outcome is EQUIVALENT
    assert judge(given, asked, explained_copies=4.0).outcome is EQUIVALENT
    found = judge(given, asked, copies=4.0)
    assert [d.outcome for d in found.dimensions if d.required] == [UNDECIDED, EQUIVALENT]
    assert found.reason.endswith("but only as items that repeat others count as independent ones")
    assert judge(given, asked, explained_copies=5.1).outcome is UNDECIDED
    out = {"calibration": {"smooth_ece_difference": estimate((0.036, 0.05), n=4_000)}}
    alone = asked.requiring(("calibration",))
    assert [judge(out, alone, copies=c).outcome for c in (1.0, 4.0)] == [NOT_EQUIVALENT, UNDECIDED]


def test_few_items_may_be_enough_to_be_not_equivalent():
    assert judge(measured(OUTSIDE, INSIDE, n=10), policy()).outcome is NOT_EQUIVALENT


@pytest.mark.parametrize("judged_on", ["interval", "value", "significance"])
@pytest.mark.parametrize("part", ["value", "low", "high"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_an_estimate_that_is_not_a_number_is_undecided(judged_on, part, bad):
    numbers = {"value": 0.0, "low": -0.005, "high": 0.005, part: bad}
    e = Estimate(**numbers, n=1_000, method="test")
    verdict = judge({"behaviour": {"accuracy_difference": e}}, policy(required=("behaviour",), judged_on=judged_on))
    assert verdict.outcome is UNDECIDED
    assert "could not be computed" in verdict.reason


@pytest.mark.parametrize(
    ("interval", "expected"),
    [(INSIDE, EQUIVALENT), (ACROSS, EQUIVALENT), ((-0.02, 0.06), NOT_EQUIVALENT), (OUTSIDE, NOT_EQUIVALENT)],
)
def test_judged_on_its_value_a_rule_looks_at_nothing_else(interval, expected):
    verdict = judge(measured(interval), policy(required=("behaviour",), judged_on="value"))
    assert verdict.outcome is expected


def test_a_value_on_the_margin_fits():
    margin = {"at_least": -0.5, "at_most": 0.25, "judged_on": "value"}
    for value, expected in (
        (0.25, EQUIVALENT),
        (-0.5, EQUIVALENT),
        (0.2501, NOT_EQUIVALENT),
        (-0.5001, NOT_EQUIVALENT),
    ):
        e = Estimate(value, -9, 9, 1_000, "test")
        verdict = judge({"behaviour": {"accuracy_difference": e}}, policy(required=("behaviour",), **margin))
        assert verdict.outcome is expected


@pytest.mark.parametrize(("interval", "expected"), [(ACROSS, EQUIVALENT), (OUTSIDE, NOT_EQUIVALENT)])
def test_judged_on_significance_a_rule_passes_unless_the_interval_is_wholly_beyond(interval, expected):
    verdict = judge(measured(interval), policy(required=("behaviour",), judged_on="significance"))
    assert verdict.outcome is expected


OPEN = (-0.012, 0.012)
"""Across both margins, and near enough to decide with a few times the items."""


def test_an_open_question_says_how_many_items_would_decide():
    (rule,) = judge(measured(OPEN, INSIDE), policy()).dimensions[0].rules
    assert rule.outcome is UNDECIDED
    assert rule.items_needed > 1_000
    assert "(it leans within): about" in rule.reason
    assert f"about {rule.items_needed:,} items would decide" in rule.reason
    assert rule.detectable > 0.012


def test_where_items_come_in_clusters_it_says_how_many_of_them_too():
    verdict = judge(measured(OPEN, INSIDE), policy(), cluster_size=2.5)
    rule = verdict.dimensions[0].rules[0]
    assert rule.clusters_needed == -(-rule.items_needed * 2 // 5)
    assert f"about {rule.items_needed:,} items in {rule.clusters_needed:,} clusters would decide" in rule.reason


def test_a_value_on_the_margin_says_that_no_number_of_items_would_decide():
    (rule,) = judge(measured((-0.03, 0.01)), policy(at_most=None)).dimensions[0].rules
    assert rule.items_needed is None
    assert "no number of items would decide" in rule.reason


@pytest.mark.parametrize(
    ("interval", "leans"), [((-0.029, 0.011), "within"), ((-0.033, 0.007), "beyond"), ((-0.030, 0.010), None)]
)
def test_a_value_near_the_margin_needs_a_decision_not_an_absurd_number_of_items(interval, leans):
    (rule,) = judge(measured(interval), policy(at_most=None)).dimensions[0].rules
    assert (rule.outcome, rule.outlook.leans, rule.outlook.step) == (UNDECIDED, leans, "a decision")
    assert rule.at_margin
    assert rule.needed("behaviour") is None
    assert "about" not in rule.reason
    if leans:
        assert rule.reason.endswith(
            f"may or may not be at least -0.01 (it leans {leans}): even 10,000 items may not decide"
        )
        assert rule.items_needed > 10_000  # as it was: for machines


def test_what_has_too_few_items_is_not_at_the_margin_however_many_times_more_are_needed():
    few = judge(measured((-0.002, 0.001), n=8), policy(at_most=None)).dimensions[0].rules[0]
    assert (few.items_needed, few.outlook.step, few.at_margin) == (100, "more items", False)
    assert [(told.items, told.within) for told in few.outlook.chances] == [(16, 0), (32, 0), (100, 1)]


@pytest.mark.parametrize("interval", [INSIDE, OUTSIDE])
def test_what_is_decided_has_no_outlook(interval):
    assert judge(measured(interval), policy()).dimensions[0].rules[0].outlook is None


def test_what_cannot_be_told_from_its_interval_has_no_outlook():
    few = judge(measured((-0.002, 0.001), n=8), policy(at_most=None, judged_on="value")).dimensions[0].rules[0]
    assert (few.outcome, few.outlook) == (UNDECIDED, None)
    unknown = judge(measured((-0.002, float("nan"))), policy()).dimensions[0].rules[0]
    assert (unknown.outcome, unknown.outlook) == (UNDECIDED, None)


def test_the_detectable_margin_is_larger_where_two_margins_must_be_cleared():
    one, two = (judge(measured(INSIDE), p).dimensions[0].rules[0].detectable for p in (policy(at_most=None), policy()))
    assert two > one


def test_the_reason_names_what_was_wrong_and_only_in_required_dimensions():
    verdict = judge(measured(OUTSIDE, OUTSIDE), policy(required=("behaviour",)))
    assert verdict.reason == "accuracy difference -0.035 [-0.04, -0.03] is not within -0.01 and 0.01"
    verdict = judge(measured(INSIDE, ACROSS), policy())
    assert verdict.reason.startswith("overconfidence difference 0 [-0.02, 0.02] may or may not be within")
    assert judge(measured(INSIDE, INSIDE), policy()).reason == "behaviour and calibration within margins"
    assert judge(measured(INSIDE), policy()).reason == "calibration was not measured"


def test_a_measure_that_is_not_there_is_named():
    two = {"accuracy_difference": {"at_least": -0.01}, "disagreement": {"at_most": 0.1}}
    p = parse_policy({"name": "t", "required": ["behaviour"], "rules": {"behaviour": two}}, where="t")
    assert judge(measured(INSIDE), p).reason == "disagreement was not measured"


def test_a_rule_without_its_measure_says_what_that_needs():
    missing = judge({}, policy())
    assert (
        dimension(missing, "calibration").rules[0].reason
        == "overconfidence difference was not measured (it needs gold labels)"
    )
    assert missing.outcome is UNDECIDED


def test_every_outcome_of_a_whole_has_an_exit_code_of_its_own_and_only_equivalent_is_zero():
    assert EXIT_CODES == {EQUIVALENT: 0, NOT_EQUIVALENT: 1, UNDECIDED: 3}


def test_what_fewer_items_than_resamples_need_show_beyond_a_margin_is_undecided():
    """Of five items all lie on one side of their median with a chance of 1/16, and so do all their resamples."""
    assert [fewest_to_resample(level) for level in (0.9, 0.95, 0.99)] == [5, 6, 8]
    for n, expected in ((1, UNDECIDED), (5, UNDECIDED), (6, NOT_EQUIVALENT)):
        rule = dimension(judge(measured(OUTSIDE, INSIDE, n=n), policy()), "behaviour").rules[0]
        assert rule.outcome is expected
        if expected is UNDECIDED:
            assert rule.reason.endswith("but fewer than 6 items cannot show it")
            assert rule.items_needed == 100


def test_few_clusters_show_nothing_however_many_their_items():
    for clusters, expected in ((5, UNDECIDED), (6, NOT_EQUIVALENT)):
        verdict = judge(measured(OUTSIDE, INSIDE, n=600), policy(), cluster_size=600 / clusters)
        assert dimension(verdict, "behaviour").rules[0].outcome is expected
    for clusters, expected in ((5, UNDECIDED), (6, EQUIVALENT)):
        verdict = judge(measured(INSIDE, INSIDE, n=600), policy(), cluster_size=600 / clusters)
        rule = dimension(verdict, "behaviour").rules[0]
        assert rule.outcome is expected
        if expected is UNDECIDED:
            assert rule.reason.endswith("but fewer than 6 clusters cannot show it")
            assert rule.items_needed == 720


def test_a_policy_that_judges_values_takes_them_from_any_number_of_items():
    verdict = judge(measured(OUTSIDE, INSIDE, n=2), policy(judged_on="value"))
    assert dimension(verdict, "behaviour").outcome is NOT_EQUIVALENT


def test_no_fewer_items_are_said_to_decide_than_the_policy_asks_for():
    rule = dimension(judge(measured((-0.012, 0.012), INSIDE, n=15), policy()), "behaviour").rules[0]
    assert rule.outcome is UNDECIDED
    assert rule.items_needed == 100
    crossed = dimension(judge(measured((-0.06, -0.008), INSIDE, n=15), policy()), "behaviour").rules[0]
    assert crossed.items_needed < 100  # what is shown to lie beyond a margin needs no such number


@pytest.mark.parametrize(
    ("interval", "rule", "outcome"),
    [
        ((0.002, 0.004), {"at_most": 0.01}, UNDECIDED),
        ((0.0, 0.0), {"at_most": 0.01}, UNDECIDED),
        ((0.005, 0.02), {"at_most": 0.01}, UNDECIDED),
        ((0.011, 0.02), {"at_most": 0.01}, NOT_EQUIVALENT),
        ((0.005, 0.02), {"at_most": 0.01, "judged_on": "value"}, NOT_EQUIVALENT),
        ((0.002, 0.004), {"at_most": 0.01, "judged_on": "value"}, UNDECIDED),
        ((0.005, 0.02), {"at_most": 0.01, "judged_on": "significance"}, UNDECIDED),
    ],
)
def test_a_lower_bound_shows_that_something_is_too_large_and_nothing_else(interval, rule, outcome):
    made = parse_policy(
        {"name": "p", "required": ["distribution"], "rules": {"distribution": {"token_kl_excess": rule}}}, where="test"
    )
    verdict = judge({"distribution": {"token_kl_at_least_excess": estimate(interval)}}, made, task=task_named("tokens"))
    assert verdict.outcome == outcome
    (judged,) = dimension(verdict, "distribution").rules
    assert judged.measure == "token_kl_at_least_excess"
    assert judged.items_needed is None
    assert (outcome == UNDECIDED) == ("is a lower bound, which can never show" in judged.reason)
