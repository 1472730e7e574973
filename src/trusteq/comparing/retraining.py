"""Whether a model can be a retrained version of another one: the same architecture, and equally accurate."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trusteq.stats.estimate import Estimate

ACCURACY = 0.01
"""The difference in accuracy above which a model is not a retrained version: the default policy's margin."""

ARCHITECTURE = ("kind", "architecture", "parameters", "quantization")
"""The properties of a model that retraining does not change."""


def reason_not_retrained(
    model: Mapping[str, object], reference: Mapping[str, object], accuracy: Estimate | None
) -> str | None:
    """The reason why a model cannot be the retrained reference; None if there is none.

    ``model``, ``reference``: the known properties of each. ``accuracy``: the model's accuracy minus the reference's;
    None without labels.
    """
    for name in ARCHITECTURE:
        value, expected = model.get(name), reference.get(name)
        if value != expected:
            return f"its {name} is {value or 'none'}, the reference's is {expected or 'none'}"
    if accuracy is not None and (accuracy.high < -ACCURACY or accuracy.low > ACCURACY):
        return f"its accuracy differs from the reference's by {accuracy}"
    return None
