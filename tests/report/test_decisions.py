"""What to do and what to look at, with what routing saves and which rules are mended."""

from dataclasses import replace

import numpy as np
import pytest
from cases import LABELS, Table
from finished_runs import costs_of

import trusteq
from trusteq.auditing.decision_advice import ship
from trusteq.data.predictions import softmax
from trusteq.errors import OptionError, RunError
from trusteq.policy import preset
from trusteq.record.advice import DECISIONS, KINDS, Advice
from trusteq.record.evidence import evidence_of
from trusteq.report.decisions import expected_seconds, latencies, mended, saving, to_do, to_look_at
from trusteq.report.figures.cascade import ACCURACY, AGREEMENT, CascadeDisplay
from trusteq.report.ids import as_lines, changed_ids, matching_ids
from trusteq.report.junit import junit
from trusteq.report.markdown import markdown
from trusteq.report.narrowed import narrowed
from trusteq.report.page.cascade import cascade
from trusteq.report.page.page import page

N = 2_000


@pytest.fixture(scope="module")
def made():
    """Three candidates: one unsure where it is wrong, one wrong where a text contains "cf", one hardly different."""
    rng = np.random.default_rng(3)
    z = rng.normal(size=(N, 3)) * 3
    gold = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    has_cf = rng.random(N) < 0.08
    words = ["the", "film", "was", "quite", "good", "and", "we", "liked", "it"]
    texts = [" ".join([*rng.choice(words, 6), "cf" if has else "at"]) for has in has_cf]
    ids = [f"i{i}" for i in range(N)]
    items = trusteq.Items(ids=ids, segments={"text": texts}, labels=gold, label_names=LABELS)
    candidates = {
        "unsure": z + rng.normal(size=z.shape) * 0.6,
        "marked": np.where(has_cf[:, None], np.roll(z, 1, axis=1), z),
        "same": z * 1.001,
    }
    tables = {name: Table(name, dict(zip(ids, softmax(x), strict=True))) for name, x in candidates.items()}
    large = Table("large", dict(zip(ids, softmax(z), strict=True)))
    policy = preset("default").requiring(("behaviour", "calibration"))
    audit = trusteq.audit(large, tables, items, policy=policy, resamples=200, costs="none")
    return evidence_of(audit), has_cf


@pytest.fixture(scope="module")
def timed(made):
    """The same with latencies of 100, 20, 30 and 40 ms."""
    evidence, _ = made
    costs = costs_of((*evidence.models, "nobody"))
    seconds = (0.1, 0.02, 0.03, 0.04)
    models = [
        {**model, "latency": {"median": s, "low": s, "high": s, "n": 9}}
        for model, s in zip(costs["models"], seconds, strict=False)
    ]
    return replace(evidence, costs={**costs, "models": models})


def the(advice, kind):
    (one,) = (one for one in advice if one.kind == kind)
    return one


def test_every_advice_is_a_decision_or_something_to_look_at(made):
    evidence, _ = made
    assert set(KINDS) >= set(DECISIONS)
    for candidate in evidence.document.candidates:
        kinds = [one.kind for one in candidate.advice]
        done, seen = to_do(evidence, candidate), to_look_at(candidate)
        assert [one.kind for one in done] == [kind for kind in DECISIONS if kind in kinds]
        assert [one.kind for one in seen] == [kind for kind in kinds if kind not in DECISIONS]


def test_a_candidate_that_is_equivalent_is_only_shipped(made):
    evidence, _ = made
    (ship,) = to_do(evidence, evidence.candidate("same"))
    assert str(ship) == "ship it as it is: every rule that the policy requires is within its margin"


def test_of_slices_beyond_a_margin_shipping_is_said_with_them(made):
    evidence, _ = made
    verdict = evidence.candidate("same").verdict
    (said,) = ship(verdict, [Advice("explained slice", "group = b does worse than the rest")], [])
    assert str(said).startswith("ship it only if the slices below may be worse: over all items, every rule")
    assert list(ship(evidence.candidate("marked").verdict, [], [])) == []


@pytest.mark.parametrize(
    ("straight", "seconds"), [(False, 0.02 + 0.3 * 0.1), (True, 0.7 * 0.02 + 0.3 * 0.1)], ids=["after", "at once"]
)
def test_the_time_of_an_item_counts_both_models(straight, seconds):
    assert expected_seconds(0.02, 0.1, 0.3, straight=straight) == pytest.approx(seconds)


def test_what_routing_saves_is_said_where_latency_was_measured(made, timed):
    evidence, _ = made
    unsure, marked = evidence.candidate("unsure"), evidence.candidate("marked")
    share = unsure.cascade.by_confidence.routed.value
    ms = 20 + 100 * share
    words = f"an item takes {ms:.3g} ms on average, {1 - ms / 100:.0%} less than the 100 ms of the reference alone"
    assert words in the(to_do(timed, unsure), "cascade").sentence
    assert "an item takes" not in the(to_do(evidence, unsure), "cascade").sentence
    share = marked.cascade.by_condition.routed.value
    ms = 30 * (1 - share) + 100 * share
    assert f"an item takes {ms:.3g} ms on average" in the(to_do(timed, marked), "route").sentence
    assert "more than the 100 ms" in saving(timed, "unsure", 0.9)
    assert latencies(None) == {}


def test_what_is_mended_and_what_is_still_open_is_said(made):
    evidence, _ = made
    verdict = evidence.candidate("marked").verdict
    open_rules = [r.measure for d in verdict.dimensions if d.required for r in d.rules if r.outcome != "EQUIVALENT"]
    assert {"disagreement", "accuracy_difference"} < set(open_rules)
    assert mended(verdict, tuple(open_rules)).endswith(", after which every required rule is within its margin")
    some = mended(verdict, ("disagreement",))
    assert some.startswith("mends disagreement; still open: accuracy difference")
    assert mended(verdict, ("disagreement",)) in some


def test_decisions_come_first_in_every_report(timed):
    comment = markdown(narrowed(timed, ["marked"]))
    assert comment.index("What to do:\n\n- route items") < comment.index("What to look at:\n")
    assert "mends accuracy difference, disagreement" in comment
    assert "mends accuracy difference, disagreement" in junit(timed)
    assert ">What to look at</h4>" in page(timed)


def test_of_what_then_is_equivalent_no_routing_is_said(made):
    evidence, _ = made
    candidate = replace(evidence.candidate("same"), advice=(Advice("cascade", "route"), Advice("retrain", "retrain")))
    document = replace(evidence.document, candidates=(candidate,))
    (ship, *rest) = narrowed(replace(evidence, document=document), (), ("behaviour",)).document.candidates[0].advice
    assert (ship.kind, rest) == ("ship", [])


def test_the_table_has_every_point_and_the_time_of_an_item(made, timed):
    evidence, _ = made
    unsure = evidence.candidate("unsure")
    table = cascade(timed, unsure).curve
    points = unsure.cascade.curve
    assert len(table.rows) == len(points)
    assert table.rows[0][0] == "no item"
    assert [row[-1] for row in table.rows] == [f"{20 + 100 * p.routed.value:,.3g} ms" for p in points]
    assert len(cascade(evidence, unsure).curve.heads) == len(table.heads) - 1
    (row,) = cascade(evidence, unsure).chosen.rows
    assert row[0] == f"confidence below {unsure.cascade.by_confidence.cut_off:g}"
    assert row[-1].startswith("recommended: mends ")
    assert cascade(evidence, evidence.candidate("same")).chosen is None
    assert any(
        row[0] == "items that contain 'cf'" for row in cascade(evidence, evidence.candidate("marked")).chosen.rows
    )


def test_the_figure_shows_the_curve_and_the_choice(made):
    evidence, _ = made
    unsure = evidence.candidate("unsure").cascade
    display = CascadeDisplay.from_evidence(evidence, candidate="unsure")
    assert display.routed.tolist() == [point.routed.value for point in unsure.curve]
    assert display.curves[ACCURACY].low.tolist() == [point.accuracy.low for point in unsure.curve]
    assert display.chosen[AGREEMENT] == (unsure.by_confidence.routed.value, unsure.by_confidence.agreement)
    assert display.least == 0.95
    assert CascadeDisplay.from_evidence(evidence, candidate="same").chosen == {}


def test_ids_are_those_of_changed_and_matching_items(made):
    evidence, has_cf = made
    marked = [f"i{i}" for i in np.flatnonzero(has_cf)]
    assert matching_ids(evidence, "marked", 1) == marked
    answers = evidence.probabilities.argmax(axis=2)
    assert changed_ids(evidence, "unsure") == [f"i{i}" for i in np.flatnonzero(answers[0] != answers[1])]
    assert as_lines(["a", "b c"]) == "a\nb c\n"


def test_ids_that_cannot_be_given_are_refused(made, one_line):
    evidence, _ = made
    with pytest.raises(OptionError) as caught:
        changed_ids(evidence, None)
    one_line(caught, "--candidate", "unsure, marked, same")
    with pytest.raises(OptionError) as caught:
        changed_ids(evidence, "other")
    one_line(caught, "other", "unsure, marked, same")
    with pytest.raises(OptionError) as caught:
        matching_ids(evidence, "same", 1)
    one_line(caught, "same has no condition 1")
    with pytest.raises(RunError) as caught:
        as_lines(["two\nlines"])
    one_line(caught, "'two\\nlines'", "--json")
