"""Fine-tuning: a classifier made from a pretrained model, saved as a folder that the ordinary loader reads.

The same call made again after an interruption resumes after the last complete epoch.
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
from trusteq.models.layers import DROPS
from trusteq.models.made import RECIPE
from trusteq.models.saving import save_checkpoint
from trusteq.progress import silent
from trusteq.record.saving import free_directory
from trusteq.train.checkpoints import Checkpoints, Epoch
from trusteq.train.held_out import held_out, learned_too
from trusteq.train.lessons import Examples
from trusteq.train.loop import train
from trusteq.train.recipe import SCHEMA_VERSION, key_of, versions
from trusteq.train.settings import PAPER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from trusteq.models.transformer import TransformerModel
    from trusteq.progress import Tell
    from trusteq.train.settings import TrainingSettings


@dataclass(frozen=True)
class Trained:
    """A fine-tuned model: its folder, its epochs, what its user should know, and its recipe."""

    directory: Path
    curve: tuple[Epoch, ...]
    notes: tuple[str, ...]
    recipe: Mapping[str, Any]

    @property
    def best(self) -> Epoch:
        """The epoch whose weights were kept."""
        return max(self.curve, key=lambda epoch: (*epoch.rank, -epoch.number))

    def document(self) -> dict[str, Any]:
        """All fields, ready for JSON."""
        return {**asdict(self), "directory": str(self.directory)}


def fine_tune(
    base: str | Path,
    *,
    items: Items,
    out: str | Path,
    dev: Items | None = None,
    settings: TrainingSettings = PAPER,
    layers: int | None = None,
    drop: str | None = None,
    device: str | None = None,
    download: bool = False,
    tell: Tell = silent,
    say: Callable[[str], None] = lambda line: None,
) -> Trained:
    """A classifier trained on labelled ``items``, starting from a pretrained model (a folder, or a hub id).

    The epoch with the highest accuracy is kept: on ``dev``, or if there is none on a held-out tenth of the items.
    layers: how many of the base's layers to use; drop: which to leave out, "last" (the default), "first" or "evenly".
    ``out`` must not exist; after an interruption, the same call resumes. tell: called with (stage, done, total); say:
    with a line.
    """
    _check(items, dev, settings)
    if drop is not None and layers is None:
        raise OptionError(f"drop {drop!r} has no effect without layers, how many to keep; leave it out")
    drop = "last" if drop is None else drop
    if drop not in DROPS:
        raise OptionError(f"drop must be {', '.join(DROPS[:-1])} or {DROPS[-1]}, found {drop!r}")
    if (shared := learned_too(items, dev)) is not None:
        say(shared)
    try:
        import torch
        import transformers  # noqa: F401 - a missing package is named before anything is read
    except ModuleNotFoundError as error:
        raise MissingExtraError("training", "transformers") from error
    from trusteq.train.start import open_base, save_untrained

    path = free_directory(out)
    if dev is None:
        items, dev = held_out(items, seed=settings.seed)
    opened = open_base(str(base), name=path.name, download=download)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    inputs = {
        "arguments": {**asdict(settings), "layers": layers, "drop": drop if layers is not None else None},
        "source": {"location": opened.location, "content": opened.content},
        "items": summary(items),
        "dev": summary(dev),
    }
    workshop = path.resolve().parent / f".{path.name}.training"
    checkpoints = Checkpoints(workshop / "state.safetensors", key_of({**inputs, "device": device}))
    start, draft = workshop / "start", workshop / "made"
    labels = items.label_names
    refuse_link(workshop)
    try:
        for folder in (start, draft):  # left by an earlier run, and cheap to recreate
            shutil.rmtree(folder, ignore_errors=True)
        workshop.mkdir(parents=True, exist_ok=True)
        tell("open the base", 0, 1)
        start_notes = save_untrained(opened, labels, start, layers=layers, drop=drop, seed=settings.seed)
        model = _open(start, path.name, device)
        tell("open the base", 1, 1)
        say(f"{path.name} starts from {opened.location}: {', '.join(start_notes)}")
        state = checkpoints.read()
        if state is not None:
            say(f"resumes after epoch {len(state.curve)}")
        elif checkpoints.of_another():
            say(replaces(workshop))
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
        reopened = _open(draft, path.name, "cpu")
        recipe = {
            "schema_version": SCHEMA_VERSION,
            "method": "train",
            **inputs,
            "seed": settings.seed,
            "content": reopened.identity.content,
            "device": device,
            "threads": torch.get_num_threads(),
            "start": list(start_notes),
            **({} if shared is None else {"notes": [shared]}),
            "curve": [asdict(epoch) for epoch in curve],
            "versions": versions(),
        }
        text = json.dumps(recipe, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        (draft / RECIPE).write_text(text, "utf-8")
        if path.exists():
            path.rmdir()
        draft.rename(path)
        checkpoints.remove()
    except RunError:  # e.g. a full disk: the stored state can still be resumed from
        raise
    except TrusteqError:
        checkpoints.remove()
        raise
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror or error}") from None
    notes = (*start_notes, *(() if shared is None else (shared,)))
    return Trained(path, tuple(curve), notes, recipe)


def replaces(workshop: Path) -> str:
    """What becomes of the state of another run in this folder, in words."""
    return (
        f"{workshop} holds the state of an interrupted run with other arguments or data, which the first epoch of this "
        "one replaces; to go on with that run, stop this one and give what was given then"
    )


def in_words(epoch: Epoch, epochs: int) -> str:
    """An epoch in one line."""
    return (
        f"epoch {epoch.number} of {epochs}: loss {epoch.loss:.4f}, dev loss {epoch.dev_loss:.4f}, "
        f"dev accuracy {epoch.dev_accuracy:.4f}"
    )


def summary(items: Items) -> dict[str, Any]:
    """What a recipe says of items."""
    return {"source": items.source, "items": len(items), "content": items.content()}


def _check(items: Items, dev: Items | None, settings: TrainingSettings) -> None:
    for name, data in (("items", items), ("dev", dev)):
        if data is None:
            continue
        if not isinstance(data, Items):
            raise OptionError(f"{name} must be Items, as read by trusteq.read_items; found {type(data).__name__}")
        if data.labels is None:
            raise DataError(f"{data.source}: no labels to learn from; name their column with --label")
        if len(data.segments) > 2:
            raise DataError(f"{data.source}: {len(data.segments)} text segments; a tokenizer reads one text or a pair")
    if settings.hard != 1:
        raise OptionError(f"hard {settings.hard:g} needs another model's answers to learn from; leave it at 1")
    if len(items.label_names) < 2:
        raise DataError(f"{items.source}: only one label, {items.label_names[0]!r}; a classifier needs two or more")


def _open(folder: Path, name: str, device: str) -> TransformerModel:
    from trusteq.models.transformer import open_transformer

    return open_transformer(str(folder), name=name, device=device)
