"""Explanations in 16 bits, if chosen: at least twice as fast on processors that support it, and always reported.

Predictions keep the model's own precision. The change of attributions is measured on some of the explained items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from trusteq.errors import OptionError
from trusteq.explain.attributions import attributions
from trusteq.explain.value_tables import planned
from trusteq.models.base import Finding
from trusteq.models.traits import traits_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.explain.explanation import Explanation
    from trusteq.explain.respondent import Respondent
    from trusteq.models.base import Model

Precision = Literal["own", "bfloat16", "float16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
LOW_TOLERANCE = 0.1
"""How far a probability of an unchanged item in 16 bits may be from the prediction."""
COMPARED = 16
"""Number of items that are also explained in the model's own precision."""


def in_precision(models: Sequence[Model], precision: Precision) -> list[Model]:
    """The models that answer changed items: these, or copies of them in a lower precision."""
    if precision == "own":
        return list(models)
    lowering = [traits_of(model).lowered for model in models]
    lowered = [model if lower is None else lower(precision) for model, lower in zip(models, lowering, strict=True)]
    if all(a is b for a, b in zip(models, lowered, strict=True)):
        names = ", ".join(model.name for model in models)
        raise OptionError(f"precision {precision} has no effect: no model ({names}) supports it")
    return lowered


def moved_by_precision(respondent: Respondent, number: int, explanation: Explanation) -> Finding:
    """How far the attributions of a model explained in 16 bits are from those in its own precision."""
    settings, compared = explanation.settings, range(min(COMPARED, len(explanation.units)))
    questions = [planned(explanation.units[i], explanation.plans[i], explanation.options[i]) for i in compared]
    full = respondent.tables(questions, perturb=settings.perturb, segments=explanation.segments)
    low = [explanation.tables[number][i] for i in compared]
    targets = explanation.targets[number]
    values = [np.stack([explanation.value(t[i], int(targets[i])) for t in (full, low)], axis=1) for i in compared]
    a, b = attributions([explanation.plans[i] for i in compared], values, "shapley")
    agreement = float(np.sum(a.whole * b.whole) / np.sqrt(np.sum(a.whole**2) * np.sum(b.whole**2)))
    moved = max(float(np.abs(np.exp(x) - np.exp(y)).max()) for x, y in zip(full, low, strict=True))
    changed = np.mean(np.concatenate([x.argmax(axis=1) != y.argmax(axis=1) for x, y in zip(full, low, strict=True)]))
    message = (
        f"explained in {settings.precision}: on {len(compared)} items, attributions agree with those in its own "
        f"precision to {agreement:.5f} (cosine), a probability moved by up to {moved:.2g}, "
        f"and {changed:.2%} of the answers changed"
    )
    return Finding(respondent.name, "precision", message, agreement)
