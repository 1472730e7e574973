"""The whole audit, top to bottom: identify, predict, explain, compare, judge.

The module is private so that ``trusteq.audit`` is the function.
"""

from __future__ import annotations

import difflib
import operator
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.auditing.compute import compute_audit
from trusteq.auditing.explanations import deciding_measures, explain_settings, explain_until_decided
from trusteq.auditing.models import (
    Models,
    beside_reference,
    different_prompts,
    identify,
    one_task,
    one_way_of_asking,
    refuse_unreadable,
)
from trusteq.auditing.pilot import needs_pilot, piloted
from trusteq.auditing.preprocessing import different_preprocessing
from trusteq.auditing.sensitivity import sensitivity
from trusteq.comparing import calibration_fault as fault_parts
from trusteq.comparing.own_measures import entries, own_measures
from trusteq.comparing.slices import (
    ANSWER,
    ANSWERS,
    CONFIDENCE,
    LABEL,
    POSITION,
    REFERENCE_CONFIDENCE,
    measure_column,
)
from trusteq.data.frame import refuse_other_order
from trusteq.data.items import Items
from trusteq.data.read import read_items
from trusteq.data.readers import is_table
from trusteq.data.segment import measures_of
from trusteq.errors import DataError, OptionError
from trusteq.explain.patches import PatchSettings, publish_patches
from trusteq.explain.precision import in_precision, moved_by_precision
from trusteq.explain.protocol import ProtocolSettings, publish
from trusteq.explain.protocol import protocol_settings as protocol_settings_of
from trusteq.explain.removal import without_top_words
from trusteq.explain.respondent import Respondent
from trusteq.models.base import Finding
from trusteq.models.cost import checked_effort, measure_costs
from trusteq.models.made import with_trainings
from trusteq.models.probe import predict_all
from trusteq.models.traits import task_of, traits_of
from trusteq.policy import Policy, read_policy, usual_policy
from trusteq.progress import told
from trusteq.record.responses import Response, Responses, moved_from_reference
from trusteq.stats.limits import refuse_too_few, within_limits
from trusteq.stats.resampling import RESAMPLES, Resampling
from trusteq.tasks.task import CLASSES
from trusteq.work.plain_check import KIND as PLAIN
from trusteq.work.plain_check import plain_check, too_far
from trusteq.work.shard import HERE, predict_at, probe_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from trusteq.comparing.answers import Pair
    from trusteq.comparing.measures import Measure
    from trusteq.explain.explanation import ExplainSettings, Explanation
    from trusteq.explain.patches import PublishedPatches
    from trusteq.explain.precision import Precision
    from trusteq.explain.protocol import Published
    from trusteq.models.base import Model
    from trusteq.models.cost import Effort
    from trusteq.progress import Tell
    from trusteq.record.audit import Audit
    from trusteq.stats.estimate import Estimate
    from trusteq.tasks.rows import Rows
    from trusteq.tasks.task import Task
    from trusteq.work.shard import Executor


def audit(
    reference: object,
    candidates: object | Sequence[object] | Mapping[str, object],
    items: Items | Any,
    *,
    policy: str | Path | Policy | Mapping[str, Any] | None = None,
    dimensions: str | Sequence[str] | None = None,
    batch: int = 1,
    resamples: int = RESAMPLES,
    seed: int = 0,
    with_slices: bool = True,
    with_other_way: bool = True,
    allow_same: bool = False,
    explain: ExplainSettings | bool | None = None,
    protocol: str | None = None,
    peer: object | None = None,
    measures: Sequence[Callable[[Pair], Estimate | None] | Measure] = (),
    costs: Effort = "quick",
    executor: Executor = HERE,
    progress: Tell | bool | None = None,
    **columns: Any,
) -> Audit:
    """The audit of one or more candidates against a reference on the same items.

    Models are anything `trusteq.open_model`, `from_callable` or `from_estimator` returns, or what `open_model` takes: a
    file or folder by name, estimators, pipelines, pairs (model, tokenizer), sessions, predictions; a mapping names the
    candidates. Items are what `trusteq.read_items` returns, or a file, data frame or Hugging Face dataset, which it
    then reads with the further keywords, such as ``text`` and ``label``. ``policy`` is by default "default", for
    language models "generative" as far as their task measures it. ``dimensions`` replaces the policy's choice of what
    EQUIVALENT requires. ``batch`` is the number of items per call for models whose answers depend on their batch.
    ``with_other_way`` also asks about columns and tiles, and candidates that were trained on perturbed items, in
    another way, which is not judged. ``explain`` says how to explain, or whether; by default every model that can be
    explained is. ``protocol`` is "paper", "paper-scripts" or "paper-scripts-qqp", to explain as published instead; a
    policy that judges what only it measures implies "paper". For transformers models that read pictures in patches,
    it is "paper-vit" or "paper-vit-scripts".
    ``peer`` is a retrained reference: alignment is then judged against what the peer reaches.
    ``measures`` are functions of your own, from the pair of models' answers to an estimate: see `trusteq.measure`.
    ``costs`` is "quick" to measure size and speed of each model on some of the items, about 3 s per model; "full" to
    measure its memory as well, in a separate process; or "none".
    ``executor`` says where models run and what is kept of their answers: `trusteq.executor`.
    ``progress`` is a function ``(stage, done, total)`` to call as the work advances; True shows it on stderr, False
    nowhere, None where somebody is looking: on a terminal or in a notebook.
    """
    given, items = items, _items(items, columns)
    extra_measures = own_measures(measures)
    models = None
    if policy is None:
        models = identify(reference, candidates, peer, allow_same=allow_same)
        policy = usual_policy(one_task(models))
    rules = _rules(policy, dimensions, extra_measures)
    resamples, seed, batch = (
        within_limits(name, value) for name, value in (("resamples", resamples), ("seed", seed), ("batch", batch))
    )
    refuse_too_few(resamples, rules.level)
    _refuse_too_few_items(items)
    models = models or identify(reference, candidates, peer, allow_same=allow_same)
    if items.id_column is None:  # rows match by position
        several = candidates if isinstance(candidates, list | tuple) else [candidates]
        named = (
            candidates if isinstance(candidates, Mapping) else {f"candidate {i}": c for i, c in enumerate(several, 1)}
        )
        refuse_other_order({"items": given, "reference": reference, **named, "peer": peer})
    effort = checked_effort(costs, models.audited)
    protocol_settings, explanation_settings = _how_to_explain(protocol, explain, rules, models, items)
    one_task(models)
    asking, asked = one_way_of_asking(models), beside_reference(models)
    task = one_task(asked)
    if with_slices:
        _refuse_built_in_slice_names(items, task)
    if items.labels is not None and traits_of(models.reference).runs:
        task.gold(items, models.reference.labels)  # labels that do not fit are an error before hours of work

    with told(progress) as tell:
        refuse_unreadable(models, items)
        read_otherwise = [*different_prompts(models, items), *different_preprocessing(models, items, seed=seed)]
        ordered, respondents, responses = _predict_all(asked, items, batch=batch, executor=executor, progress=tell)
        responses = [
            replace(
                response,
                findings=(
                    *(finding for finding in read_otherwise if finding.model == response.name),
                    *response.findings,
                ),
            )
            for response in responses
        ]
        labels = respondents[0].labels
        gold = task.gold(ordered, labels)

        if explain is None and any(f.kind == "not deterministic" for response in responses for f in response.findings):
            explanation_settings = None  # the model's own noise would be attributed to words
        explanation = None
        published: Published | PublishedPatches | None = None
        if explanation_settings is not None:
            resampling = Resampling(
                len(ordered), clusters=ordered.clusters, resamples=resamples, seed=seed, level=rules.level
            )
            moved = moved_from_reference(responses, task, ordered, labels)
            if needs_pilot(explanation_settings, explain):
                explanation_settings = piloted(respondents[0], ordered, explanation_settings, gold=gold, seed=seed)
            explanation, responses = _explain(
                respondents,
                responses,
                ordered,
                explanation_settings,
                gold,
                rules,
                len(models.candidates),
                resampling,
                moved,
                with_other_way=with_other_way,
            )
        if isinstance(protocol_settings, PatchSettings) and gold is not None:
            published = publish_patches(respondents, ordered, protocol_settings, gold=gold, seed=seed)
        elif isinstance(protocol_settings, ProtocolSettings) and gold is not None:
            published = publish(respondents, ordered, protocol_settings, gold=gold, seed=seed)

        audited = len(models.audited)
        peer_response = None if models.peer is None else responses[audited]
        answers = Responses(labels, tuple(responses[:audited]), peer_response, explanation, published, task.name)
        settings = {
            "seed": seed,
            "resamples": resamples,
            "batch": batch,
            "with_slices": with_slices,
            "allow_same": allow_same,
            "explain": None if explanation_settings is None else asdict(explanation_settings),
            "protocol": None if protocol_settings is None else asdict(protocol_settings),
            **({"no_explain": True} if explain is False else {}),
            **({"unreadable": items.unreadable} if items.unreadable else {}),
            **({} if task.name == CLASSES else {"task": task.name}),
            **({} if asking is None else {"asking": asking}),
            **({"measures": entries(extra_measures)} if extra_measures else {}),
        }
        finished = compute_audit(answers, ordered, rules, settings, own_measures=extra_measures, progress=tell)
        # Measured last, so that nothing else depends on it.
        batch_shapes = [response.batch for response in answers.models]
        measured_costs = measure_costs(models.audited, ordered, batch_shapes, effort=effort, tell=tell)
        return replace(finished, costs=measured_costs)


def _rules(
    policy: str | Path | Policy | Mapping[str, Any],
    dimensions: str | Sequence[str] | None,
    extra_measures: Sequence[Measure],
) -> Policy:
    """The policy to judge by, with these dimensions required in place of its own choice, if any are given."""
    rules = read_policy(policy, extra_measures)
    if dimensions is None:
        return rules
    return rules.requiring((dimensions,) if isinstance(dimensions, str) else tuple(dimensions), extra_measures)


def _items(items: object, columns: Mapping[str, Any]) -> Items:
    """The items themselves, or those of a file, data frame or dataset, read by these columns."""
    readable = signature(read_items).parameters
    if unknown := next((name for name in columns if name not in readable), None):
        similar = difflib.get_close_matches(unknown, [*signature(audit).parameters, *readable], n=1)
        hint = f"; did you mean {similar[0]!r}?" if similar else ""
        raise TypeError(f"audit() got an unexpected keyword argument {unknown!r}{hint}")
    if isinstance(items, str | Path) or is_table(items):
        return read_items(items, **columns)
    if not isinstance(items, Items):
        raise DataError(
            f"items must be trusteq.Items, a file, a data frame or a dataset, found {type(items).__name__} "
            f"{str(items)[:80]!r}; see trusteq.read_items"
        )
    if columns:
        raise OptionError(
            f"{next(iter(columns))} has no effect: the items are read already; give it to trusteq.read_items"
        )
    return items


def _refuse_too_few_items(items: Items) -> None:
    """Stop if there is a single item or cluster, which says nothing about others."""
    if len(items) < 2:
        raise DataError(f"{items.source}: a single item says nothing about others; give more items")
    if items.clusters is not None and len(set(items.clusters)) < 2:
        raise DataError(
            f"{items.source}: all items are in one cluster, which says nothing about others; give items of more "
            "clusters"
        )


def _how_to_explain(
    protocol: str | None, explain: ExplainSettings | bool | None, rules: Policy, models: Models, items: Items
) -> tuple[ProtocolSettings | PatchSettings | None, ExplainSettings | None]:
    """The settings of the published protocol and those of trusteq's own explanations; at least one of them is None."""
    protocol_settings, peer = requested_protocol(protocol, explain, rules, models.audited, items), models.peer
    if protocol_settings is not None:
        if peer is not None:
            raise OptionError(f"peer {peer.name} has no effect under protocol {protocol_settings.name}; remove it")
        return protocol_settings, None
    required = True if peer is not None and explain is None else explain
    settings = explain_settings(required, models.everybody, items)
    if peer is not None and settings is None:
        raise OptionError(f"peer {peer.name} has no effect without explanations; remove one of the two")
    if settings is not None and settings.until == "decided" and not deciding_measures(rules):
        raise OptionError(
            f"until decided needs a policy with a rule on alignment, and {rules.name} has none; use until end"
        )
    if peer is not None and settings is not None and settings.until == "decided":
        raise OptionError(
            f"until decided cannot be combined with peer {peer.name}: intervals against a peer are not valid at every "
            "look; use until end, or remove the peer"
        )
    return None, settings


def requested_protocol(
    name: str | None, explain: ExplainSettings | bool | None, policy: Policy, models: Sequence[Model], items: Items
) -> ProtocolSettings | PatchSettings | None:
    """The settings of the published protocol if it is named, or if the policy needs it and models can be explained."""
    if name is None:
        if not policy.needs_protocol or explain_settings(explain, models, items) is None:
            return None
        name = "paper"
    settings = protocol_settings_of(name, explain, items, models)
    if not isinstance(settings, PatchSettings):
        explain_settings(True, models, items)
    return settings


def by_id(ids: Sequence[str]) -> NDArray[np.int64]:
    """Positions of the ids from the shortest to the longest, those of equal length in alphabetical order."""
    lengths = np.fromiter(map(len, ids), np.int64, len(ids))
    growth, ascending = np.diff(lengths), np.fromiter(map(operator.lt, ids, ids[1:]), np.bool_, len(ids) - 1)
    if ((growth > 0) | ((growth == 0) & ascending)).all():
        return np.arange(len(ids))
    order: list[int] = np.argsort(lengths, kind="stable").tolist()
    ends = np.cumsum(np.bincount(lengths)).tolist()
    for start, end in zip([0, *ends], ends, strict=False):
        order[start:end] = sorted(order[start:end], key=ids.__getitem__)
    return np.array(order)


def _predict_all(
    models: Models, items: Items, *, batch: int, executor: Executor, progress: Tell
) -> tuple[Items, list[Respondent], list[Response]]:
    """The items ordered by id, every model as a respondent that can be asked more, and its responses to the items.

    Whatever the order of the file, resamples and batches are then the same. Answers are in the order of the
    reference's labels.
    """
    order = by_id(items.ids)
    ordered = items if (order == np.arange(len(items))).all() else items.take(order)
    task = task_of(models.reference)
    labels: tuple[str, ...] = ()
    respondents, responses = [], []
    for model in models.everybody:
        predicted = partial(_predict, items=items, order=order, ordered=ordered, batch=batch)
        rows, findings, shape = predicted(model, executor=executor, progress=progress)
        plain = traits_of(model).plain
        if plain is not None and too_far(model, findings):
            why = [finding for finding in findings if finding.kind == PLAIN]
            model = plain()
            rows, findings, shape = predicted(model, executor=executor, progress=progress)
            findings = (*findings, *why)
        labels = labels or tuple(model.labels)
        # Reordered at once, so that only what is kept stays in memory.
        rows = task.in_order(rows, model.labels, labels, model=model.name, reference=models.reference.name)
        respondents.append(Respondent(model, labels, rows, shape, executor, progress))
        identity = with_trainings(model.identity, traits_of(model).trained_on())
        responses.append(Response(model.name, identity, rows, findings, shape))
    return ordered, respondents, responses


def _predict(
    model: Model,
    items: Items,
    order: NDArray[np.int64],
    ordered: Items,
    *,
    batch: int,
    executor: Executor,
    progress: Tell,
) -> tuple[Rows, tuple[Finding, ...], int | None]:
    """A model's checked answers to the ordered items, findings about it, and its batch shape if that must be fixed."""
    stage, done = f"predict {model.name}", 0
    progress(stage, 0, len(items))

    def advance(count: int) -> None:
        nonlocal done
        done += count
        progress(stage, done, len(items))

    probe = probe_at(executor, model, ordered)
    shape = batch if probe.batch_dependent else None
    if traits_of(model).runs:
        rows = predict_at(executor, model, ordered, batch=shape, advance=advance)
    else:
        # Rows of a file may be matched by row number, so it needs the items in the order of their own file.
        rows = predict_all(model, items, advance).take(order)
    rows = task_of(model).checked(rows, items=ordered, labels=model.labels, model=model.name)
    noise, notices = traits_of(model).noise, traits_of(model).notices
    findings = [*model.findings(), *probe.findings(model.name), *plain_check(executor, model, ordered, rows)]
    findings += noise(ordered) if noise else ()
    findings += notices(ordered) if notices else ()
    if shape:
        findings.append(Finding(model.name, "fixed batch", f"run in batches of exactly {batch}", float(batch)))
    return rows, tuple(findings), shape


def _explain(
    respondents: Sequence[Respondent],
    responses: Sequence[Response],
    items: Items,
    settings: ExplainSettings,
    gold: NDArray[np.int64] | None,
    rules: Policy,
    candidates: int,
    resampling: Resampling,
    moved: Sequence[NDArray[np.float64]],
    *,
    with_other_way: bool,
) -> tuple[Explanation, list[Response]]:
    """The explanations, their top units removed as well; and the responses with what a lower precision costs."""
    explainable = _in_precision(respondents, settings.precision)
    explanation = explain_until_decided(
        explainable, items, settings, gold=gold, rules=rules, candidates=candidates, resampling=resampling, moved=moved
    )
    responses = _with_precision_loss(responses, respondents, explainable, explanation)
    others = sensitivity(explainable, explanation, items, resampling, gold=gold, moved=moved) if with_other_way else {}
    responses = [
        replace(response, findings=(*response.findings, others[response.name])) if response.name in others else response
        for response in responses
    ]
    attributions = explanation.attributions()["shapley"]
    removed = without_top_words(explainable, explanation, attributions, seed=resampling.seed)
    return replace(explanation, removed=removed), responses


def _in_precision(respondents: Sequence[Respondent], precision: Precision) -> list[Respondent]:
    """The respondents with their models in this precision, where a model supports it."""
    models = in_precision([respondent.model for respondent in respondents], precision)
    return [respondent.through(model) for respondent, model in zip(respondents, models, strict=True)]


def _with_precision_loss(
    responses: Sequence[Response],
    respondents: Sequence[Respondent],
    lowered: Sequence[Respondent],
    explanation: Explanation,
) -> list[Response]:
    """The responses, with a finding about what each model lost if it was explained in a lower precision."""
    result = list(responses)
    for i, (full, low) in enumerate(zip(respondents, lowered, strict=True)):
        if low is not full:
            loss = moved_by_precision(full, i, explanation)
            result[i] = replace(result[i], findings=(*result[i].findings, loss))
    return result


def _refuse_built_in_slice_names(items: Items, task: Task) -> None:
    """Stop if a column has the name of a slice that every audit makes."""
    built_in = {name for segment in items.segments.values() for name in segment.counted}
    built_in |= {measure_column(*key) for key in measures_of(items.segments)}
    built_in |= {ANSWERS, fault_parts.ANSWER, fault_parts.CONFIDENCE}
    if task.several_outcomes:
        built_in |= {REFERENCE_CONFIDENCE, POSITION}
    else:
        built_in |= {ANSWER, CONFIDENCE}
    if items.labels is not None and LABEL in items.columns:
        codes = items.labels.tolist()
        if list(items.columns[LABEL]) not in ([items.label_names[c] for c in codes], list(map(str, codes))):
            built_in.add(LABEL)
    for name in sorted(built_in & set(items.columns)):
        raise OptionError(f"slice column {name!r} has the name of a slice that every audit makes; rename the column")
