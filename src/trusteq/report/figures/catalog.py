"""Every figure by name: what it shows, of which models, and how to make it.

    display = make(evidence, "reliability", "int8")
    display.plot()

A display is drawn in a notebook (`display.plot`), as a file (`file.save`) or inside HTML (`inline.inline_svg`).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from trusteq.errors import OptionError
from trusteq.plugins import with_plugins
from trusteq.report.figures.alignment import AlignmentDisplay
from trusteq.report.figures.alignment_by_length import AlignmentByLengthDisplay
from trusteq.report.figures.cascade import CascadeDisplay
from trusteq.report.figures.confidence import ConfidenceDisplay
from trusteq.report.figures.flips import FlipsDisplay
from trusteq.report.figures.intervals import IntervalsDisplay
from trusteq.report.figures.ladder import LadderDisplay
from trusteq.report.figures.pairs import PairsDisplay
from trusteq.report.figures.pareto import ParetoDisplay
from trusteq.report.figures.reliability import ReliabilityDisplay
from trusteq.report.figures.risk_coverage import RiskCoverageDisplay
from trusteq.report.figures.words import WordsDisplay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from trusteq.record.evidence import Evidence
    from trusteq.report.figures.display import Display

Of = Literal["a candidate", "all candidates, or one", "all models"]


@dataclass(frozen=True)
class Figure:
    """One figure of the catalogue.

    of: the models it shows. shows: what a reader sees, in one sentence. needs: what a run must have, for a message.
    display: makes it from evidence, and a candidate if it shows one; None where the run lacks what it needs. caption:
    the text below it on the page.
    """

    name: str
    of: Of
    shows: str
    needs: str
    display: Callable[..., Display | None]
    caption: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "caption", self.caption or f"{self.shows[:1].upper()}{self.shows[1:]}.")

    @property
    def per_candidate(self) -> bool:
        """Whether it shows one candidate, so that a run has one for each."""
        return self.of == "a candidate"


_ALL = (
    Figure(
        "intervals",
        "all candidates, or one",
        "every rule of the verdict: value and interval against the margin",
        "a rule that was judged",
        IntervalsDisplay.from_evidence,
        "Every rule of the policy: the estimate, its interval and the margin. An interval inside the margin shows that "
        "the difference is acceptable, one entirely outside that it is not; one that crosses the margin is "
        "undecided, and so is one that is based on fewer items than the policy requires.",
    ),
    Figure(
        "reliability",
        "a candidate",
        "how often both models are right at each level of confidence",
        "labels",
        ReliabilityDisplay.from_evidence,
        "How often each model is right at each level of confidence. On the diagonal, confidence matches accuracy; "
        "below it the model is overconfident, above it underconfident.",
    ),
    Figure(
        "confidence",
        "a candidate",
        "how confident both models are: histograms of confidence",
        "predictions",
        ConfidenceDisplay.from_evidence,
        "How confident each model is in its answers: the share of items in each bin.",
    ),
    Figure(
        "flips",
        "a candidate",
        "where accuracy was lost and gained: answers that turned wrong or right, by class",
        "labels",
        FlipsDisplay.from_evidence,
        "Changed answers, by kind of change and by label.",
    ),
    Figure(
        "ladder",
        "all candidates, or one",
        "alignment and Jaccard on the scale from chance to the reference compared with itself",
        "explanations",
        LadderDisplay.from_evidence,
        "Agreement on the top words, on the scale from chance to what the reference reaches against itself.",
    ),
    Figure(
        "alignment",
        "a candidate",
        "agreement on the words, item by item: distributions of cosine and Jaccard",
        "explanations other than the protocol's",
        AlignmentDisplay.from_evidence,
        "How much the two models agree on the words of each item. Noise of the explainer is not removed from single "
        "items, so they look lower than the alignment of all items together.",
    ),
    Figure(
        "alignment-by-length",
        "a candidate",
        "agreement on the words by text length, with the chance level",
        "explanations of ten items, other than the protocol's",
        AlignmentByLengthDisplay.from_evidence,
        "Agreement by the number of words.",
    ),
    Figure(
        "words",
        "a candidate",
        "the words that one model leans on and the other does not",
        "explanations in which a word is in eight items or more",
        WordsDisplay.from_evidence,
        "The words whose weight differs most between the two models. A lean of 1 is the weight of an average word.",
    ),
    Figure(
        "pareto",
        "all models",
        "size and latency against the distance from the reference",
        "measured costs, or models that report their number of parameters",
        ParetoDisplay.from_evidence,
        "What each candidate saves, and how far it moves from the reference in return.",
    ),
    Figure(
        "pairs",
        "all models",
        "each pair of models: share of equal answers, and of shared top words",
        "predictions",
        PairsDisplay.from_evidence,
        "How much each pair of models agrees.",
    ),
    Figure(
        "risk-coverage",
        "a candidate",
        "how often both models are wrong when they answer only where they are most confident",
        "labels",
        RiskCoverageDisplay.from_evidence,
        "The share of wrong answers among the most confident ones, by the share of items that are answered.",
    ),
    Figure(
        "cascade",
        "a candidate",
        "how often candidate and reference together agree with the reference, and are right, by the share routed to it",
        "one answer to each item",
        CascadeDisplay.from_evidence,
        "The candidate answers where it is most confident, the reference the rest: agreement with the reference and "
        "share of right answers of the two together, by the share of items that the reference answers.",
    ),
)

FIGURES: Mapping[str, Figure] = MappingProxyType({figure.name: figure for figure in _ALL})
"""trusteq's own figures in the order in which a report shows them."""


def figures() -> dict[str, Figure]:
    """Every figure by name; those of plugins come last."""
    return with_plugins("trusteq.figures", FIGURES, Figure)


def make(evidence: Evidence, name: str, candidate: str | None = None) -> Display | None:
    """The display of a figure; None where the run lacks what it needs.

    A figure of one candidate needs its name if there are several. One of all candidates then shows only the named one.
    """
    known = figures()
    figure = known.get(name)
    if figure is None:
        raise OptionError(f"no figure {name!r}{_near(name, known)}")
    candidates = evidence.models[1:]
    if candidate is not None and candidate not in candidates:
        raise OptionError(f"no candidate {candidate!r}{_near(candidate, candidates)}")
    if figure.of == "all models":
        if candidate is not None:
            raise OptionError(f"{name} shows all models; remove candidate {candidate!r}")
        return figure.display(evidence)
    if candidate is None and figure.per_candidate:
        if len(candidates) > 1:
            raise OptionError(f"{name} shows one candidate; choose from {', '.join(candidates)}")
        (candidate,) = candidates
    return figure.display(evidence, candidate=candidate)


def made(evidence: Evidence, name: str, candidate: str | None = None) -> Display:
    """The display of a figure, or a one-line error that says what the audit lacks for it."""
    display = make(evidence, name, candidate)
    if display is None:
        raise OptionError(f"this audit has no figure {name}, which needs {figures()[name].needs}")
    return display


def _near(name: str, known: Iterable[str]) -> str:
    """A hint at similar names, or else all names."""
    near = difflib.get_close_matches(name, list(known), n=3)
    return f"; did you mean {' or '.join(near)}?" if near else f"; choose from {', '.join(known)}"
