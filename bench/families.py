"""Do the findings hold beyond BERT? Four small families trained from scratch, each beside its control.

    python bench/families.py [--data ../shared/data] [--families roberta deberta gru cnn] [--seeds 3] [--items 200]

Every family is trained here on the 20,000 phrases of SST-2, from random weights: a RoBERTa-like and a DeBERTa-like
Transformer (4 layers of 128), a recurrent network (GRU in both directions) and a convolutional one (Kim 2014). They
read the same words. Candidates: 8 and 4 bits (to nearest, one scale a row), half of the weights pruned, half the width
trained on the reference's answers and on labels alone, and the control: the same network trained once more. All are
audited on the 1,821 test sentences. Cells are means over training seeds, with the lowest and the highest; intervals in
brackets are the first seed's, over items. Verdicts are the default policy's, one letter a seed.
"""

from __future__ import annotations

import argparse
import copy
import os
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import trusteq

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

DATA = Path(os.environ.get("TRUSTEQ_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
LONGEST, WORDS = 64, 8000
PAD, START, UNKNOWN = 1, 0, 2  # as RoBERTa numbers them
EPOCHS, BATCH, WIDTH = 4, 64, 128
MEASURES = (
    ("accuracy", "behaviour", "accuracy_candidate"),
    ("changed", "behaviour", "disagreement"),
    ("smooth ECE, difference", "calibration", "smooth_ece_difference"),
    ("LIME", "explanation", "alignment_lime"),
    ("Shapley", "explanation", "alignment_shapley"),
    ("top 10, LIME", "explanation", "jaccard_lime"),
)


@dataclass(frozen=True)
class Words:
    """The words that all networks know, by number."""

    number: dict[str, int]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Words:
        common = Counter(word for text in texts for word in cut(text)).most_common(WORDS)
        return cls({word: 3 + i for i, (word, _) in enumerate(common)})

    def ids(self, texts: Sequence[str]) -> torch.Tensor:
        """Numbers [texts, longest], padded at the end."""
        rows = [
            torch.tensor([START, *(self.number.get(word, UNKNOWN) for word in cut(text))][:LONGEST]) for text in texts
        ]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)


def cut(text: str) -> list[str]:
    return re.findall(r"[\w']+|[^\w\s]", text.lower())


class Transformer(nn.Module):
    """A Transformer of the library, its weights at random."""

    def __init__(self, kind: str, width: int) -> None:
        super().__init__()
        import transformers

        shape = {
            "vocab_size": WORDS + 3,
            "hidden_size": width,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "intermediate_size": 4 * width,
            "max_position_embeddings": LONGEST + 2,
            "pad_token_id": PAD,
            "num_labels": 2,
        }
        if kind == "roberta":
            self.net: Any = transformers.RobertaForSequenceClassification(transformers.RobertaConfig(**shape))
        else:
            relative = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
            config = transformers.DebertaV2Config(**shape, **relative, type_vocab_size=0)
            self.net = transformers.DebertaV2ForSequenceClassification(config)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        found: Any = self.net(input_ids=ids, attention_mask=(ids != PAD).long())
        logits: torch.Tensor = found.logits
        return logits


class Recurrent(nn.Module):
    """A GRU in both directions; its states' maximum over words decides."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS + 3, width, padding_idx=PAD)
        self.gru = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.drop, self.head = nn.Dropout(0.3), nn.Linear(2 * width, 2)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        here = ids != PAD
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embed(ids), here.sum(dim=1), batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=ids.shape[1])
        logits: torch.Tensor = self.head(self.drop(states.masked_fill(~here[:, :, None], -1e9).amax(dim=1)))
        return logits


class Convolutional(nn.Module):
    """Convolutions over 2, 3 and 4 words, each channel's maximum, one linear map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS + 3, width, padding_idx=PAD)
        self.convolutions = nn.ModuleList(nn.Conv1d(width, width, size, padding=size - 1) for size in (2, 3, 4))
        self.drop, self.head = nn.Dropout(0.3), nn.Linear(3 * width, 2)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x, words = self.embed(ids).transpose(1, 2), (ids != PAD).sum(dim=1)
        found = []
        for convolution in self.convolutions:
            y = functional.relu(convolution(x))
            beyond = torch.arange(y.shape[2]) >= words[:, None] + y.shape[2] - ids.shape[1]
            found.append(y.masked_fill(beyond[:, None], 0.0).amax(dim=2))
        logits: torch.Tensor = self.head(self.drop(torch.cat(found, dim=1)))
        return logits


FAMILIES: dict[str, tuple[Callable[[int], nn.Module], float]] = {
    "roberta": (lambda width: Transformer("roberta", width), 5e-4),
    "deberta": (lambda width: Transformer("deberta", width), 5e-4),
    "gru": (Recurrent, 2e-3),
    "cnn": (Convolutional, 1e-3),
}
"""How a network of some width is made, and its learning rate."""


@dataclass(frozen=True)
class Lessons:
    """What is learned from: rows of numbers, and their labels."""

    rows: list[torch.Tensor]
    gold: torch.Tensor


def trained(family: str, width: int, lessons: Lessons, *, seed: int, teacher: nn.Module | None = None) -> nn.Module:
    """A network trained from random weights, on labels or on a teacher's probabilities."""
    make, rate = FAMILIES[family]
    torch.manual_seed(seed)
    net = make(width)
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.01)
    order = torch.Generator().manual_seed(seed)
    steps = EPOCHS * (len(lessons.rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=steps, pct_start=0.1)
    net.train()
    for _ in range(EPOCHS):
        # Rows of like length together, as in any reader of texts: little padding.
        shuffled = torch.randperm(len(lessons.rows), generator=order).tolist()
        chunks = (shuffled[i : i + 50 * BATCH] for i in range(0, len(shuffled), 50 * BATCH))
        by_length = [i for chunk in chunks for i in sorted(chunk, key=lambda row: len(lessons.rows[row]))]
        batches = [by_length[i : i + BATCH] for i in range(0, len(by_length) - BATCH + 1, BATCH)]
        for number in torch.randperm(len(batches), generator=order).tolist():
            at = batches[number]
            ids = nn.utils.rnn.pad_sequence([lessons.rows[i] for i in at], batch_first=True, padding_value=PAD)
            target: Any = lessons.gold[at]
            if teacher is not None:
                with torch.no_grad():
                    target = teacher(ids).softmax(dim=1)
            loss = functional.cross_entropy(net(ids), target)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    net.eval()
    return net


def rounded(net: nn.Module, bits: int) -> nn.Module:
    """A copy whose weights lie on a grid of 2^bits - 1 steps, one scale a row."""

    def on_grid(x: torch.Tensor) -> torch.Tensor:
        rows = x.reshape(len(x), -1)
        scale = rows.abs().amax(dim=1, keepdim=True).clamp_min(1e-30) / (2 ** (bits - 1) - 1)
        near: torch.Tensor = ((rows / scale).round() * scale).reshape(x.shape)
        return near

    return changed(net, on_grid)


def pruned(net: nn.Module, share: float) -> nn.Module:
    """A copy without the smallest of each tensor's weights."""

    def cut_off(x: torch.Tensor) -> torch.Tensor:
        return torch.where(x.abs() > x.abs().flatten().kthvalue(int(share * x.numel())).values, x, 0.0)

    return changed(net, cut_off)


def changed(net: nn.Module, change: Callable[[torch.Tensor], torch.Tensor]) -> nn.Module:
    """A copy with every matrix changed; biases and norms stay."""
    made: nn.Module = copy.deepcopy(net)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim > 1:
                parameter.copy_(change(parameter))
    return made


def model(net: nn.Module, words: Words, labels: tuple[str, ...], name: str) -> Any:
    """A network as a model of texts."""

    def probabilities(texts: list[str]) -> NDArray[np.float64]:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        found = torch.empty(len(texts), len(labels), dtype=torch.float64)
        with torch.inference_mode():
            for start in range(0, len(order), 256):
                at = order[start : start + 256]
                found[at] = net(words.ids([texts[i] for i in at])).double().softmax(dim=1)
        return found.numpy()

    return trusteq.from_callable(probabilities, labels=labels, name=name)


def candidates(family: str, lessons: Lessons, seed: int) -> tuple[nn.Module, dict[str, nn.Module]]:
    """A reference, and what is made of it or beside it."""
    large = trained(family, WIDTH, lessons, seed=10 * seed)
    return large, {
        "trained again": trained(family, WIDTH, lessons, seed=10 * seed + 1),
        "8 bits": rounded(large, 8),
        "4 bits": rounded(large, 4),
        "half pruned": pruned(large, 0.5),
        "half as wide, distilled": trained(family, WIDTH // 2, lessons, seed=10 * seed + 2, teacher=large),
        "half as wide, labels": trained(family, WIDTH // 2, lessons, seed=10 * seed + 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--families", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--items", type=int, default=200, help="explained ones")
    parser.add_argument("--rows", type=int, default=20_000, help="phrases to train on")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    columns: dict[str, Any] = {"text": "text", "label": "label", "id": "id"}
    phrases = trusteq.read_items(asked.data / "text" / "sst2_phrases_train.jsonl.gz", **columns)
    test = trusteq.read_items(asked.data / "text" / "sst2_test.jsonl.gz", **columns)
    labels = ("negative", "positive")
    texts = list(phrases.texts()[0])[: asked.rows]
    words = Words.of(texts)
    rows = [row[row != PAD] for row in words.ids(texts)]
    lessons = Lessons(rows, torch.from_numpy(phrases.gold(labels))[: asked.rows])
    print(f"| family | model | {' | '.join(name for name, _, _ in MEASURES)} | verdict |")
    print("|---" * (len(MEASURES) + 3) + "|")
    for family in asked.families:
        started, audits = time.process_time(), []
        for seed in range(asked.seeds):
            large, others = candidates(family, lessons, seed)
            made = {name: model(net, words, labels, name) for name, net in others.items()}
            audits.append(
                trusteq.audit(
                    model(large, words, labels, family),
                    list(made.values()),
                    test,
                    explain=trusteq.ExplainSettings(items=asked.items),
                    costs="none",
                )
            )
        show(family, audits)
        print(f"{family}: {time.process_time() - started:.0f} s of the processor", file=sys.stderr, flush=True)


def show(family: str, audits: Sequence[Any]) -> None:
    """The family's rows: the reference, then each candidate over all seeds."""
    accuracy = [100 * audit.comparisons[0].measures["behaviour"]["accuracy_reference"].value for audit in audits]
    print(f"| {family} | reference | {spread(accuracy)} |{' |' * len(MEASURES)}")
    for number, first in enumerate(audits[0].comparisons):
        cells = []
        for name, dimension, measure in MEASURES:
            scale = 100 if name in ("accuracy", "changed") else 1
            found = [audit.comparisons[number].measures[dimension][measure] for audit in audits]
            one = found[0]
            cells.append(f"{spread([scale * e.value for e in found])} [{scale * one.low:.3g}, {scale * one.high:.3g}]")
        verdicts = "".join(audit.comparisons[number].verdict.outcome.value[0] for audit in audits)
        print(f"| {family} | {first.candidate.name} | {' | '.join(cells)} | {verdicts} |", flush=True)


def spread(values: Sequence[float]) -> str:
    """The mean; and the lowest and the highest, if there are several."""
    around = f" ({min(values):.3g} to {max(values):.3g})" if len(values) > 1 else ""
    return f"{np.mean(values):.3g}{around}"


if __name__ == "__main__":
    main()
