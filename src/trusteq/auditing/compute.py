"""Everything that an audit computes from the models' answers: measures, slices, verdicts. No model runs here.

So a finished run, which keeps the answers, can be computed again at any time, under any policy, by anyone.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.auditing.advice import advise
from trusteq.auditing.decision_advice import doubts
from trusteq.auditing.explanations import Aligned, align, resampling_at
from trusteq.auditing.independence import Independence, copies, independence
from trusteq.auditing.moved_by_rounding import moved_by_rounding
from trusteq.auditing.perturbed_training import KIND as PERTURBED_TRAINING
from trusteq.auditing.perturbed_training import flattered, perturbed_training
from trusteq.auditing.recalibration import recalibration
from trusteq.auditing.routing import cascade
from trusteq.auditing.row_findings import KINDS as SEGMENT_FINDINGS
from trusteq.auditing.row_findings import segment_findings
from trusteq.comparing.alignment import MIN_PEER
from trusteq.comparing.answers import Answers, Pair
from trusteq.comparing.behaviour import accuracy, flipped_items
from trusteq.comparing.behaviour import tests as behaviour_tests
from trusteq.comparing.binned_calibration import quantile_calibration
from trusteq.comparing.calibration_fault import ANSWER
from trusteq.comparing.chance import misfit
from trusteq.comparing.compute_measures import measure_all, measure_remedies
from trusteq.comparing.conditions import seen
from trusteq.comparing.confidence import calibrated_null, reliability_table, saturation
from trusteq.comparing.in_common import in_common
from trusteq.comparing.item_features import item_features
from trusteq.comparing.literal_scores import half_open_calibration, top5_accuracy
from trusteq.comparing.measures import METHODS, PREDICTED, dimensions_of, in_words, judged_as, needs_of
from trusteq.comparing.patches import patch_agreements, patch_measures
from trusteq.comparing.pies import pies
from trusteq.comparing.published import pair_agreements, published_measures
from trusteq.comparing.repeated_rows import repeated_rows
from trusteq.comparing.retraining import reason_not_retrained
from trusteq.comparing.skewsize import skewsize
from trusteq.comparing.slices import (
    ANSWERS,
    LABEL,
    MIN_ITEMS,
    Judged,
    Slice,
    aligned_slices,
    answers_in_words,
    slice_columns,
    slices,
    token_slices,
)
from trusteq.comparing.thresholds import threshold_table
from trusteq.data.repeats import contents, repeats
from trusteq.errors import ModelError
from trusteq.explain.patches import PublishedPatches
from trusteq.explain.protocol import SCRIPTED
from trusteq.explain.units import unit_word
from trusteq.models.base import Finding
from trusteq.progress import silent
from trusteq.record.audit import Audit, Comparison, ModelResult
from trusteq.record.document import is_chosen
from trusteq.record.responses import moved_from_reference
from trusteq.record.sampled import Sampled
from trusteq.stats.one_thread import one_thread
from trusteq.stats.resampling import Resampling
from trusteq.tasks.task import task_named
from trusteq.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.comparing.item_features import Features
    from trusteq.comparing.measures import Measure
    from trusteq.comparing.patches import PatchAgreement
    from trusteq.comparing.published import PairAgreement
    from trusteq.data.items import Items
    from trusteq.explain.explanation import Explanation
    from trusteq.explain.protocol import Published
    from trusteq.policy import Policy
    from trusteq.progress import Tell
    from trusteq.record.responses import Response, Responses
    from trusteq.stats.estimate import Estimate
    from trusteq.tasks.outcomes import Outcomes


FINDINGS = frozenset(
    {
        "identical",
        "tied answers",
        "one answer",
        "labels misnamed",
        "own answers",
        "below majority",
        "chance",
        "saturated",
        "saturated logits",
        "no retraining",
        "unreadable items",
        "repeated items",
        "repeated rows",
        "not sliced",
        "no words",
        "lower bound",
        "sentences first",
        "chosen items",
        "moved by rounding",
        PERTURBED_TRAINING,
        *SEGMENT_FINDINGS,
    }
)
"""Kinds of findings that are computed here; opening and running a model adds others."""


@one_thread()
def compute_audit(
    responses: Responses,
    items: Items,
    policy: Policy,
    settings: Mapping[str, Any],
    *,
    own_measures: Sequence[Measure] = (),
    progress: Tell = silent,
) -> Audit:
    """The audit of these responses to the items, which are in the order of the responses.

    ``own_measures`` are measures of the user's, not trusteq's.
    """
    labels, seed, task = responses.labels, settings["seed"], task_named(responses.task)
    gold, dimensions = task.gold(items, labels), dimensions_of(task)
    reference_response, *candidate_responses = responses.models
    reference_outcomes = task.outcomes(reference_response.rows, gold, labels)
    sample = Sampled(items, labels, task, reference_outcomes.item)
    resampling = Resampling(
        len(reference_outcomes),
        clusters=sample.clusters,
        item=sample.item,
        resamples=settings["resamples"],
        seed=seed,
        level=policy.level,
    )

    def answers_of(response: Response) -> Answers:
        """Its answers, made at each use: what they cache is freed with them, so memory does not grow with models."""
        outcomes = task.outcomes(response.rows, gold, labels)
        _refuse_different_outcomes(reference_outcomes, outcomes, items, reference_response.name, response.name)
        return Answers(outcomes, resampling)

    reference_answers = Answers(reference_outcomes, resampling)
    reference = _model_result(reference_response, reference_answers, sample, seed)
    candidates = [_model_result(response, answers_of(response), sample, seed) for response in candidate_responses]
    for i, response in enumerate(candidate_responses):
        if response.rows.equals(reference_response.rows):
            message = f"its predictions are identical to those of {reference.name}, on every item"
            identical = Finding(candidates[i].name, "identical", message, 1.0)
            candidates[i] = replace(candidates[i], findings=(*candidates[i].findings, identical))
        bounds = [
            *_lower_bound(candidates[i].name, task.outcomes(response.rows, gold, labels)),
            *(moved_by_rounding(reference_response, response, items) if task.one_row else ()),
        ]
        candidates[i] = replace(candidates[i], findings=(*candidates[i].findings, *bounds))

    explanation, published = responses.explanation, responses.published
    peer, peer_pair, peer_is_retrained = None, None, False
    if responses.peer is not None:
        peer_answers = answers_of(responses.peer)
        peer_pair = Pair(reference_answers, peer_answers, dimensions=dimensions)
        peer = _model_result(responses.peer, peer_answers, sample, seed)
        peer, peer_is_retrained = _check_retraining(peer, reference, peer_pair)
    aligned = None
    if explanation is not None:
        moved = moved_from_reference(responses.everybody, task, items, labels)
        aligned = align(
            explanation, items, resampling, has_peer=peer is not None, moved=moved, lowers=peer_is_retrained
        )

    agreements: tuple[PairAgreement, ...] | tuple[PatchAgreement, ...] = ()
    by_protocol: list[dict[str, dict[str, Estimate]]] = [{} for _ in candidates]
    if published is not None:
        names = [reference.name, *(candidate.name for candidate in candidates)]
        agreements, explanations = _agreements(published, names, items, resampling)
        by_protocol = [{"explanation": estimates} for estimates in explanations]
        groups = _LITERAL.get(published.settings.name, {})
        for estimates, response in zip(by_protocol if groups else (), candidate_responses, strict=False):
            pair = Pair(reference_answers, answers_of(response), dimensions=dimensions)
            for dimension, measured in groups.items():
                estimates[dimension] = {name: e for group in measured for name, e in pair.measured(group).items()}

    facts: list[NDArray[Any]] = []
    if task.one_row:
        facts = [*(response.rows.values for response in responses.models), *([] if gold is None else [gold])]
    same = contents(items)
    repeated = tuple(_repeated_items(items, same, facts))
    alike = copies(items, same, sum(finding.value for finding in repeated))
    columns = slice_columns(items, gold if labels else None, labels) if settings["with_slices"] else {}
    features = None
    if settings["with_slices"] and reference_outcomes.item is None:
        features = item_features(seen(items, reference_outcomes, labels))
    references: dict[tuple[str, str], Answers] | None = {} if len(candidates) > 1 else None
    comparisons = []
    for i, (candidate, response) in enumerate(zip(candidates, candidate_responses, strict=True)):
        progress("compare", i, len(candidates))
        pair = Pair(reference_answers, answers_of(response), dimensions=dimensions)
        alignment = aligned[i] if aligned else None
        comparison = compare(
            pair,
            candidate,
            sample,
            columns,
            policy,
            alignment,
            by_protocol[i],
            own_measures,
            features,
            references,
            independence(items, same, alike, _explained(alignment, published)),
            (*reference.findings, *candidate.findings, *repeated),
            no_explain=settings.get("no_explain", False),
            unit=unit_word(None if explanation is None else explanation.settings),
            chosen=explanation is not None and is_chosen(explanation.settings),
            flattered=flattered(response.identity, None if explanation is None else explanation.settings),
        )
        comparisons.append(comparison)
    progress("compare", len(candidates), len(candidates))
    exemplars = []
    if len(candidates) > 1:
        all_answers = (answers_of(response).answer for response in candidate_responses)
        exemplars = pies(
            reference_answers.answer,
            all_answers,
            ids=sample.ids,
            to_words=sample.answer_texts,
            gold=reference_answers.gold,
        )

    item_findings = (
        *_unreadable_items(len(items), settings.get("unreadable", 0)),
        *repeated,
        *segment_findings(items, gold),
        *(_columns_not_sliced(items, comparisons) if settings["with_slices"] else ()),
        *(() if explanation is None else _items_without_words(explanation.wordless)),
        *(() if explanation is None else _chosen_items(explanation)),
        *(() if explanation is None else _opened_by_reference(explanation, reference.name)),
    )
    peer_comparison = None
    if peer is not None and peer_pair is not None:
        alignment = aligned[-1] if aligned else None
        peer_comparison = compare(
            peer_pair,
            peer,
            sample,
            {},
            policy,
            alignment,
            own_measures=own_measures,
            independent=independence(items, same, alike, _explained(alignment, None)),
            findings=repeated,
        )
        if peer_is_retrained:
            near = [c.name for c, a in zip(candidates, aligned or (), strict=False) if _closer_to_peer(a.measures)]
            peer_comparison = _check_peer_alignment(peer_comparison, near)
    return Audit(
        items=items,
        labels=labels,
        gold=gold,
        reference=reference,
        comparisons=tuple(comparisons),
        pies=exemplars,
        policy=policy,
        settings=settings,
        item_findings=item_findings,
        copies=alike,
        explanation=explanation,
        published=published,
        pairs=agreements,
        peer=peer_comparison,
    )


_LITERAL: Mapping[str, Mapping[str, tuple[Callable[[Pair], dict[str, Estimate]], ...]]] = {
    **{name: {"calibration": (quantile_calibration,)} for name in SCRIPTED},
    "paper-vit-scripts": {
        "behaviour": (top5_accuracy,),
        "calibration": (quantile_calibration, half_open_calibration),
    },
}
"""What the published scripts measure besides explanations and what every audit measures, by protocol and dimension."""


def _explained(aligned: Aligned | None, published: Published | PublishedPatches | None) -> Iterator[NDArray[np.int64]]:
    """The positions of the items that were explained of a candidate, by each way of explaining them."""
    if aligned is not None:
        yield aligned.positions
    if isinstance(published, PublishedPatches):
        yield from published.positions.values()
    elif published is not None:
        yield published.positions


def _agreements(
    published: Published | PublishedPatches, models: Sequence[str], items: Items, resampling: Resampling
) -> tuple[tuple[PairAgreement, ...] | tuple[PatchAgreement, ...], list[dict[str, Estimate]]]:
    """Each two models' agreement by the protocol, and each candidate's measures; the reference is the first model."""
    reference, *candidates = models
    if isinstance(published, PublishedPatches):
        samples = {method: resampling_at(at, resampling, items) for method, at in published.positions.items()}
        patches = patch_agreements(published.tops, models, samples, protocol=published.settings.name)
        return patches, [patch_measures(patches, reference, name) for name in candidates]
    sample = resampling_at(published.positions, resampling, items)
    pairs = pair_agreements(published, models, sample)
    return pairs, [published_measures(published, pairs, reference, name, sample) for name in candidates]


def _refuse_different_outcomes(
    expected: Outcomes, outcomes: Outcomes, items: Items, reference: str, model: str
) -> None:
    """Stop if a model's outcomes do not belong to the same items as the reference's, or have other right answers."""
    expected_items, item = (np.arange(len(o)) if o.item is None else o.item for o in (expected, outcomes))
    if np.array_equal(expected_items, item):
        if expected.gold is None or outcomes.gold is None or np.array_equal(expected.gold, outcomes.gold):
            return
        at = int(np.flatnonzero(expected.gold != outcomes.gold)[0])
        place = at - int(np.searchsorted(item, item[at])) + 1
        raise ModelError(
            f"model {model}: item {items.ids[item[at]]!r}: the right answer of its outcome {place} is "
            f"{outcomes.gold[at]}, but {expected.gold[at]} in model {reference}; outcomes can only be compared one by "
            "one: let both models read the same tokens"
        )
    expected_counts, counts = (np.bincount(positions, minlength=len(items)) for positions in (expected_items, item))
    first = int(np.flatnonzero(expected_counts != counts)[0])
    raise ModelError(
        f"model {model}: item {items.ids[first]!r} has {counts[first]} outcomes, but {expected_counts[first]} in model "
        f"{reference}; outcomes can only be compared one by one"
    )


def _check_retraining(peer: ModelResult, reference: ModelResult, pair: Pair) -> tuple[ModelResult, bool]:
    """The peer, with a finding if something shows that it is not a retrained reference; and whether nothing does."""
    peer_details, details = ({"kind": model.identity.kind, **model.identity.details} for model in (peer, reference))
    accuracies = accuracy(pair) if pair.labelled else {}
    reason = reason_not_retrained(peer_details, details, accuracies.get("accuracy_difference"))
    if reason is None:
        return peer, True
    message = f"is not a retrained reference: {reason}; candidates are judged without it"
    return replace(peer, findings=(Finding(peer.name, "no retraining", message, 1.0), *peer.findings)), False


def _closer_to_peer(measures: Mapping[str, Estimate]) -> bool:
    """Whether a candidate is judged without a well-aligned peer, because the two are closest to each other."""
    return any(
        f"alignment_{method}_to_peer" not in measures and measures[of_peer].low >= MIN_PEER
        for method in METHODS
        if (of_peer := f"alignment_{method}_of_peer") in measures
    )


def _check_peer_alignment(peer: Comparison, copies: Sequence[str]) -> Comparison:
    """The peer, with a finding for each reason why its alignment does not show what retraining changes.

    copies: the candidates that agree with the peer more than with the reference.
    """
    measures = peer.measures.get("explanation", {})
    names = [name for name in (f"alignment_{method}" for method in METHODS) if name in measures]
    low = [f"{in_words(name)} {measures[name]}" for name in names if measures[name].low < MIN_PEER]
    messages = [
        f"it and {name} agree more with each other than with the reference, as if one were made from the other; "
        f"{name} is judged without it"
        for name in copies
    ]
    if low:
        reason = f"its {' and '.join(low)} is not shown to be at least {MIN_PEER}; candidates are judged without it"
        messages.insert(0, reason)
    findings = [Finding(peer.name, "no retraining", message, 1.0) for message in messages]
    return replace(peer, candidate=replace(peer.candidate, findings=(*findings, *peer.candidate.findings)))


def compare(
    pair: Pair,
    candidate: ModelResult,
    sample: Sampled,
    columns: Mapping[str, Sequence[str]],
    policy: Policy,
    aligned: Aligned | None = None,
    published: Mapping[str, Mapping[str, Estimate]] | None = None,
    own_measures: Sequence[Measure] = (),
    features: Features | None = None,
    references: dict[tuple[str, str], Answers] | None = None,
    independent: Independence = Independence(),  # noqa: B008 - it is frozen
    findings: Sequence[Finding] = (),
    *,
    no_explain: bool = False,
    unit: str = "word",
    chosen: bool = False,
    flattered: bool = False,
) -> Comparison:
    """Every measure of one candidate against the reference, the verdict, and advice.

    ``columns`` are those to slice by, each with a value per item. ``published`` has the estimates of a published
    protocol, by dimension and measure; ``own_measures`` are measures of the user's. ``features`` are what changed items
    may have in common; None if that is not looked for. ``references`` are shared by candidates: see `slices`.
    ``independent``: how far the items are. ``findings`` are what was noticed of the models and of items that repeat
    others. ``no_explain``: whether explanations were switched off. ``chosen``: whether the explained items were chosen
    by a person. ``unit``: what has a weight in explanations. ``flattered``: whether the candidate was trained on what
    explanations ask.
    """
    measures = measure_all(pair, own_measures)
    for dimension, estimates in (published or {}).items():
        measures[dimension] = {**measures.get(dimension, {}), **estimates}
    strata: list[Slice] = []
    if aligned is not None:
        measures["explanation"] = aligned.measures
        all_columns = {ANSWERS: answers_in_words(pair), **columns} if columns else {}
        explained_columns = {name: [values[i] for i in aligned.positions] for name, values in all_columns.items()}
        judged_here = {} if chosen else judged_measures(measures, policy, explained=True)
        strata = aligned_slices(aligned.explained, explained_columns, aligned.clusters, judged_here)
    is_behaviour, is_calibration = ("behaviour" in pair.dimensions, "calibration" in pair.dimensions)
    remedies = measure_remedies(pair) if is_calibration else {}
    by_outcome = {name: sample.each(values) for name, values in columns.items()}
    judged = judged_measures(measures, policy)
    parts = slices(
        pair,
        by_outcome,
        sample.clusters,
        own_measures,
        judged=judged,
        answers=sample.labels if columns else None,
        references=references,
    )
    parts += token_slices(pair) if columns else []
    thresholds = threshold_table(pair) if is_calibration else []
    flips = flipped_items(pair, sample.ids, sample.answer_texts) if is_behaviour else []
    words = None if aligned is None else aligned.words
    common = () if features is None else in_common(pair, features, sample.items.ids, sample.clusters)
    judged_by_policy = partial(
        judge,
        policy=policy,
        cluster_size=sample.cluster_size,
        explained_clusters=independent.explained_clusters,
        own_measures=own_measures,
        task=sample.task,
        chosen=chosen,
        copies=independent.copies,
        explained_copies=independent.explained_copies,
    )
    verdict = judged_by_policy(measures)
    recalibrated = None
    if is_calibration:
        recalibrated = recalibration(
            pair,
            measures,
            verdict,
            policy,
            {**_labels_and_answers(pair, sample.labels), **by_outcome},
            judged_by_policy=judged_by_policy,
            own_measures=own_measures,
        )
    routed = None
    if is_behaviour:
        routed = cascade(
            pair,
            measures,
            verdict,
            policy,
            judged_by_policy,
            own_measures=own_measures,
            common=common,
            features=features,
            keys=sample.items.ids if sample.clusters is None else sample.clusters,
        )
    sliced = {part.column for part in parts}
    skew = {
        name: pair.measured(partial(skewsize, group=values, column=name))
        for name, values in by_outcome.items()
        if name in sliced - {LABEL}
    }
    return Comparison(
        candidate=candidate,
        measures=measures,
        remedies=remedies,
        recalibration=recalibrated,
        cascade=routed,
        tests=behaviour_tests(pair) if is_behaviour else {},
        slices=parts,
        strata=strata,
        words=words,
        in_common=common,
        skewsize={name: estimates for name, estimates in skew.items() if estimates},
        flips=flips,
        explained_clusters=independent.explained_clusters,
        explained_copies=independent.explained_copies,
        thresholds=thresholds,
        verdict=verdict,
        advice=advise(
            verdict,
            policy,
            measures,
            recalibrated,
            routed,
            parts,
            strata,
            thresholds,
            flips,
            words,
            common,
            sample.labels,
            no_explain=no_explain,
            unit=unit,
            chosen=chosen,
            flattered=flattered,
            unsettled=doubts(findings, independent.copies),
        ),
    )


def judged_measures(
    measures: Mapping[str, Mapping[str, Estimate]], policy: Policy, *, explained: bool = False
) -> dict[str, Judged]:
    """The measures that the policy's rules judge and that were measured, by name: of predictions, or all others."""
    flat = {name: e for group in measures.values() for name, e in group.items()}
    margins = {judged_as(name, flat): rule for rules in policy.rules.values() for name, rule in rules.items()}
    return {
        name: Judged(
            -math.inf if rule.at_least is None else rule.at_least,
            math.inf if rule.at_most is None else rule.at_most,
            flat[name],
        )
        for name, rule in margins.items()
        if name in flat and PREDICTED.issuperset(needs_of(name)) is not explained and "scripts" not in needs_of(name)
    }


def _labels_and_answers(pair: Pair, labels: Sequence[str]) -> dict[str, Sequence[str]]:
    """The gold label and the candidate's answer of each outcome, if items share labels."""
    if not labels or pair.candidate.outcomes.distribution is None:
        return {}
    codes = {ANSWER: pair.candidate.answer} | ({} if pair.candidate.gold is None else {LABEL: pair.candidate.gold})
    return {name: [labels[code] for code in of_column.tolist()] for name, of_column in codes.items()}


def _model_result(response: Response, answers: Answers, sample: Sampled, seed: int) -> ModelResult:
    """What is known about one model on its own."""
    name, findings, labels = response.name, response.findings, sample.labels
    distribution = answers.outcomes.distribution
    tied = 0
    if distribution is not None:
        tied = int(np.count_nonzero((distribution == answers.confidence[:, None]).sum(axis=1) > 1))
    if tied:
        message = (
            f"in {tied:,} of {len(answers.answer):,} answers, labels tie for the most probable: the first one counts"
        )
        findings = (*findings, Finding(name, "tied answers", message, float(tied)))
    distinct = np.unique(answers.answer)
    if distribution is not None and len(distinct) == 1 and len(answers.answer) > 1:
        message = f"gives the answer {labels[distinct[0]]!r} to all {len(answers.answer):,} items: check its input"
        findings = (Finding(name, "one answer", message, 1.0), *findings)
    if (kind_and_message := misfit(answers, labels)) is not None:
        findings = (Finding(name, *kind_and_message, float(answers.right.mean())), *findings)
    findings = (*perturbed_training(name, response.identity), *findings)
    saturated = saturation(answers)
    if saturated["certain"] > 0.01 and response.identity.details.get("scores") == "logits":
        message = (
            f"{saturated['certain']:.1%} of confidences are exactly 1: the values read as logits are so far apart that "
            "they may not be logits; check --scores"
        )
        findings = (Finding(name, "saturated logits", message, saturated["certain"]), *findings)
    elif saturated["certain"] > 0.01:
        message = f"{saturated['certain']:.1%} of confidences are exactly 1: check its precision"
        findings = (*findings, Finding(name, "saturated", message, saturated["certain"]))
    return ModelResult(
        name=name,
        identity=response.identity,
        columns=sample.task.columns(labels),
        rows=response.rows,
        findings=findings,
        batch=response.batch,
        reliability=reliability_table(answers),
        calibrated_null=calibrated_null(answers, seed=seed) if answers.labelled else {},
        saturation=saturated,
    )


def _lower_bound(name: str, outcomes: Outcomes) -> Iterator[Finding]:
    """A finding if all that is known of KL is a lower bound, as of the reference only some tokens are known."""
    if "kl-at-least" in outcomes.numbers:
        tail = float(outcomes.numbers["tail"].mean())
        message = (
            f"{tail:.2%} of the reference's probability, on average, lies in tokens that were not stored and count as "
            "one: token KL is a certified lower bound, which can show NOT EQUIVALENT, but never EQUIVALENT"
        )
        yield Finding(name, "lower bound", message, tail)


def _unreadable_items(n: int, count: int) -> Iterator[Finding]:
    """A finding if items were left out because their files cannot be decoded."""
    if count:
        message = (
            f"{count:,} of {n + count:,} were left out, as a picture or sound of theirs cannot be decoded; the audit "
            "says nothing about them"
        )
        yield Finding("items", "unreadable items", message, float(count))


def _repeated_items(items: Items, same: Sequence[bytes] | None, facts: Sequence[NDArray[Any]]) -> Iterator[Finding]:
    """A finding about items that repeat others, by their `contents` or else by ``facts``, arrays of [items, ...]."""
    where = "" if items.clusters is None else " in another cluster"
    kind, count = "repeated items", repeats(items, same)
    contents = " and ".join(dict.fromkeys(segment.kind for segment in items.segments.values() if segment.copies_repeat))
    summary = f"{count:,} of {len(items):,} repeat the {contents} of another item{where}"
    if facts and same is None:
        kind, count = "repeated rows", repeated_rows(facts, items.clusters)
        summary = (
            f"{count:,} of {len(items):,} have the gold label and every model's probabilities of another "
            f"item{where}, more than independent items would"
        )
    if count:
        message = (
            f"{summary}; intervals treat them as independent and "
            "are too narrow: drop the repeats, or name a column with --cluster that says which items belong together"
        )
        yield Finding("items", kind, message, float(count))


def _columns_not_sliced(items: Items, comparisons: Sequence[Comparison]) -> Iterator[Finding]:
    """A finding about each column that was named to slice by, but has values that are not frequent enough."""
    sliced = {part.column for comparison in comparisons for part in comparison.slices}
    for name in items.columns:
        counts = Counter(items.columns[name])
        small = [count for count in counts.values() if count < MIN_ITEMS]
        if name in sliced and small:
            message = (
                f"column {name!r}: {len(small):,} of {len(counts):,} values, with {sum(small):,} items in all, were "
                f"not looked at by themselves: a slice needs {MIN_ITEMS} items"
            )
            yield Finding("items", "not sliced", message, float(len(small)))
        if name not in sliced:
            largest = counts.most_common(1)[0][1]
            clusters = "" if items.clusters is None else " of two clusters or more"
            message = (
                f"column {name!r} was not sliced: a slice needs {MIN_ITEMS} items{clusters}, but its most frequent "
                f"value has {largest:,}"
            )
            yield Finding("items", "not sliced", message, float(largest))


def _items_without_words(ids: Sequence[str]) -> Iterator[Finding]:
    """A finding about the items that could not be explained, if there are any."""
    if ids:
        message = f"{len(ids):,} without a word to leave out were not explained, e.g. {ids[0]!r}"
        yield Finding("items", "no words", message, float(len(ids)))


def _chosen_items(explanation: Explanation) -> Iterator[Finding]:
    """A finding if the explained items were chosen by a person."""
    if is_chosen(explanation.settings):
        count = len(explanation.positions)
        message = (
            f"the {count:,} explained items were chosen (--explain-ids), not drawn at random: what they show says "
            "nothing about other items, and is not judged"
        )
        yield Finding("items", "chosen items", message, float(count))


def _opened_by_reference(explanation: Explanation, reference: str) -> Iterator[Finding]:
    """A finding about the items of which only some sentences were cut into words, if there are any."""
    count = sum(table is not None for table in explanation.outlined)
    if count:
        message = (
            f"in {count:,} of {len(explanation.units):,} explained items, only the sentences that matter most to "
            f"{reference} were cut into words; no candidate had a say in which"
        )
        yield Finding("items", "sentences first", message, count / len(explanation.units))
