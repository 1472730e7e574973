"""A candidate on disk: a folder that the ordinary loader reads, and the recipe it was made by.

It is written under a temporary name, read back, compared with the model in memory, and only then renamed: a folder that
exists is complete and answers as it should.
"""

from __future__ import annotations

import inspect
import json
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compress.compressed import attempt
from trusteq.compress.methods import METHODS, checked_options
from trusteq.data.atomic_file import refuse_link
from trusteq.data.items import Items
from trusteq.errors import MissingExtraError, ModelError, OptionError, RunError
from trusteq.models.layers import does_not_apply
from trusteq.models.token_rows import joined
from trusteq.train.checkpoints import Checkpoints
from trusteq.train.recipe import RECIPE, SCHEMA_VERSION, key_of, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trusteq.compress.compressed import Compressed
    from trusteq.models.cost_size import Size
    from trusteq.models.token_rows import TokenModel, TokenRows
    from trusteq.models.transformer import TransformerModel

SAME = 1e-3
"""The largest change of a probability between memory and disk that counts as rounding, as in `models.probe`."""

TEXTS = 8
"""How many texts, and pairs of texts, a candidate answers before it is accepted."""


@dataclass(frozen=True)
class Candidate:
    """A candidate: its folder, its method, the sizes before and after, what its user should know, and its recipe."""

    directory: Path
    method: str
    before: Size
    after: Size
    notes: tuple[str, ...]
    recipe: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """All fields, ready for JSON."""
        return {**asdict(self), "directory": str(self.directory)}


def make(
    model: str | Path,
    *,
    method: str,
    out: str | Path,
    items: Items | None = None,
    dev: Items | None = None,
    download: bool = False,
    tell: Callable[[str, int, int], None] = lambda stage, done, total: None,
    say: Callable[[str], None] = lambda line: None,
    **options: object,
) -> Candidate:
    """A candidate made from a classifier or a language model of transformers.

    ``model`` is a folder, a hub id (in the cache or with ``download``) or the .gguf file of a language model.
    ``method`` is one of `METHODS`, which lists the options that each takes. A method that trains learns from ``items``
    and keeps the epoch that is best on ``dev``, or if there is none on a held-out tenth of the items; one that
    calibrates reads the texts of ``items``. ``out`` must not exist. tell: called with (stage, done, total); say: with a
    line.
    """
    arguments = checked_options(method, options)
    chosen = METHODS[method]
    for name, data in (("items", items), ("dev", dev)):
        if data is not None and not (chosen.learns or (chosen.calibrates and name == "items")):
            raise OptionError(f"{name} has no effect on method {method}, which does not train; leave it out")
        if data is not None and not isinstance(data, Items):
            raise OptionError(f"{name} must be Items, as read by trusteq.read_items; found {type(data).__name__}")
    if items is None and (chosen.learns or chosen.calibrates):
        use = "learns from items" if chosen.learns else "rounds for the texts of items"
        raise OptionError(f"method {method} {use}: name them with --data and --text (in Python items=)")
    try:
        import torch  # noqa: F401 - a missing package is named before anything is read
        import transformers  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"method {method}", "transformers") from error
    from trusteq.compress.source import opened
    from trusteq.record.saving import free_directory

    chosen.load(method)
    path = free_directory(out)
    tell("open the model", 0, 1)
    device = arguments.pop("device", None) if chosen.learns else "cpu"
    with opened(str(model), method, device, download=download) as source:
        return _made(source, method, path, arguments, items, dev, tell, say)


def _made(
    source: TransformerModel,
    method: str,
    path: Path,
    arguments: dict[str, Any],
    items: Items | None,
    dev: Items | None,
    tell: Callable[[str, int, int], None],
    say: Callable[[str], None],
) -> Candidate:
    """The candidate made from an opened model."""
    import torch

    from trusteq.compress.source import reopened
    from trusteq.models.library_output import quiet_transformers
    from trusteq.models.traits import traits_of

    chosen = METHODS[method]
    compress = chosen.load(method)
    before = traits_of(source).size()
    texts = _random_texts(source)
    tell("open the model", 1, 1)
    checkpoints = _checkpoints(path, source, method, arguments, items, dev)
    data: dict[str, Any] = {"items": items, "tell": tell} if chosen.calibrates else {}
    if chosen.learns:
        data = {"items": items, "dev": dev, "checkpoints": checkpoints, "tell": tell, "say": say}
    seed = arguments.get("seed", 0)
    devices = [source.model.device] if source.model.device.type == "cuda" else []
    try:
        path.resolve().parent.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=".trusteq-", dir=path.resolve().parent) as scratch,
            quiet_transformers(),
            torch.random.fork_rng(devices=devices),
        ):
            torch.manual_seed(seed)
            compressed = compress(source, **arguments, **data)
            draft = Path(scratch) / "candidate"
            draft.mkdir()
            tell("save it and read it back", 0, 1)
            with attempt(source, method, "it cannot be saved"):
                compressed.save(draft)
            try:
                saved = reopened(source, draft, name=path.name)
            except ModelError as error:
                reason = str(error).replace(str(draft), "it")
                raise does_not_apply(
                    source, method, f"the ordinary loader does not open the saved model: {reason}"
                ) from None
            _refuse_changed(source, method, compressed, saved, texts)
            recipe = {
                "schema_version": SCHEMA_VERSION,
                "method": method,
                "arguments": _defaults(compress, chosen.options) | arguments,
                "seed": seed if chosen.learns else None,
                "source": {"location": source.identity.location, "content": source.identity.content},
                "content": saved.identity.content,
                "versions": versions(*chosen.packages),
                **compressed.facts,
            }
            text = json.dumps(recipe, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
            (draft / RECIPE).write_text(text, "utf-8")
            after = traits_of(saved).size()
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
    return Candidate(path, method, before, after, compressed.notes, recipe)


def _checkpoints(
    path: Path,
    source: TransformerModel,
    method: str,
    arguments: Mapping[str, Any],
    items: Items | None,
    dev: Items | None,
) -> Checkpoints:
    """Where a method that trains stores its state, from which the same call resumes after an interruption."""
    contents = [None if data is None else data.content() for data in (items, dev)]
    key = key_of({"method": method, "arguments": arguments, "source": source.identity.content, "items": contents})
    workshop = path.resolve().parent / f".{path.name}.training"
    refuse_link(workshop)
    return Checkpoints(workshop / "state.safetensors", key)


def _random_texts(source: TransformerModel) -> tuple[list[tuple[str, ...]], ...]:
    """Texts of 1 to 40 of the model's own tokens, and pairs of them."""
    rng = np.random.default_rng(0)

    def text() -> str:
        ids = rng.integers(0, len(source.tokenizer), rng.integers(1, 41))
        return source.tokenizer.decode(ids, skip_special_tokens=True).strip() or "a"

    return [(text(),) for _ in range(TEXTS)], [(text(), text()) for _ in range(TEXTS)]


def _rows(model: TokenModel, texts: tuple[list[tuple[str, ...]], ...]) -> TokenRows:
    return joined([model.encode(group) for group in texts])


def _refuse_changed(
    source: TransformerModel, method: str, compressed: Compressed, saved: TokenModel, texts: Any
) -> None:
    """An error unless the saved model splits texts as the original does, and answers as the one in memory does."""
    rows, saved_rows = _rows(source, texts), _rows(saved, texts)
    if not (np.array_equal(saved_rows.starts, rows.starts) and np.array_equal(saved_rows.ids, rows.ids)):
        raise does_not_apply(source, method, "the saved model splits texts into other tokens")
    # The weights of a .gguf file are the same in 32 bits; only their form changes.
    if saved.identity.content == source.identity.content and method != "fp32":
        raise does_not_apply(source, method, "it would change nothing")
    if saved.labels != source.labels:
        raise does_not_apply(source, method, f"the saved model has other labels: {', '.join(saved.labels)}")
    answers = np.exp(saved.answer(saved_rows))
    if not np.isfinite(answers).all():
        raise does_not_apply(source, method, "its answers are no longer finite numbers")
    if compressed.model is not None:
        moved = float(np.abs(answers - np.exp(replace(source, model=compressed.model).answer(rows))).max())
        if not moved <= SAME:
            raise does_not_apply(
                source, method, f"the saved model's probabilities differ from those before saving by up to {moved:.2g}"
            )


def _defaults(compress: Callable[..., Compressed], options: tuple[str, ...]) -> dict[str, Any]:
    """A method's default value of each option; None where the default depends on the model."""
    parameters = inspect.signature(compress).parameters
    return {name: parameters[name].default for name in options if name in parameters}
