"""The whole audit, top to bottom: identify, predict, compare, judge.

The module is private so that ``trusteq.audit`` is the function.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.auditing.computed import computed
from trusteq.auditing.explained import decided_by, explain_enough, explain_settings
from trusteq.compare.own_measures import entries, own_measures
from trusteq.compare.slices import LABEL
from trusteq.data.items import Items
from trusteq.data.surrogates import is_unicode
from trusteq.errors import DataError, ModelError, OptionError
from trusteq.explain.precision import in_precision, moved_by_precision
from trusteq.explain.protocol import ProtocolSettings, protocol_settings, publish
from trusteq.explain.removal import without_top_words
from trusteq.explain.respondent import Respondent, silent
from trusteq.models.base import Finding
from trusteq.models.cost import checked_effort, measure_costs
from trusteq.models.function import as_model, called
from trusteq.models.probe import predict_all
from trusteq.models.traits import task_of, traits_of
from trusteq.policy import Policy, read_policy
from trusteq.record.responses import Response, Responses
from trusteq.stats.limits import refuse_too_few, within_limits
from trusteq.stats.resampling import RESAMPLES, Resampling
from trusteq.tasks.task import CLASSES
from trusteq.work.shard import HERE, predict_at, probe_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.compare.answers import Pair
    from trusteq.compare.measures import Measure
    from trusteq.explain.explanation import ExplainSettings, Explanation
    from trusteq.models.base import Model
    from trusteq.models.cost import Effort
    from trusteq.record.audit import Audit
    from trusteq.stats.estimate import Estimate
    from trusteq.tasks.rows import Rows
    from trusteq.tasks.task import Task
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
    measures: Sequence[Callable[[Pair], Estimate | None] | Measure] = (),
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
    ``measures`` are functions of your own, from the pair of models' answers to an estimate: see `trusteq.measure`.
    ``costs`` is "quick" to measure size and speed of each model on some of the items, about 3 s a model; "full" to see
    how much memory it takes, too, in a process of its own; or "none".
    ``executor`` says where models are asked and what is kept of that: `trusteq.executor`.
    ``progress(stage, done, total)`` is told how far the work is.
    """
    own = own_measures(measures)
    rules = read_policy(policy, own)
    if dimensions is not None:
        rules = rules.requiring((dimensions,) if isinstance(dimensions, str) else tuple(dimensions), own)
    resamples, seed, batch = (
        within_limits(name, value) for name, value in (("resamples", resamples), ("seed", seed), ("batch", batch))
    )
    refuse_too_few(resamples, rules.level)
    _refuse_what_cannot_be_sampled(items)
    if with_slices:
        _refuse_own_names(items)
    tell = progress or silent
    models = identify(reference, candidates, peer, allow_same=allow_same)
    effort = checked_effort(costs, models.audited)
    following, how = _how_to_explain(protocol, explain, rules, models, items)
    task = one_task(models)
    if items.labels is not None and traits_of(models.reference).runs:
        task.gold(items, models.reference.labels)  # labels that do not fit are told before hours of work

    items, asked, responses = _asked(models, items, batch=batch, executor=executor, tell=tell)
    labels = asked[0].labels
    gold = task.gold(items, labels)
    if explain is None and any(f.kind == "not deterministic" for response in responses for f in response.findings):
        how = None  # what an explanation attributes to words would be the model's own noise
    explanation, published = None, None
    if how is not None:
        through = in_precision(models.everybody, how.precision)
        lowered = [one.through(model) for one, model in zip(asked, through, strict=True)]
        whole = Resampling(len(items), clusters=items.clusters, resamples=resamples, seed=seed, level=rules.level)
        explanation = explain_enough(
            lowered, items, how, gold=gold, rules=rules, candidates=len(models.candidates), whole=whole
        )
        responses = _in_own_precision(responses, asked, lowered, explanation)
        removed = without_top_words(lowered, explanation, explanation.attributions()["shapley"], seed=seed)
        explanation = replace(explanation, removed=removed)
    if following is not None and gold is not None:
        published = publish(asked, items, following, gold=gold, seed=seed)

    of_peer = None if models.peer is None else responses.pop()
    said = Responses(labels, tuple(responses), of_peer, explanation, published, task.name)
    settings = {
        "seed": seed,
        "resamples": resamples,
        "batch": batch,
        "with_slices": with_slices,
        "allow_same": allow_same,
        "explain": None if how is None else asdict(how),
        "protocol": None if following is None else asdict(following),
        **({} if task.name == CLASSES else {"task": task.name}),
        **({"measures": entries(own)} if own else {}),
    }
    found = computed(said, items, rules, settings, own=own, tell=tell)
    # Last, so that nothing else depends on it.
    shapes = [response.batch for response in said.models]
    return replace(found, costs=measure_costs(models.audited, items, shapes, effort=effort, tell=tell))


def _refuse_what_cannot_be_sampled(items: object) -> None:
    """Stop at what is no items, or holds nothing that another sample could differ in."""
    if not isinstance(items, Items):
        raise DataError(
            f"items are {type(items).__name__} {str(items)[:80]!r}; "
            "read a file with trusteq.read_items(path, text=..., label=...), or make trusteq.Items"
        )
    if len(items) < 2:
        raise DataError(f"{items.source}: one item; nothing can be said of others like it")
    if items.clusters is not None and len(set(items.clusters)) < 2:
        raise DataError(f"{items.source}: all items are in one cluster; nothing can be said of others like it")


def _how_to_explain(
    protocol: str | None, explain: ExplainSettings | bool | None, rules: Policy, models: Models, items: Items
) -> tuple[ProtocolSettings | None, ExplainSettings | None]:
    """By which published protocol, and how of our own; each None where not, and one of them always."""
    following, peer = follow(protocol, explain, rules, models.audited, items), models.peer
    if following is not None:
        if peer is not None:
            raise OptionError(f"peer {peer.name} has no effect under protocol {following.name}; leave it out")
        explain = False
    how = explain_settings(True if peer is not None and explain is None else explain, models.everybody, items)
    if peer is not None and how is None:
        raise OptionError(f"peer {peer.name} has no effect without explanations; leave out one of the two")
    if how is not None and how.until == "decided" and not decided_by(rules):
        raise OptionError(
            f"until decided: policy {rules.name} has no rule on alignment, which alone decides when to stop; explain "
            "until the end"
        )
    if peer is not None and how is not None and how.until == "decided":
        raise OptionError("intervals against a peer do not hold at every look: explain until the end, or leave it out")
    return following, how


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


@dataclass(frozen=True)
class Models:
    """Those of an audit: the reference, its candidates, and perhaps the reference trained once more."""

    reference: Model
    candidates: tuple[Model, ...]
    peer: Model | None = None

    @property
    def audited(self) -> tuple[Model, ...]:
        """The reference and its candidates."""
        return (self.reference, *self.candidates)

    @property
    def everybody(self) -> tuple[Model, ...]:
        """They and the peer, which comes last."""
        return self.audited if self.peer is None else (*self.audited, self.peer)


def identify(
    reference: object,
    candidates: object | Sequence[object] | Mapping[str, object],
    peer: object | None = None,
    *,
    allow_same: bool,
) -> Models:
    """The models, each with a name of its own; the reference itself is refused as a candidate unless allowed."""
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
    return Models(model, tuple(others)) if peer is None else Models(model, tuple(others[:-1]), others[-1])


def one_task(models: Models) -> Task:
    """What all models are asked of an item; models of different tasks are refused."""
    task = task_of(models.reference)
    for model in models.everybody:
        if task_of(model) is not task:
            raise ModelError(
                f"model {model.name} answers the task {task_of(model).name!r}, the reference {models.reference.name} "
                f"{task.name!r}; only models of one task can be compared"
            )
    return task


def by_id(ids: Sequence[str]) -> NDArray[np.int64]:
    """Positions of the ids from the shortest to the longest, those of one length in alphabetical order."""
    length = np.fromiter(map(len, ids), np.int64, len(ids))
    longer, after = np.diff(length), np.fromiter(map(operator.lt, ids, ids[1:]), np.bool_, len(ids) - 1)
    if ((longer > 0) | ((longer == 0) & after)).all():
        return np.arange(len(ids))
    order: list[int] = np.argsort(length, kind="stable").tolist()
    ends = np.cumsum(np.bincount(length)).tolist()
    for start, end in zip([0, *ends], ends, strict=False):
        order[start:end] = sorted(order[start:end], key=ids.__getitem__)
    return np.array(order)


def _asked(
    models: Models, items: Items, *, batch: int, executor: Executor, tell: Progress
) -> tuple[Items, list[Respondent], list[Response]]:
    """The items in one order whatever the order of their file, each model with its answers to them, and what it said.

    So resamples and batches are the same. Answers are in the order of the reference's labels.
    """
    order = by_id(items.ids)
    sorted_ = items if (order == np.arange(len(items))).all() else items.take(order)
    labels: tuple[str, ...] = ()
    task = task_of(models.reference)
    asked, responses = [], []
    for model in models.everybody:
        rows, findings, shape = _predict(model, sorted_, items, order, batch=batch, executor=executor, tell=tell)
        labels = labels or tuple(model.labels)
        # Put in order at once: only what is kept stays in memory.
        rows = task.in_order(rows, model.labels, labels, model=model.name, reference=models.reference.name)
        asked.append(Respondent(model, labels, rows, shape, executor, tell))
        responses.append(Response(model.name, model.identity, rows, findings, shape))
    return sorted_, asked, responses


def _predict(
    model: Model,
    items: Items,
    given: Items,
    order: NDArray[np.int64],
    *,
    batch: int,
    executor: Executor,
    tell: Progress,
) -> tuple[Rows, tuple[Finding, ...], int | None]:
    """A model's checked answers, what was found on the way, and the batch shape it was held to."""
    stage, done = f"predict {model.name}", 0
    tell(stage, 0, len(items))

    def advance(count: int) -> None:
        nonlocal done
        done += count
        tell(stage, done, len(items))

    probed = probe_at(executor, model, items)
    fixed = batch if probed.batch_dependent else None
    if traits_of(model).runs:
        rows = predict_at(executor, model, items, batch=fixed, advance=advance)
    else:
        # Rows of a file may be matched by number, which only the items' own order tells.
        rows = predict_all(model, given, advance).take(order)
    rows = task_of(model).checked(rows, items=items, labels=model.labels, model=model.name)
    findings = [*model.findings(), *probed.findings(model.name)]
    if fixed:
        findings.append(Finding(model.name, "fixed batch", f"asked in batches of exactly {batch}", float(batch)))
    return rows, tuple(findings), fixed


def _in_own_precision(
    responses: Sequence[Response], asked: Sequence[Respondent], lowered: Sequence[Respondent], explanation: Explanation
) -> list[Response]:
    """The responses, with what each model lost where it was explained in 16 bits."""
    told = list(responses)
    for i, (one, low) in enumerate(zip(asked, lowered, strict=True)):
        if low is not one:
            lost = moved_by_precision(one, i, explanation)
            told[i] = replace(told[i], findings=(*told[i].findings, lost))
    return told


def _refuse_own_names(items: Items) -> None:
    """Stop where a column would be confused with a slice that every audit makes."""
    own = {name for segment in items.segments.values() for name in segment.counted}
    if items.labels is not None and LABEL in items.columns:
        codes = items.labels.tolist()
        if list(items.columns[LABEL]) not in ([items.label_names[c] for c in codes], list(map(str, codes))):
            own.add(LABEL)
    for name in sorted(own & set(items.columns)):
        raise OptionError(f"no column to slice by may be called {name!r}, as a slice of every audit is; rename it")
