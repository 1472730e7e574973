"""The methods of compression: what each does, its function, its options and the packages it needs."""

from __future__ import annotations

import difflib
import importlib
import math
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from trusteq.errors import MissingExtraError, OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trusteq.compress.compressed import Compressed


CLASSIFIERS, LANGUAGE_MODELS = "classifiers", "language models"
PICTURE_MODELS, SOUND_MODELS, GRAPHS = "models of pictures", "models of sounds", "ONNX graphs"


@dataclass(frozen=True)
class Method:
    """One way to make a candidate.

    home: "module:function". learns: whether it trains, on items. calibrates: whether it rounds for these items.
    original: whether it brings a candidate nearer to the model that it was made from, which it then needs beside it.
    takes_rounded: whether it changes only the form of weights, so that they may be rounded already. models: the kinds
    that it applies to.
    """

    summary: str
    home: str
    options: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    learns: bool = False
    calibrates: bool = False
    original: bool = False
    takes_rounded: bool = False
    models: tuple[str, ...] = (CLASSIFIERS, LANGUAGE_MODELS, PICTURE_MODELS, SOUND_MODELS)

    @property
    def only(self) -> str:
        """The kinds that it applies to, in words."""
        *others, last = self.models
        return f"for {', '.join(others)} and {last} only" if others else f"for {last} only"

    @property
    def rounds(self) -> bool:
        """Whether what it makes is quantized in transformers' formats, so that it cannot be trained."""
        return self.packages in (TORCHAO, PACKED)

    def load(self, name: str) -> Callable[..., Compressed]:
        """The function that does it; an error if a package that it needs is missing."""
        for package in self.packages:
            if find_spec(package.replace("-", "_")) is None:
                raise MissingExtraError(f"method {name}", package=package)
        module, function = self.home.split(":")
        compress: Callable[..., Compressed] = getattr(importlib.import_module(f"trusteq.compress.{module}"), function)
        return compress


ONNX = ("onnx", "onnxruntime")
TORCHAO, PACKED = ("torchao",), ("compressed-tensors",)
ROUNDING = ("group", "outliers")
PERTURBED = ("perturb", "replace", "whole")
TRAINING = ("temperature", "hard", "epochs", "rate", "batch", "mixed", "seed", "device")

METHODS: Mapping[str, Method] = {
    "fp32": Method("weights in 32 bits, e.g. from a .gguf file", "precision:fp32"),
    "fp16": Method("weights in 16 bits, 5 of them exponent", "precision:fp16"),
    "bf16": Method("weights in 16 bits, 8 of them exponent", "precision:bf16"),
    "int8-weights": Method("linear weights in 8 bits (torchao)", "rounded:int8_weights", packages=TORCHAO),
    "int8-dynamic": Method(
        "linear weights and activations in 8 bits (torchao)", "rounded:int8_dynamic", packages=TORCHAO
    ),
    "int4-weights": Method(
        "linear weights in 4 bits, to nearest (compressed-tensors)", "packed:int4_weights", ROUNDING, PACKED
    ),
    "int3-weights": Method(
        "linear weights in 3 bits, to nearest (compressed-tensors)", "packed:int3_weights", ROUNDING, PACKED
    ),
    "int4-gptq": Method(
        "linear weights in 4 bits for the texts of --data (GPTQ)",
        "gptq:gptq",
        ("group",),
        PACKED,
        calibrates=True,
        models=(CLASSIFIERS, LANGUAGE_MODELS),
    ),
    "onnx": Method(
        "the same model as an ONNX graph in float32",
        "onnx_graph:exported",
        packages=ONNX,
        takes_rounded=True,
        models=(CLASSIFIERS, PICTURE_MODELS, SOUND_MODELS),
    ),
    "int8-onnx": Method(
        "dynamic int8 in ONNX Runtime, embeddings too",
        "onnx_int8:dynamic",
        packages=ONNX,
        models=(CLASSIFIERS, PICTURE_MODELS, SOUND_MODELS, GRAPHS),
    ),
    "int8-static": Method(
        "static int8 in ONNX Runtime, scaled for pictures of --data",
        "onnx_int8:static",
        ("calibrate",),
        ONNX,
        calibrates=True,
        models=(PICTURE_MODELS, GRAPHS),
    ),
    "prune-weights": Method(
        "the smallest weights of each map set to 0; same size",
        "pruning:prune_weights",
        ("share",),
    ),
    "prune-2of4": Method("2 of each 4 linear weights set to 0; same size", "pruning:prune_2of4"),
    "prune-heads": Method("the smallest attention heads set to 0; same size", "heads:prune_heads", ("share",)),
    "prune-neurons": Method("the smallest feed-forward neurons removed", "neurons:prune_neurons", ("share",)),
    "drop-layers": Method("whole layers removed", "dropped:drop_layers", ("layers", "drop")),
    "low-rank": Method("linear weights of lower rank (SVD); same size", "low_rank:low_rank", ("rank",)),
    "distil": Method(
        "a smaller student, trained on --data to give the same answers",
        "distil:distil",
        ("layers", "drop", "width", *TRAINING, *PERTURBED),
        learns=True,
        models=(CLASSIFIERS,),
    ),
    "heal": Method(
        "a candidate, trained on --data to answer as --original does",
        "heal:heal",
        ("rows", "minutes", "rate", "batch", "move", "rank", "merge", *PERTURBED, "seed", "device"),
        learns=True,
        original=True,
    ),
    "calibrate": Method(
        "a candidate's probabilities mapped toward --original's",
        "calibrate:calibrate",
        ("map",),
        calibrates=True,
        original=True,
        models=(CLASSIFIERS, PICTURE_MODELS, SOUND_MODELS, GRAPHS),
    ),
}
"""By the name that --method takes; a new method is one file and one line here."""

MAKES_GRAPHS = ("onnx", "int8-onnx", "int8-static")
"""Methods whose candidate is an ONNX graph, whatever they are used on."""


@dataclass(frozen=True)
class Option:
    """An option of a method, its help text and the values it takes. inclusive: whether low and high are allowed."""

    help: str
    kind: type = float
    low: float = -math.inf
    high: float = math.inf
    inclusive: bool = True
    choices: tuple[str, ...] = ()

    def checked(self, name: str, value: object) -> Any:
        """The value; an error if the option does not take it."""
        if self.kind is bool:
            if not isinstance(value, bool):
                raise OptionError(f"{name} must be true or false, found {value!r}")
            return value
        if self.kind is str:
            if not isinstance(value, str) or (self.choices and value not in self.choices):
                expected = " or ".join(self.choices) or "a text"
                raise OptionError(f"{name} must be {expected}, found {value!r}")
            return value
        is_whole = self.kind is int
        valid = isinstance(value, int if is_whole else (int, float)) and not isinstance(value, bool)
        if valid:
            valid = self.low <= value <= self.high if self.inclusive else self.low < value < self.high  # type: ignore[operator]
        if not valid:
            between = (
                f"from {self.low:,g} to {self.high:,g}" if self.inclusive else f"between {self.low:g} and {self.high:g}"
            )
            raise OptionError(f"{name} must be a {'whole ' if is_whole else ''}number {between}, found {value!r}")
        return self.kind(value)


OPTIONS: Mapping[str, Option] = {
    "share": Option("Share to remove, the same in every layer; default 0.5.", low=0, high=1, inclusive=False),
    "group": Option("Weights that share a scale; default 32, for language models 128, or fewer.", int, 8, 4096),
    "outliers": Option("Share of weights, the largest, kept in 16 bits; same size.", low=0, high=1, inclusive=False),
    "calibrate": Option("How many of the items to calibrate on, evenly spaced; default 100.", int, 1, 100_000),
    "layers": Option("How many layers to keep; default half of them.", int, 1, 1000),
    "drop": Option(
        "Which layers to remove; default evenly (of half, every other).", str, choices=("evenly", "last", "first")
    ),
    "rank": Option(
        "low-rank: the rank to keep, default half of the smaller side. heal: the rank of corrections (LoRA) that move "
        "instead of the weights.",
        int,
        1,
        1_000_000,
    ),
    "merge": Option("Add them into the weights, if these are plain; default: keep them as an adapter.", bool),
    "width": Option(
        "Hidden size of a student that starts at random instead of from the model's layers.", int, 1, 1_000_000
    ),
    "temperature": Option("Softens the answers that the student learns; default 1.", low=0, high=1000, inclusive=False),
    "hard": Option("Weight of gold labels versus the model's answers; default 0.", low=0, high=1),
    "epochs": Option("Passes through the items; default 3.", int, 1, 10_000),
    "rows": Option("How many rows to heal on, over all rounds; default 6400.", int, 1, 1_000_000_000),
    "minutes": Option(
        "Heal about so long: as many rows as fit, by timing the first.", low=0, high=100_000, inclusive=False
    ),
    "move": Option(
        "What may move: biases, norms and head (small); scales of rounded weights too; or all that need not stay. "
        "Default small for rounded weights, else all.",
        str,
        choices=("small", "scales", "all"),
    ),
    "perturb": Option(
        "Share of rows with words (of pictures tiles, of sounds stretches) left out, as an explainer leaves them out; "
        "then no labels are used.",
        low=0,
        high=1,
        inclusive=False,
    ),
    "replace": Option(
        "What stands in for them: remove (default), mask, or a text; of pictures also neighbours or mean.", str
    ),
    "whole": Option("Perturbed rows come on top; no whole text makes room for them.", bool),
    "rate": Option(
        "AdamW's learning rate at its peak; default 5e-5, to heal 3e-4 (small, scales), 1e-4 (all) or 1e-3 (--rank, "
        "and small in language models).",
        low=0,
        high=1,
        inclusive=False,
    ),
    "batch": Option("Items in one step; default 32, to heal language models 8.", int, 1, 1_000_000),
    "mixed": Option("Forward passes of the student in bfloat16, on GPUs and processors that multiply in it.", bool),
    "map": Option(
        "The map of probabilities; default auto, the simplest of the next three that no richer one beats.",
        str,
        choices=("auto", "temperature", "vector", "isotonic", "matched"),
    ),
    "seed": Option("Seed of everything random; default 0.", int, 0, 2**63 - 1),
    "device": Option("Where to train, e.g. cuda; default the fastest there is.", str),
}
"""By name: --NAME on the command line, NAME= in `make`."""


def checked_options(method: str, options: Mapping[str, object]) -> dict[str, Any]:
    """The options with checked values; an error for one that the method does not take."""
    if method not in METHODS:
        near = [name for name in METHODS if name.startswith(method)] or difflib.get_close_matches(method, METHODS, n=1)
        hint = f"; did you mean {' or '.join(near)}?" if method and near else ""
        raise OptionError(f"unknown method {method!r}{hint}; choose from {', '.join(METHODS)}")
    allowed = METHODS[method].options
    for name in options:
        if name not in OPTIONS:
            raise OptionError(f"unknown option {name!r}; method {method} takes {', '.join(allowed) or 'no options'}")
        if name not in allowed:
            raise OptionError(f"{name} has no effect on method {method}; leave it out")
    checked = {name: OPTIONS[name].checked(name, value) for name, value in options.items()}
    _refuse_conflicts(**checked)
    return checked


def _refuse_conflicts(
    *,
    rows: int | None = None,
    minutes: float | None = None,
    rank: int | None = None,
    move: str | None = None,
    merge: bool = False,
    width: int | None = None,
    drop: str | None = None,
    hard: float = 0.0,
    perturb: float | None = None,
    replace: str | None = None,
    whole: bool = False,
    **_: object,
) -> None:
    """An error for options that cannot be followed together, or have no effect without another."""
    if rows is not None and minutes is not None:
        raise OptionError("rows and minutes both say how long to train; give one of them")
    if merge and rank is None:
        raise OptionError("merge has no effect without rank, the rank of the corrections that are merged")
    if move is not None and rank is not None:
        raise OptionError("move has no effect with rank, since only corrections move; leave one of them out")
    if width is not None and drop is not None:
        raise OptionError("drop has no effect with width, which starts from no layer of the model; leave one out")
    if perturb is not None and hard:
        raise OptionError(f"hard {hard:g}: perturbed texts have no labels to learn from; leave it out, or perturb")
    if perturb is None and (replace is not None or whole):
        name = "whole" if replace is None else "replace"
        raise OptionError(f"{name} has no effect without perturb, the share of rows with units left out")
