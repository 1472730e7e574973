"""What is said of models that were trained on the explainer's perturbations: alignment may flatter them.

Attributions are linear in the answers to changed items, so a model that was trained on items with words left out was
trained on what alignment measures. Only a recipe tells: of files of predictions nothing is known, and nothing is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.explain.words import MASK, REMOVE
from trusteq.models.base import Finding
from trusteq.models.made import told_in
from trusteq.record.advice import Advice
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trusteq.explain.explanation import ExplainSettings
    from trusteq.models.base import Identity
    from trusteq.models.made import Perturbed
    from trusteq.verdict import Verdict

KIND = "trained on the explainer's perturbations"
"""The kind of the finding."""


def perturbed_training(name: str, identity: Identity) -> Iterator[Finding]:
    """A finding if the model was trained on items with units left out: in which share of the rows, and how."""
    trainings = told_in(identity.details)
    if trainings:
        parts = [f"{100 * one.share:.3g}% of the rows {_had(one)}" for one in trainings]
        message = (
            f"was {KIND}: {'; in another training, '.join(parts)}; alignment that is measured in the same way may be "
            "flattered"
        )
        yield Finding(name, KIND, message, max(one.share for one in trainings))


def _had(training: Perturbed) -> str:
    return f"that it learned from had {left_out(training.units, training.replace)}"


def left_out(units: str, replacement: str) -> str:
    """Units, and what stood in for those left out, in words."""
    names = units.replace("-", " ")
    if replacement == REMOVE:
        return f"{names} left out"
    return f"{names} replaced by {'the mask token' if replacement == MASK else repr(replacement)}"


def flattered(identity: Identity, settings: ExplainSettings | None) -> bool:
    """Whether a model was trained on what the explanations of these settings put in for units left out.

    settings: None of a published protocol, which removes words.
    """
    replacement = REMOVE if settings is None else settings.perturb
    return any(one.replace == replacement for one in told_in(identity.details))


def flattered_steps(verdict: Verdict, *, flattered: bool) -> Iterator[Advice]:
    """What to do where the verdict rests on explanations that may flatter the candidate."""
    rests = {d.outcome for d in verdict.dimensions if d.dimension == "explanation" and d.required}
    if flattered and rests & {Outcome.EQUIVALENT, Outcome.UNDECIDED}:
        yield Advice(
            "explanations",
            "do not rely on its alignment alone, as it was trained on the explainer's perturbations: see how it agrees "
            "with the reference where something else stands in for what is left out (beside alignment, or with another "
            "--perturb)",
        )
