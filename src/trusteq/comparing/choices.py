"""What choices alone have: the probability of all of them together, and the effect of their order.

A model's confidence in a choice is its probability *among* the choices. If the mass of all choices is small, that is a
statement about something that the model finds unlikely. The order effect is the total variation between the
probabilities in one order of the options and their mean over the orders asked: 0 for a model that reads the options,
large for one that prefers a letter (Zheng et al. 2024, arXiv 2309.03882).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.stats.difference import minus

if TYPE_CHECKING:
    from trusteq.comparing.answers import Pair
    from trusteq.stats.estimate import Estimate


def mass(pair: Pair) -> dict[str, Estimate]:
    """The mean probability of all choices together: of each model, and candidate minus reference."""
    return _means(pair, "mass", "mass", "probability of all choices together")


def order_effect(pair: Pair) -> dict[str, Estimate]:
    """The mean order effect: of each model, and candidate minus reference."""
    return _means(pair, "order-effect", "order_effect", "total variation between orders of the options")


def _means(pair: Pair, number: str, name: str, what: str) -> dict[str, Estimate]:
    reference, candidate = (model.outcomes.numbers[number] for model in (pair.reference, pair.candidate))
    mean = pair.resampling.mean
    return {
        f"{name}_reference": mean(reference, what=what),
        f"{name}_candidate": mean(candidate, what=what),
        f"{name}_difference": mean(minus(candidate, reference, terms=1.0), what=f"{what}, candidate minus reference"),
    }
