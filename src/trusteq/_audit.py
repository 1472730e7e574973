"""The whole audit, top to bottom: identify, predict, compare, judge.

The module is private so that ``trusteq.audit`` is the function.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq._explained import Aligned, align, among, decided_by, explain_enough, explain_settings
from trusteq.advice import advise
from trusteq.compare.answers import Answers, Pair
from trusteq.compare.behaviour import flipped_items
from trusteq.compare.behaviour import tests as behaviour_tests
from trusteq.compare.binned_calibration import quantile_calibration
from trusteq.compare.confidence import calibrated_null, reliability_table, saturation
from trusteq.compare.measures import measure, measure_remedies
from trusteq.compare.pies import pies
from trusteq.compare.published import pair_agreements, published_measures
from trusteq.compare.skewsize import skewsize
from trusteq.compare.slices import LABEL, LENGTH, MIN_ITEMS, slice_columns, slices
from trusteq.compare.strata import ANSWERS, Stratum, answer_strata, strata
from trusteq.compare.thresholds import threshold_table
from trusteq.data.items import Items
from trusteq.data.label_sets import listed, remedy
from trusteq.data.predictions import Predictions, checked
from trusteq.data.repeats import repeats
from trusteq.data.surrogates import is_unicode
from trusteq.errors import DataError, LabelError, ModelError, OptionError
from trusteq.explain.precision import in_precision, moved_by_precision
from trusteq.explain.protocol import SCRIPTED, ProtocolSettings, protocol_settings, publish
from trusteq.models.base import Finding
from trusteq.models.cost import checked_effort, measure_costs
from trusteq.models.function import as_model, called
from trusteq.models.probe import predict_all
from trusteq.policy import Policy, read_policy
from trusteq.result import Audit, Comparison, ModelResult
from trusteq.settings import LIMITS, within_limits
from trusteq.stats.resampling import RESAMPLES, Resampling
from trusteq.verdict import judge
from trusteq.work.shard import HERE, predict_at, probe_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.compare.published import PairAgreement
    from trusteq.explain.explanation import ExplainSettings, Explanation
    from trusteq.models.base import Model
    from trusteq.models.cost import Effort
    from trusteq.stats.estimate import Estimate
    from trusteq.work.shard import Executor

    Progress = Callable[[str, int, int], None]


def audit(
    reference: object,
    candidates: object | Sequence[object] | Mapping[str, object],
    items: Items,
    *,
    policy: str | Path | Policy | Mapping[str, Any] = "default",
    dimensions: str | Sequence[str] | None = None,
    batch: int = 1,
    resamples: int = RESAMPLES,
    seed: int = 0,
    with_slices: bool = True,
    allow_same: bool = False,
    explain: ExplainSettings | bool | None = None,
    protocol: str | None = None,
    peer: object | None = None,
    costs: Effort = "quick",
    executor: Executor = HERE,
    progress: Progress | None = None,
) -> Audit:
    """The audit of one or more candidates against a reference on the same items.

    Models are anything `trusteq.open_model`, `from_callable` or `from_estimator` returns, or a scikit-learn
    estimator; a mapping names the candidates. ``dimensions`` says what EQUIVALENT requires in place of the
    policy's own. ``batch`` is the number of items a call for models whose answers depend on their batch. ``explain``
    says how to explain, or whether: by default what can be explained is. ``protocol`` is "paper", "paper-scripts" or
    "paper-scripts-qqp", to explain as published instead; a policy that judges what only it measures implies "paper".
    ``peer`` is the reference trained once more: alignment is then judged against what that reaches.
    ``costs`` is "quick" to measure size and speed of each model on some of the items, about 3 s a model; "full" to see
    how much memory it takes, too, in a process of its own; or "none".
    ``executor`` says where models are asked and what is kept of that: `trusteq.executor`.
    ``progress(stage, done, total)`` is told how far the work is.
    """
    rules = read_policy(policy)
    if dimensions is not None:
        rules = rules.requiring((dimensions,) if isinstance(dimensions, str) else tuple(dimensions))
    resamples, seed, batch = (
        within_limits(name, value) for name, value in (("resamples", resamples), ("seed", seed), ("batch", batch))
    )
    _refuse_too_few(resamples, rules.level)
    if not isinstance(items, Items):
        raise DataError(
            f"items are {type(items).__name__} {str(items)[:80]!r}; "
            "read a file with trusteq.read_items(path, text=..., label=...), or make trusteq.Items"
        )
    if len(items) < 2:
        raise DataError(f"{items.source}: one item; nothing can be said of others like it")
    if items.clusters is not None and len(set(items.clusters)) < 2:
        raise DataError(f"{items.source}: all items are in one cluster; nothing can be said of others like it")
    if with_slices:
        _refuse_own_names(items)
    tell = progress or _silent
    reference_model, candidate_models = identify(reference, candidates, peer, allow_same=allow_same)
    peer_model = None if peer is None else candidate_models.pop()
    effort = checked_effort(costs, (reference_model, *candidate_models))
    following = follow(protocol, explain, rules, (reference_model, *candidate_models), items)
    if following is not None:
        if peer_model is not None:
            raise OptionError(f"peer {peer_model.name} has no effect under protocol {following.name}; leave it out")
        explain = False
    models = [reference_model, *candidate_models, *([] if peer_model is None else [peer_model])]
    how = explain_settings(True if peer_model is not None and explain is None else explain, models, items)
    if peer_model is not None and how is None:
        raise OptionError(f"peer {peer_model.name} has no effect without explanations; leave out one of the two")
    if how is not None and how.until == "decided" and not decided_by(rules):
        raise OptionError(
            f"until decided: policy {rules.name} has no rule on alignment, which alone decides when to stop; explain "
            "until the end"
        )
    if peer_model is not None and how is not None and how.until == "decided":
        raise OptionError("intervals against a peer do not hold at every look: explain until the end, or leave it out")
    if items.labels is not None and reference_model.identity.kind != "predictions":
        items.gold(reference_model.labels)  # labels that do not fit are told before hours of work
    # One order whatever the order of the file, so that resamples and batches are the same.
    order = np.array(sorted(range(len(items)), key=lambda i: (len(items.ids[i]), items.ids[i])))
    given, items = items, items.take(order)

    predicted = [
        _predict(model, items, given, order, batch=batch, executor=executor, tell=tell)
        for model in (reference_model, *candidate_models)
    ]
    labels = predicted[0][0].labels
    gold = items.gold(labels)
    resampling = Resampling(len(items), clusters=items.clusters, resamples=resamples, seed=seed, level=rules.level)
    answers = [
        Answers(p.reordered(labels, model=model.name, reference=reference_model.name).probabilities, gold, resampling)
        for (p, _, _), model in zip(predicted, (reference_model, *candidate_models), strict=True)
    ]
    results = [
        _model_result(model, a, labels, findings, fixed, seed)
        for model, a, (_, findings, fixed) in zip((reference_model, *candidate_models), answers, predicted, strict=True)
    ]

    for i, a in enumerate(answers[1:], 1):
        if np.array_equal(a.probabilities, answers[0].probabilities):
            message = f"its predictions are identical to those of {reference_model.name}, on every item"
            twin = Finding(results[i].name, "identical", message, 1.0)
            results[i] = replace(results[i], findings=(*results[i].findings, twin))

    fixed = [shape is not None for _, _, shape in predicted]
    answered = [a.probabilities for a in answers]
    if peer_model is not None:
        mine, noticed, shape = _predict(peer_model, items, given, order, batch=batch, executor=executor, tell=tell)
        mine = mine.reordered(labels, model=peer_model.name, reference=reference_model.name)
        fixed, answered = [*fixed, shape is not None], [*answered, mine.probabilities]
        results[0] = replace(results[0], findings=(*results[0].findings, *noticed))
    if explain is None and any(f.kind == "not deterministic" for result in results for f in result.findings):
        how = None  # what an explanation attributes to words would be the model's own noise
    explanation = None
    asked: list[Model] = []
    if how is not None:
        asked = in_precision(models, how.precision)
        explanation = explain_enough(
            asked,
            items,
            answered,
            labels,
            how,
            gold=gold,
            alone=fixed,
            rules=rules,
            candidates=len(candidate_models),
            whole=resampling,
            tell=tell,
            executor=executor,
        )
    aligned: list[Aligned] | None = None
    if explanation is not None:
        has_peer = peer_model is not None
        results = _in_own_precision(results, models, asked, explanation, labels, fixed, executor)
        aligned = align(
            explanation, asked, labels, items, resampling, alone=fixed, has_peer=has_peer, tell=tell, executor=executor
        )

    published = None
    agreements: tuple[PairAgreement, ...] = ()
    found: list[dict[str, dict[str, Estimate]]] = [{} for _ in results[1:]]
    if following is not None and gold is not None:
        published = publish(
            models, items, answered, labels, following, gold=gold, alone=fixed, seed=seed, tell=tell, executor=executor
        )
        sample = among(resampling, items, published.positions)
        agreements = pair_agreements(published, [model.name for model in models], sample)
        found = [
            {"explanation": published_measures(published, agreements, models[0].name, r.name, sample)}
            for r in results[1:]
        ]
        if following.name in SCRIPTED:
            for of_candidate, a in zip(found, answers[1:], strict=True):
                of_candidate["calibration"] = quantile_calibration(Pair(answers[0], a))

    columns = slice_columns(items, gold, labels) if with_slices else {}
    comparisons = []
    for i, (result, a) in enumerate(zip(results[1:], answers[1:], strict=True)):
        tell("compare", i, len(candidate_models))
        comparisons.append(
            compare(
                Pair(answers[0], a), result, items, labels, columns, rules, aligned[i] if aligned else None, found[i]
            )
        )
    tell("compare", len(candidate_models), len(candidate_models))
    exemplars = (
        pies(answers[0].answer, [a.answer for a in answers[1:]], ids=items.ids, labels=labels, gold=gold)
        if len(answers) > 2
        else []
    )
    settings = {
        "seed": seed,
        "resamples": resamples,
        "batch": batch,
        "with_slices": with_slices,
        "allow_same": allow_same,
        "explain": None if how is None else asdict(how),
        "protocol": None if following is None else asdict(following),
    }
    noticed = (*_about_items(items), *(_unsliced(items, comparisons) if with_slices else ()))
    if explanation is not None and explanation.wordless:
        without = len(explanation.wordless)
        message = f"{without:,} without a word to leave out were not explained, e.g. {explanation.wordless[0]!r}"
        noticed = (*noticed, Finding("items", "no words", message, float(without)))
    # Last, so that nothing else depends on it.
    shapes = [result.batch for result in results]
    measured = measure_costs((reference_model, *candidate_models), items, shapes, effort=effort, tell=tell)
    return Audit(
        items,
        labels,
        gold,
        results[0],
        tuple(comparisons),
        exemplars,
        rules,
        settings,
        noticed,
        explanation,
        published,
        agreements,
        measured,
        None if peer_model is None else peer_model.identity,
    )


def follow(
    asked: str | None, explain: ExplainSettings | bool | None, policy: Policy, models: Sequence[Model], items: Items
) -> ProtocolSettings | None:
    """The published protocol's settings where it is asked for, or the policy needs it and models can be explained."""
    if asked is None:
        if not policy.needs_protocol or explain_settings(explain, models, items) is None:
            return None
        asked = "paper"
    settings = protocol_settings(asked, explain, items, models)
    explain_settings(True, models, items)
    return settings


def identify(
    reference: object,
    candidates: object | Sequence[object] | Mapping[str, object],
    peer: object | None = None,
    *,
    allow_same: bool,
) -> tuple[Model, list[Model]]:
    """The models, each with a name of its own, the peer last; the reference itself is refused unless allowed."""
    if isinstance(candidates, Mapping):
        named = list(candidates.items())
    elif isinstance(candidates, (list, tuple)):
        named = [(f"candidate-{i}" if len(candidates) > 1 else "candidate", c) for i, c in enumerate(candidates, 1)]
    else:
        named = [("candidate", candidates)]
    if not named:
        raise ModelError("no candidate; an audit needs a reference and one or more candidates")
    if peer is not None:
        named.append(("peer", peer))
    model = as_model(reference, name="reference")
    others = [as_model(candidate, name=name) for name, candidate in named]
    if isinstance(candidates, Mapping):
        others[: len(candidates)] = [called(m, name) for m, name in zip(others, candidates, strict=False)]
    names = [model.name, *(other.name for other in others)]
    for name in names:
        if not isinstance(name, str) or not is_unicode(name):
            raise ModelError(f"a model is called {name!r}, which cannot be written; give it another name")
        if names.count(name) > 1:
            raise ModelError(f"two models are called {name!r}; name them apart, e.g. {name}-int8=LOCATION")
    if peer is not None:
        for (_, given), other in zip(named[:-1], others[:-1], strict=True):
            same = other.identity.content is not None and other.identity.content == others[-1].identity.content
            if not allow_same and (given is peer or same):
                raise ModelError(
                    f"peer {others[-1].name} is candidate {other.name} itself; give the reference, trained once more"
                )
    for (_, given), other in zip(named, others, strict=True):
        content = other.identity.content
        if not allow_same and (given is reference or (content is not None and content == model.identity.content)):
            raise ModelError(
                f"{other.name} is the same model as {model.name} (content {(content or 'one Python object')[:16]}); "
                "a model compared with itself always passes; say --allow-same if that is meant"
            )
    return model, others


def compare(
    pair: Pair,
    candidate: ModelResult,
    items: Items,
    labels: Sequence[str],
    columns: Mapping[str, Sequence[str]],
    policy: Policy,
    aligned: Aligned | None = None,
    published: Mapping[str, Mapping[str, Estimate]] | None = None,
) -> Comparison:
    """Every measure of one candidate against the reference, the verdict, and what to look at.

    ``published`` has what a published protocol measures besides, by dimension.
    """
    measures = measure(pair)
    for dimension, more in (published or {}).items():
        measures[dimension] = {**measures.get(dimension, {}), **more}
    parts: list[Stratum] = []
    if aligned is not None:
        measures["explanation"] = aligned.measures
        by = {ANSWERS: answer_strata(pair), **columns} if columns else {}
        some = {name: [values[i] for i in aligned.positions] for name, values in by.items()}
        parts = strata(aligned.explained, some, aligned.clusters)
    remedies = measure_remedies(pair)
    found = slices(pair, columns, items.clusters)
    thresholds = threshold_table(pair)
    flips = flipped_items(pair, items.ids, labels)
    verdict = judge(
        measures, policy, cluster_size=None if items.clusters is None else len(items) / len(set(items.clusters))
    )
    sliced = {part.column for part in found}
    skew = {name: skewsize(pair, columns[name], column=name) for name in columns if name in sliced - {LABEL}}
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


def _predict(
    model: Model,
    items: Items,
    given: Items,
    order: NDArray[np.int64],
    *,
    batch: int,
    executor: Executor,
    tell: Progress,
) -> tuple[Predictions, tuple[Finding, ...], int | None]:
    """A model's checked predictions, what was found on the way, and the batch shape it was held to."""
    if model.identity.kind == "predictions":
        _refuse_strangers(model, items)
    stage, done = f"predict {model.name}", 0
    tell(stage, 0, len(items))

    def advance(count: int) -> None:
        nonlocal done
        done += count
        tell(stage, done, len(items))

    probed = probe_at(executor, model, items)
    fixed = batch if probed.batch_dependent else None
    raw: NDArray[Any]
    if model.identity.kind == "predictions":
        # Rows of a file may be matched by number, which only the items' own order tells.
        raw = predict_all(model, given, advance)[order]
    else:
        raw = predict_at(executor, model, items, batch=fixed, advance=advance)
    where = model.identity.location if model.identity.kind == "predictions" else None
    predictions = checked(raw, labels=model.labels, ids=items.ids, model=model.name, where=where)
    findings = [*model.findings(), *probed.findings(model.name)]
    if fixed:
        findings.append(Finding(model.name, "fixed batch", f"asked in batches of exactly {batch}", float(batch)))
    return predictions, tuple(findings), fixed


def _refuse_strangers(model: Model, items: Items) -> None:
    """Stop where a column was taken for a label only because it holds numbers, and nothing shows that it is one."""
    if getattr(model, "named", True):
        return
    where = f"{model.identity.location}: column"
    if items.labels is None:
        if getattr(model, "scores", None) == "logits":
            raise LabelError(
                f"{where}s {', '.join(model.labels)} hold numbers, and without gold labels nothing shows which of them "
                f"are logits; name them: --labels {model.name}={','.join(model.labels)}"
            )
        return
    strangers = [name for name in model.labels if name not in items.label_names]
    # A label whose items were left out is missing from theirs with reason.
    if not items.ignored and strangers:
        own = [name for name in model.labels if name in items.label_names]
        if own:
            advice = f"name all the labels, those too that no item has: --labels {model.name}={','.join(own)}"
        else:
            advice = f"theirs are {listed(items.label_names)}; {remedy(items.label_names, model.labels)}"
        raise LabelError(f"{where} {strangers[0]!r} would be read as a label, but no item has that label; {advice}")


def _model_result(
    model: Model, answers: Answers, labels: tuple[str, ...], findings: tuple[Finding, ...], fixed: int | None, seed: int
) -> ModelResult:
    """What is known of one model by itself."""
    tied = int(np.count_nonzero((answers.probabilities == answers.confidence[:, None]).sum(axis=1) > 1))
    if tied:
        message = f"{tied:,} of {len(answers.answer):,} answers are tied for the most probable label: the first counts"
        findings = (*findings, Finding(model.name, "tied answers", message, float(tied)))
    given = np.unique(answers.answer)
    if len(given) == 1 and len(answers.answer) > 1:
        message = f"answers {labels[given[0]]!r} to every one of {len(answers.answer):,} items: check what it reads"
        findings = (Finding(model.name, "one answer", message, 1.0), *findings)
    saturated = saturation(answers)
    if saturated["certain"] > 0.01:
        message = f"{saturated['certain']:.1%} of confidences are exactly 1: check its precision"
        findings = (*findings, Finding(model.name, "saturated", message, saturated["certain"]))
    return ModelResult(
        name=model.name,
        identity=model.identity,
        predictions=Predictions(labels, answers.probabilities),
        findings=findings,
        batch=fixed,
        reliability=reliability_table(answers),
        calibrated_null={} if answers.gold is None else calibrated_null(answers, seed=seed),
        saturation=saturated,
    )


def _in_own_precision(
    results: Sequence[ModelResult],
    models: Sequence[Model],
    asked: Sequence[Model],
    explanation: Explanation,
    labels: Sequence[str],
    alone: Sequence[bool],
    executor: Executor,
) -> list[ModelResult]:
    """What is known of each model, with what it lost where it was explained in 16 bits."""
    made = list(results)
    for i, (model, other) in enumerate(zip(models, asked, strict=True)):
        if other is not model:
            told = moved_by_precision(model, i, explanation, labels, alone=alone[i], executor=executor)
            at = i if i < len(made) else 0  # a peer has no result of its own
            made[at] = replace(made[at], findings=(*made[at].findings, told))
    return made


def _about_items(items: Items) -> tuple[Finding, ...]:
    """What was learnt about the items themselves."""
    found = repeats(items)
    if not found:
        return ()
    where = "" if items.clusters is None else " in another cluster"
    message = (
        f"{found:,} of {len(items):,} repeat the text of another item{where}; intervals treat them as independent and "
        "are too narrow: drop the repeats, or name a column with --cluster that says which items belong together"
    )
    return (Finding("items", "repeated items", message, float(found)),)


def _refuse_too_few(resamples: int, level: float) -> None:
    """Stop where less than one resample would lie beyond either end of an interval."""
    needed = math.ceil(2 / (1 - level) * (1 - 1e-9))
    if resamples < needed:
        way = f"ask for {needed:,} or more" if needed <= LIMITS["resamples"][1] else "choose a lower level"
        raise OptionError(f"{resamples:,} resamples cannot tell an interval of {100 * level:.10g}%; {way}")


def _refuse_own_names(items: Items) -> None:
    """Stop where a column would be confused with a slice that every audit makes."""
    own = {LENGTH} if items.segments else set()
    if items.labels is not None:
        codes = items.labels.tolist()
        if list(items.columns.get(LABEL, ())) not in ([items.label_names[c] for c in codes], list(map(str, codes))):
            own.add(LABEL)
    for name in sorted(own & set(items.columns)):
        raise OptionError(f"no column to slice by may be called {name!r}, as a slice of every audit is; rename it")


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


def _silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""
