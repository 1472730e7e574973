"""The ladder: which candidates a search tries, as a table of methods and strengths, one after the other.

A rung is a chain of steps of `trusteq.compress`: what the first makes of the model, the second is used on, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from trusteq.compress.methods import CLASSIFIERS, GRAPHS, LANGUAGE_MODELS, MAKES_GRAPHS, METHODS, PICTURE_MODELS
from trusteq.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Step:
    """One use of a method. keep: the share of the model's layers to keep, for the option ``layers``."""

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    keep: float | None = None

    @property
    def name(self) -> str:
        """The method and the values of its options: "int4-weights-32"."""
        return "-".join((self.method, *(str(value) for value in self.options.values())))

    @property
    def learns(self) -> bool:
        """Whether it trains, which takes far longer than rounding."""
        method = METHODS.get(self.method)
        return method is None or method.learns or method.original

    @property
    def reads(self) -> bool:
        """Whether it needs items."""
        return self.learns or METHODS[self.method].calibrates


@dataclass(frozen=True)
class Rung:
    """A candidate to make: its steps. kinds: the kinds of models that it is for; all that its methods are for if empty.

    note: why it is tried only if it is asked for by name. given: the name of a candidate of the user's own, which has
    no steps.
    """

    steps: tuple[Step, ...]
    kinds: tuple[str, ...] = ()
    note: str = ""
    given: str = ""

    @property
    def name(self) -> str:
        """Its steps, the name of the candidate and of its folder: "int4-weights-32+heal"."""
        return self.given or "+".join(step.name for step in self.steps)

    @property
    def learns(self) -> bool:
        """Whether one of its steps trains."""
        return any(step.learns for step in self.steps)

    @property
    def parent(self) -> Rung | None:
        """The rung that its last step is used on; None if that is the model."""
        return Rung(self.steps[:-1]) if len(self.steps) > 1 else None

    @property
    def as_large_as_parent(self) -> bool:
        """Whether its last step leaves the size as it is, which is then known before it is made."""
        return len(self.steps) > 1 and self.steps[-1].method in MENDS


MENDS = ("heal", "calibrate")
"""Methods that bring a candidate nearer to its model without making it smaller."""

SAME_SIZE = "takes as much room as the model: zeros and factors are stored like other numbers"


def _step(method: str, keep: float | None = None, **options: Any) -> Step:
    return Step(method, options, keep)


FP16, BF16, ONNX8, HEAL = _step("fp16"), _step("bf16"), _step("int8-onnx"), _step("heal")
INT8, INT4, INT3 = _step("int8-weights"), _step("int4-weights", group=32), _step("int3-weights", group=32)
INT4_LANGUAGE, INT3_LANGUAGE = _step("int4-weights", group=128), _step("int3-weights", group=128)
THIN, SHALLOW, DEEP, HALF = (
    _step("prune-neurons", share=0.3),
    _step("drop-layers", keep=0.5),
    _step("distil", keep=0.75),
    _step("distil", keep=0.5),
)

CLASSES = (CLASSIFIERS, PICTURE_MODELS)
LADDER: tuple[Rung, ...] = (
    Rung((FP16,), CLASSES),
    Rung((BF16,), (LANGUAGE_MODELS,)),
    Rung((INT8,)),
    Rung((_step("int8-dynamic"),)),
    Rung((ONNX8,)),
    Rung((_step("int8-static"),)),
    Rung((INT4,), CLASSES),
    Rung((_step("int4-weights", group=64),)),
    Rung((INT4_LANGUAGE,), (LANGUAGE_MODELS,)),
    Rung((INT3,), CLASSES),
    Rung((INT3_LANGUAGE,), (LANGUAGE_MODELS,)),
    Rung((_step("int4-gptq", group=32),), (CLASSIFIERS,)),
    Rung((_step("int4-gptq", group=128),), (LANGUAGE_MODELS,)),
    Rung((FP16, INT8), CLASSES),
    Rung((FP16, INT4), CLASSES),
    Rung((BF16, INT8), (LANGUAGE_MODELS,)),
    Rung((BF16, INT4_LANGUAGE), (LANGUAGE_MODELS,)),
    Rung((ONNX8, _step("calibrate"))),
    Rung((FP16, INT4, HEAL), CLASSES),
    Rung((INT4, HEAL), CLASSES),
    Rung((INT3, HEAL), CLASSES),
    Rung((INT4_LANGUAGE, HEAL), (LANGUAGE_MODELS,)),
    Rung((INT3_LANGUAGE, HEAL), (LANGUAGE_MODELS,)),
    Rung((SHALLOW, HEAL, ONNX8), (CLASSIFIERS,)),
    Rung((THIN, HEAL, ONNX8), (CLASSIFIERS,)),
    Rung((HALF, ONNX8), (CLASSIFIERS,)),
    Rung((DEEP, ONNX8), (CLASSIFIERS,)),
    Rung((SHALLOW, HEAL), (CLASSIFIERS,)),
    Rung((THIN, HEAL), (CLASSIFIERS,)),
    Rung((HALF,), (CLASSIFIERS,)),
    Rung((DEEP,), (CLASSIFIERS,)),
    Rung((_step("prune-weights", share=0.3),), note=SAME_SIZE),
    Rung((_step("prune-weights", share=0.5),), note=SAME_SIZE),
    Rung((_step("prune-weights", share=0.5), HEAL), note=SAME_SIZE),
    Rung((_step("low-rank"),), note=SAME_SIZE),
    Rung((_step("prune-2of4"),), note=SAME_SIZE),
)
"""In the order of what they cost to make; those that train come last, roughly the smallest first."""


def ladder(kind: str, layers: int | None, methods: Sequence[str] | None = None) -> tuple[Rung, ...]:
    """The rungs for a model of this kind that has so many layers.

    ``methods``: only rungs of these methods, which may then be some that do not make a model smaller. layers None: they
    could not be counted, so that rungs that keep some of them are left out.
    """
    known = dict.fromkeys(step.method for rung in LADDER for step in rung.steps)
    for method in methods or ():
        if method not in known:
            raise OptionError(f"no rung of the ladder uses method {method!r}; choose from {', '.join(known)}")
    chosen: dict[str, Rung] = {}
    for rung in LADDER:
        wanted = not rung.note if methods is None else all(step.method in methods for step in rung.steps)
        if wanted and _fits(rung, kind) and (counted := _counted(rung, layers)):
            chosen.setdefault(counted.name, counted)
    if not chosen:
        raise OptionError(f"no rung of the ladder for {kind} uses only {', '.join(methods or ())}; name more methods")
    return tuple(chosen.values())


def _fits(rung: Rung, kind: str) -> bool:
    """Whether a rung is for this kind of model; what an ONNX graph is made of is not known before."""
    if rung.kinds and kind not in rung.kinds:
        return False
    at = kind
    for step in rung.steps:
        method = METHODS.get(step.method)
        if method is not None and at not in method.models:
            return False
        at = GRAPHS if step.method in MAKES_GRAPHS else at
    return True


def _counted(rung: Rung, layers: int | None) -> Rung | None:
    """The rung with numbers of layers in place of shares; None if it would keep all, or they could not be counted."""
    steps = []
    for step in rung.steps:
        if step.keep is not None:
            kept = 0 if layers is None else max(1, round(step.keep * layers))
            if layers is None or kept == layers:
                return None
            step = replace(step, options={**step.options, "layers": kept}, keep=None)
        steps.append(step)
    return replace(rung, steps=tuple(steps))
