"""The methods of compression: what each does, where it lives, which options and packages it takes."""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from trusteq.errors import MissingExtraError, OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trusteq.compress.compressed import Compressed


@dataclass(frozen=True)
class Method:
    """One way to make a candidate; ``learns`` says that it is trained, on items."""

    summary: str
    home: str
    options: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    learns: bool = False

    def load(self, name: str) -> Callable[..., Compressed]:
        """The function that does it; an error names the package that it lacks."""
        for package in self.packages:
            if find_spec(package.replace("-", "_")) is None:
                raise MissingExtraError(f"method {name}", package=package)
        module, function = self.home.split(":")
        compressed: Callable[..., Compressed] = getattr(importlib.import_module(f"trusteq.compress.{module}"), function)
        return compressed


ONNX = ("onnx", "onnxruntime")
LEARNING = ("temperature", "hard", "epochs", "rate", "batch", "seed", "device")

METHODS: Mapping[str, Method] = {
    "fp16": Method("weights in 16 bits, 5 of them exponent", "sixteen_bits:fp16"),
    "bf16": Method("weights in 16 bits, 8 of them exponent", "sixteen_bits:bf16"),
    "int8-weights": Method("linear weights in 8 bits (torchao)", "rounded:int8_weights", packages=("torchao",)),
    "int8-dynamic": Method(
        "linear weights and activations in 8 bits (torchao)", "rounded:int8_dynamic", packages=("torchao",)
    ),
    "int4-weights": Method(
        "linear weights in 4 bits (compressed-tensors)", "packed:int4_weights", packages=("compressed-tensors",)
    ),
    "onnx": Method("the same model as an ONNX graph in float32", "onnx_graph:exported", packages=ONNX),
    "int8-onnx": Method("dynamic int8 in ONNX Runtime, embeddings too", "onnx_graph:int8", packages=ONNX),
    "prune-weights": Method("the smallest linear weights set to 0; size stays", "pruning:prune_weights", ("share",)),
    "prune-heads": Method("the smallest attention heads set to 0; size stays", "heads:prune_heads", ("share",)),
    "prune-neurons": Method("the smallest feed-forward neurons taken out", "neurons:prune_neurons", ("share",)),
    "drop-layers": Method("whole layers taken out", "dropped:drop_layers", ("layers", "drop")),
    "low-rank": Method("linear weights of lower rank (SVD); size stays", "low_rank:low_rank", ("rank",)),
    "distil": Method(
        "a smaller student, trained on --data to answer alike",
        "distil:distil",
        ("layers", "drop", "width", *LEARNING),
        learns=True,
    ),
}
"""By the name that --method takes; a new one is one file and one line here."""


@dataclass(frozen=True)
class Option:
    """One thing that can be said about a method, and which values it takes; ``ends`` says whether low and high do."""

    says: str
    kind: type = float
    low: float = -math.inf
    high: float = math.inf
    ends: bool = True
    choices: tuple[str, ...] = ()

    def checked(self, name: str, value: object) -> Any:
        """The value, or one clear line about why it will not do."""
        if self.kind is str:
            if not isinstance(value, str) or (self.choices and value not in self.choices):
                expected = " or ".join(self.choices) or "a text"
                raise OptionError(f"{name} must be {expected}, found {value!r}")
            return value
        whole = self.kind is int
        good = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if good:
            good = self.low <= value <= self.high if self.ends else self.low < value < self.high  # type: ignore[operator]
        if not good:
            between = (
                f"from {self.low:,g} to {self.high:,g}" if self.ends else f"between {self.low:g} and {self.high:g}"
            )
            raise OptionError(f"{name} must be a {'whole ' if whole else ''}number {between}, found {value!r}")
        return self.kind(value)


OPTIONS: Mapping[str, Option] = {
    "share": Option("What share goes, in every layer alike; default 0.5.", low=0, high=1, ends=False),
    "layers": Option("How many layers stay; default half of them.", int, 1, 1000),
    "drop": Option("Which layers go; default evenly: of half, every other.", str, choices=("evenly", "last", "first")),
    "rank": Option("The rank that stays; default half of the smaller side.", int, 1, 1_000_000),
    "width": Option("Hidden size of a student that starts at random, not from the model's layers.", int, 1, 1_000_000),
    "temperature": Option("Softens the answers that the student learns; default 2.", low=0, high=1000, ends=False),
    "hard": Option("Weight of the gold labels beside the model's answers; default 0.5, 0 without.", low=0, high=1),
    "epochs": Option("Times through the items; default 3.", int, 1, 10_000),
    "rate": Option("AdamW's learning rate at its peak; default 5e-5.", low=0, high=1, ends=False),
    "batch": Option("Items in one step; default 32.", int, 1, 1_000_000),
    "seed": Option("Seed of everything random; default 0.", int, 0, 2**63 - 1),
    "device": Option("Where to train, e.g. cuda; default the fastest there is.", str),
}
"""By the name that --NAME and the keyword of `make` have."""


def checked_options(method: str, given: Mapping[str, object]) -> dict[str, Any]:
    """The options that were given, each checked; one that the method does not take is refused."""
    if method not in METHODS:
        raise OptionError(f"method {method!r} is none; there are {', '.join(METHODS)}")
    takes = METHODS[method].options
    for name in given:
        if name not in OPTIONS:
            raise OptionError(f"option {name!r} is none; method {method} takes {', '.join(takes) or 'no options'}")
        if name not in takes:
            raise OptionError(f"{name} has no effect on method {method}; leave it out")
    return {name: OPTIONS[name].checked(name, value) for name, value in given.items()}
