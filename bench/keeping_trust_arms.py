"""The models of the study: teachers, and what is made of each: students, rounded and pruned models, healed ones."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

import numpy as np
import torch

import trusteq
import trusteq.compress
from trusteq.compress.compressed import checkpoint
from trusteq.compress.heal import PATIENCE, WARMUP, Round, rounds_of, save_healed
from trusteq.compress.original import Original
from trusteq.compress.perturbed import Perturbing
from trusteq.compress.pupil import TextReader, pupil_of
from trusteq.compress.student import from_layers
from trusteq.compress.trainee import trainee
from trusteq.demo.fetch import minilm
from trusteq.errors import ModelError
from trusteq.models.transformer import TransformerModel
from trusteq.train import RECIPES, TrainingSettings, fine_tune
from trusteq.train.checkpoints import Epoch
from trusteq.train.lessons import TokenLessons
from trusteq.train.loop import learn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.train.lessons import Lessons, Parts

TASKS = {"snli": (("text_a", "text_b"), 500), "qqp": (("text_a", "text_b"), 300), "sst2": (("text",), 500)}
"""The columns that models read, and how many rows of the training file are set aside to tune and to stop by."""
LAYERS = 3
STOP = 300
"""Development items by which a healed model's best round is chosen."""


@dataclass(frozen=True)
class Arm:
    """What a model learns from. start: the model that is healed, None for a student.

    hard, temperature: as in `TrainingSettings`. perturb, whole: as in `compress.perturbed.Perturbing`. attributions:
    weight of the distance of gradient attributions. times: rows, as a multiple of the other arms'. as_long_as: the arm
    whose seconds it gets, in place of its rows. like: the arm whose learning rate and seconds a row it has. rate: the
    learning rate, if none is tried. rank: of the low-rank corrections that are trained in place of the model's own
    tensors.
    """

    name: str
    start: str | None = None
    hard: float = 0.0
    temperature: float = 1.0
    perturb: float | None = None
    whole: bool = False
    attributions: float = 0.0
    times: float = 1.0
    as_long_as: str | None = None
    like: str | None = None
    rate: float | None = None
    rank: int | None = None


STUDENTS = (
    Arm("labels", hard=1.0),
    Arm("kd"),
    Arm("kd, T = 2, and labels", hard=0.5, temperature=2.0),
    Arm("perturbed, halved", perturb=0.5),
    Arm("perturbed, kept", perturb=0.5, whole=True, like="perturbed, halved"),
    Arm("kd, rows of kept", times=2.0, like="kd"),
    Arm("kd, seconds of kept", as_long_as="perturbed, kept", like="kd"),
    Arm("perturbed, halved, seconds of kd", perturb=0.5, as_long_as="kd", like="perturbed, halved"),
    Arm("kd, 6,400 rows", times=8 / 3, like="kd"),
    Arm("perturbed, halved, 6,400 rows", perturb=0.5, times=8 / 3, like="perturbed, halved"),
    Arm("attributions", attributions=1.0),
    Arm("attributions, seconds of kd", attributions=1.0, as_long_as="kd", like="attributions"),
)
COMPRESSED: dict[str, tuple[str, dict[str, Any]]] = {
    "int4": ("int4-weights", {}),
    "pruned": ("prune-weights", {"share": 0.5}),
}
GPTQ = "int4-gptq"
"""Made by bench/keeping_trust_gptq.py, which needs an environment of its own."""
TAUGHT: dict[str, dict[str, Any]] = {"labels": {"hard": 1.0}, "kd": {}, "perturbed": {"perturb": 0.5}}
HEALED = tuple(
    Arm(f"{start}, healed by {how}", start, **settings) for start in COMPRESSED for how, settings in TAUGHT.items()
)
BY_DEFAULT = Arm("int4, healed by kd, by default", "int4", times=2.0, rate=3e-4)
"""As ``--method heal`` does it if nothing else is said: 6,400 rows."""
CORRECTED = Arm("int4, corrected by kd", "int4", times=2.0, rank=8, rate=1e-3)
"""With ``--rank 8``; the rate was the better of two tried on SNLI's first teacher, by KL on development items."""
HEALED_GPTQ = Arm(f"{GPTQ}, healed by kd", GPTQ, like="int4, healed by kd")
RATES = {
    None: (1e-4, 2e-4, 4e-4),
    "int4": (1e-4, 3e-4, 1e-3),
    "pruned": (5e-5, 1e-4, 2e-4, 4e-4),
}
"""The learning rates tried, by what is trained: students, rounded models, and pruned ones, whose weights move too."""


@dataclass(frozen=True)
class Data:
    """The items of a task: to learn from, to tune and stop by, and to measure on."""

    learn: Items
    dev: Items
    test: Items


@cache
def data_of(folder: Path, task: str) -> Data:
    """Those of the files; the development part is drawn from the training file, the same for all."""
    columns, count = TASKS[task]
    train, test = (
        trusteq.read_items(folder / f"{task}_{part}.jsonl.gz", text=list(columns), label="label", id="id")
        for part in ("train", "test")
    )
    order = np.random.default_rng(0).permutation(len(train))
    return Data(train.take(np.sort(order[count:])), train.take(np.sort(order[:count])), test)


LEARNING = ((TokenLessons, "logits"), (TextReader, "answers"), (Original, "answers"))
ANSWERING = ((TransformerModel, "answer"),)


@contextmanager
def in_bfloat16(methods: Sequence[tuple[Any, str]]) -> Iterator[None]:
    """Within the context, these methods run forward passes in bfloat16; weights and updates stay in float32.

    Three times as fast where the processor multiplies in bfloat16.
    """
    with ExitStack() as stack:
        for owner, name in methods:
            stack.enter_context(patch.object(owner, name, _lowered(getattr(owner, name))))
        yield


def _lowered(method: Any) -> Any:
    def lowered(self: Any, *arguments: Any, **named: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return method(self, *arguments, **named)

    return lowered


def make_teacher(data: Data, seed: int, out: Path) -> None:
    """MiniLM, fine-tuned."""
    settings = replace(RECIPES["small-data"], seed=seed)
    with in_bfloat16(LEARNING):
        fine_tune(minilm(), items=data.learn, dev=data.dev, out=out, settings=settings, device="cpu")


def opened(folder: Path) -> TransformerModel:
    """The model of a folder."""
    return cast("TransformerModel", trusteq.open_model(folder, options=trusteq.ModelOptions(device="cpu")))


@dataclass(frozen=True)
class WithGold:
    """Lessons about items whose gold codes are known [rows]."""

    lessons: Lessons
    gold: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        return self.lessons.lengths

    def parts(self, at: NDArray[np.int64]) -> Parts:
        return self.lessons.parts(at)

    def logits(self, at: NDArray[np.int64]) -> Any:
        return self.lessons.logits(at)

    def targets(self, at: NDArray[np.int64]) -> tuple[Any, Any]:
        return torch.from_numpy(self.gold[at]), self.lessons.targets(at)[1]


class Beside(torch.autograd.Function):
    """Logits, with a further loss whose gradient is added to that of the logits' own."""

    @staticmethod
    def forward(ctx: Any, logits: Any, further: Any) -> Any:
        return logits.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return gradient, torch.ones(())


@dataclass(frozen=True)
class WithAttributions:
    """Lessons in which the student also learns which tokens the teacher's answer rests on.

    The loss of AD-KD (Wu et al. 2023) with one step of integrated gradients: per token, the length of gradient times
    embedding of -log p of the teacher's answer, scaled to length 1 over the tokens of a row; the squared distance of
    both models', summed over tokens. The published loss adds up all labels and cuts the teacher's embeddings to their
    largest entries.
    """

    lessons: Any
    net: Any
    teacher: TransformerModel
    weight: float

    @property
    def lengths(self) -> NDArray[np.int64]:
        return self.lessons.lengths  # type: ignore[no-any-return]

    def parts(self, at: NDArray[np.int64]) -> Parts:
        return self.lessons.parts(at)  # type: ignore[no-any-return]

    def targets(self, at: NDArray[np.int64]) -> tuple[Any, Any]:
        return self.lessons.targets(at)  # type: ignore[no-any-return]

    def logits(self, at: NDArray[np.int64]) -> Any:
        reading = self.lessons.reading
        inputs = reading.model.inputs(reading.examples.rows, self.lessons.rows[at])
        answer = self.targets(at)[1].argmax(dim=1)
        _, theirs = saliency(self.teacher.model, inputs, answer)
        logits, ours = saliency(self.net, inputs, answer, create_graph=True)
        further = self.weight * (ours - theirs.detach()).square().sum(dim=1).mean()
        return Beside.apply(logits, further)  # type: ignore[no-untyped-call]


def saliency(net: Any, inputs: dict[str, Any], answer: Any, *, create_graph: bool = False) -> tuple[Any, Any]:
    """Logits [rows, labels]; and how far each token moves -log p of the answer [rows, tokens], of length 1 a row."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
        found = net(**inputs, output_hidden_states=True)
        logits, embedded = found.logits.float(), found.hidden_states[0]
    with sdpa_kernel(SDPBackend.MATH):
        lost = torch.nn.functional.cross_entropy(logits, answer, reduction="sum")
        (gradient,) = torch.autograd.grad(lost, [embedded], create_graph=create_graph)
    moved = (gradient * embedded * inputs["attention_mask"][:, :, None]).square().sum(dim=2)
    return logits, torch.nn.functional.normalize((moved + 1e-12).sqrt(), dim=1)


@dataclass(frozen=True)
class Made:
    """A trained model's cost and its nearness to the teacher on dev.

    save: writes it to a folder; None where it is written already. curve: the rounds of healing.
    """

    save: Callable[[Path], None] | None
    rows: int
    seconds: float
    dev_kl: float
    dev_disagreement: float
    curve: tuple[Any, ...] = ()


def student(teacher: TransformerModel, data: Data, arm: Arm, *, rows: int, rate: float, seed: int) -> Made:
    """A student of half the teacher's layers, as it is after the last of so many rows."""
    torch.manual_seed(seed)
    net, _ = from_layers(teacher, LAYERS, "evenly")
    of_all = range(1 + rows // len(data.learn))
    passes = [np.random.default_rng([seed, number]).permutation(len(data.learn)) for number in of_all]
    positions = np.concatenate(passes)[:rows]
    used, at = np.unique(positions, return_inverse=True)
    items = data.learn.take(used)
    settings = TrainingSettings(
        epochs=1, rate=rate, warmup=WARMUP, decay=True, hard=arm.hard, temperature=arm.temperature, seed=seed
    )
    original = Original(teacher, np.arange(len(teacher.labels)))
    perturbing = None if arm.perturb is None else Perturbing(arm.perturb, whole=arm.whole, seed=seed)
    pupil: Any = pupil_of(teacher, net, original, perturbing, "student")
    started = time.process_time()
    if arm.hard == 1:
        pupil.known[items.content()] = np.zeros((len(items), len(teacher.labels)))  # not asked, and not learned from
    lessons: Any = pupil.lessons(items, at, 1)
    count = len(lessons.lengths)
    if arm.hard:
        lessons = WithGold(lessons, gold_of(items, teacher)[at])
    if arm.attributions:
        lessons = WithAttributions(lessons, net, teacher, arm.attributions)
    learn(net, lambda number: lessons, lambda number, mean: Epoch(number, mean, mean, 0.0), settings, name=arm.name)
    seconds = time.process_time() - started
    kl, agreement = pupil.compared(data.dev)
    return Made(checkpoint(teacher, net).save, count, seconds, kl, 1 - agreement)


def gold_of(items: Items, model: TransformerModel) -> NDArray[np.int64]:
    """The items' gold codes, which all of them have."""
    return cast("NDArray[np.int64]", items.gold(model.labels))


def compress(teacher: Path, how: str, out: Path) -> None:
    """The teacher's weights rounded or pruned, without any training."""
    method, options = COMPRESSED[how]
    trusteq.compress.make(teacher, method=method, out=out, **options)


def healed(folder: Path, teacher: Path, data: Data, arm: Arm, *, rows: int, rate: float, seed: int, out: Path) -> Made:
    """The model healed by the product, in ``out``; nothing is there if no round came nearer to the teacher."""
    options: dict[str, Any] = {name: given for name in ("perturb", "rank") if (given := getattr(arm, name)) is not None}
    dev = data.dev.take(np.arange(STOP))
    started = time.process_time()
    try:
        made = trusteq.compress.make(
            folder,
            method="heal",
            original=teacher,
            items=data.learn,
            dev=dev,
            audit=False,
            rows=rows,
            rate=rate,
            seed=seed,
            device="cpu",
            out=out,
            **options,
        )
    except ModelError as error:
        if "nearer" not in str(error):
            raise
        return Made(None, rows, time.process_time() - started, float("inf"), 1.0, (str(error),))
    seconds = time.process_time() - started
    curve = made.recipe["curve"]
    best = min(curve, key=lambda epoch: epoch["dev_loss"])
    return Made(None, made.recipe["rows"], seconds, best["dev_loss"], 1 - best["dev_accuracy"], tuple(curve))


def healed_by_labels(
    folder: Path, teacher: Path, data: Data, arm: Arm, *, rows: int, rate: float, seed: int, out: Path
) -> Made:
    """The same rounds, kept parts and stopping, but labels to learn from and, on dev, to choose the round by."""
    source, original = opened(folder), opened(teacher)
    dev = data.dev.take(np.arange(STOP))
    started = time.process_time()
    learner = trainee(source)
    learner.may_move(None, source)
    pupil: Any = pupil_of(source, learner.net, Original(original, np.arange(len(original.labels))), None, "heal")
    rounds = rounds_of(len(data.learn), rows, seed)
    gold, dev_gold = gold_of(data.learn, source), gold_of(dev, source)
    pupil.known[data.learn.content()] = np.zeros((len(data.learn), len(source.labels)))  # not asked, not learned from
    settings = TrainingSettings(
        epochs=len(rounds), rate=rate, weight_decay=0.0, warmup=WARMUP, decay=True, hard=arm.hard, seed=seed
    )

    def evaluate(number: int, mean: float) -> Epoch:
        answers = pupil.reader.answers(dev)
        lost = -answers[np.arange(len(dev_gold)), dev_gold].mean()
        return Round(number, mean, float(lost), float((answers.argmax(axis=1) == dev_gold).mean()))

    torch.manual_seed(seed)
    curve = learn(
        learner.net,
        lambda number: WithGold(pupil.lessons(data.learn, rounds[number - 1], number), gold[rounds[number - 1]]),
        evaluate,
        settings,
        name=source.name,
        dropout=False,
        patience=PATIENCE,
    )
    seconds = time.process_time() - started
    kl, agreement = pupil.compared(dev)

    def save(into: Path) -> None:
        save_healed(source.files, learner, learner.moved(), into)

    return Made(save, sum(map(len, rounds[: len(curve)])), seconds, kl, 1 - agreement, tuple(map(asdict, curve)))
