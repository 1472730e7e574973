"""Healing: what may move in a compressed model is trained for a short while to answer as its original does.

Nothing that makes the candidate small changes (`compress.trainee`), and no labels are needed: it learns the original's
probabilities, at temperature 1. Training is cut into rounds; the round that is nearest to the original on held-out
items is kept, and it stops early when later rounds are no nearer.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compress.compressed import Compressed
from trusteq.compress.corrections import add_corrections
from trusteq.compress.language_source import LanguageSource
from trusteq.compress.perturbed import perturbing_of
from trusteq.compress.pupil import pupil_of
from trusteq.compress.stored_tensors import StoredTensors, save_with
from trusteq.compress.trainee import ALL, HEAL, SCALES, SMALL, refuse_lost, rounds_activations, trainee
from trusteq.explain.units import default_units, replacement
from trusteq.models.layers import does_not_apply
from trusteq.progress import silent
from trusteq.train.checkpoints import Epoch
from trusteq.train.fine_tuned import summary
from trusteq.train.held_out import held_out
from trusteq.train.loop import learn
from trusteq.train.settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.compress.original import Original
    from trusteq.compress.pupil import Pupil
    from trusteq.compress.trainee import Trainee
    from trusteq.data.items import Items
    from trusteq.progress import Tell
    from trusteq.train.checkpoints import Checkpoints

ROWS = 6400
ROUNDS = 8
PATIENCE = 3
"""So many rounds in a row may be no nearer to the original than an earlier one."""
WARMUP = 0.1
CORRECTIONS = "corrections"
RATES = {SMALL: 3e-4, SCALES: 3e-4, CORRECTIONS: 1e-3, ALL: 1e-4}
LANGUAGE_RATES = RATES | {SMALL: 1e-3}
"""The learning rate by what may move."""
BATCH, LANGUAGE_BATCH = 32, 8
"""Rows in one step; each of a language model's has many answers to learn."""
TIMED = 4
"""Steps that are timed to see how many rows fit into some minutes."""


class Round(Epoch):
    """A round of healing: the nearer the original's probabilities on held-out items, the better."""

    @property
    def rank(self) -> tuple[float, float]:
        """By KL, which is far less a matter of luck than how many answers are equal."""
        return -self.dev_loss, self.dev_accuracy


def heal(
    source: Any,
    *,
    original: Original,
    items: Items,
    dev: Items | None,
    rows: int | None = None,
    minutes: float | None = None,
    rate: float | None = None,
    batch: int | None = None,
    move: str | None = None,
    rank: int | None = None,
    merge: bool = False,
    perturb: float | None = None,
    replace: str | None = None,
    whole: bool = False,
    seed: int = 0,
    checkpoints: Checkpoints | None = None,
    tell: Tell = silent,
    say: Callable[[str], None] = lambda line: None,
) -> Compressed:
    """The candidate, nearer to its original."""
    import torch

    perturbing = perturbing_of(perturb, replace, whole=whole, seed=seed)
    if perturbing is not None:
        spelt = replacement(default_units(items), perturbing.replace, items)
        perturbing = perturbing_of(perturb, spelt, whole=whole, seed=seed)
    if dev is None:
        items, dev = held_out(items, seed=seed)
    learner = trainee(source)
    corrections = None if rank is None else add_corrections(learner, source, rank, merge=merge, seed=seed)
    moves = learner.may_move(move, source) if corrections is None else CORRECTIONS
    if not any(parameter.requires_grad for parameter in learner.net.parameters()):
        raise does_not_apply(source, HEAL, "it has no biases, norms or head that may move; use --rank")
    net = learner.net.to(source.model.device)
    pupil = pupil_of(source, net, original, perturbing, HEAL)
    rates, usual = (LANGUAGE_RATES, LANGUAGE_BATCH) if isinstance(source, LanguageSource) else (RATES, BATCH)
    rate, batch = rate or rates[moves], batch or usual
    if minutes is not None:
        rows = _rows_in(minutes, pupil, items, batch, checkpoints)
        say(f"about {rows:,} rows fit into {minutes:g} minutes")
    rows = rows or ROWS
    positions = rounds_of(len(items), rows, seed)
    used, at = np.unique(np.concatenate(positions), return_inverse=True)
    taught = items.take(used)
    ends = np.cumsum([len(round_) for round_ in positions])[:-1]
    positions = np.split(at, ends)
    settings = TrainingSettings(
        epochs=len(positions), batch=batch, rate=rate, weight_decay=0.0, warmup=WARMUP, decay=True, hard=0.0, seed=seed
    )
    divergence, agreement = pupil.compared(dev)
    before = Round(0, divergence, divergence, agreement)
    say(f"{in_words(before)}, before")

    def evaluate(number: int, mean: float) -> Epoch:
        return Round(number, mean, *pupil.compared(dev))

    started = time.perf_counter()
    curve = learn(
        net,
        lambda number: pupil.lessons(taught, positions[number - 1], number),
        evaluate,
        settings,
        name=source.name,
        dropout=False,
        patience=PATIENCE,
        start=(before,),
        advance=lambda number, done, total: tell(f"round {number} of {settings.epochs}", done, total),
        after=lambda epoch: say(f"{in_words(epoch)}, after round {epoch.number} of {settings.epochs}"),
        checkpoints=None if checkpoints is None else dataclasses.replace(checkpoints, epoch=Round),
    )
    seconds = time.perf_counter() - started
    best = max(curve, key=lambda epoch: (*epoch.rank, -epoch.number))
    if best.number == 0:
        raise does_not_apply(
            source,
            HEAL,
            f"no round of training brought it nearer to {original.model.name}: {in_words(before)}, before; "
            "give more --rows, or another --rate",
        )
    net.cpu()
    if corrections is None:
        tensors = learner.moved()
        changes = how_far(learner.tensors, tensors)
    else:
        changes = corrections.how_far()
        tensors = corrections.merged() if merge else {}
    learned = len(curve) - 1
    count = sum(len(part) for part in positions[:learned])
    if perturbing is not None:
        count = sum(perturbing.rows(len(part)) for part in positions[:learned])

    def save(folder: Path) -> None:
        save_healed(source.files, learner, tensors, folder)
        if corrections is not None and not merge:
            corrections.save(folder)

    return Compressed(
        save,
        net if _is_exact(source) else None,
        (
            f"learned from {count:,} rows in {seconds:,.0f} s; {_stopped(learned, len(positions), best)}",
            f"on {len(dev):,} held-out items, disagreement with {original.model.name} fell from "
            f"{1 - before.dev_accuracy:.1%} to {1 - best.dev_accuracy:.1%}, KL from {before.dev_loss:.4f} to "
            f"{best.dev_loss:.4f}",
            _kept(learner, tensors) if corrections is None else corrections.in_words(),
        ),
        {
            "training": asdict(settings),
            "moves": moves,
            "rows": count,
            "device": source.model.device.type,
            "threads": torch.get_num_threads(),
            "items": summary(items),
            "dev": summary(dev),
            "curve": [asdict(epoch) for epoch in curve],
            "moved": changes,
            "kept": {
                "rounded": sorted(learner.rounded),
                "zeros": dict(sorted(learner.zeros.items())),
                "ranks": dict(sorted(learner.ranks.items())),
            },
            **({} if perturbing is None else {"trained_on_perturbations": perturbing.document(items)}),
        },
    )


def rounds_of(count: int, rows: int, seed: int) -> list[NDArray[np.int64]]:
    """The positions of items in each round: all in random order, again and again, until there are so many rows."""
    passes = [np.random.default_rng([seed, number]).permutation(count) for number in range(-(-rows // count))]
    return [part for part in np.array_split(np.concatenate(passes)[:rows], ROUNDS) if len(part)]


def in_words(epoch: Epoch) -> str:
    """How far a candidate is from its original, in words."""
    return f"held-out disagreement {1 - epoch.dev_accuracy:.4f}, KL {epoch.dev_loss:.4f}"


def how_far(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float]:
    """By tensor, the length of its change as a share of its own length."""
    changes = {}
    for name, tensor in sorted(after.items()):
        old = before[name].double()
        length = float(old.norm())
        changes[name] = float(f"{float((tensor.double() - old).norm()) / length if length else 1.0:.6g}")
    return changes


def save_healed(files: Mapping[str, Path], learner: Trainee, tensors: Mapping[str, Any], folder: Path) -> None:
    """Save the candidate with these tensors in the place of its own, and prove that all else is as it was."""
    save_with(files, tensors, folder)
    saved = StoredTensors.of({file.name: file for file in folder.iterdir()})
    if set(saved) != set(learner.tensors):
        raise ValueError("the healed model has other tensors than the candidate")
    for name in saved:
        refuse_lost(learner, name, saved[name], may_differ=name in tensors)


def _rows_in(minutes: float, pupil: Pupil, items: Items, batch: int, checkpoints: Checkpoints | None) -> int:
    """How many rows fit, as was found out when training began."""
    noted = None if checkpoints is None else checkpoints.file.with_name(f"rows-{checkpoints.key}")
    if noted is not None and noted.is_file() and (text := noted.read_text("utf-8")).isdigit():
        return int(text)
    some = np.arange(min(len(items), batch * TIMED))
    started = time.perf_counter()
    lessons = pupil.lessons(items.take(some), some, 0)
    for first in range(0, len(lessons.lengths), batch):
        at = np.arange(first, min(first + batch, len(lessons.lengths)))
        for part, _ in lessons.parts(at):
            lessons.targets(part)
            lessons.logits(part).sum().backward()
    seconds = time.perf_counter() - started
    rows = max(batch, round(len(some) * 60 * minutes / seconds))
    if noted is not None:
        noted.parent.mkdir(parents=True, exist_ok=True)
        noted.write_text(str(rows), "utf-8")
    return rows


def _is_exact(source: Any) -> bool:
    """Whether the module in memory answers as the saved one must."""
    quantization = source.identity.details["quantization"]
    return source.identity.details["dtype"] == "float32" and not rounds_activations(quantization)


def _stopped(learned: int, rounds: int, best: Epoch) -> str:
    if learned < rounds:
        return f"stopped after round {learned} of {rounds}, since round {best.number} was the nearest"
    return f"round {best.number} of {rounds} was the nearest"


def _kept(learner: Trainee, tensors: Mapping[str, Any]) -> str:
    """What moved and what stayed, in words."""
    stays = []
    if learner.rounded:
        stays.append(f"{len(learner.rounded):,} rounded weights stay on their grid")
    if learner.zeros:
        stays.append(f"{sum(learner.zeros.values()):,} zeros stay zeros")
    if learner.ranks:
        stays.append(f"{len(learner.ranks):,} weights keep their low rank")
    moved = f"{len(tensors):,} of {len(learner.tensors):,} tensors moved"
    return "; ".join([moved, *stays, "shapes and precision stay, compared in the saved files"])
