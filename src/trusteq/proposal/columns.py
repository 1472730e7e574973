"""What the columns of items may mean, from their names and values; each proposal says why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trusteq.comparing.slices import ANSWER, CONFIDENCE, LABEL
from trusteq.data.id_columns import names_rows
from trusteq.data.label_sets import CODE, are_numbered
from trusteq.data.readers import read_table

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

PAIRS = (
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("text1", "text2"),
    ("text_a", "text_b"),
    ("question", "sentence"),
    ("question", "context"),
    ("query", "document"),
)
"""Names of the two texts that models of pairs read."""

TEXTS = ("text", "sentence", "review", "content", "comment", "tweet", "document", "body", "question", "title")
LABELS = ("label", "gold", "gold_label", "labels", "target", "class", "y", "answer", "category")
"""Usual names, the most usual first."""

ANSWERED = re.compile(r"(?i).*(predict|pred(_|$)|guess|argmax|output).*")
"""Names of columns that say what a model answered."""

GROUPS = re.compile(r"(?i).*(user|author|patient|customer|speaker|session|document|doc|passage|group|source|parent).*")
"""Names of columns that say what an item belongs to."""

MOST_LABELS = 1000
"""A column with more values holds no labels."""

FEW, MANY = 30, 0.9
"""A slice has so few values at most; a cluster's column has fewer values than this share of the items."""


@dataclass(frozen=True)
class Column:
    """A column: its values as texts, and whether they are texts, numbers, or something else (bytes, lists)."""

    name: str
    values: tuple[str, ...]
    kind: str

    @property
    def distinct(self) -> set[str]:
        """Its different values."""
        return set(self.values)

    @property
    def words(self) -> float:
        """Words in a mean value."""
        return sum(len(value.split()) for value in self.values) / len(self.values)


@dataclass(frozen=True)
class Proposal:
    """What a column, or another choice, may be, and why; ``more`` are keys that go with it."""

    value: Any
    why: str
    more: tuple[tuple[str, Any, str], ...] = ()


def look_at_columns(source: str) -> tuple[Column, ...]:
    """The columns of a file of items."""
    table = read_table(source)
    return tuple(_column(name, table.values(name)) for name in table.columns)


def _column(name: str, values: Sequence[Any]) -> Column:
    if any(isinstance(value, bytes | list | dict) for value in values):
        return Column(name, (), "other")
    texts = tuple("" if value is None or value != value else _text(value) for value in values)
    return Column(name, texts, "number" if all(map(_is_number, filter(None, texts))) else "text")


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def label_of(columns: Sequence[Column], labels: Sequence[str]) -> Proposal | None:
    """The column whose values are the models' labels, or their codes; by its name if these cannot be seen.

    None also if several may be, none of them with a usual name: one may hold what a model answered.
    """
    proposals = [one for column in columns if (one := _as_label(column, labels)) is not None]
    unanswered = [(sure, one) for sure, one in proposals if not _is_answered(one.value, columns, labels)]
    # The surest first, then usual names.
    ordered = sorted(unanswered, key=lambda found: (found[0], _rank(found[1].value, LABELS)))
    if not ordered:
        return None
    sure, first = ordered[0]
    several = sum(other == sure for other, _ in ordered) > 1 and first.value.lower() not in LABELS
    return None if several else first


def possible_labels(columns: Sequence[Column], labels: Sequence[str]) -> list[str]:
    """The columns that may hold the right label, or what a model answered."""
    return [one[1].value for column in columns if (one := _as_label(column, labels)) is not None]


def _as_label(column: Column, labels: Sequence[str]) -> tuple[int, Proposal] | None:
    """How far from sure it is that a column holds the label, and what it then is; None if it cannot."""
    found, known, usual = column.distinct - {""}, set(labels), column.name.lower() in LABELS
    if column.kind == "other":
        return None
    if len(found) > 1 and found <= known:
        return 0, Proposal(column.name, "its values are the models' labels")
    extra = column.distinct - known
    if usual and len(found & known) > 1 and len(extra) <= 2 and "" not in extra:
        ignored = ("ignore_label", sorted(extra), "no labels of the models: these items are left out")
        return 1, Proposal(column.name, "its values are the models' labels, and a few others", (ignored,))
    names = [label for label in labels if label != column.name]
    codes = column.distinct - {"-1"}
    numbered = len(codes) == len(labels) and are_numbered(labels)
    coded = (usual or numbered) and column.kind == "number" and len(codes) > 1
    if coded and all(map(CODE.fullmatch, codes)) and {int(float(code)) for code in codes} <= {*range(len(names))}:
        why = "the names of the codes 0, 1, ..., in the reference's order: check them"
        more: list[tuple[str, Any, str]] = [("label_names", names, why)]
        if "-1" in column.distinct:
            more.append(("ignore_label", ["-1"], "items without a label"))
        return 2, Proposal(column.name, "it holds codes of labels", tuple(more))
    if not labels and usual and 1 < len(column.distinct) <= MOST_LABELS:
        return 3, Proposal(column.name, "a usual name; the models' labels cannot be seen: check that they are these")
    return None


def _is_answered(name: str, columns: Sequence[Column], labels: Sequence[str]) -> bool:
    """Whether a column holds what a model answered: by its name, or as it always names the largest score beside it."""
    if ANSWERED.fullmatch(name):
        return True
    by_name = {column.name: column.values for column in columns}
    if not labels or not all(label in by_name for label in labels) or name in labels:
        return False
    try:
        scores = [[float(value) for value in by_name[label]] for label in labels]
    except ValueError:
        return False
    best = [max(range(len(labels)), key=lambda at: row[at]) for row in zip(*scores, strict=True)]
    return len(best) >= FEW and all(
        value in (labels[at], str(at)) for value, at in zip(by_name[name], best, strict=True)
    )


def unnamed_labels(columns: Sequence[Column], labels: Sequence[str]) -> Column | None:
    """The column of as many names as the models have numbered labels, which may be the names of these."""
    if not labels or not are_numbered(labels):
        return None
    ordered = sorted(columns, key=lambda column: _rank(column.name, LABELS))
    return next((one for one in ordered if one.kind == "text" and len(one.distinct - {""}) == len(labels)), None)


def _rank(name: str, usual: Sequence[str]) -> int:
    return usual.index(name.lower()) if name.lower() in usual else len(usual)


def texts_of(columns: Sequence[Column], taken: Collection[str]) -> Proposal | None:
    """The one or two columns that models of texts read; None if several may be."""
    texts = [c for c in columns if c.kind == "text" and c.name not in taken and not names_rows(c.name)]
    by_name = {column.name.lower(): column.name for column in texts}
    for pair in PAIRS:
        if all(name in by_name for name in pair):
            return Proposal([by_name[name] for name in pair], "a usual pair of texts, in this order: check it")
    named = next((by_name[name] for name in TEXTS if name in by_name), None)
    if named is not None:
        return Proposal([named], "a usual name of a text")
    long = [column.name for column in texts if column.words >= 3]
    return Proposal(long, "the only column of texts of several words") if len(long) == 1 else None


def cluster_of(columns: Sequence[Column], texts: Sequence[str], taken: Collection[str]) -> Proposal | None:
    """A column that several items share and that may make them alike: one of the texts, or what its name says."""
    for column in sorted(columns, key=lambda column: column.name not in texts):
        count = len(column.distinct)
        shared = column.kind != "other" and FEW < count < MANY * len(column.values)
        if shared and column.name not in taken and (column.name in texts or GROUPS.fullmatch(column.name)):
            why = f"{count:,} values for {len(column.values):,} items: items that share one are not independent"
            return Proposal(column.name, why)
    return None


def slices_of(columns: Sequence[Column], taken: Collection[str]) -> Proposal | None:
    """Columns with a few values, by which the verdict can be looked at."""
    found = [
        column
        for column in columns
        if column.kind != "other"
        and column.name not in {*taken, ANSWER, CONFIDENCE, LABEL}
        and (column.kind == "text" or all(map(CODE.fullmatch, column.distinct)))
        and not names_rows(column.name)
        and 1 < len(column.distinct) <= FEW
        and 2 * len(column.distinct) <= len(column.values)
        and column.words < 4
    ]
    if not found:
        return None
    return Proposal([column.name for column in found], "a few values each: differences are shown for each")
