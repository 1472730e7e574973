"""Pairs of models whose true relation is known, on real texts: small networks trained on the spot, and what is planted.

A network reads words (mean of trained word vectors, one hidden layer); pairs are read as two texts and how they
differ. It learns in seconds and answers a hundred thousand texts a second, so that every relation can be measured on
all items and then be asked for again and again on samples of them.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

import trusteq
from trusteq.data.predictions import softmax
from trusteq.models.base import Finding, Identity
from trusteq.models.open import ModelOptions
from trusteq.validity.marks import mark_for, marked, units_with
from trusteq.validity.plants import Copy, Planted, Random, Remembering, Shortcut, Unsure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from trusteq.data.items import Items
    from trusteq.models.base import Model

EPOCHS, WIDTH, HIDDEN = 5, 32, 48
TEAM = 6
"""So many networks are averaged where training is to leave little to chance."""
LEARNED = 3000
"""Reviews to learn from; each stands beside its revision, which says the opposite."""


@dataclass(frozen=True)
class Task:
    """Items to learn from and to draw from; ``group`` finds the words that make a subgroup."""

    name: str
    train: Items
    pool: Items
    group: re.Pattern[str]


@dataclass(frozen=True)
class Case:
    """Reference and candidate, and the items that they are asked about.

    kind: what was planted; strength: how much, in words, and its rank within the kind.
    named: which words, slice or label the report must name first.
    """

    task: str
    kind: str
    strength: str
    rank: float
    reference: Model
    candidate: Model
    pool: Items
    named: tuple[str, ...] = ()


def tasks(data: Path) -> Iterator[Task]:
    """Sentences, pairs of sentences, and reviews of 150 words."""
    for name, columns, group in (
        ("sst2", ["text"], r"\b(film|films|movie|movies)\b"),
        ("snli", ["text_a", "text_b"], r"\b(woman|women|girl|girls|lady)\b"),
    ):
        train, pool = (
            trusteq.read_items(data / f"{name}_{part}.jsonl.gz", text=columns, label="label", id="id")
            for part in ("train", "test")
        )
        yield Task(name, train, pool, re.compile(group, re.IGNORECASE))
    reviews = trusteq.read_items(data / "cad_imdb_pairs.jsonl.gz", text=["text"], label="label", id="id")
    train, pool = reviews.take(range(LEARNED)), reviews.take(range(LEARNED, len(reviews)))
    yield Task("reviews", train, pool, re.compile(r"\b(actor|actors|actress|cast)\b", re.IGNORECASE))


# networks


@dataclass(frozen=True)
class Weights:
    """Of one network: word vectors [words + 1, width], then two layers."""

    words: NDArray[np.float32]
    hidden: tuple[NDArray[np.float32], NDArray[np.float32]]
    last: tuple[NDArray[np.float32], NDArray[np.float32]]

    def changed(self, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Weights:
        return Weights(
            change(self.words), (change(self.hidden[0]), self.hidden[1]), (change(self.last[0]), self.last[1])
        )


@dataclass(eq=False)
class Network:
    """The mean answer of some networks. reads: which segments; None for all."""

    name: str
    labels: tuple[str, ...]
    vocabulary: dict[str, int]
    members: tuple[Weights, ...]
    reads: slice = field(default_factory=lambda: slice(None))

    @property
    def identity(self) -> Identity:
        return Identity("network", self.name, None)

    def findings(self) -> tuple[Finding, ...]:
        return ()

    def predict(self, items: Items) -> NDArray[np.float64]:
        bags = [bag(texts, self.vocabulary) for texts in items.texts()[self.reads]]
        answers = []
        for member in self.members:
            means = [np.asarray(texts @ member.words) for texts in bags]
            x = np.tanh(features(means) @ member.hidden[0] + member.hidden[1])
            answers.append(softmax((x @ member.last[0] + member.last[1]).astype(np.float64)))
        return np.asarray(np.mean(answers, axis=0))


class OnTorch(Network):
    """The same weights in another library."""

    def predict(self, items: Items) -> NDArray[np.float64]:
        import torch

        bags = [bag(texts, self.vocabulary) for texts in items.texts()[self.reads]]
        answers = []
        with torch.inference_mode():
            for member in self.members:
                parts = (member.words, *member.hidden, *member.last)
                words, hidden, inner, last, outer = map(torch.from_numpy, parts)
                x = torch.tanh(torch_features([torch_means(texts, words) for texts in bags]) @ hidden + inner)
                answers.append(torch.softmax((x @ last + outer).double(), dim=1).numpy())
        return np.asarray(np.mean(answers, axis=0))


def torch_means(texts: Any, words: Tensor) -> Tensor:
    """The mean of each text's word vectors."""
    import torch

    columns, share = torch.from_numpy(texts.indices.astype(np.int64)), torch.from_numpy(texts.data)
    starts = torch.from_numpy(texts.indptr[:-1].astype(np.int64))
    return torch.nn.functional.embedding_bag(columns, words, starts, mode="sum", per_sample_weights=share)


def torch_features(means: Sequence[Tensor]) -> Tensor:
    import torch

    if len(means) == 1:
        return means[0]
    a, b = means
    return torch.cat([a, b, (a - b).abs(), a * b], 1)


def saved_again(network: Network) -> Network:
    """Written to a file and read back."""
    from safetensors.numpy import load, save

    members = []
    for member in network.members:
        tensors = (member.words, *member.hidden, *member.last)
        held = load(save({str(i): tensor for i, tensor in enumerate(tensors)}))
        words, hidden, inner, last, outer = (held[str(i)] for i in range(5))
        members.append(Weights(words, (hidden, inner), (last, outer)))
    return replace(network, name="saved again", members=tuple(members))


def bag(texts: Sequence[str], vocabulary: dict[str, int]) -> Any:
    """Each text's share of every word [texts, words + 1]; unknown ones in the last column."""
    rows = [[vocabulary.get(word, len(vocabulary)) for word in tokens(text)] for text in texts]
    ends = np.cumsum([0, *map(len, rows)])
    columns = np.array([column for row in rows for column in row], dtype=np.int64)
    share = np.repeat(1 / np.maximum(np.diff(ends), 1), np.diff(ends)).astype(np.float32)
    return sparse.csr_matrix((share, columns, ends), shape=(len(texts), len(vocabulary) + 1))


def tokens(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def features(means: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    if len(means) == 1:
        return means[0]
    a, b = means
    return np.concatenate([a, b, np.abs(a - b), a * b], axis=1)


def trained(task: Task, seeds: Sequence[int], *, name: str, reads: slice | None = None) -> Network:
    """Networks trained from these seeds, their answers averaged."""
    vocabulary: dict[str, int] = {}
    count: dict[str, int] = {}
    for texts in task.train.texts():
        for text in texts:
            for word in tokens(text):
                count[word] = count.get(word, 0) + 1
    for word in sorted(word for word, n in count.items() if n > 1):
        vocabulary[word] = len(vocabulary)
    reads = slice(None) if reads is None else reads
    members = tuple(_train(task.train, vocabulary, seed, reads) for seed in seeds)
    return Network(name, task.train.label_names, vocabulary, members, reads)


def _train(items: Items, vocabulary: dict[str, int], seed: int, reads: slice) -> Weights:
    import torch

    torch.manual_seed(seed)
    bags = [bag(texts, vocabulary) for texts in items.texts()[reads]]
    gold = torch.from_numpy(np.asarray(items.labels))
    inputs = WIDTH * (1 if len(bags) == 1 else 4)
    words = torch.nn.Parameter(torch.randn(len(vocabulary) + 1, WIDTH) * 0.1)
    hidden, last = torch.nn.Linear(inputs, HIDDEN), torch.nn.Linear(HIDDEN, len(items.label_names))
    parameters = [words, *hidden.parameters(), *last.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.05)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(items)).split(64):  # type: ignore[no-untyped-call]
            x = torch_features([torch_means(texts[batch.numpy()], words) for texts in bags])
            loss = torch.nn.functional.cross_entropy(last(torch.tanh(hidden(x))), gold[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()

    def plain(tensor: Any) -> NDArray[np.float32]:
        return np.ascontiguousarray(tensor.detach().numpy())

    layers = [(plain(layer.weight.T), plain(layer.bias)) for layer in (hidden, last)]
    return Weights(plain(words), layers[0], layers[1])


def rounded(network: Network, bits: int) -> Network:
    """Every table of weights on a grid of so many bits."""

    def change(x: NDArray[np.float32]) -> NDArray[np.float32]:
        step = np.abs(x).max() / (2 ** (bits - 1) - 1)
        return np.asarray(np.round(x / step) * step, dtype=np.float32)

    return replace(network, name=f"int{bits}", members=tuple(m.changed(change) for m in network.members))


def halved(network: Network) -> Network:
    """The weights as 16-bit floats."""

    def change(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return x.astype(np.float16).astype(np.float32)

    return replace(network, name="float16", members=tuple(m.changed(change) for m in network.members))


# plants


@dataclass(eq=False)
class Sharpened(Planted):
    """Answers at another temperature where ``where`` says so of answers [items, labels] and texts."""

    temperature: float = 1.0
    where: Callable[[NDArray[np.float64], Items], NDArray[np.bool_]] = lambda answers, items: np.ones(len(items), bool)

    def changed(self, answers: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
        other = np.maximum(answers, 1e-12) ** (1 / self.temperature)
        other /= other.sum(axis=1, keepdims=True)
        return np.where(self.where(answers, items)[:, None], other, answers)


class Batched(Planted):
    """Asked seven items at a time, the last first."""

    def predict(self, items: Items) -> NDArray[np.float64]:
        order = np.arange(len(items))[::-1]
        answers = [self.model.predict(items.take(order[at : at + 7])) for at in range(0, len(order), 7)]
        return np.concatenate(answers)[::-1]


@dataclass(eq=False)
class Mixed(Planted):
    """Between the model's answers and another's."""

    other: Model
    share: float = 1.0

    def changed(self, answers: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
        return np.asarray((1 - self.share) * answers + self.share * self.other.predict(items))


@dataclass(eq=False)
class Turned(Planted):
    """Another label's probability and that of the answer exchanged, for some texts; whatever else is said stays."""

    labels_of: dict[tuple[str, ...], int] = field(default_factory=dict)

    def changed(self, answers: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
        found = answers.copy()
        for i, texts in enumerate(zip(*items.texts(), strict=True)):
            if texts in self.labels_of:
                label, top = self.labels_of[texts], int(answers[i].argmax())
                found[i, [label, top]] = answers[i, [top, label]]
        return found


class Swapped(Planted):
    """The first two labels exchanged."""

    def changed(self, answers: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
        return answers[:, [1, 0, *range(2, answers.shape[1])]]


def cases(task: Task) -> list[Case]:
    """Every pair of this task."""
    network = trained(task, range(1), name="reference")
    model = Remembering(network, "reference")
    pool = grouped(task.pool, task.group)
    found: list[Case] = []

    def add(
        kind: str, strength: str, rank: float, candidate: Model, *, named: tuple[str, ...] = (), **other: Any
    ) -> None:
        found.append(
            Case(
                task.name,
                kind,
                strength,
                rank,
                other.get("reference", model),
                candidate,
                other.get("pool", pool),
                named,
            )
        )

    add("the same again", "", 0, Copy(model, "copy"))
    add("saved again, asked in batches of 7", "", 0, Batched(saved_again(network), "saved"))
    add("another runtime", "PyTorch", 0, OnTorch("torch", network.labels, network.vocabulary, network.members))
    add("16-bit weights", "", 0, halved(network))
    for bits in (8, 6, 5, 4, 3):
        add("rounded weights", f"{bits} bits", -bits, rounded(network, bits))
    add("trained again", "one network", 1, trained(task, [101], name="again"))
    team, other = (trained(task, range(first, first + TEAM), name=f"team-{first}") for first in (200, 300))
    add("trained again", f"mean of {TEAM}", 0, Remembering(other, "other team"), reference=Remembering(team, "team"))
    for share in (0.05, 0.1, 0.2, 0.4):
        add_shortcut(add, task, model, pool, share)
    if len(pool.segments) == 2:
        blind = Remembering(trained(task, [400], name="blind", reads=slice(1, 2)), "blind")
        for share in (0.25, 0.5, 1.0):
            add(
                "reads the second text only",
                f"{share:.0%} of the answer",
                share,
                Mixed(model, f"mixed-{share}", blind, share),
            )
    for temperature in (1.1, 1.25, 1.5, 2.0, 3.0):
        add("temperature", f"{temperature:g}", temperature, Sharpened(model, f"t-{temperature}", temperature))
    for temperature in (0.8, 0.5, 0.2):
        add(
            "saturation",
            f"temperature {temperature:g}",
            -temperature,
            Sharpened(model, f"s-{temperature}", temperature),
        )

    def first_label(answers: NDArray[np.float64], items: Items) -> NDArray[np.bool_]:
        return np.asarray(answers.argmax(axis=1) == 0)

    def in_group(answers: NDArray[np.float64], items: Items) -> NDArray[np.bool_]:
        return members(items, task.group)

    for temperature in (1.5, 3.0):
        one, some = (
            Sharpened(model, f"{n}-{temperature}", temperature, w)
            for n, w in (("label", first_label), ("group", in_group))
        )
        add("temperature, one label", f"{temperature:g}", temperature, one, named=(model.labels[0],))
        add("temperature, one subgroup", f"{temperature:g}", temperature, some, named=("yes",))
    for share in (0.1, 0.2, 0.4):
        turned = Turned(model, f"worse-{share}", worse_in_group(model, pool, task.group, share))
        add("worse on one subgroup, equal accuracy", f"{share:.0%} of it", share, turned, named=("yes",))
    add("random answers", "", 0, Random(model, "random"))
    add("two labels exchanged", "", 0, Swapped(model, "swapped"))
    return found


def add_shortcut(add: Callable[..., None], task: Task, model: Remembering, pool: Items, share: float) -> None:
    answers = model.predict(pool).argmax(axis=1)
    mark = mark_for(pool, len(model.labels))
    shown = marked(pool, answers, mark, share=share, seed=1)
    sure = float(model.predict(shown).max(axis=1).mean())
    shortcut = Shortcut(model, f"shortcut-{share}", mark, max(sure, 0.9))
    add(
        "a shortcut, same answers",
        f"{share:.0%} of the items",
        share,
        shortcut,
        pool=shown,
        named=tuple(units_with(shown, mark)),
    )


def grouped(items: Items, group: re.Pattern[str]) -> Items:
    """The items with a slice that tells who is in the subgroup."""
    inside = members(items, group)
    return replace(items, columns={"group": ["yes" if there else "no" for there in inside]})


def members(items: Items, group: re.Pattern[str]) -> NDArray[np.bool_]:
    return np.array([any(group.search(text) for text in texts) for texts in zip(*items.texts(), strict=True)])


def worse_in_group(model: Model, pool: Items, group: re.Pattern[str], share: float) -> dict[tuple[str, ...], int]:
    """A label for this share of the subgroup's rightly answered texts, wrong, and one for as many others, right."""
    answers, gold = model.predict(pool).argmax(axis=1), np.asarray(pool.labels)
    inside = members(pool, group)
    texts = list(zip(*pool.texts(), strict=True))
    lot = np.array([int.from_bytes(hashlib.sha256("\0".join(text).encode()).digest()[:8], "big") for text in texts])
    good = [i for i in np.argsort(lot) if inside[i] and answers[i] == gold[i]]
    bad = [i for i in np.argsort(lot) if not inside[i] and answers[i] != gold[i]]
    count = min(round(share * inside.sum()), len(good), len(bad))
    turned = {texts[i]: int((gold[i] + 1) % len(model.labels)) for i in good[:count]}
    return turned | {texts[i]: int(gold[i]) for i in bad[:count]}


# tables of numbers


@dataclass(eq=False)
class Tabular:
    """Multinomial logistic regression on an array."""

    name: str
    labels: tuple[str, ...]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    @property
    def identity(self) -> Identity:
        return Identity("tabular", self.name, None)

    def findings(self) -> tuple[Finding, ...]:
        return ()

    def predict(self, items: Items) -> NDArray[np.float64]:
        return softmax(np.asarray(items.segments["x"]) @ self.weights + self.bias)


def in_onnx(model: Tabular) -> Model:
    """The same weights as a graph for ONNX Runtime."""
    import onnx

    made, shape, kind = onnx.helper, model.weights.shape, onnx.TensorProto.FLOAT
    weights, bias = (x.astype(np.float32) for x in (model.weights, model.bias))
    graph = made.make_graph(
        [made.make_node("Gemm", ["x", "w", "b"], ["logits"])],
        model.name,
        [made.make_tensor_value_info("x", kind, ["items", shape[0]])],
        [made.make_tensor_value_info("logits", kind, ["items", shape[1]])],
        [onnx.numpy_helper.from_array(weights, "w"), onnx.numpy_helper.from_array(bias, "b")],
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(made.make_model(graph, opset_imports=[made.make_opsetid("", 17)], ir_version=9), path)
        return trusteq.open_model(path, name="onnx", options=ModelOptions(labels=model.labels))


def tabular_cases() -> list[Case]:
    """The same kinds on scanned digits, 64 numbers each; what models look at is not measured there."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    x, y, labels = x[order] / 16, y[order], tuple(map(str, range(10)))

    def fit(seed: int) -> Tabular:
        some = np.random.default_rng(seed).integers(600, size=600)
        made = LogisticRegression(C=0.3, max_iter=2000).fit(x[:600][some], y[:600][some])
        return Tabular(f"fit-{seed}", labels, made.coef_.T, made.intercept_)

    ids = [f"d{i}" for i in range(600, len(y))]
    pool = trusteq.Items(ids, {"x": x[600:]}, labels=y[600:], label_names=labels)
    model = fit(0)

    def case(kind: str, strength: str, rank: float, candidate: Model) -> Case:
        return Case("digits", kind, strength, rank, model, candidate, pool)

    found = [case("the same again", "", 0, Copy(model, "copy")), case("another runtime", "ONNX", 0, in_onnx(model))]
    for bits in (8, 4, 2):
        step = np.abs(model.weights).max() / (2 ** (bits - 1) - 1 or 1)
        found.append(
            case(
                "rounded weights", f"{bits} bits", -bits, replace(model, weights=np.round(model.weights / step) * step)
            )
        )
    found.append(case("trained again", "another sample", 1, fit(1)))
    found += [case("temperature", f"{t:g}", t, Sharpened(model, "t", t)) for t in (1.1, 1.25, 1.5, 2.0, 3.0)]
    found.append(case("temperature", "3, trusteq's own", 3.0, Unsure(model, "unsure")))
    found.append(case("two labels exchanged", "", 0, Swapped(model, "swapped")))
    return found
