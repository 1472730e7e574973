"""Every figure there is, by name: what it shows, of which models, and how to make it.

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
from trusteq.report.figures.alignment import AlignmentDisplay
from trusteq.report.figures.alignment_by_length import AlignmentByLengthDisplay
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

    of: whose it is. shows: what a reader sees, in one sentence. needs: what a run must have, for a message. display:
    makes it from evidence, and from a candidate where it is of one; None where the run lacks what it needs.
    """

    name: str
    of: Of
    shows: str
    needs: str
    display: Callable[..., Display | None]

    @property
    def per_candidate(self) -> bool:
        """Whether it is of one candidate, so that there are as many as candidates."""
        return self.of == "a candidate"


_ALL = (
    Figure(
        "intervals",
        "all candidates, or one",
        "every rule of the verdict: value and interval against the margin",
        "a rule that was judged",
        IntervalsDisplay.from_evidence,
    ),
    Figure(
        "reliability",
        "a candidate",
        "how often both models are right when they are so sure",
        "labels",
        ReliabilityDisplay.from_evidence,
    ),
    Figure(
        "confidence",
        "a candidate",
        "how sure both models are: histograms of confidence",
        "predictions",
        ConfidenceDisplay.from_evidence,
    ),
    Figure(
        "flips",
        "a candidate",
        "where the accuracy went: answers that turned wrong and right, by class",
        "labels",
        FlipsDisplay.from_evidence,
    ),
    Figure(
        "ladder",
        "all candidates, or one",
        "alignment and Jaccard between chance and the reference with itself",
        "explanations",
        LadderDisplay.from_evidence,
    ),
    Figure(
        "alignment",
        "a candidate",
        "agreement on the words, item by item: distributions of cosine and Jaccard",
        "explanations other than the protocol's",
        AlignmentDisplay.from_evidence,
    ),
    Figure(
        "alignment-by-length",
        "a candidate",
        "agreement on the words by the number of words, beside chance",
        "explanations of ten items, other than the protocol's",
        AlignmentByLengthDisplay.from_evidence,
    ),
    Figure(
        "words",
        "a candidate",
        "the words that one model leans on and the other does not",
        "explanations in which a word is in eight items or more",
        WordsDisplay.from_evidence,
    ),
    Figure(
        "pareto",
        "all models",
        "size and latency against the distance from the reference",
        "measured costs, or models that tell their parameters",
        ParetoDisplay.from_evidence,
    ),
    Figure(
        "pairs",
        "all models",
        "every two models: share of equal answers, and of shared top words",
        "predictions",
        PairsDisplay.from_evidence,
    ),
    Figure(
        "risk-coverage",
        "a candidate",
        "how wrong both models are when they answer only what they are surest of",
        "labels",
        RiskCoverageDisplay.from_evidence,
    ),
)

FIGURES: Mapping[str, Figure] = MappingProxyType({figure.name: figure for figure in _ALL})
"""The figures in the order in which a report shows them."""


def make(evidence: Evidence, name: str, candidate: str | None = None) -> Display | None:
    """The display of a figure; None where the run lacks what it needs.

    A figure of one candidate needs its name where there are several. One of all candidates shows just the named one.
    """
    figure = FIGURES.get(name)
    if figure is None:
        raise OptionError(f"no figure {name!r}{_near(name, FIGURES)}")
    candidates = evidence.models[1:]
    if candidate is not None and candidate not in candidates:
        raise OptionError(f"no candidate {candidate!r}{_near(candidate, candidates)}")
    if figure.of == "all models":
        if candidate is not None:
            raise OptionError(f"{name} shows all models; leave out the candidate {candidate!r}")
        return figure.display(evidence)
    if candidate is None and figure.per_candidate:
        if len(candidates) > 1:
            raise OptionError(f"{name} is of one candidate; choose from {', '.join(candidates)}")
        (candidate,) = candidates
    return figure.display(evidence, candidate=candidate)


def _near(name: str, known: Iterable[str]) -> str:
    """A hint at what may have been meant, else all that there is."""
    near = difflib.get_close_matches(name, list(known), n=3)
    return f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(known)}"
