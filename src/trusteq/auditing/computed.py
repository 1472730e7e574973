"""Everything that an audit computes from what the models said: measures, slices, verdicts. No model is asked here.

So a finished run, which keeps what they said, can be computed again at any time, under any policy, by anybody.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.auditing.advice import advise
from trusteq.auditing.explained import Aligned, align, among
from trusteq.compare.alignment import LEAST_PEER
from trusteq.compare.answers import Answers, Pair
from trusteq.compare.behaviour import accuracy, flipped_items
from trusteq.compare.behaviour import tests as behaviour_tests
from trusteq.compare.binned_calibration import quantile_calibration
from trusteq.compare.chance import misfit
from trusteq.compare.confidence import calibrated_null, reliability_table, saturation
from trusteq.compare.measured import measure_all, measure_remedies
from trusteq.compare.measures import METHODS, in_words
from trusteq.compare.pies import pies
from trusteq.compare.published import pair_agreements, published_measures
from trusteq.compare.repeated_rows import repeated_rows
from trusteq.compare.retraining import no_retraining
from trusteq.compare.skewsize import skewsize
from trusteq.compare.slices import (
    ANSWERS,
    LABEL,
    MIN_ITEMS,
    Slice,
    aligned_slices,
    answers_in_words,
    slice_columns,
    slices,
)
from trusteq.compare.thresholds import threshold_table
from trusteq.data.repeats import repeats
from trusteq.errors import ModelError
from trusteq.explain.protocol import SCRIPTED
from trusteq.models.base import Finding
from trusteq.record.audit import Audit, Comparison, ModelResult
from trusteq.record.sampled import Sampled
from trusteq.stats.one_thread import one_thread
from trusteq.stats.resampling import Resampling
from trusteq.tasks.task import task_named
from trusteq.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.compare.measures import Measure
    from trusteq.compare.published import PairAgreement
    from trusteq.data.items import Items
    from trusteq.policy import Policy
    from trusteq.record.responses import Response, Responses
    from trusteq.stats.estimate import Estimate
    from trusteq.tasks.outcomes import Outcomes

    Progress = Callable[[str, int, int], None]


FINDINGS = frozenset(
    {
        "identical",
        "tied answers",
        "one answer",
        "labels misnamed",
        "below majority",
        "chance",
        "saturated",
        "saturated logits",
        "no retraining",
        "repeated items",
        "repeated rows",
        "not sliced",
        "no words",
    }
)
"""Kinds of findings that are computed; whoever asks a model may find others."""


@one_thread()
def computed(
    said: Responses,
    items: Items,
    policy: Policy,
    settings: Mapping[str, Any],
    *,
    own: Sequence[Measure] = (),
    tell: Progress = lambda stage, done, total: None,
) -> Audit:
    """The audit of these responses; the items are in the order in which they were asked about.

    ``own`` are measures that are not trusteq's.
    """
    labels, seed, task = said.labels, settings["seed"], task_named(said.task)
    gold = task.gold(items, labels)
    first = task.outcomes(said.models[0].rows, gold)
    sample = Sampled(items, labels, task, first.item)
    resampling = Resampling(
        len(first), clusters=sample.clusters, resamples=settings["resamples"], seed=seed, level=policy.level
    )

    def answers(response: Response) -> Answers:
        """Made anew for each use: what is computed from them goes with them, and memory does not grow with models."""
        outcomes = task.outcomes(response.rows, gold)
        _refuse_other_outcomes(first, outcomes, items, said.models[0].name, response.name)
        return Answers(outcomes, resampling)

    reference, candidates = Answers(first, resampling), said.models[1:]
    results = [_model_result(said.models[0], reference, sample, seed)]
    results += [_model_result(response, answers(response), sample, seed) for response in candidates]
    for i, response in enumerate(candidates, 1):
        if response.rows.equals(said.models[0].rows):
            message = f"its predictions are identical to those of {results[0].name}, on every item"
            twin = Finding(results[i].name, "identical", message, 1.0)
            results[i] = replace(results[i], findings=(*results[i].findings, twin))
    explanation, published = said.explanation, said.published
    retrained, beside_peer, lowers = None, None, False
    if said.peer is not None:
        of_peer = answers(said.peer)
        beside_peer = Pair(reference, of_peer)
        peer_result = _model_result(said.peer, of_peer, sample, seed)
        retrained, lowers = _seen_to_be_retrained(peer_result, results[0], beside_peer)
    aligned = None
    if explanation is not None:
        aligned = align(explanation, items, resampling, has_peer=retrained is not None, lowers=lowers)

    agreements: tuple[PairAgreement, ...] = ()
    found: list[dict[str, dict[str, Estimate]]] = [{} for _ in results[1:]]
    if published is not None:
        explained_sample = among(resampling, items, published.positions)
        agreements = pair_agreements(published, [result.name for result in results], explained_sample)
        found = [
            {"explanation": published_measures(published, agreements, results[0].name, r.name, explained_sample)}
            for r in results[1:]
        ]
        if published.settings.name in SCRIPTED:
            for of_candidate, response in zip(found, candidates, strict=True):
                of_candidate["calibration"] = Pair(reference, answers(response)).measured(quantile_calibration)

    columns = slice_columns(items, gold if labels else None, labels) if settings["with_slices"] else {}
    comparisons = []
    for i, (result, response) in enumerate(zip(results[1:], candidates, strict=True)):
        tell("compare", i, len(candidates))
        pair = Pair(reference, answers(response))
        beside = aligned[i] if aligned else None
        comparisons.append(compare(pair, result, sample, columns, policy, beside, found[i], own))
    tell("compare", len(candidates), len(candidates))
    exemplars = []
    if len(candidates) > 1:
        theirs = (answers(response).answer for response in candidates)
        exemplars = pies(reference.answer, theirs, ids=sample.ids, named=sample.named, gold=reference.gold)
    known: list[NDArray[Any]] = []
    if task.one_row:
        known = [*(response.rows.values for response in said.models), *([] if gold is None else [gold])]
    noticed = (*_about_items(items, known), *(_unsliced(items, comparisons) if settings["with_slices"] else ()))
    if explanation is not None and explanation.wordless:
        without = len(explanation.wordless)
        message = f"{without:,} without a word to leave out were not explained, e.g. {explanation.wordless[0]!r}"
        noticed = (*noticed, Finding("items", "no words", message, float(without)))
    peer = None
    if beside_peer is not None and retrained is not None:
        peer = compare(beside_peer, retrained, sample, {}, policy, aligned[-1] if aligned else None, own=own)
        if lowers:
            nearer = [r.name for r, a in zip(results[1:], aligned or (), strict=False) if _nearer(a.measures)]
            peer = _seen_to_be_aligned(peer, nearer)
    return Audit(
        items=items,
        labels=labels,
        gold=gold,
        reference=results[0],
        comparisons=tuple(comparisons),
        pies=exemplars,
        policy=policy,
        settings=settings,
        item_findings=noticed,
        explanation=explanation,
        published=published,
        pairs=agreements,
        peer=peer,
    )


def _refuse_other_outcomes(reference: Outcomes, other: Outcomes, items: Items, name: str, of: str) -> None:
    """Stop where two models' outcomes are not of the same items."""
    one, two = (np.arange(len(o)) if o.item is None else o.item for o in (reference, other))
    if np.array_equal(one, two):
        return
    counts = [np.bincount(item, minlength=len(items)) for item in (one, two)]
    first = int(np.flatnonzero(counts[0] != counts[1])[0])
    raise ModelError(
        f"model {of}: item {items.ids[first]!r} has {counts[1][first]} outcomes, of {name} it has {counts[0][first]}; "
        "they can only be compared one by one"
    )


def _seen_to_be_retrained(peer: ModelResult, reference: ModelResult, pair: Pair) -> tuple[ModelResult, bool]:
    """The peer, with what shows that it is not the reference trained once more; and whether nothing does."""
    made, wanted = ({"kind": model.identity.kind, **model.identity.details} for model in (peer, reference))
    accuracies = accuracy(pair) if pair.labelled else {}
    why = no_retraining(made, wanted, accuracies.get("accuracy_difference"))
    if why is None:
        return peer, True
    message = f"is not the reference trained once more: {why}; candidates are judged without it"
    return replace(peer, findings=(Finding(peer.name, "no retraining", message, 1.0), *peer.findings)), False


def _nearer(measures: Mapping[str, Estimate]) -> bool:
    """Whether a candidate is judged without a peer that is aligned well enough: the two are nearest to each other."""
    return any(
        f"alignment_{method}_to_peer" not in measures and measures[of_peer].low >= LEAST_PEER
        for method in METHODS
        if (of_peer := f"alignment_{method}_of_peer") in measures
    )


def _seen_to_be_aligned(peer: Comparison, nearer: Sequence[str]) -> Comparison:
    """The peer, with what shows that its alignment is no measure of what retraining changes.

    nearer: the candidates that agree with it more than it, or they, with the reference.
    """
    measures = peer.measures.get("explanation", {})
    names = [name for name in (f"alignment_{method}" for method in METHODS) if name in measures]
    low = [f"{in_words(name)} {measures[name]}" for name in names if measures[name].low < LEAST_PEER]
    said = [
        f"it and {name} agree with each other more than either does with the reference, as if one were made of the "
        f"other; {name} is judged without it"
        for name in nearer
    ]
    if low:
        why = f"its {' and '.join(low)} is not shown to be at least {LEAST_PEER}; candidates are judged without it"
        said.insert(0, why)
    found = [Finding(peer.name, "no retraining", message, 1.0) for message in said]
    return replace(peer, candidate=replace(peer.candidate, findings=(*found, *peer.candidate.findings)))


def compare(
    pair: Pair,
    candidate: ModelResult,
    sample: Sampled,
    columns: Mapping[str, Sequence[str]],
    policy: Policy,
    aligned: Aligned | None = None,
    published: Mapping[str, Mapping[str, Estimate]] | None = None,
    own: Sequence[Measure] = (),
) -> Comparison:
    """Every measure of one candidate against the reference, the verdict, and what to look at.

    ``published`` has what a published protocol measures besides, by dimension; ``own`` are measures that are not
    trusteq's.
    """
    measures = measure_all(pair, own)
    for dimension, more in (published or {}).items():
        measures[dimension] = {**measures.get(dimension, {}), **more}
    parts: list[Slice] = []
    if aligned is not None:
        measures["explanation"] = aligned.measures
        by = {ANSWERS: answers_in_words(pair), **columns} if columns else {}
        some = {name: [values[i] for i in aligned.positions] for name, values in by.items()}
        parts = aligned_slices(aligned.explained, some, aligned.clusters)
    remedies = measure_remedies(pair)
    columns = {name: sample.each(values) for name, values in columns.items()}
    found = slices(pair, columns, sample.clusters, own)
    thresholds = threshold_table(pair)
    flips = flipped_items(pair, sample.ids, sample.named)
    verdict = judge(measures, policy, cluster_size=sample.cluster_size, own=own)
    sliced = {part.column for part in found}
    skew = {
        name: pair.measured(partial(skewsize, group=columns[name], column=name))
        for name in columns
        if name in sliced - {LABEL}
    }
    return Comparison(
        candidate=candidate,
        measures=measures,
        remedies=remedies,
        tests=behaviour_tests(pair),
        slices=found,
        strata=parts,
        words=None if aligned is None else aligned.words,
        skewsize={name: estimates for name, estimates in skew.items() if estimates},
        flips=flips,
        thresholds=thresholds,
        verdict=verdict,
        advice=advise(
            verdict, policy, measures, remedies, found, thresholds, flips, aligned.words if aligned else None
        ),
    )


def _model_result(response: Response, answers: Answers, sample: Sampled, seed: int) -> ModelResult:
    """What is known of one model by itself."""
    name, findings, labels = response.name, response.findings, sample.labels
    shared = answers.outcomes.distribution
    tied = 0
    if shared is not None:
        tied = int(np.count_nonzero((shared == answers.confidence[:, None]).sum(axis=1) > 1))
    if tied:
        message = f"{tied:,} of {len(answers.answer):,} answers are tied for the most probable label: the first counts"
        findings = (*findings, Finding(name, "tied answers", message, float(tied)))
    given = np.unique(answers.answer)
    if shared is not None and len(given) == 1 and len(answers.answer) > 1:
        message = f"answers {labels[given[0]]!r} to every one of {len(answers.answer):,} items: check what it reads"
        findings = (Finding(name, "one answer", message, 1.0), *findings)
    if (told := misfit(answers, labels)) is not None:
        findings = (Finding(name, *told, float(answers.right.mean())), *findings)
    saturated = saturation(answers)
    if saturated["certain"] > 0.01 and response.identity.details.get("scores") == "logits":
        message = (
            f"{saturated['certain']:.1%} of confidences are exactly 1: what was read as logits lies so far apart that "
            "it may be none; check --scores"
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


def _about_items(items: Items, known: Sequence[NDArray[Any]]) -> tuple[Finding, ...]:
    """What was learnt about the items themselves, from their texts or else from what is known of each [items, ...]."""
    where = "" if items.clusters is None else " in another cluster"
    kind, found = "repeated items", repeats(items)
    kinds = " and ".join(dict.fromkeys(segment.kind for segment in items.segments.values() if segment.copies_repeat))
    said = f"{found:,} of {len(items):,} repeat the {kinds} of another item{where}"
    if known and not any(segment.copies_repeat for segment in items.segments.values()):
        kind, found = "repeated rows", repeated_rows(known, items.clusters)
        said = f"{found:,} of {len(items):,} have the gold label and every model's probabilities of another item{where}"
        said += ", more often than independent items could"
    if not found:
        return ()
    message = (
        f"{said}; intervals treat them as independent and "
        "are too narrow: drop the repeats, or name a column with --cluster that says which items belong together"
    )
    return (Finding("items", kind, message, float(found)),)


def _unsliced(items: Items, comparisons: Sequence[Comparison]) -> Iterator[Finding]:
    """The columns that somebody named to slice by, and none of whose values is frequent enough."""
    sliced = {part.column for comparison in comparisons for part in comparison.slices}
    for name in items.columns:
        if name not in sliced:
            most = Counter(items.columns[name]).most_common(1)[0][1]
            message = (
                f"column {name!r} was not sliced: a slice needs {MIN_ITEMS} items"
                f"{'' if items.clusters is None else ' of two clusters or more'}, its most frequent value has {most:,}"
            )
            yield Finding("items", "not sliced", message, float(most))
