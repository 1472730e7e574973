"""Two runs of the same items beside the same reference, whose candidates can be compared item by item."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compare.alignment import Explained
from trusteq.compare.answers import Answers
from trusteq.compare.behaviour import flipped_items
from trusteq.compare.change import Versions, alignment_changes, changes
from trusteq.compare.measures import METHODS
from trusteq.explain.attributions import attributions
from trusteq.record.sampled import Sampled
from trusteq.report import halves
from trusteq.stats.resampling import Resampling

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from trusteq.data.segment import Segment
    from trusteq.record.evidence import Evidence
    from trusteq.stats.estimate import Estimate
    from trusteq.tasks.rows import Rows

TOLERANCE = 1e-6
"""Probabilities closer than this are the same: other hardware rounds otherwise."""

MOST_RESAMPLES = 1_000
"""As for slices: twice as many would take twice as long to say the same."""


@dataclass(frozen=True)
class Match:
    """Whether two runs' candidates can be paired item by item, and why or why not, in a sentence."""

    paired: bool
    reason: str


@dataclass(frozen=True)
class Answered:
    """How one candidate's answers changed since the older run.

    flips: the items whose answer changed, as `behaviour.flipped_items` tells them. no_longer, again: how many answers
    were the reference's and are not any more, and the other way round.
    """

    flips: list[dict[str, Any]]
    no_longer: int
    again: int


@dataclass(frozen=True, eq=False)
class Paired:
    """Two runs beside each other; what all their candidates share is computed once."""

    older: Evidence
    newer: Evidence

    @cached_property
    def match(self) -> Match:
        """Whether both hold the same items, by id, label and text, and the same predictions of the reference."""
        a, b = self.older.items, self.newer.items
        if self.older.task is not self.newer.task:
            return Match(False, f"the tasks differ: {self.older.task.name} and {self.newer.task.name}")
        if set(self.older.labels) != set(self.newer.labels):
            return Match(False, "the labels differ")
        if len(a) != len(b) or set(a["id"]) != set(b["id"]):
            both = len(set(a["id"]) & set(b["id"]))
            return Match(False, f"the items differ: {len(a):,} and {len(b):,}, of which {both:,} have the same id")
        if ("label" in a) != ("label" in b):
            return Match(False, "only one of the runs has gold labels")
        if "label" in a and a["label"].iloc[self._rows].tolist() != b["label"].tolist():
            return Match(False, "items of the same id have other labels")
        for name, segment in self.older.segments.items():
            other = self.newer.segments.get(name)
            if other is not None and _content(segment.take(self._rows)) != _content(other):
                return Match(False, f"items of the same id have other {segment.kind}s ({name})")
        before, now = self._answered(self.older.models[0]), self.newer.rows[0]
        if not np.array_equal(before.item, now.item):
            return Match(False, "the references give other numbers of answers")
        gap = float(np.abs(before.values - now.values).max())
        if gap > TOLERANCE:
            return Match(False, f"the references answer differently: probabilities up to {gap:.2g} apart")
        return Match(True, f"the same {len(b):,} items, and the reference gives the same answers")

    def changes(self, before: str, now: str, wanted: Collection[str]) -> dict[str, Estimate]:
        """The change of each wanted measure of a candidate that can be paired; the runs must match."""
        found = changes(self._versions(before, now), wanted)
        asked = {f"{name}_{method}" for name in ("alignment", "jaccard") for method in METHODS}
        return found if asked.isdisjoint(wanted) else {**found, **self._alignments(before, now)}

    def answered(self, before: str, now: str) -> Answered:
        """How a candidate's answers changed; the runs must match."""
        versions = self._versions(before, now)
        reference = versions.reference.answer
        was, is_ = versions.older.answer == reference, versions.newer.answer == reference
        flips = flipped_items(versions.pair, self._sample.ids, self._sample.named)
        return Answered(flips, int((was & ~is_).sum()), int((~was & is_).sum()))

    @cached_property
    def _rows(self) -> NDArray[np.int64]:
        """Where the newer run's items are in the older [items]."""
        place = {id_: row for row, id_ in enumerate(self.older.items["id"])}
        return np.array([place[id_] for id_ in self.newer.items["id"]], dtype=np.int64)

    def _answered(self, model: str) -> Rows:
        """A model's answers in the older run, in the newer's order of items and labels."""
        older, newer = self.older, self.newer
        rows = older.rows[older.models.index(model)].take(self._rows)
        return newer.task.in_order(rows, older.labels, newer.labels, model=model, reference=newer.models[0])

    def _versions(self, before: str, now: str) -> Versions:
        newer, sample = self.newer, self._reference.resampling
        was = newer.task.outcomes(self._answered(before), newer.gold)
        is_ = newer.outcomes[newer.models.index(now)]
        return Versions(self._reference, Answers(was, sample), Answers(is_, sample))

    @cached_property
    def _sample(self) -> Sampled:
        return Sampled(self.newer.asked, self.newer.labels, self.newer.task, self.newer.outcomes[0].item)

    @cached_property
    def _reference(self) -> Answers:
        outcomes = self.newer.outcomes[0]
        return Answers(outcomes, self._resampling(len(outcomes), self._sample.clusters))

    def _resampling(self, n: int, clusters: Sequence[str] | None) -> Resampling:
        settings, level = self.newer.document.settings, self.newer.document.policy.level
        resamples = min(settings["resamples"], MOST_RESAMPLES)
        return Resampling(n, clusters=clusters, resamples=resamples, seed=settings["seed"], level=level)

    @cached_property
    def _explained(self) -> tuple[halves.Explained, halves.Explained] | None:
        """What both runs keep of their explanations; None where they did not ask the same of the same items."""
        a, b = halves.explained(self.older), halves.explained(self.newer)
        if a is None or b is None or a.ids != b.ids or a.settings != b.settings or a.settings.until != "end":
            return None
        if [plan.content() for plan in a.plans] != [plan.content() for plan in b.plans]:
            return None
        own, theirs = b.values[self.newer.models[0]], a.values[self.older.models[0]]
        gap = max(float(np.abs(x - y).max()) for x, y in zip(own, theirs, strict=True))
        return (a, b) if gap <= TOLERANCE else None

    def _alignments(self, before: str, now: str) -> dict[str, Estimate]:
        """Changes of what explanations say."""
        if self._explained is None:
            return {}
        a, b = self._explained
        of_all = zip(b.values[self.newer.models[0]], a.values[before], b.values[now], strict=True)
        values = [np.stack(columns, axis=1) for columns in of_all]
        clusters = None
        if "cluster" in self.newer.items:
            cluster_of = dict(zip(self.newer.items["id"], self.newer.items["cluster"], strict=True))
            clusters = [cluster_of[id_] for id_ in b.ids]
        sample, spread = self._resampling(len(b.ids), clusters), np.stack([v.var(axis=0) for v in values], axis=1)
        found: dict[str, Estimate] = {}
        for method in METHODS:
            reference, was, candidate = attributions(b.plans, values, method)
            then = Explained(method, reference, was, b.lengths, spread[0], spread[1], sample, b.settings.k)
            found |= alignment_changes(then, replace(then, candidate=candidate, spread_candidate=spread[2]))
        return found


def _content(segment: Segment) -> bytes:
    digest = hashlib.sha256()
    segment.add_to(digest)
    return digest.digest()
