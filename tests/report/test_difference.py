"""What changed between two audits."""

import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from cases import Table, case
from edited import edited
from finished_runs import EVIL, FAST, HONEST, NEARLY, SHORTCUT, explained, hostile, pairs, plain, reader, unlabelled
from rich.console import Console

import trusteq
from trusteq import Estimate, ExplainSettings, Outcome
from trusteq.comparing.change import unpaired_change
from trusteq.comparing.measures import METHODS
from trusteq.report.difference import Change, Step, difference
from trusteq.report.difference_document import difference_document
from trusteq.report.difference_terminal import render
from trusteq.report.mask_values import mask_values
from trusteq.report.paired_runs import PairedRuns
from trusteq.verdict import judge

EQ, NOT, OPEN, NONE = Outcome.EQUIVALENT, Outcome.NOT_EQUIVALENT, Outcome.UNDECIDED, Outcome.NOT_MEASURED


def shown(found, width=120):
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, color_system=None).print(render(found, "old", "new"))
    return out.getvalue()


def audited(noise=0.5, *, name="small", take=None, **changes):
    """The plain audit with another candidate, on all items or some."""
    large, _, items = case(120, noise=0.5)
    small = replace(case(120, noise=noise)[1], name=name)
    items = replace(items, **changes)
    return trusteq.audit(large, small, items if take is None else items.take(take), **FAST).evidence


@pytest.fixture(scope="module")
def better():
    return audited(0.02)


@pytest.fixture(scope="module")
def other_candidates():
    """The explained run with another version of its first candidate, and without its second."""
    candidates = {"nearly": reader({**NEARLY, "film": 0.4, "good": 0.9}, "nearly")}
    settings = ExplainSettings(items=30, k=4)
    return trusteq.audit(reader(HONEST, "honest"), candidates, pairs(), explain=settings, **FAST).evidence


def test_a_run_beside_itself_has_not_changed():
    found = difference(plain().evidence, plain().evidence)
    assert found.exit_code == 0
    assert found.match.paired
    assert found.settings == ()
    (candidate,) = found.candidates
    assert not any(change.moved for change in candidate.changes)
    assert (candidate.answered.flips, candidate.answered.lost, candidate.answered.regained) == ([], 0, 0)
    assert "nothing else differs" in shown(found)
    assert shown(found).splitlines()[1].strip() == "no verdict changed"


@pytest.mark.parametrize(
    ("before", "now", "worse", "better"),
    [
        (EQ, EQ, False, False),
        (EQ, OPEN, True, False),
        (EQ, NONE, True, False),
        (EQ, NOT, True, False),
        (OPEN, NOT, True, False),
        (NONE, NOT, True, False),
        (OPEN, NONE, False, False),
        (NOT, OPEN, False, True),
        (OPEN, EQ, False, True),
        (NONE, EQ, False, True),
    ],
)
def test_equivalent_is_best_and_not_equivalent_worst(before, now, worse, better):
    assert (Step(before, now).worse, Step(before, now).better) == (worse, better)


def test_a_verdict_that_got_worse_is_exit_code_1_and_one_that_got_better_is_not(better):
    wide = trusteq.read_policy(
        {"name": "w", "required": ["behaviour"], "rules": {"behaviour": {"disagreement": {"at_most": 0.09}}}}
    )

    def verdicts(run):
        return {c.name: judge(c.measures, wide) for c in run.document.candidates}

    good, bad = better, audited(1.5)
    kinds = [v["small"].outcome for v in map(verdicts, (good, bad))]
    assert kinds == [EQ, NOT]
    down = difference(good, bad, older_verdicts=verdicts(good), newer_verdicts=verdicts(bad))
    up = difference(bad, good, older_verdicts=verdicts(bad), newer_verdicts=verdicts(good))
    assert (down.exit_code, up.exit_code) == (1, 0)
    first, second = (" ".join(shown(found, 400).split()) for found in (down, up))
    values = [f"{run.document.candidates[0].flat['disagreement'].value:.4f}" for run in (good, bad)]
    assert first.startswith(f"worse: small (EQUIVALENT -> NOT EQUIVALENT: disagreement {' -> '.join(values)}) from ")
    assert second.startswith(
        f"no verdict got worse; better: small (NOT EQUIVALENT -> EQUIVALENT: disagreement {' -> '.join(values[::-1])})"
    )


def test_where_both_come_from_stands_last_and_is_short(better):
    other = replace(better, manifest={**better.manifest, "versions": {f"package-{i}": "1" for i in range(9)}})
    lines = [line.strip() for line in shown(difference(plain().evidence, other)).splitlines() if line.strip()]
    start = next(i for i, line in enumerate(lines) if "changes are paired" in line)
    assert start > next(i for i, line in enumerate(lines) if line.startswith("measure"))
    assert len(lines) - start <= 7
    assert "more (--json has them all)" in lines[-1]


@pytest.mark.slow
def test_a_required_dimension_that_got_worse_counts_even_where_the_verdict_stays():
    rules = {"behaviour": {"disagreement": {"at_most": 0.09}}, "calibration": {"confidence_shift": {"at_least": 0.5}}}

    def run(noise, required):
        large, _, items = case(120, noise=0.5)
        policy = {"name": "two", "required": required, "rules": rules}
        return trusteq.audit(large, case(120, noise=noise)[1], items, policy=policy, **FAST).evidence

    both = ["behaviour", "calibration"]
    found = difference(run(0.02, both), run(1.5, both))
    (candidate,) = found.candidates
    assert (candidate.verdict.before, candidate.verdict.now) == (NOT, NOT)
    assert candidate.dimensions["behaviour"].worse
    assert found.exit_code == 1
    assert difference(run(0.02, ["calibration"]), run(1.5, ["calibration"])).exit_code == 0


def test_paired_changes_are_those_of_the_same_items(better):
    found = difference(plain().evidence, better)
    (candidate,) = found.candidates
    changes = {change.measure: change for change in candidate.changes}
    for name in ("accuracy_difference", "disagreement", "smooth_ece_difference", "brier_difference"):
        change = changes[name]
        assert change.paired
        assert change.change.value == pytest.approx(change.now.value - change.before.value)
        loose = unpaired_change(change.before, change.now)
        assert change.change.high - change.change.low < loose.high - loose.low
    assert changes["disagreement"].direction == "better"
    assert changes["brier_difference"].direction in {"moved", ""}
    old, new = (run.probabilities[1].argmax(axis=1) for run in (plain().evidence, better))
    assert len(candidate.answered.flips) == np.count_nonzero(old != new) > 0
    reference = better.probabilities[0].argmax(axis=1)
    assert candidate.answered.regained == np.count_nonzero((old != reference) & (new == reference))


def test_the_order_of_items_and_labels_does_not_matter(better):
    large, small, items = case(120, noise=0.5)
    turned = ("yes", "no", "maybe")
    order = [turned.index(label) for label in large.labels]

    def other(table):
        answers = {id_: p[[large.labels.index(label) for label in turned]] for id_, p in table.answers.items()}
        return Table(table.name, answers, turned)

    assert sorted(order) == [0, 1, 2]
    run = trusteq.audit(other(large), other(small), items.take(np.arange(119, -1, -1)), **FAST).evidence
    assert run.labels == turned
    found, straight = difference(run, better), difference(plain().evidence, better)
    assert found.match.paired
    for a, b in zip(found.candidates[0].changes, straight.candidates[0].changes, strict=True):
        assert a.measure == b.measure
        if a.change is not None:
            assert a.change.value == pytest.approx(b.change.value, abs=1e-9)


def test_items_are_matched_by_id_not_by_place(better):
    order = np.random.default_rng(0).permutation(120)

    def table(name):
        found = better.table(name)
        return found.iloc[order].reset_index(drop=True) if name == "items" or name.startswith("predictions/") else found

    mixed, straight = (difference(run, plain().evidence) for run in (replace(better, table=table), better))
    assert mixed.match.paired
    assert mixed.candidates[0].answered == straight.candidates[0].answered
    assert mixed.candidates[0].changes == straight.candidates[0].changes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda: audited(take=np.arange(100)), "the items differ: 120 and 100, of which 100 have the same id"),
        (lambda: _renamed(), "of which 0 have the same id"),
        (lambda: audited(labels=np.zeros(120, dtype=np.int64)), "items with the same id have different labels"),
        (lambda: unlabelled().evidence, "only one of the runs has gold labels"),
        (lambda: explained().evidence, "the labels differ"),
        (lambda: _other_reference(1e-3), "the references answer differently: probabilities up to 0.001 apart"),
    ],
)
def test_why_runs_cannot_be_paired_is_said(other, said):
    how = PairedRuns(plain().evidence, other()).match
    assert not how.paired
    assert said in how.reason


def _renamed():
    large, small, items = case(120, noise=0.5)
    named = [Table(t.name, {f"j{id_}": p for id_, p in t.answers.items()}) for t in (large, small)]
    return trusteq.audit(*named, replace(items, ids=[f"j{id_}" for id_ in items.ids]), **FAST).evidence


def _other_reference(by):
    large, small, items = case(120, noise=0.5)
    first = items.ids[0]
    moved = np.array(large.answers[first])
    top = int(moved.argmax())
    moved[top] -= by
    moved[top - 1] += by
    return trusteq.audit(Table("large", {**large.answers, first: moved}), small, items, **FAST).evidence


def test_other_texts_under_the_same_ids_are_other_items():
    items = pairs()
    changed = replace(items, segments={**items.segments, "second": [f"{t} !" for t in items.segments["second"]]})
    runs = [
        trusteq.audit(reader(HONEST, "a"), reader(NEARLY, "b"), given, explain=False, **FAST).evidence
        for given in (items, changed)
    ]
    assert PairedRuns(*runs).match.reason == "items with the same id have different texts (second)"
    assert PairedRuns(runs[0], runs[0]).match.paired


def test_a_reference_that_rounds_differently_is_the_same():
    assert PairedRuns(plain().evidence, _other_reference(1e-8)).match.paired


def test_unpaired_changes_are_as_of_independent_samples():
    found = difference(plain().evidence, audited(0.02, take=np.arange(100)))
    (candidate,) = found.candidates
    change = next(change for change in candidate.changes if change.measure == "disagreement")
    assert not change.paired
    assert change.change == unpaired_change(change.before, change.now)
    assert candidate.answered is None
    assert "as for independent samples" in shown(found)


def estimate(value, low, high, **other):
    return Estimate(value, low, high, **{"n": 10, "method": "m", **other})


def test_half_widths_of_independent_samples_are_squared_summed_and_rooted():
    found = unpaired_change(estimate(1.0, 0.7, 1.3), estimate(2.0, 1.6, 2.4))
    assert (found.value, found.low, found.high) == pytest.approx((1.0, 0.5, 1.5))
    # Towards each side it is the newer's half-width on that side and the older's on the other.
    found = unpaired_change(estimate(1.0, 0.9, 1.3), estimate(2.0, 1.6, 2.0))
    assert (found.low, found.high) == pytest.approx((0.5, 1.1))


def test_there_is_no_change_without_numbers_or_between_levels():
    assert unpaired_change(estimate(1.0, 0.9, 1.1), estimate(2.0, 1.9, math.inf)) is None
    assert unpaired_change(estimate(math.nan, 0.9, 1.1), estimate(2.0, 1.9, 2.1)) is None
    assert unpaired_change(estimate(1.0, 0.9, 1.1), estimate(2.0, 1.9, 2.1, level=0.9)) is None


def test_the_direction_is_the_margin_s():
    rules = {rule.measure: rule for d in plain()["small"].verdict.dimensions for rule in d.rules}

    def direction(measure, value, rule=True):
        moved = estimate(value, value - abs(value) / 2, value + abs(value) / 2)
        judged = rules[measure] if rule else None
        return Change(measure, "", moved, moved, moved, True, judged, judged).direction

    assert direction("accuracy_difference", 0.1) == "better"
    assert direction("accuracy_difference", -0.1) == "worse"
    assert direction("disagreement", 0.1) == "worse"
    assert direction("disagreement", -0.1) == "better"
    assert direction("disagreement", -0.1, rule=False) == "moved"
    assert Change("x", "", None, None, estimate(0.1, -0.1, 0.3), True).direction == ""


# Explanations -------------------------------------------------------------------------------------


def test_alignment_is_made_again_from_what_a_run_keeps():
    from trusteq.comparing.alignment import Explained, noise_free
    from trusteq.explain.attributions import attributions, products
    from trusteq.stats.resampling import Resampling

    run = mask_values(explained().evidence)
    values = [np.stack(v, axis=1) for v in zip(run.values["honest"], run.values["shortcut"], strict=True)]
    spread = np.stack([v.var(axis=0) for v in values], axis=1)
    table = explained().attributions()
    for method in METHODS:
        a, b = attributions(run.plans, values, method)
        whole = np.concatenate([row[:n] for row, n in zip(b.whole, run.lengths, strict=True)])
        assert np.allclose(whole, table[table["model"] == "shortcut"][method], atol=1e-12)
        drawn = explained().evidence.sample_of("shortcut")
        at = np.array([i for i, id_ in enumerate(run.ids) if id_ in drawn])
        sample = Resampling(len(at), weights=np.array([drawn[run.ids[i]] for i in at]), resamples=100)
        of = products(run.plans, values, method)
        whole = Explained(method, a, b, run.lengths, *spread, sample, products=(of[:, 0, 1], of[:, 0, 0], of[:, 1, 1]))
        made = noise_free(whole.take(at, sample))["alignment"]
        told = explained()["shortcut"].measures["explanation"][f"alignment_{method}"]
        assert made.value == pytest.approx(told.value, abs=1e-9)


def test_alignment_changes_are_paired_where_the_same_was_asked(other_candidates):
    found = difference(explained().evidence, other_candidates)
    (candidate,) = found.candidates
    assert (candidate.name, found.only_before, found.only_now) == ("nearly", ("shortcut",), ())
    changes = {change.measure: change for change in candidate.changes}
    for name in ("alignment_lime", "alignment_shapley", "jaccard_lime", "jaccard_shapley"):
        change = changes[name]
        assert change.paired, name
        # Of the items that were explained in both runs.
        assert change.change.value == pytest.approx(change.now.value - change.before.value, abs=0.05)
        assert change.change.low <= change.change.value <= change.change.high
    assert "only in the first run: shortcut" in shown(found)


def test_explanations_of_other_items_are_not_paired():
    settings = ExplainSettings(items=20, k=4)
    fewer = trusteq.audit(
        reader(HONEST, "honest"), {"nearly": reader(NEARLY, "nearly")}, pairs(), explain=settings, **FAST
    ).evidence
    (candidate,) = difference(explained().evidence, fewer).candidates
    changes = {change.measure: change for change in candidate.changes}
    assert not changes["alignment_shapley"].paired
    assert changes["disagreement"].paired
    assert candidate.same_model


@pytest.mark.slow
def test_top_words_of_another_number_are_not_paired():
    settings = ExplainSettings(items=30, k=3)
    candidates = {"nearly": reader(NEARLY, "nearly"), "shortcut": reader(SHORTCUT, "shortcut")}
    other = trusteq.audit(reader(HONEST, "honest"), candidates, pairs(), explain=settings, **FAST).evidence
    for candidate in difference(explained().evidence, other).candidates:
        assert not next(change for change in candidate.changes if change.measure == "jaccard_shapley").paired


def test_plans_drawn_otherwise_are_not_made_again():
    evidence = explained().evidence
    assert mask_values(edited(evidence, lambda d: d["explanation"].update(plan="0" * 64))) is None
    assert mask_values(plain().evidence) is None


# Which candidates, and how it is told -------------------------------------------------------------


def test_the_only_candidates_are_matched_whatever_their_names(better):
    renamed = audited(0.02, name="smaller")
    (candidate,) = difference(plain().evidence, renamed).candidates
    assert (candidate.name, candidate.before) == ("smaller", "small")
    assert "smaller (was small)" in shown(difference(plain().evidence, renamed))
    same = {c.measure: c.change for c in difference(plain().evidence, better).candidates[0].changes}
    assert {c.measure: c.change for c in candidate.changes} == same


def test_no_candidate_in_common_is_one_line():
    two = {"x": reader(NEARLY, "x"), "y": reader(SHORTCUT, "y")}
    other = trusteq.audit(reader(HONEST, "honest"), two, pairs(), explain=False, **FAST).evidence
    with pytest.raises(trusteq.RunError, match="nearly, shortcut in the first, x, y in the second"):
        difference(explained().evidence, other)


def test_settings_policy_models_and_items_that_differ_are_told():
    large, small, items = case(120, noise=0.5)
    other = trusteq.audit(
        replace(large, content="ab" * 32), small, items.take(np.arange(100)), policy="paper", seed=3, **FAST
    ).evidence
    settings = {s.name: (s.before, s.now) for s in difference(plain().evidence, other).settings}
    assert settings["settings.seed"] == (0, 3)
    assert settings["policy.name"] == ("default", "paper")
    assert settings["items.items"] == (120, 100)
    assert settings["reference.content"] == (None, "ab" * 32)
    assert settings["policy.rules.behaviour.disagreement.at_most"] == (0.05, None)
    assert "reference.content" in shown(difference(plain().evidence, other))
    assert "none -> abababababab\n" in "\n".join(
        line.rstrip() for line in shown(difference(plain().evidence, other)).splitlines()
    )


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_figure_is_cut_by_a_narrow_terminal(better, width):
    found = difference(plain().evidence, better)
    out = " ".join(shown(found, width).split())
    assert "…" not in out
    for change in found.candidates[0].changes:
        if change.moved:
            assert f"[{change.change.low:.4f}, {change.change.high:.4f}]" in out


@pytest.mark.slow
def test_hostile_names_cannot_command_the_terminal():
    evidence = hostile().evidence
    other = replace(evidence, manifest={**evidence.manifest, "platform": f"\x1b[2J{EVIL}", "versions": {EVIL: "1"}})
    found = difference(evidence, other)
    for width in (60, 120):
        out = shown(found, width)
        assert "platform" in out
        assert all(character == "\n" or character.isprintable() for character in out)


def test_as_json_it_is_strict_and_holds_everything(better):
    found = difference(plain().evidence, better)
    content = json.loads(json.dumps(difference_document(found), allow_nan=False))
    assert content["exit_code"] == found.exit_code
    assert content["paired"] is True
    (candidate,) = content["candidates"]
    assert candidate["answers"]["changed"] == len(candidate["answers"]["items"])
    assert [c["measure"] for c in candidate["changes"]] == [c.measure for c in found.candidates[0].changes]
    disagreement = next(c for c in candidate["changes"] if c["measure"] == "disagreement")
    assert set(disagreement["change"]) == {"value", "low", "high", "n", "method", "level"}
    assert disagreement["direction"] == "better"


def test_long_settings_are_shown_from_where_they_differ():
    one = audited()
    policy = one.document.policy
    other = policy.requiring(("behaviour",))
    now = replace(one, document=replace(one.document, policy=other))
    line = " ".join(shown(difference(one, now)).split("policy.description")[1].split("policy.required")[0].split())
    before, after = line.split(" -> ")
    assert before != after
    assert after.startswith("…")
    assert after.endswith("Required here: behaviour.")
