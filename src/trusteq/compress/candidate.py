"""A candidate on disk: a folder that the ordinary loader reads, and the recipe it was made by.

It is written under a temporary name, read back, compared with the model in memory, and only then renamed: a folder that
exists is complete and answers as it should.
"""

from __future__ import annotations

import inspect
import json
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compress.asked import asked_of
from trusteq.compress.compressed import attempt
from trusteq.compress.methods import GRAPHS, METHODS, checked_options
from trusteq.data.atomic_file import refuse_link
from trusteq.data.items import Items
from trusteq.errors import MissingExtraError, ModelError, OptionError, RunError
from trusteq.models.layers import does_not_apply
from trusteq.models.made import RECIPE, carried
from trusteq.models.saving import os_errors
from trusteq.policy import read_policy
from trusteq.progress import silent
from trusteq.prompts.task_file import read_task_file
from trusteq.record.plain import plain
from trusteq.train.checkpoints import Checkpoints
from trusteq.train.fine_tuned import replaces
from trusteq.train.held_out import learned_too
from trusteq.train.recipe import SCHEMA_VERSION, key_of, versions, versions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from trusteq.compress.asked import Asked
    from trusteq.compress.before_and_after import BeforeAndAfter
    from trusteq.compress.compressed import Compressed
    from trusteq.compress.original import Original
    from trusteq.models.base import Identity
    from trusteq.models.cost_size import Size
    from trusteq.policy import Policy
    from trusteq.progress import Tell
    from trusteq.prompts.task_file import TaskFile
    from trusteq.record.audit import Audit
    from trusteq.report.difference import CandidateDifference

SAME = 1e-3
"""The largest change of a probability between memory and disk that counts as rounding, as in `models.probe`."""


@dataclass(frozen=True)
class Candidate:
    """A candidate: its folder, its method, the sizes before and after, what its user should know, and its recipe.

    audit: of a candidate that was brought nearer to its original, "before" and "after". test: the items of that audit.
    """

    directory: Path
    method: str
    before: Size
    after: Size
    notes: tuple[str, ...]
    recipe: Mapping[str, Any]
    audit: Audit | None = None
    test: Items | None = None

    @cached_property
    def change(self) -> CandidateDifference | None:
        """What changed from before to after, on the same items; None where it was not audited."""
        from trusteq.compress.before_and_after import change_of

        return None if self.audit is None else change_of(self.audit)

    def document(self) -> dict[str, Any]:
        """All fields, ready for JSON; of the items their summary, which is in the recipe."""
        from trusteq.record.document import document
        from trusteq.report.difference_document import candidate_document

        return {
            **asdict(replace(self, audit=None, test=None)),
            "directory": str(self.directory),
            "audit": None if self.audit is None else plain(document(self.audit)),
            "change": None if self.change is None else candidate_document(self.change),
        }


def make(
    model: str | Path,
    *,
    method: str,
    out: str | Path,
    original: str | Path | None = None,
    items: Items | None = None,
    dev: Items | None = None,
    test: Items | None = None,
    audit: bool = True,
    policy: str | Path | Policy | Mapping[str, Any] | None = None,
    explain_items: int | None = None,
    task: str | Path | Mapping[str, Any] | TaskFile | None = None,
    download: bool = False,
    tell: Tell = silent,
    say: Callable[[str], None] = lambda line: None,
    **options: object,
) -> Candidate:
    """A candidate made from a classifier or a language model of transformers, or from an ONNX graph.

    ``model`` is a folder, a hub id (in the cache or with ``download``), the .gguf file of a language model or a .onnx
    file, beside which stands what it does to pictures (the same name with .yaml).
    ``method`` is one of `METHODS`, which lists the options that each takes. A method that brings a candidate nearer to
    its large counterpart takes the candidate as ``model``, and ``original`` beside it. A method that trains learns
    from ``items`` and keeps the epoch that is best on ``dev``, or if there is none on a held-out tenth of the items;
    one that calibrates reads ``items``, without labels. ``out`` must not exist. tell: called with (stage, done,
    total); say: with a line.

    With an ``original``, the candidate is audited by ``policy`` (by default "default") as it was and as it is: on
    ``test``, or if there is none on a part of the items that is set aside before anything is learned. ``explain_items``
    of them are explained. A language model is asked by the task file ``task``, or if there is none for each next token
    of the texts, and judged by "generative" unless ``policy`` names another. With ``audit`` False, nothing is set
    aside.
    """
    arguments = checked_options(method, options)
    chosen = METHODS[method]
    if original is not None and not chosen.original:
        raise OptionError(f"original has no effect on method {method}, which makes a candidate of the model itself")
    if original is None and chosen.original:
        raise OptionError(f"method {method} brings a candidate nearer to a model: name it with --original (original=)")
    _refuse_without_audit(method, audit=audit, test=test, policy=policy, explain_items=explain_items, task=task)
    rules = None if policy is None else read_policy(policy)
    asked = None if task is None else read_task_file(task)
    for name, data in (("items", items), ("dev", dev), ("test", test)):
        used = chosen.learns or (chosen.calibrates and name == "items") or (chosen.original and name == "test")
        if data is not None and not used:
            raise OptionError(f"{name} has no effect on method {method}, which does not train; leave it out")
        if data is not None and not isinstance(data, Items):
            raise OptionError(f"{name} must be Items, as read by trusteq.read_items; found {type(data).__name__}")
    if items is None and (chosen.learns or chosen.calibrates):
        use, how = "learns from items", "--data and --text"
        if chosen.calibrates:
            use = "rounds for the texts of items"
        if GRAPHS in chosen.models:
            use, how = "is calibrated on items", "--data, a folder of pictures or a table with --picture"
        if chosen.calibrates and chosen.original:
            how = "--data and --text, --picture, --sound or --columns"
        raise OptionError(f"method {method} {use}: name them with {how} (in Python items=)")
    shared = None if items is None else learned_too(items, dev)
    notes = () if shared is None else (shared,)
    for note in notes:
        say(note)
    from trusteq.compress.original import open_original
    from trusteq.compress.source import is_graph, opened
    from trusteq.record.saving import free_directory

    if not is_graph(str(model), method):
        try:
            import torch  # noqa: F401 - a missing package is named before anything is read
            import transformers  # noqa: F401
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"method {method}", "transformers") from error

    chosen.load(method)
    path = free_directory(out)
    tell("open the model", 0, 1)
    device = arguments.pop("device", None) if chosen.learns else "cpu"
    with opened(str(model), method, device, download=download) as source:
        counterpart, plan = None, None
        if original is not None and items is not None:
            from trusteq.compress.before_and_after import EXPLAINED, before_and_after
            from trusteq.data.groups import together

            counterpart = open_original(str(original), source, device, download=download)
            if audit:
                plan, items = before_and_after(
                    test,
                    items,
                    dev,
                    reference=counterpart.model,
                    policy=rules,
                    explain_items=EXPLAINED if explain_items is None else explain_items,
                    seed=arguments.get("seed", 0),
                    device=None if source.model is None else device,
                    task=asked,
                )
                say(plan.note)
            items = together(items)
        return _made(source, counterpart, plan, method, path, arguments, items, dev, notes, tell, say)


def _refuse_without_audit(method: str, *, audit: bool, **requested: object) -> None:
    """An error for what only an audit uses where there is none."""
    audits = METHODS[method].original
    if not audit and not audits:
        raise OptionError(f"audit has no effect on method {method}, which audits nothing; leave it out")
    for name, value in requested.items():
        if value is not None and not (audit and audits):
            why = "without an audit" if audits else f"on method {method}, which audits nothing"
            raise OptionError(f"{name} has no effect {why}; leave it out")


def _made(
    source: Any,
    original: Original | None,
    plan: BeforeAndAfter | None,
    method: str,
    path: Path,
    arguments: dict[str, Any],
    items: Items | None,
    dev: Items | None,
    notes: tuple[str, ...],
    tell: Tell,
    say: Callable[[str], None],
) -> Candidate:
    """The candidate made from an opened model; ``notes`` are those on what it learns from."""
    from trusteq.compress.source import reopened
    from trusteq.models.traits import traits_of

    chosen = METHODS[method]
    compress = chosen.load(method)
    before = traits_of(source).size()
    asked = asked_of(source)
    tell("open the model", 1, 1)
    counterpart = None if original is None else original.identity
    checkpoints = _checkpoints(path, source, counterpart, method, arguments, items, dev)
    data: dict[str, Any] = {"items": items, "tell": tell} if chosen.calibrates else {}
    if chosen.learns:
        data = {"items": items, "dev": dev, "checkpoints": checkpoints, "tell": tell, "say": say}
        if checkpoints.of_another():
            say(replaces(checkpoints.file.parent))
    if original is not None:
        data["original"] = original
    seed = arguments.get("seed", 0)
    try:
        path.resolve().parent.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=".trusteq-", dir=path.resolve().parent) as scratch,
            _seeded(source, seed),
        ):
            compressed = compress(source, **arguments, **data)
            draft = Path(scratch) / "candidate"
            draft.mkdir()
            tell("save it and read it back", 0, 1)
            with attempt(source, method, "it cannot be saved"), os_errors():
                compressed.save(draft)
            try:
                saved = reopened(source, draft, name=path.name)
            except ModelError as error:
                reason = str(error).replace(str(draft), "it")
                raise does_not_apply(
                    source, method, f"the ordinary loader does not open the saved model: {reason}"
                ) from None
            after = traits_of(saved).size()  # before it is asked, which unpacks some weights in memory
            _refuse_changed(source, method, compressed, saved, asked)
            recipe = {
                "schema_version": SCHEMA_VERSION,
                "method": method,
                "arguments": _defaults(compress, chosen.options) | arguments,
                "seed": seed if chosen.learns else None,
                "source": _place(source.identity),
                **({} if counterpart is None else {"original": _place(counterpart)}),
                "content": saved.identity.content,
                "versions": (versions if source.model is not None else versions_of)(*chosen.packages),
                **({"notes": list(notes)} if notes else {}),
                **compressed.facts,
                **carried(traits_of(source).trained_on(), compressed.facts),
            }
            _write(recipe, draft)
            audit = None
            if plan is not None and original is not None:
                audit = plan.audited(original.model, source.identity.location, draft, place=path, tell=tell)
                recipe["audit"] = plan.facts(audit)
                _write(recipe, draft)
            if path.exists():
                path.rmdir()
            draft.rename(path)
        checkpoints.remove()
    except ModelError:
        checkpoints.remove()
        raise
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror or error}") from None
    tell("save it and read it back", 1, 1)
    notes = (*compressed.notes, *notes)
    if plan is None:
        return Candidate(path, method, before, after, notes, recipe)
    return Candidate(path, method, before, after, (*notes, plan.note), recipe, audit, plan.test)


def _checkpoints(
    path: Path,
    source: Any,
    original: Identity | None,
    method: str,
    arguments: Mapping[str, Any],
    items: Items | None,
    dev: Items | None,
) -> Checkpoints:
    """Where a method that trains stores its state, from which the same call resumes after an interruption."""
    contents = [None if data is None else data.content() for data in (items, dev)]
    inputs = {"method": method, "arguments": arguments, "source": source.identity.content, "items": contents}
    key = key_of(inputs | ({} if original is None else {"original": original.content}))
    workshop = path.resolve().parent / f".{path.name}.training"
    refuse_link(workshop)
    return Checkpoints(workshop / "state.safetensors", key)


def _write(recipe: Mapping[str, Any], folder: Path) -> None:
    """Write the recipe beside the model."""
    text = json.dumps(recipe, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / RECIPE).write_text(text, "utf-8")


def _place(identity: Identity) -> dict[str, Any]:
    """What a recipe says of a model."""
    return {"location": identity.location, "content": identity.content}


@contextmanager
def _seeded(source: Any, seed: int) -> Iterator[None]:
    """Within the context, torch draws from this seed, and transformers is quiet; a graph needs neither."""
    if source.model is None:
        yield
        return
    import torch

    from trusteq.models.library_output import quiet_transformers

    devices = [source.model.device] if source.model.device.type == "cuda" else []
    with quiet_transformers(), torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def _refuse_changed(source: Any, method: str, compressed: Compressed, saved: Any, asked: Asked) -> None:
    """An error unless the saved model reads items as the original does, and answers as the one in memory does."""
    if otherwise := asked.read_otherwise(source, saved):
        raise does_not_apply(source, method, otherwise)
    # The weights of a .gguf file are the same in 32 bits; only their form changes.
    if saved.identity.content == source.identity.content and method != "fp32":
        raise does_not_apply(source, method, "it would change nothing")
    if saved.labels != source.labels:
        raise does_not_apply(source, method, f"the saved model has other labels: {', '.join(saved.labels)}")
    answers = asked.answers(saved)
    if not np.isfinite(answers).all():
        raise does_not_apply(source, method, "its answers are no longer finite numbers")
    if compressed.model is not None:
        moved = float(np.abs(answers - asked.answers(replace(source, model=compressed.model))).max())
        if not moved <= SAME:
            raise does_not_apply(
                source, method, f"the saved model's probabilities differ from those before saving by up to {moved:.2g}"
            )


def _defaults(compress: Callable[..., Compressed], options: tuple[str, ...]) -> dict[str, Any]:
    """A method's default value of each option; None where the default depends on the model."""
    parameters = inspect.signature(compress).parameters
    return {name: parameters[name].default for name in options if name in parameters}
