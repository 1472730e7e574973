"""The models of an audit: which is which, each with a name of its own and all of one task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.data.surrogates import is_unicode
from trusteq.errors import ModelError
from trusteq.models.base import Finding
from trusteq.models.function import renamed
from trusteq.models.in_hand import as_model, is_pair
from trusteq.models.reading import refuse_unread
from trusteq.models.taken import offered_by
from trusteq.models.traits import task_of, traits_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.data.items import Items
    from trusteq.models.base import Model
    from trusteq.tasks.task import Task


TEXTS = frozenset({"text"})


@dataclass(frozen=True)
class Models:
    """The models of an audit: the reference, its candidates, and the retrained reference if there is one."""

    reference: Model
    candidates: tuple[Model, ...]
    peer: Model | None = None

    @property
    def audited(self) -> tuple[Model, ...]:
        """The reference and its candidates."""
        return (self.reference, *self.candidates)

    @property
    def everybody(self) -> tuple[Model, ...]:
        """The audited models, then the peer if there is one."""
        return self.audited if self.peer is None else (*self.audited, self.peer)


def identify(
    reference: object,
    candidates: object | Sequence[object] | Mapping[str, object],
    peer: object | None = None,
    *,
    allow_same: bool,
) -> Models:
    """The models, each with a unique name; a candidate that is the reference itself is refused unless allowed."""
    if isinstance(candidates, Mapping):
        named = list(candidates.items())
    elif isinstance(candidates, (list, tuple)) and not is_pair(candidates):
        named = [(f"candidate-{i}" if len(candidates) > 1 else "candidate", c) for i, c in enumerate(candidates, 1)]
    else:
        named = [("candidate", candidates)]
    if not named:
        raise ModelError("no candidate; an audit needs a reference and one or more candidates")
    base = _opened(reference, name="reference")
    compared = [_candidate(candidate, base, name=name) for name, candidate in named]
    if isinstance(candidates, Mapping):
        compared = [renamed(model, name) for model, name in zip(compared, candidates, strict=True)]
    retrained = None if peer is None else _opened(peer, name="peer")
    models = Models(base, tuple(compared), retrained)
    _refuse_bad_names([model.name for model in models.everybody])
    if allow_same:
        return models
    sources = [candidate for _, candidate in named]
    if retrained is not None:
        for source, model in zip(sources, compared, strict=True):
            if source is peer or _same_content(model, retrained):
                raise ModelError(
                    f"peer {retrained.name} is the same model as candidate {model.name}; give a retrained reference, "
                    "or use --allow-same if you mean it"
                )
        sources.append(peer)
    for source, model in zip(sources, models.everybody[1:], strict=True):
        if source is reference or _same_content(model, base):
            content = model.identity.content
            evidence = "the same Python object" if content is None else f"content {content[:16]}"
            raise ModelError(
                f"{model.name} is the same model as {base.name} ({evidence}); a model compared with itself always "
                "passes; give another candidate, or use --allow-same if you mean it"
            )
    return models


def _candidate(given: object, reference: Model, *, name: str) -> Model:
    """The candidate; a graph takes the tokenizer and labels that it lacks from the reference."""
    from trusteq.models.open import backend_of, default_name
    from trusteq.models.session_in_hand import is_session

    if isinstance(given, str | Path):
        allowed = {option.name for option in backend_of(str(given), default_name(str(given))).options}
        return _opened(given, name=name, **({"taken": offered_by(reference)} if "taken" in allowed else {}))
    graph = given[0] if isinstance(given, tuple) and is_pair(given) else given
    return _opened(given, name=name, **({"taken": offered_by(reference)} if is_session(graph) else {}))


def _opened(given: object, *, name: str, **options: Any) -> Model:
    """What is in memory, under this name; or what is at a file, a folder or a hub id, named after that."""
    from trusteq.models.open import open_model

    return open_model(given, **options) if isinstance(given, str | Path) else as_model(given, name=name, **options)


def _refuse_bad_names(names: Sequence[str]) -> None:
    """Stop if a model's name cannot be written, or if two models have the same name."""
    for name in names:
        if not isinstance(name, str) or not is_unicode(name):
            raise ModelError(f"model name {name!r} has characters that cannot be written; give the model another name")
        if names.count(name) > 1:
            raise ModelError(f"two models are named {name!r}; give them different names, e.g. {name}-int8=LOCATION")


def _same_content(one: Model, other: Model) -> bool:
    """Whether two models have the same hash, where both have one."""
    return one.identity.content is not None and one.identity.content == other.identity.content


def one_way_of_asking(models: Models) -> Mapping[str, Any] | None:
    """How all models are asked about items; models that are asked in different ways are refused."""
    asking = traits_of(models.reference).asking
    for model in models.everybody:
        if traits_of(model).asking != asking:
            raise ModelError(
                f"model {model.name} is asked by another task file than the reference {models.reference.name}; only "
                "answers to the same questions can be compared"
            )
    return asking


def refuse_unreadable(models: Models, items: Items) -> None:
    """Stop if the items have nothing that a model reads, before hours of work with the others."""
    for model in models.everybody:
        if (refuses := traits_of(model).refuses) is not None:
            refuses(items)
        reads = traits_of(model).reads
        if reads is not None and not reads & TEXTS:  # a model of texts says so itself
            refuse_unread(items, reads, name=model.name)


def different_prompts(models: Models, items: Items) -> list[Finding]:
    """A finding about each model that reads other prompts than the reference, as their chat templates may differ."""
    of_reference = traits_of(models.reference).prompts
    others = [(model.name, traits_of(model).prompts) for model in models.everybody[1:]]
    if of_reference is None or all(prompts is None for _, prompts in others):
        return []
    expected, findings = of_reference(items), []
    for name, prompts in others:
        own = expected if prompts is None else prompts(items)
        differ = [i for i, (a, b) in enumerate(zip(expected, own, strict=True)) if a != b]
        if differ:
            first = differ[0]
            at = next((i for i, (a, b) in enumerate(zip(expected[first], own[first], strict=False)) if a != b), 0)
            start = max(at - 20, 0)
            message = (
                f"reads other prompts than {models.reference.name}, in {len(differ):,} of {len(own):,}: its chat "
                f"template has {own[first][start : at + 20]!r} where the reference's has "
                f"{expected[first][start : at + 20]!r}; differences between the answers may come from that alone"
            )
            findings.append(Finding(name, "other prompts", message, float(len(differ))))
    return findings


def beside_reference(models: Models) -> Models:
    """The models as they answer beside the reference, where its backend asks them so; otherwise as they are."""
    beside = traits_of(models.reference).beside
    if beside is None:
        return models
    reference, *others = beside(models.everybody)
    peer = None if models.peer is None else others.pop()
    return Models(reference, tuple(others), peer)


def one_task(models: Models) -> Task:
    """The task of all models; models of different tasks, or of different rules of probability, are refused."""
    task = task_of(models.reference)
    for model in models.everybody:
        if task_of(model) is not task:
            raise ModelError(
                f"model {model.name} answers the task {task_of(model).name!r}, the reference {models.reference.name} "
                f"{task.name!r}; only models of one task can be compared"
            )
        rule, other = traits_of(models.reference).rule, traits_of(model).rule
        if rule != other:
            raise ModelError(
                f"model {model.name} has probabilities by the rule {other!r}, the reference {models.reference.name} by "
                f"{rule!r}; they mean different things: use one rule for all models"
            )
    return task
