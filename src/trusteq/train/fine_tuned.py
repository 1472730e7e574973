"""Fine-tuning: a classifier made from a pretrained model, kept as a folder that the ordinary loader reads.

A run that was interrupted goes on after its last whole epoch when the same is asked for again.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from trusteq.data.atomic_file import refuse_link
from trusteq.data.items import Items
from trusteq.errors import DataError, MissingExtraError, OptionError, RunError, TrusteqError
from trusteq.models.files import tokenizer_files
from trusteq.models.saving import save_checkpoint
from trusteq.record.directory import free_directory
from trusteq.train.checkpoints import Checkpoints, Epoch
from trusteq.train.held_out import held_out
from trusteq.train.loop import Examples, train
from trusteq.train.recipe import RECIPE, SCHEMA_VERSION, key_of, versions
from trusteq.train.settings import PAPER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from trusteq.models.transformer import TransformerModel
    from trusteq.train.settings import TrainingSettings


@dataclass(frozen=True)
class Trained:
    """What was made: where, by which epochs, what to know about it, and its recipe."""

    directory: Path
    curve: tuple[Epoch, ...]
    notes: tuple[str, ...]
    recipe: Mapping[str, Any]

    @property
    def best(self) -> Epoch:
        """The epoch whose weights were kept."""
        return max(self.curve, key=lambda epoch: (*epoch.rank, -epoch.number))

    def document(self) -> dict[str, Any]:
        """Everything about it, ready for JSON."""
        return {**asdict(self), "directory": str(self.directory)}


def fine_tune(
    base: str | Path,
    *,
    items: Items,
    out: str | Path,
    dev: Items | None = None,
    settings: TrainingSettings = PAPER,
    layers: int | None = None,
    drop: str = "last",
    device: str | None = None,
    download: bool = False,
    tell: Callable[[str, int, int], None] = lambda stage, done, total: None,
    say: Callable[[str], None] = lambda line: None,
) -> Trained:
    """A classifier trained on labelled ``items`` from a pretrained model (a folder, or a hub id).

    The epoch with the highest accuracy on ``dev``, else on a tenth of the items held out, is kept. ``layers`` takes
    that many of the base's layers, ``drop`` says which go: "last", "first" or "evenly". ``out`` must not exist;
    interrupted, the same call goes on. ``tell`` is told stages with (done, total), ``say`` single lines.
    """
    _check(items, dev, settings)
    try:
        import torch
        import transformers  # noqa: F401 - named before anything is read
    except ModuleNotFoundError as error:
        raise MissingExtraError("training", "transformers") from error
    from trusteq.train.start import open_base, save_untrained

    path = free_directory(out)
    if dev is None:
        items, dev = held_out(items, seed=settings.seed)
    found = open_base(str(base), name=path.name, download=download)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    asked = {
        "arguments": {**asdict(settings), "layers": layers, "drop": drop if layers is not None else None},
        "source": {"location": found.location, "content": found.content},
        "items": told(items),
        "dev": told(dev),
    }
    workshop = path.resolve().parent / f".{path.name}.training"
    checkpoints = Checkpoints(workshop / "state.safetensors", key_of({**asked, "device": device}))
    start, draft = workshop / "start", workshop / "made"
    labels = items.label_names
    refuse_link(workshop)
    try:
        for folder in (start, draft):  # of a run before, cheap to make again
            shutil.rmtree(folder, ignore_errors=True)
        workshop.mkdir(parents=True, exist_ok=True)
        tell("open the base", 0, 1)
        notes = save_untrained(found, labels, start, layers=layers, drop=drop, seed=settings.seed)
        model = _opened(start, path.name, device)
        tell("open the base", 1, 1)
        say(f"{path.name} starts from {found.location}: {', '.join(notes)}")
        before = checkpoints.read()
        if before is not None:
            say(f"goes on after epoch {len(before.curve)}")
        curve = train(
            model,
            Examples(model.encode(list(zip(*items.texts(), strict=True))), items.gold(labels)),
            Examples(model.encode(list(zip(*dev.texts(), strict=True))), dev.gold(labels)),
            settings,
            advance=lambda epoch, done, total: tell(f"epoch {epoch} of {settings.epochs}", done, total),
            after=lambda epoch: say(in_words(epoch, settings.epochs)),
            checkpoints=checkpoints,
        )
        save_checkpoint(model.model.cpu(), draft, tokenizer_files(model.files))
        read = _opened(draft, path.name, "cpu")
        recipe = {
            "schema_version": SCHEMA_VERSION,
            "method": "train",
            **asked,
            "seed": settings.seed,
            "content": read.identity.content,
            "device": device,
            "threads": torch.get_num_threads(),
            "start": list(notes),
            "curve": [asdict(epoch) for epoch in curve],
            "versions": versions(),
        }
        written = json.dumps(recipe, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        (draft / RECIPE).write_text(written, "utf-8")
        if path.exists():
            path.rmdir()
        draft.rename(path)
        checkpoints.remove()
    except RunError:  # a full disk: what is kept can be gone on from
        raise
    except TrusteqError:
        checkpoints.remove()
        raise
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror or error}") from None
    return Trained(path, tuple(curve), notes, recipe)


def in_words(epoch: Epoch, epochs: int) -> str:
    """An epoch in one line."""
    return (
        f"epoch {epoch.number} of {epochs}: loss {epoch.loss:.4f}, dev loss {epoch.dev_loss:.4f}, "
        f"dev accuracy {epoch.dev_accuracy:.4f}"
    )


def told(items: Items) -> dict[str, Any]:
    """What a recipe says of items."""
    return {"source": items.source, "items": len(items), "content": items.content()}


def _check(items: Items, dev: Items | None, settings: TrainingSettings) -> None:
    for name, given in (("items", items), ("dev", dev)):
        if given is None:
            continue
        if not isinstance(given, Items):
            raise OptionError(f"{name} must be Items, as trusteq.read_items gives, found {type(given).__name__}")
        if given.labels is None:
            raise DataError(f"{given.source}: has no labels to learn; name their column with --label")
        if len(given.segments) > 2:
            raise DataError(
                f"{given.source}: {len(given.segments)} text segments; a tokenizer reads one text or a pair"
            )
    if settings.hard != 1:
        raise OptionError(f"hard {settings.hard:g} has no effect without another model's answers; leave it at 1")
    if len(items.label_names) < 2:
        raise DataError(f"{items.source}: one label, {items.label_names[0]!r}; a classifier needs two or more")


def _opened(folder: Path, name: str, device: str) -> TransformerModel:
    from trusteq.models.transformer import open_transformer

    return open_transformer(str(folder), name=name, device=device)
