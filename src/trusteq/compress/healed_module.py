"""Healing of any torch module, such as a network of a table, in memory: toward another module or a function."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compress.heal import PATIENCE, RATES, ROUNDS, WARMUP, Round, how_far
from trusteq.compress.trainee import refuse_lost, trainee_of_module
from trusteq.errors import ModelError, OptionError
from trusteq.tasks.classes import SMALLEST
from trusteq.train.loop import learn
from trusteq.train.settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.train.lessons import Parts


@dataclass(frozen=True)
class HealedModule:
    """What healing a module did.

    divergence: the mean KL (nats) from the original's answers to the module's on held-out batches; disagreement: the
    share of their rows with another answer; both before and after. rounds: how many it learned for; best: the one
    whose weights were kept, 0 if none was nearer, and then nothing has moved. moved: by parameter, the length of its
    change as a share of its own length. rounded: parameters that stayed on their few values; zeros: how many stayed 0
    by parameter; ranks: the rank of those that kept a low one.
    """

    divergence: tuple[float, float]
    disagreement: tuple[float, float]
    rounds: int
    best: int
    moved: Mapping[str, float]
    rounded: tuple[str, ...]
    zeros: Mapping[str, int]
    ranks: Mapping[str, int]


def heal_module(
    candidate: Any,
    original: Callable[..., Any],
    batches: Iterable[Any],
    *,
    dev: Iterable[Any],
    rounds: int = ROUNDS,
    rate: float | None = None,
    move: str | None = None,
    keep: Collection[str] = (),
    seed: int = 0,
) -> HealedModule:
    """Train a torch module, in place, to give the same probabilities as its original, and no bit more than it may.

    ``original`` is a module or a function of the same inputs; both return logits [rows, labels], or one logit a row,
    that of the second of two labels. ``batches`` are inputs without labels: tensors, or tuples of tensors; they are
    learned from once a round. ``dev`` are others, which say when to stop and which round to keep.

    ``move`` is "small" (biases, norms and the last layer) or "all", by default "small" where there are rounded weights;
    ``rate`` is AdamW's, by default 1e-3 for "small" and 1e-4 for "all". Weights that are 0 stay 0, weights of low rank
    keep their rank, and these do not move: weights on few values (rounded ones), parameters that ``keep`` names, and
    those without requires_grad.

    The module is in its eval mode throughout: there is no dropout, and running statistics of batch norm stay as they
    are, since weight and bias of the norm can do all that other statistics would.
    """
    if move not in (None, "small", "all"):
        raise OptionError(f"move must be small or all, found {move!r}")
    if rounds < 1:
        raise OptionError(f"rounds must be a whole number of 1 or more, found {rounds!r}")
    lessons, held_out = (_Batches(candidate, original, list(some)) for some in (batches, dev))
    for name, some in (("batches", lessons), ("dev", held_out)):
        if not some.inputs:
            raise OptionError(f"{name} is empty; give batches of inputs, such as [x[:32], x[32:64]]")
    learner = trainee_of_module(candidate, frozenset(keep))
    modes = [(module, module.training) for module in candidate.modules()]
    moving = {name: parameter.requires_grad for name, parameter in candidate.named_parameters()}
    candidate.eval()
    best = 0
    try:
        moves = learner.may_move(move, candidate)
        start = Round(0, *held_out.compared())
        settings = TrainingSettings(
            epochs=rounds,
            batch=1,
            rate=RATES[moves] if rate is None else rate,
            weight_decay=0.0,
            warmup=WARMUP,
            decay=True,
            hard=0.0,
            seed=seed,
        )
        curve = learn(
            candidate,
            lambda number: lessons,
            lambda number, mean: Round(number, *held_out.compared()),
            settings,
            name=type(candidate).__name__,
            dropout=False,
            patience=PATIENCE,
            start=(start,),
        )
        best = max(curve, key=lambda epoch: (*epoch.rank, -epoch.number)).number
    finally:
        learner.release(keep_moved=best > 0)
        for name, parameter in candidate.named_parameters():
            parameter.requires_grad_(moving[name])
        for module, mode in modes:
            module.training = mode
    moved = learner.moved()
    for name, parameter in candidate.named_parameters():
        refuse_lost(learner, name, parameter.detach().cpu(), may_differ=name in moved)
    before, after = curve[0], curve[best]
    return HealedModule(
        (before.dev_loss, after.dev_loss),
        (1 - before.dev_accuracy, 1 - after.dev_accuracy),
        len(curve) - 1,
        best,
        how_far(learner.tensors, moved),
        tuple(sorted(learner.rounded)),
        dict(sorted(learner.zeros.items())),
        dict(sorted(learner.ranks.items())),
    )


@dataclass(frozen=True)
class _Batches:
    """Batches of inputs as lessons, one batch a row. soft: the original's log-probabilities, once they are known."""

    net: Any
    original: Callable[..., Any]
    inputs: Sequence[Any]
    soft: dict[int, Any] = field(default_factory=dict)

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.ones(len(self.inputs), dtype=np.int64)

    def parts(self, at: NDArray[np.int64]) -> Parts:
        return [(at, 1.0)]

    def logits(self, at: NDArray[np.int64]) -> Any:
        (number,) = at.tolist()
        return _two(self.net(*self._arguments(number))).float()

    def targets(self, at: NDArray[np.int64]) -> tuple[Any, Any]:
        (number,) = at.tolist()
        return None, self._soft(number)

    def compared(self) -> tuple[float, float, float]:
        """The mean KL over all rows, twice, and the share of rows with the same answer."""
        import torch

        divergence, same, rows = 0.0, 0, 0
        with torch.no_grad():
            for number in range(len(self.inputs)):
                theirs = self._soft(number).double()
                ours = self.logits(np.array([number])).double().log_softmax(dim=1)
                if ours.shape != theirs.shape:
                    raise ModelError(
                        f"the candidate answers a batch with logits of shape {list(ours.shape)}, the original with "
                        f"{list(theirs.shape)}; both must give [rows, labels] of the same labels"
                    )
                divergence += float((theirs.exp() * (theirs - ours)).sum())
                same += int((theirs.argmax(dim=1) == ours.argmax(dim=1)).sum())
                rows += len(ours)
        return divergence / rows, divergence / rows, same / rows

    def _soft(self, number: int) -> Any:
        import torch

        if number not in self.soft:
            modes = []
            if isinstance(self.original, torch.nn.Module):
                modes = [(module, module.training) for module in self.original.modules()]
                self.original.eval()
            with torch.no_grad():
                logits = _two(self.original(*self._arguments(number)))
            for module, mode in modes:
                module.training = mode
            device = next(self.net.parameters()).device
            self.soft[number] = logits.float().log_softmax(dim=1).clamp(min=float(np.log(SMALLEST))).to(device)
        return self.soft[number]

    def _arguments(self, number: int) -> tuple[Any, ...]:
        inputs = self.inputs[number]
        return tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)


def _two(logits: Any) -> Any:
    """Logits of each label: one logit a row is the second label's, against 0 for the first."""
    import torch

    if logits.ndim == 1:
        logits = logits[:, None]
    return torch.nn.functional.pad(logits, (1, 0)) if logits.shape[1] == 1 else logits
