"""Knowledge distillation: a smaller student learns a model's answers, with gold labels (Hinton et al. 2015)."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from trusteq.compress.compressed import checkpoint
from trusteq.compress.perturbed import Perturbing, masks, perturbed, perturbing_of
from trusteq.compress.student import from_layers, narrower
from trusteq.errors import DataError
from trusteq.models.token_rows import joined
from trusteq.progress import silent
from trusteq.train.fine_tuned import summary
from trusteq.train.held_out import held_out
from trusteq.train.lessons import Examples
from trusteq.train.loop import train
from trusteq.train.settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.compress.compressed import Compressed
    from trusteq.data.items import Items
    from trusteq.models.transformer import TransformerModel
    from trusteq.progress import Tell
    from trusteq.train.checkpoints import Checkpoints, Epoch

WARMUP = 0.1


def distil(
    source: TransformerModel,
    *,
    items: Items,
    dev: Items | None,
    layers: int | None = None,
    drop: str | None = None,
    width: int | None = None,
    temperature: float = 1.0,
    hard: float = 0.0,
    perturb: float | None = None,
    replace: str | None = None,
    whole: bool = False,
    epochs: int = 3,
    rate: float = 5e-5,
    batch: int = 32,
    mixed: bool = False,
    seed: int = 0,
    checkpoints: Checkpoints | None = None,
    tell: Tell = silent,
    say: Callable[[str], None] = lambda line: None,
) -> Compressed:
    """A student trained on ``items``, at its best epoch on ``dev``: by accuracy, or without labels by agreement.

    It learns the original's probabilities; labels as far as ``hard`` says. With ``perturb`` it learns the original's
    answers to perturbed texts, too, which have no labels.
    """
    import torch

    perturbing = perturbing_of(perturb, replace, whole=whole, seed=seed)
    if dev is None:
        items, dev = held_out(items, seed=seed)
    for data in (items, dev):
        if hard and data.labels is None:
            raise DataError(f"{data.source}: has no labels, which hard {hard:g} needs; name their column with --label")
    device = source.model.device
    source.model.float()
    student, origin = (
        from_layers(source, layers, drop or "evenly") if width is None else narrower(source, width, layers)
    )
    say(f"the student {origin}")
    settings = TrainingSettings(
        epochs=epochs,
        batch=batch,
        rate=rate,
        warmup=WARMUP,
        decay=True,
        hard=hard,
        temperature=temperature,
        seed=seed,
        mixed=mixed,
    )
    tell("the original's answers", 0, len(items))
    examples, dev_examples = _examples(source, items), _examples(source, dev)
    tell("the original's answers", len(items), len(items))

    def after(epoch: Epoch) -> None:
        what = "accuracy" if dev_examples.gold is not None else "agreement"
        say(
            f"epoch {epoch.number} of {epochs}: loss {epoch.loss:.4f}, "
            f"dev loss {epoch.dev_loss:.4f}, dev {what} {epoch.dev_accuracy:.4f}"
        )

    trained = dataclasses.replace(source, model=student.to(device))
    curve = train(
        trained,
        examples if perturbing is None else partial(_with_perturbed, source, perturbing, items, examples),
        dev_examples,
        settings,
        advance=lambda epoch, done, total: tell(f"epoch {epoch} of {epochs}", done, total),
        after=after,
        checkpoints=checkpoints,
    )
    trained.model.cpu()
    return checkpoint(
        source,
        trained.model,
        f"{origin}; {_outcome(trained, dev_examples)}",
        student=origin,
        training=asdict(settings),
        device=device.type,
        threads=torch.get_num_threads(),
        items=summary(items),
        dev=summary(dev),
        curve=[asdict(epoch) for epoch in curve],
        **({} if perturbing is None else {"trained_on_perturbations": perturbing.document(items)}),
    )


def _examples(source: TransformerModel, items: Items) -> Examples:
    rows = source.encode(list(zip(*items.texts(), strict=True)))
    return Examples(rows, items.gold(source.labels), source.answer(rows))


def _with_perturbed(
    source: TransformerModel, perturbing: Perturbing, items: Items, examples: Examples, epoch: int
) -> Examples:
    """The examples of an epoch: whole texts, and texts with units left out and the model's answers to them."""
    whole, left_out = perturbing.split(np.arange(len(items)), epoch)
    rows, soft = [], []
    if len(whole):
        rows.append(source.encode(list(zip(*items.take(whole).texts(), strict=True))))
        soft.append(examples.soft[whole])  # type: ignore[index]
    if len(left_out):
        kept = masks(items, left_out, seed=perturbing.seed, epoch=epoch)
        texts = perturbed(items, left_out, kept, perturbing.replace, source.mask_token)
        rows.append(source.encode(list(zip(*texts.texts(), strict=True))))
        soft.append(source.answer(rows[-1]))
    return Examples(joined(rows), soft=np.concatenate(soft))


def _outcome(student: TransformerModel, dev: Examples) -> str:
    """How the student does on dev, compared with the original, in words."""
    ours, theirs = student.answer(dev.rows).argmax(axis=1), dev.soft.argmax(axis=1)  # type: ignore[union-attr]
    words = f"answers {(ours == theirs).mean():.1%} of {len(ours):,} dev items as the original does"
    if dev.gold is not None:
        words += f"; accuracy {(ours == dev.gold).mean():.1%}, the original's {(theirs == dev.gold).mean():.1%}"
    return words
