"""Whether a model can be another one trained once more: made alike, and as accurate."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trusteq.stats.estimate import Estimate

ACCURACY = 0.01
"""The difference of accuracies beyond which a model is another one: the default policy's margin."""

MADE_OF = ("kind", "architecture", "parameters", "quantization")
"""What another training does not change, of what is known of how a model is made."""


def no_retraining(made: Mapping[str, object], reference: Mapping[str, object], accuracy: Estimate | None) -> str | None:
    """What shows that a model is not the reference trained once more; None where nothing does.

    ``made``, ``reference``: how each is made, as far as that is known. ``accuracy``: its accuracy less the
    reference's; None without labels.
    """
    for what in MADE_OF:
        own, wanted = made.get(what), reference.get(what)
        if own != wanted:
            return f"its {what} is {own or 'none'}, the reference's {wanted or 'none'}"
    if accuracy is not None and (accuracy.high < -ACCURACY or accuracy.low > ACCURACY):
        return f"its accuracy differs from the reference's by {accuracy}"
    return None
