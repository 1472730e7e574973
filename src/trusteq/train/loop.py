"""The training loop: batches of similar length, AdamW, clipped gradients, and the weights of the best epoch kept.

All randomness in an epoch comes from the seed and the epoch's number, so an interrupted run that resumes after its
last complete epoch (`train.checkpoints`) ends with the same weights, bit for bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.errors import ModelError
from trusteq.train.checkpoints import Epoch, State
from trusteq.train.lessons import Examples, TokenLessons, targets

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trusteq.models.transformer import TransformerModel
    from trusteq.train.checkpoints import Checkpoints
    from trusteq.train.lessons import Lessons
    from trusteq.train.settings import TrainingSettings

CHUNK = 50
"""Batches whose rows are drawn at random together, then sorted by length: little padding, and no order to learn."""


def train(
    model: TransformerModel,
    examples: Examples | Callable[[int], Examples],
    dev: Examples,
    settings: TrainingSettings,
    *,
    advance: Callable[[int, int, int], None] = lambda epoch, done, total: None,
    after: Callable[[Epoch], None] = lambda epoch: None,
    checkpoints: Checkpoints | None = None,
) -> list[Epoch]:
    """The epochs, in order; the model is trained in place and ends with the weights of the epoch best on ``dev``.

    ``examples`` may be a function that returns those of an epoch, as many in each.
    Best is the highest accuracy, then the lowest loss, then the earliest. ``advance`` is called with (epoch, done,
    steps) after each step, ``after`` with each epoch. With ``checkpoints`` training resumes after the last epoch stored
    there, and stores its state after each.
    """
    if not model.can_pad and settings.batch > 1:
        raise ModelError(f"model {model.name}: it has no padding token, so it can only be trained with --batch 1")
    of_epoch = examples if callable(examples) else lambda number: examples
    return learn(
        model.model,
        lambda number: TokenLessons(model, of_epoch(number)),
        lambda number, mean: _evaluate(model, dev, settings, number, mean),
        settings,
        name=model.name,
        advance=advance,
        after=after,
        checkpoints=checkpoints,
    )


def learn(
    net: Any,
    lessons: Callable[[int], Lessons],
    evaluate: Callable[[int, float], Epoch],
    settings: TrainingSettings,
    *,
    name: str,
    dropout: bool = True,
    patience: int | None = None,
    start: tuple[Epoch, ...] = (),
    advance: Callable[[int, int, int], None] = lambda epoch, done, total: None,
    after: Callable[[Epoch], None] = lambda epoch: None,
    checkpoints: Checkpoints | None = None,
) -> list[Epoch]:
    """The epochs, in order, of training a torch module in place; it ends with the weights of the best.

    ``lessons`` returns what an epoch of this number teaches, as many rows in each; ``evaluate`` the epoch, from its
    number and mean loss. Only parameters that require a gradient move. ``dropout``: whether layers behave as they do in
    training. ``patience``: how many epochs in a row may be no better than an earlier one before it stops. ``start``: an
    epoch numbered 0, of the weights as they are, which may be the best. Otherwise as `train`.
    """
    import torch

    moving = [parameter for parameter in net.parameters() if parameter.requires_grad]
    device = moving[0].device
    fused = device.type in {"cpu", "cuda"}  # one pass over all parameters; on a CPU seven times faster
    optimizer = torch.optim.AdamW(moving, lr=settings.rate, weight_decay=settings.weight_decay, fused=fused)
    state = State.start(net, start) if checkpoints is None else checkpoints.read() or State.start(net, start)
    state.restore(net, optimizer)
    lowered = settings.mixed and multiplies_bfloat16(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        for number in range(state.done + 1, settings.epochs + 1):
            if patience is not None and state.since_best >= patience:
                break
            seeds = np.random.SeedSequence([settings.seed, number])
            torch.manual_seed(int(seeds.generate_state(1)[0]))
            taught = lessons(number)
            order = batches(taught.lengths, settings.batch, np.random.default_rng(seeds))
            step, steps = (number - 1) * len(order), settings.epochs * len(order)
            net.train(dropout)
            total = 0.0
            for done, at in enumerate(order, 1):
                for group in optimizer.param_groups:
                    group["lr"] = settings.rate * rate_share(step, steps, settings)
                optimizer.zero_grad()
                step_loss = 0.0
                try:
                    for part, share in taught.parts(at):
                        with torch.autocast(device.type, torch.bfloat16, enabled=lowered):
                            logits = taught.logits(part)
                        logits = logits.float() if lowered else logits
                        part_loss = share * loss(logits, *taught.targets(part), settings)
                        if not torch.isfinite(part_loss):
                            raise ModelError(f"model {name}: the loss is {part_loss} in epoch {number}; lower --rate")
                        part_loss.backward()
                        step_loss += float(part_loss.detach())
                except torch.OutOfMemoryError as error:
                    raise ModelError(
                        f"model {name}: out of memory on {len(at)} items of up to "
                        f"{taught.lengths[at].max()} tokens; lower --batch"
                    ) from error
                torch.nn.utils.clip_grad_norm_(moving, settings.clip)
                optimizer.step()
                step += 1
                total += step_loss * len(at)
                advance(number, done, len(order))
            net.eval()
            epoch = evaluate(number, total / len(taught.lengths))
            state = state.after(epoch, net, optimizer)
            if checkpoints is not None:
                checkpoints.write(state)
            after(epoch)
    net.load_state_dict(state.best, strict=False)
    return list(state.curve)


def loss(logits: Any, gold: Any, soft: Any, settings: TrainingSettings) -> Any:
    """Mean over rows of hard * cross-entropy + (1 - hard) * T^2 * KL(soft at T || logits at T).

    logits [rows, labels]; gold codes [rows]; soft log-probabilities [rows, labels] (Hinton et al. 2015, section 2).
    """
    from torch.nn.functional import cross_entropy, kl_div, log_softmax

    T = settings.temperature
    parts = []
    if settings.hard > 0:
        parts.append(settings.hard * cross_entropy(logits, gold))
    if settings.hard < 1:
        ours, theirs = log_softmax(logits / T, dim=1), log_softmax(soft / T, dim=1)
        parts.append((1 - settings.hard) * T**2 * kl_div(ours, theirs, log_target=True, reduction="batchmean"))
    return sum(parts)


def multiplies_bfloat16(device: Any) -> bool:
    """Whether products in bfloat16 are the faster ones: on a GPU, and on processors with instructions for them."""
    import torch

    if device.type == "cuda":
        return True
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def batches(lengths: NDArray[np.int64], size: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Positions of all rows in a random order of batches of up to ``size`` rows of similar length."""
    order = rng.permutation(len(lengths))
    cut = []
    for start in range(0, len(order), CHUNK * size):
        chunk = order[start : start + CHUNK * size]
        chunk = chunk[np.argsort(lengths[chunk], kind="stable")]
        cut += [chunk[i : i + size] for i in range(0, len(chunk), size)]
    return [cut[i] for i in rng.permutation(len(cut))]


def rate_share(step: int, steps: int, settings: TrainingSettings) -> float:
    """The share of the full learning rate at a step, counted from 0."""
    warm = settings.warmup * steps
    if step < warm:
        return (step + 1) / (warm + 1)
    return max(0.0, (steps - step) / max(1.0, steps - warm)) if settings.decay else 1.0


def _evaluate(model: TransformerModel, dev: Examples, settings: TrainingSettings, number: int, mean: float) -> Epoch:
    """The epoch, with the model's loss and accuracy on dev when it predicts as in an audit."""
    import torch

    answers = model.answer(dev.rows)
    on_dev = loss(torch.from_numpy(answers).float(), *targets(dev, np.arange(len(answers)), "cpu"), settings)
    return Epoch(number, mean, float(on_dev), float((answers.argmax(axis=1) == dev.answers()).mean()))
