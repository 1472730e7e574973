"""The whole audit, top to bottom: identify, predict, compare, judge.

The module is private so that ``trusteq.audit`` is the function.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.advice import advise
from trusteq.compare.answers import Answers, Pair
from trusteq.compare.behaviour import flipped_items
from trusteq.compare.behaviour import tests as behaviour_tests
from trusteq.compare.confidence import calibrated_null, reliability_table, saturation
from trusteq.compare.measures import measure, measure_remedies
from trusteq.compare.pies import pies
from trusteq.compare.skewsize import skewsize
from trusteq.compare.slices import LABEL, slice_columns, slices
from trusteq.compare.thresholds import threshold_table
from trusteq.data.predictions import Predictions, checked
from trusteq.errors import DataError, LabelError, ModelError
from trusteq.models.base import Finding
from trusteq.models.function import as_model
from trusteq.models.probe import predict_all, predict_in_shape, probe
from trusteq.policy import Policy, read_policy
from trusteq.result import Audit, Comparison, ModelResult
from trusteq.stats.resampling import RESAMPLES, Resampling
from trusteq.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.models.base import Model

    Progress = Callable[[str, int, int], None]


def audit(
    reference: object,
    candidates: object | Sequence[object] | Mapping[str, object],
    items: Items,
    *,
    policy: str | Path | Policy = "default",
    dimensions: Sequence[str] | None = None,
    batch: int = 1,
    resamples: int = RESAMPLES,
    seed: int = 0,
    with_slices: bool = True,
    allow_same: bool = False,
    progress: Progress | None = None,
) -> Audit:
    """The audit of one or more candidates against a reference on the same items.

    Models are anything `trusteq.open_model`, `from_callable` or `from_estimator` returns, or a scikit-learn
    estimator; a mapping names the candidates. ``dimensions`` says what EQUIVALENT requires in place of the
    policy's own. ``batch`` is the number of items a call for models whose answers depend on their batch.
    ``progress(stage, done, total)`` is told how far the work is.
    """
    rules = read_policy(policy)
    if dimensions is not None:
        rules = rules.requiring(tuple(dimensions))
    if items.clusters is not None and len(set(items.clusters)) < 2:
        raise DataError(f"{items.source}: all items are in one cluster; nothing can be said of others like it")
    tell = progress or _silent
    reference_model, candidate_models = identify(reference, candidates, allow_same=allow_same)
    # One order whatever the order of the file, so that resamples and batches are the same.
    order = np.array(sorted(range(len(items)), key=lambda i: (len(items.ids[i]), items.ids[i])))
    given, items = items, items.take(order)

    predicted = [
        _predict(model, items, given, order, batch=batch, tell=tell) for model in (reference_model, *candidate_models)
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

    columns = slice_columns(items, gold, labels) if with_slices else {}
    comparisons = []
    for i, (result, a) in enumerate(zip(results[1:], answers[1:], strict=True)):
        tell("compare", i, len(candidate_models))
        comparisons.append(compare(Pair(answers[0], a), result, items, labels, columns, rules))
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
    }
    return Audit(items, labels, gold, results[0], tuple(comparisons), exemplars, rules, settings)


def identify(
    reference: object, candidates: object | Sequence[object] | Mapping[str, object], *, allow_same: bool
) -> tuple[Model, list[Model]]:
    """The models, each with a name of its own; the reference itself is refused as a candidate unless allowed."""
    if isinstance(candidates, dict):
        named = list(candidates.items())
    elif isinstance(candidates, (list, tuple)):
        named = [(f"candidate-{i}" if len(candidates) > 1 else "candidate", c) for i, c in enumerate(candidates, 1)]
    else:
        named = [("candidate", candidates)]
    if not named:
        raise ModelError("no candidate; an audit needs a reference and one or more candidates")
    model = as_model(reference, name="reference")
    others = [as_model(candidate, name=name) for name, candidate in named]
    names = [model.name, *(other.name for other in others)]
    for name in names:
        if names.count(name) > 1:
            raise ModelError(f"two models are called {name!r}; name them apart, e.g. {name}-int8=LOCATION")
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
) -> Comparison:
    """Every measure of one candidate against the reference, the verdict, and what to look at."""
    measures = measure(pair)
    remedies = measure_remedies(pair)
    found = slices(pair, columns, items.clusters)
    thresholds = threshold_table(pair)
    flips = flipped_items(pair, items.ids, labels)
    verdict = judge(measures, policy)
    skew = {name: skewsize(pair, values, column=name) for name, values in columns.items() if name != LABEL}
    return Comparison(
        candidate=candidate,
        measures=measures,
        remedies=remedies,
        tests=behaviour_tests(pair),
        slices=found,
        skewsize={name: estimates for name, estimates in skew.items() if estimates},
        flips=flips,
        thresholds=thresholds,
        verdict=verdict,
        advice=advise(verdict, policy, measures, remedies, found, thresholds, flips),
    )


def _predict(
    model: Model, items: Items, given: Items, order: NDArray[np.int64], *, batch: int, tell: Progress
) -> tuple[Predictions, tuple[Finding, ...], int | None]:
    """A model's checked predictions, what was found on the way, and the batch shape it was held to."""
    stage, done = f"predict {model.name}", 0
    tell(stage, 0, len(items))

    def advance(count: int) -> None:
        nonlocal done
        done += count
        tell(stage, done, len(items))

    probed = probe(model, items)
    fixed = batch if probed.batch_dependent else None
    raw: NDArray[Any]
    if model.identity.kind == "predictions":
        # Rows of a file may be matched by number, which only the items' own order tells.
        raw = predict_all(model, given, advance)[order]
        _refuse_strangers(model, items)
    else:
        raw = predict_in_shape(model, items, batch, advance) if fixed else predict_all(model, items, advance)
    where = model.identity.location if model.identity.kind == "predictions" else None
    predictions = checked(raw, labels=model.labels, ids=items.ids, model=model.name, where=where)
    findings = [*model.findings(), *probed.findings(model.name)]
    if fixed:
        findings.append(Finding(model.name, "fixed batch", f"asked in batches of exactly {batch}", float(batch)))
    return predictions, tuple(findings), fixed


def _refuse_strangers(model: Model, items: Items) -> None:
    """Stop where a column was taken for a label only because it holds numbers, and no item has that label."""
    strangers = [name for name in model.labels if name not in items.label_names]
    # A label whose items were left out is missing from theirs with reason.
    if items.labels is not None and not items.ignored and strangers and not getattr(model, "named", True):
        own = [name for name in model.labels if name in items.label_names]
        raise LabelError(
            f"{model.identity.location}: column {strangers[0]!r} would be read as a label, but no item has that label; "
            f"name the labels, e.g. --labels {model.name}={','.join(own or items.label_names)}"
        )


def _model_result(
    model: Model, answers: Answers, labels: tuple[str, ...], findings: tuple[Finding, ...], fixed: int | None, seed: int
) -> ModelResult:
    """What is known of one model by itself."""
    given = np.unique(answers.answer)
    if len(given) == 1:
        message = f"answers {labels[given[0]]!r} to every one of {len(answers.answer):,} items"
        findings = (*findings, Finding(model.name, "one answer", message, 1.0))
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


def _silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""
