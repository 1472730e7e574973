"""Knowledge distillation: a smaller student learns a model's answers, with gold labels (Hinton et al. 2015)."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compress.made import checkpoint
from trusteq.compress.student import from_layers, narrower
from trusteq.compress.training import Epoch, Examples, TrainingSettings, train
from trusteq.errors import DataError, OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.compress.made import Made
    from trusteq.data.items import Items
    from trusteq.models.transformer import TransformerModel

HELD_OUT = 0.1
"""Share of the items that choose the epoch where no items are given for it."""

WARMUP = 0.1


def distil(
    source: TransformerModel,
    *,
    items: Items,
    dev: Items | None,
    layers: int | None = None,
    drop: str | None = None,
    width: int | None = None,
    temperature: float = 2.0,
    hard: float | None = None,
    epochs: int = 3,
    rate: float = 5e-5,
    batch: int = 32,
    seed: int = 0,
    tell: Callable[[str, int, int], None] = lambda stage, done, total: None,
    say: Callable[[str], None] = lambda line: None,
) -> Made:
    """A student trained on ``items``; the epoch best on ``dev`` is kept: by accuracy, without labels by agreement."""
    import torch

    if width is not None and drop is not None:
        raise OptionError("drop has no effect beside width, whose student is not made from layers; leave one out")
    if dev is None:
        items, dev = _split(items, seed)
    hard = (0.5 if items.labels is not None else 0.0) if hard is None else hard
    for given in (items, dev):
        if hard and given.labels is None:
            raise DataError(f"{given.source}: has no labels, which hard {hard:g} asks for; name them with --label")
    device = source.model.device
    source.model.float()
    student, origin = (
        from_layers(source, layers, drop or "evenly") if width is None else narrower(source, width, layers)
    )
    say(f"the student {origin}")
    settings = TrainingSettings(
        epochs=epochs, batch=batch, rate=rate, warmup=WARMUP, decay=True, hard=hard, temperature=temperature, seed=seed
    )
    tell("the original's answers", 0, len(items))
    examples, held = _examples(source, items), _examples(source, dev)
    tell("the original's answers", len(items), len(items))

    def after(epoch: Epoch) -> None:
        what = "accuracy" if held.gold is not None else "agreement"
        say(
            f"epoch {epoch.number} of {epochs}: loss {epoch.loss:.4f}, "
            f"dev loss {epoch.dev_loss:.4f}, dev {what} {epoch.dev_accuracy:.4f}"
        )

    pupil = replace(source, model=student.to(device))
    curve = train(
        pupil,
        examples,
        held,
        settings,
        advance=lambda epoch, done, total: tell(f"epoch {epoch} of {epochs}", done, total),
        after=after,
    )
    pupil.model.cpu()
    return checkpoint(
        source,
        pupil.model,
        f"{origin}; {_outcome(pupil, held)}",
        student=origin,
        training=asdict(settings),
        device=device.type,
        threads=torch.get_num_threads(),
        items=_told(items),
        dev=_told(dev),
        curve=[asdict(epoch) for epoch in curve],
    )


def _split(items: Items, seed: int) -> tuple[Items, Items]:
    """Items to learn from and items to choose the epoch by; those of one cluster stay together."""
    names = sorted(set(items.ids if items.clusters is None else items.clusters))
    if len(names) < 2:
        raise DataError(f"{items.source}: {len(names)} item cannot be split to learn from and to try on; give more")
    chosen = np.random.default_rng(seed).permutation(len(names))[: max(1, round(HELD_OUT * len(names)))]
    held = {names[i] for i in chosen}
    inside = np.array([name in held for name in (items.ids if items.clusters is None else items.clusters)])
    return items.take(np.flatnonzero(~inside)), items.take(np.flatnonzero(inside))


def _examples(source: TransformerModel, items: Items) -> Examples:
    rows = source.encode(list(zip(*items.texts(), strict=True)))
    return Examples(rows, items.gold(source.labels), source.answer(rows))


def _outcome(pupil: TransformerModel, held: Examples) -> str:
    """How the student does on dev, beside the original."""
    ours, theirs = pupil.answer(held.rows).argmax(axis=1), held.soft.argmax(axis=1)  # type: ignore[union-attr]
    words = f"answers {(ours == theirs).mean():.1%} of {len(ours):,} dev items as the original does"
    if held.gold is not None:
        words += f"; accuracy {(ours == held.gold).mean():.1%}, the original's {(theirs == held.gold).mean():.1%}"
    return words


def _told(items: Items) -> dict[str, Any]:
    return {"source": items.source, "items": len(items), "content": items.content()}
