"""What a study needs, checked before it starts, and what it would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.errors import MissingExtraError, StudyError
from trusteq.models.hub import is_cached
from trusteq.study.inputs import settings_of
from trusteq.study.plan import PRETRAINED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.study.plan import Study

GPU_RATE, PROCESSOR_RATE = 50e12, 50e9
"""Operations a second. Of a data-centre GPU in 16 bits, assumed: a fraction of its peak, because rows are short. Of one
processor core with AVX2, measured: 2,500 to 3,000 tokens a second through 10.6 million weights."""

FORWARD, TRAINING = 2, 6
"""Operations for each weight and token, in a forward pass and in a training step."""

MASKS_A_TOKEN, KEPT_SHARE = 4, 0.5
"""Perturbed texts in an audit for each token of an explained item, roughly; the share of the item that they keep."""

PROTOCOL = 3 * 1000 + 500
"""Perturbed texts in the published protocol for one item."""


def refuse_unmet_needs(study: Study, seeds: Sequence[int], *, download: bool, anyway: bool) -> None:
    """An error if something is missing; it says what, and what the study would cost."""
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"study {study.name}", "transformers") from error
    missing = []
    bases = [location for location in study.bases() if location not in PRETRAINED]
    absent = [location for location in bases if study.needs.hub and not is_cached(location)]
    if absent and not download:
        missing.append(f"{', '.join(absent)} from a hub (give --download)")
    if study.needs.gpu and not anyway and not torch.cuda.is_available():
        missing.append("a GPU, and torch finds none (give --anyway to run without one)")
    if missing:
        time = f"; it takes {cost(study, len(seeds))}" if study.needs.weights else ""
        raise StudyError(f"study {study.name} needs {' and '.join(missing)}{time}")


def cost(study: Study, seeds: int) -> str:
    """How long a study takes, in words; estimated from the weights that each token is multiplied with."""
    needs = study.needs
    operations = 0.0
    for name, plan in study.models.items():
        weights = needs.weights.get(name, 0.0) * 1e6
        if plan.train is not None:
            epochs = settings_of(study, plan, seed=0).epochs
            operations += TRAINING * weights * needs.tokens * needs.train_items * epochs
        explained = study.audit.explain_items * MASKS_A_TOKEN * needs.tokens
        explained += (study.audit.protocol_items or 0) * PROTOCOL
        operations += FORWARD * weights * needs.tokens * (needs.test_items + KEPT_SHARE * explained)
    return (
        f"about {_time(seeds * operations / GPU_RATE)} on one data-centre GPU, or "
        f"{_time(seeds * operations / PROCESSOR_RATE)} on one processor core"
    )


def _time(seconds: float) -> str:
    for unit, length in (("years", 31_557_600), ("days", 86_400), ("hours", 3600)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{max(seconds / 60, 2):,.0f} minutes"
