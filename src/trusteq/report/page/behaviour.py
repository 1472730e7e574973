"""Which answers change: flips by kind and from label to label, and the flipped items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.behaviour import FLIP_MEASURES, FLIPS
from trusteq.report.page.html_table import Table, share
from trusteq.report.page.texts import excerpt, fragment
from trusteq.report.segment_text import segment_texts
from trusteq.report.wording import p_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from trusteq.record.document import AuditedCandidate
    from trusteq.record.evidence import Evidence
    from trusteq.stats.estimate import Estimate

MOST_ITEMS = 8
"""Flipped items that are listed; the browser has them all."""
MOST_MOVES = 12


@dataclass(frozen=True)
class Behaviour:
    """One candidate's answers compared with the reference's.

    changed: how many answers change. kinds: how many changes of each kind. mcnemar: whether as many turn right as
    wrong.
    """

    changed: int
    disagreement: str
    kinds: Table | None
    by_label: Table | None
    mcnemar: str | None
    moves: Table | None
    items: Table | None


def behaviour(evidence: Evidence, candidate: AuditedCandidate) -> Behaviour:
    """The answers of one candidate."""
    flips = evidence.flips
    own = flips[flips["candidate"] == candidate.name]
    measures, test = candidate.flat, candidate.tests.get("mcnemar")
    return Behaviour(
        changed=len(own),
        disagreement=share(measures.get("disagreement")),
        kinds=_kinds(own, measures),
        by_label=_by_label(evidence, own),
        mcnemar=None if test is None else p_value(test),
        moves=_moves(own),
        items=_items(evidence, own),
    )


def _kinds(flips: pd.DataFrame, measures: Mapping[str, Estimate]) -> Table | None:
    if "regressions" not in measures:
        return None
    counts = flips["kind"].value_counts()
    rows = [(kind, f"{counts.get(kind, 0):,}", share(measures[name])) for name, kind in FLIP_MEASURES.items()]
    return Table("Changed answers by kind of change", ("change", "items", "share of all items"), rows)


def _by_label(evidence: Evidence, flips: pd.DataFrame) -> Table | None:
    """The changes by the items' gold label."""
    if evidence.gold is None or not evidence.labels:
        return None
    counts = flips.groupby(["gold", "kind"]).size().to_dict()
    n = np.bincount(evidence.gold, minlength=len(evidence.labels)).tolist()
    rows = [
        (label, f"{count:,}", *(f"{counts.get((label, kind), 0):,}" for kind in FLIPS))
        for label, count in zip(evidence.labels, n, strict=True)
    ]
    return Table("Changed answers by the items' gold label", ("label", "items", *FLIPS), rows)


def _moves(flips: pd.DataFrame) -> Table | None:
    """The changes from label to label, the most frequent first."""
    if not len(flips):
        return None
    counts = flips.groupby(["reference_answer", "candidate_answer"]).size().reset_index(name="n")
    counts = counts.sort_values(["n", "reference_answer", "candidate_answer"], ascending=[False, True, True])
    rows = [(f"{a} → {b}", f"{n:,}") for a, b, n in counts.head(MOST_MOVES).itertuples(index=False)]
    more = f" (the {MOST_MOVES} most frequent of {len(counts)})" if len(counts) > MOST_MOVES else ""
    return Table(f"Changed answers by label, reference → candidate{more}", ("change", "items"), rows)


def _items(evidence: Evidence, flips: pd.DataFrame) -> Table | None:
    """The flipped items, highest confidence of the candidate first; only those that turned wrong if any did."""
    if not len(flips):
        return None
    chosen = _first_to_show(flips)
    shown = chosen.head(MOST_ITEMS)
    position_of = {id_: i for i, id_ in enumerate(evidence.items["id"])}
    segments = evidence.segments
    rows, links = [], []
    for row in shown.to_dict("records"):
        cells = [
            row["id"],
            *([] if row["gold"] is None else [row["gold"]]),
            *(f"{row[f'{side}_answer']} {row[f'{side}_confidence']:.3f}" for side in ("reference", "candidate")),
        ]
        if segments:
            cells.append(
                excerpt([segment_texts(segment, [position_of[row["id"]]])[0] for segment in segments.values()])
            )
        rows.append(tuple(cells))
        links.append(fragment(row["id"], row["candidate"]))
    labelled = bool(np.all([gold is not None for gold in shown["gold"]]))
    kinds = " and ".join(dict.fromkeys(segment.kind for segment in segments.values()))
    heads = ("item", *(("label",) if labelled else ()), "reference", "candidate", *((kinds,) if segments else ()))
    subject = "answers that turned wrong" if shown["kind"].iloc[0] == "right to wrong" else "changed answers"
    count = f"{len(rows)} of {len(chosen):,}" if len(rows) < len(chosen) else "All"
    caption = f"{count} {subject}, highest confidence of the candidate first"
    return Table(caption, heads, rows, words=frozenset(range(len(heads))), links=links)


def _first_to_show(flips: pd.DataFrame) -> pd.DataFrame:
    """The answers that turned wrong, or all that changed if none did; most confident first."""
    wrong = flips[flips["kind"] == "right to wrong"]
    return wrong if len(wrong) else flips
