"""Two runs of the same items with the same reference, whose candidates can be compared item by item."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.comparing.alignment import Explained
from trusteq.comparing.answers import Answers
from trusteq.comparing.behaviour import flipped_items
from trusteq.comparing.change import Versions, alignment_changes, changes
from trusteq.comparing.measures import METHODS
from trusteq.comparing.moved import moved
from trusteq.explain.attributions import attributions, products
from trusteq.explain.draw import drawn_for_any
from trusteq.record.sampled import Sampled
from trusteq.report.mask_values import mask_values
from trusteq.stats.resampling import Resampling

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from trusteq.data.segment import Segment
    from trusteq.record.evidence import Evidence
    from trusteq.report.mask_values import MaskValues
    from trusteq.stats.estimate import Estimate
    from trusteq.tasks.rows import Rows

TOLERANCE = 1e-6
"""Probabilities closer than this are the same: other hardware rounds differently."""

FEWEST_EXPLAINED = 20
"""Fewer items explained in both runs do not show how alignment changed."""

MOST_RESAMPLES = 1_000
"""As for slices: more would take longer and give nearly the same intervals."""


@dataclass(frozen=True)
class Match:
    """Whether two runs' candidates can be paired item by item, and why or why not, in a sentence."""

    paired: bool
    reason: str


@dataclass(frozen=True)
class Answered:
    """How one candidate's answers changed since the older run.

    flips: the items whose answer changed, as `behaviour.flipped_items` lists them. lost, regained: how many answers no
    longer match the reference's, and how many now do.
    """

    flips: list[dict[str, Any]]
    lost: int
    regained: int


@dataclass(frozen=True, eq=False)
class PairedRuns:
    """Two runs to compare; what all their candidates share is computed once."""

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
            return Match(False, "items with the same id have different labels")
        for name, segment in self.older.segments.items():
            other = self.newer.segments.get(name)
            if other is not None and _content(segment.take(self._rows)) != _content(other):
                return Match(False, f"items with the same id have different {segment.kind}s ({name})")
        before, now = self._older_rows(self.older.models[0]), self.newer.rows[0]
        if not np.array_equal(before.item, now.item):
            return Match(False, "the references give different numbers of answers")
        gap = float(np.abs(before.values - now.values).max())
        if gap > TOLERANCE:
            return Match(False, f"the references answer differently: probabilities up to {gap:.2g} apart")
        return Match(True, f"the same {len(b):,} items, and the reference gives the same answers")

    def changes(self, before: str, now: str, names: Collection[str]) -> dict[str, Estimate]:
        """The change of a candidate's measures of these names, as far as they can be paired; the runs must match."""
        paired = changes(self._versions(before, now), names)
        alignments = {f"{name}_{method}" for name in ("alignment", "jaccard") for method in METHODS}
        return paired if alignments.isdisjoint(names) else {**paired, **self._alignments(before, now)}

    def answered(self, before: str, now: str) -> Answered:
        """How a candidate's answers changed; the runs must match."""
        versions = self._versions(before, now)
        reference = versions.reference.answer
        was, is_ = versions.older.answer == reference, versions.newer.answer == reference
        flips = flipped_items(versions.pair, self._sample.ids, self._sample.answer_texts)
        return Answered(flips, int((was & ~is_).sum()), int((~was & is_).sum()))

    @cached_property
    def _rows(self) -> NDArray[np.int64]:
        """Where the newer run's items are in the older [items]."""
        place = {id_: row for row, id_ in enumerate(self.older.items["id"])}
        return np.array([place[id_] for id_ in self.newer.items["id"]], dtype=np.int64)

    def _older_rows(self, model: str) -> Rows:
        """A model's answers in the older run, in the newer's order of items and labels."""
        older, newer = self.older, self.newer
        rows = older.rows[older.models.index(model)].take(self._rows)
        return newer.task.in_order(rows, older.labels, newer.labels, model=model, reference=newer.models[0])

    def _versions(self, before: str, now: str) -> Versions:
        newer, sample = self.newer, self._reference.resampling
        was = newer.task.outcomes(self._older_rows(before), newer.gold, newer.labels)
        is_ = newer.outcomes[newer.models.index(now)]
        return Versions(self._reference, Answers(was, sample), Answers(is_, sample))

    @cached_property
    def _sample(self) -> Sampled:
        return Sampled(self.newer.bare_items, self.newer.labels, self.newer.task, self.newer.outcomes[0].item)

    @cached_property
    def _reference(self) -> Answers:
        outcomes = self.newer.outcomes[0]
        return Answers(outcomes, self._resampling(len(outcomes), self._sample.clusters, self._sample.item))

    def _weights(self, both: MaskValues) -> NDArray[np.float64] | None:
        """How many items each of those explained in both runs stands for; None if all had equal chances."""
        if not both.settings.drawn_by_change:
            return None
        chance = []
        for run in (self.older, self.newer):
            reference, *others = run.outcomes
            place = {id_: i for i, id_ in enumerate(run.items["id"])}
            at = np.array([place[id_] for id_ in both.ids], dtype=np.int64)
            weights = drawn_for_any(at, [moved(reference, other) for other in others], both.settings.items)
            chance.append(np.ones(len(at)) if weights is None else 1 / weights)
        # An item's random number is the same in both runs, so it is in both where the smaller chance lets it.
        weights = 1 / np.minimum(*chance)
        return None if (weights == weights[0]).all() else np.asarray(weights)

    def _resampling(
        self,
        n: int,
        clusters: Sequence[str] | None,
        item: NDArray[np.int64] | None = None,
        weights: NDArray[np.float64] | None = None,
    ) -> Resampling:
        settings, level = self.newer.document.settings, self.newer.document.policy.level
        resamples = min(settings["resamples"], MOST_RESAMPLES)
        return Resampling(
            n, clusters=clusters, item=item, weights=weights, resamples=resamples, seed=settings["seed"], level=level
        )

    @cached_property
    def _mask_values(self) -> tuple[MaskValues, MaskValues] | None:
        """The values on masks of the items explained in both runs; None where they do not have the same masks."""
        a, b = mask_values(self.older), mask_values(self.newer)
        if a is None or b is None or a.settings != b.settings or a.settings.until != "end":
            return None
        explained = set(a.ids)
        both = [id_ for id_ in b.ids if id_ in explained]
        if len(both) < FEWEST_EXPLAINED:
            return None
        a, b = a.of(both), b.of(both)
        if [plan.content() for plan in a.plans] != [plan.content() for plan in b.plans]:
            return None
        now, before = b.values[self.newer.models[0]], a.values[self.older.models[0]]
        gap = max(float(np.abs(x - y).max()) for x, y in zip(now, before, strict=True))
        return (a, b) if gap <= TOLERANCE else None

    def _alignments(self, before: str, now: str) -> dict[str, Estimate]:
        """The changes of alignment and of Jaccard."""
        if self._mask_values is None:
            return {}
        a, b = self._mask_values
        of_models = zip(b.values[self.newer.models[0]], a.values[before], b.values[now], strict=True)
        values = [np.stack(columns, axis=1) for columns in of_models]
        clusters = None
        if "cluster" in self.newer.items:
            cluster_of = dict(zip(self.newer.items["id"], self.newer.items["cluster"], strict=True))
            clusters = [cluster_of[id_] for id_ in b.ids]
        sample = self._resampling(len(b.ids), clusters, weights=self._weights(b))
        spread = np.stack([v.var(axis=0) for v in values], axis=1)
        changed: dict[str, Estimate] = {}
        for method in METHODS:
            models, of = attributions(b.plans, values, method), products(b.plans, values, method)
            then, now_ = (
                Explained(
                    method,
                    models[0],
                    models[i],
                    b.lengths,
                    spread[0],
                    spread[i],
                    sample,
                    b.settings.top,
                    (of[:, 0, i], of[:, 0, 0], of[:, i, i]),
                )
                for i in (1, 2)
            )
            changed |= alignment_changes(then, now_)
        return changed


def _content(segment: Segment) -> bytes:
    digest = hashlib.sha256()
    segment.add_to(digest)
    return digest.digest()
