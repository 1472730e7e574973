"""Training settings, and the named recipes. Light to import: the command line shows them in its help."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trusteq.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_VALID: Mapping[str, tuple[str, Callable[[float], bool]]] = {
    **dict.fromkeys(("epochs", "batch"), ("1 or more", lambda value: value >= 1)),
    **dict.fromkeys(("rate", "temperature"), ("a number above 0", lambda value: 0 < value < math.inf)),
    "weight_decay": ("a number from 0", lambda value: 0 <= value < math.inf),
    "clip": ("a number above 0", lambda value: value > 0),
    **dict.fromkeys(("warmup", "hard"), ("a number from 0 to 1", lambda value: 0 <= value <= 1)),
}


@dataclass(frozen=True)
class TrainingSettings:
    """How to train. Without soft targets only ``hard = 1`` makes sense.

    rate: AdamW's learning rate, reached after the share ``warmup`` of all steps; with ``decay`` it then falls to 0.
    hard: weight of the gold codes; the soft targets have weight 1 - hard, with all logits divided by ``temperature``.
    mixed: forward passes in bfloat16 on a device that multiplies in it (a GPU, or a processor with AVX512-BF16 or AMX);
    weights and their updates stay in float32, and on any other device everything does.
    """

    epochs: int = 3
    batch: int = 32
    rate: float = 5e-5
    weight_decay: float = 0.01
    clip: float = 1.0
    warmup: float = 0.0
    decay: bool = False
    hard: float = 1.0
    temperature: float = 1.0
    seed: int = 0
    mixed: bool = False

    def __post_init__(self) -> None:
        for name, (words, is_valid) in _VALID.items():
            if not is_valid(value := getattr(self, name)):
                raise OptionError(f"{name} must be {words}, found {value!r}")


PAPER = TrainingSettings(epochs=5, batch=32, rate=1e-5, weight_decay=0.0, clip=1.0)

RECIPES: Mapping[str, TrainingSettings] = {
    "paper-nli": PAPER,
    "paper-pi": replace(PAPER, epochs=10),
    "small-data": TrainingSettings(epochs=3, rate=1e-4, warmup=0.1, decay=True),
}
"""Those of arXiv 2508.13533 for inference (NLI) and paraphrases (PI); and one for a few thousand items."""
