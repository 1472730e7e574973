"""Items: the examples that every model answers, stored by column."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.label_sets import enumerated, listed, refuse_alike, remedy
from trusteq.data.segment import segment_of, with_article
from trusteq.data.texts import refuse_other_than_texts
from trusteq.errors import DataError, LabelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Items:
    """Examples for an audit; every field has one position per item.

    ids: unique names [items].
    segments: what the models read, by name; texts [items] or an array [items, ...] become a `Segment`.
    labels: gold codes [items] into ``label_names``; None if there are no labels.
    columns: further values for slices, by name, as texts [items].
    options: the answers that each item offers, as texts [items]; None if all items offer the label names. A label is
        then the position of the right one, and ``label_names`` are the positions "0", "1", ...
    clusters: which items belong together (such as hypotheses of one premise) [items]; None if all are independent.
    ignored: number of rows of the source that were left out because of their label.
    unreadable: number of rows that were left out because a picture or sound of theirs cannot be decoded.
    places: each item's line or row in the source [items], for messages; ``counted_in`` says which of the two.
    id_column, label_column: the source's columns of ids and gold labels, to find them in files of predictions.
    """

    ids: Sequence[str]
    segments: Mapping[str, Any] = field(default_factory=dict)
    labels: NDArray[np.int64] | None = None
    label_names: tuple[str, ...] = ()
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    options: Sequence[tuple[str, ...]] | None = None
    clusters: Sequence[str] | None = None
    source: str = "items"
    ignored: int = 0
    unreadable: int = 0
    places: NDArray[np.int64] | None = None
    counted_in: str = "row"
    id_column: str | None = None
    label_column: str | None = None
    may_be_empty: bool = False
    """Whether segments may be empty: only if units were left out on purpose."""

    def __repr__(self) -> str:
        labels = () if self.labels is None else self.label_names
        parts = {"segments": self.segments, "labels": labels, "columns": self.columns}
        about = "".join(f"; {part} {enumerated(list(names))}" for part, names in parts.items() if names)
        return f"<{len(self.ids):,} Items of {self.source}{about}>"

    def __post_init__(self) -> None:
        # These are read by position later, but a pandas Series is read by its index.
        fields = {
            "ids": _by_position(self.ids),
            "segments": {
                name: segment_of(values, f"{self.source}: segment {name!r}") for name, values in self.segments.items()
            },
            "columns": {name: _by_position(values) for name, values in self.columns.items()},
            "options": None if self.options is None else _options(self.options, self.source),
            "clusters": None if self.clusters is None else _by_position(self.clusters),
        }
        for name, values in fields.items():
            object.__setattr__(self, name, values)
        self._refuse_unfit()
        n = len(self.ids)
        if n == 0:
            raise DataError(f"{self.source}: no items; the file or the selection is empty")
        codes = None if self.labels is None else self._codes()
        parts: dict[str, Any] = {
            **{f"segment {name!r}": values for name, values in self.segments.items()},
            **{f"column {name!r}": values for name, values in self.columns.items()},
            **({"labels": codes} if codes is not None else {}),
            **({"options": self.options} if self.options is not None else {}),
            **({"clusters": self.clusters} if self.clusters is not None else {}),
        }
        for name, values in parts.items():
            if len(values) != n:
                raise DataError(f"{self.source}: {name} has {len(values)} values for {n} items")
        if codes is not None:
            outside = np.flatnonzero((codes < 0) | (codes >= len(self.label_names)))
            if outside.size:
                first = int(outside[0])
                raise DataError(
                    f"{self._item(first)} has label code {codes[first]}, but there are only "
                    f"{len(self.label_names)} label names; exclude such items"
                )
            if self.options is not None:
                self._refuse_gold_beyond_options(codes)
            refuse_alike(self.label_names, self.source, "write each label in one way")
            object.__setattr__(self, "labels", codes.astype(np.int64))
        if len(set(self.ids)) != n:
            first_row: dict[str, int] = {}
            for row, id_ in enumerate(self.ids):
                if (before := first_row.setdefault(id_, row)) != row:
                    raise DataError(
                        f"{self.source}: items {before + 1} and {row + 1} have the same id {id_!r}; "
                        "ids must be unique, or match by row number with --by-row"
                    )
        for name, segment in self.segments.items() if not self.may_be_empty else ():
            item = segment.first_empty()
            if item is not None:
                raise DataError(
                    f"{self._item(item)}: segment {name!r} is empty ({segment[item]!r}); drop the item or fill in its "
                    f"{segment.kind}"
                )

    def _refuse_gold_beyond_options(self, codes: NDArray[np.integer[Any]]) -> None:
        for i, (code, options) in enumerate(zip(codes.tolist(), self.options or (), strict=True)):
            if code >= len(options):
                raise DataError(
                    f"{self._item(i)}: its answer is option {code}, counted from 0, but it has only {len(options)}"
                )

    def _codes(self) -> NDArray[np.integer[Any]]:
        """The labels as an array of whole numbers [items]."""
        try:
            codes = np.asarray(self.labels)
        except ValueError:
            raise DataError(f"{self.source}: labels are lists of unequal length; give one code per item") from None
        if codes.ndim != 1:
            remedy = "numpy.argmax(labels, axis=1)" if codes.shape[1:] > (1,) else "numpy.ravel(labels)"
            raise DataError(
                f"{self.source}: labels have shape {list(codes.shape)} for {len(self.ids)} items; give one code per "
                f"item: {remedy}"
            )
        if not np.issubdtype(codes.dtype, np.integer):
            raise DataError(
                f"{self.source}: labels must be whole codes into label_names, found {codes.dtype}; for names write "
                "[label_names.index(name) for name in labels], or read a file or data frame with trusteq.read_items"
            )
        return codes

    def _refuse_unfit(self) -> None:
        """Raise an error for the first value of the wrong kind: ids, names and columns must be texts."""
        texts: dict[str, Any] = {
            "ids": self.ids,
            "label names": self.label_names,
            **{f"column {name!r}": values for name, values in self.columns.items()},
            **({"clusters": self.clusters} if self.clusters is not None else {}),
        }
        for name, values in texts.items():
            if isinstance(values, str):
                raise DataError(f"{self.source}: {name} must be a list of texts, found the text {values[:40]!r}")
            refuse_other_than_texts(values, f"{self.source}: {name}")
        for name, segment in self.segments.items():
            segment.refuse_unfit(f"{self.source}: segment {name!r}")

    def _item(self, position: int) -> str:
        """Where an item is in its source, for messages."""
        place = "" if self.places is None else f"{self.counted_in} {self.places[position]}: "
        return f"{self.source}: {place}item {self.ids[position]!r}"

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, positions: Sequence[int] | NDArray[np.int64]) -> Items:
        """The items at these positions, in this order."""
        at = np.asarray(positions, dtype=np.int64)
        places = at.tolist()

        def pick(values: Any) -> Any:
            return values[at] if isinstance(values, np.ndarray) else [values[i] for i in places]

        return replace(
            self,
            ids=pick(self.ids),
            segments={name: segment.take(at) for name, segment in self.segments.items()},
            labels=None if self.labels is None else self.labels[at],
            columns={name: pick(values) for name, values in self.columns.items()},
            options=None if self.options is None else pick(self.options),
            clusters=None if self.clusters is None else pick(self.clusters),
            places=None if self.places is None else self.places[at],
        )

    def content(self) -> str:
        """SHA-256 of everything in the items, in their order, independent of the file they came from."""
        digest = hashlib.sha256()
        parts: dict[str, Any] = {"ids": self.ids, **{f"segment {k}": v for k, v in self.segments.items()}}
        if self.labels is not None:
            parts["labels"] = [self.label_names[code] for code in self.labels]
        parts |= {f"column {k}": v for k, v in self.columns.items()}
        if self.options is not None:
            # Numbers of characters before the texts, so that no two lists of options look alike.
            parts["options"] = ["".join(f"{len(option)} {option}" for option in options) for options in self.options]
        if self.clusters is not None:
            parts["clusters"] = self.clusters
        for name, values in parts.items():
            digest.update(f"{name}\x00".encode())
            segment_of(values, name).add_to(digest)
        return digest.hexdigest()

    def texts(self) -> tuple[Sequence[str], ...]:
        """The text segments in order; an error if a segment is of another kind or there is none."""
        if not self.segments:
            raise DataError(f"{self.source}: no text column named; choose the columns to read, e.g. --text sentence")
        by_segment = []
        for name, segment in self.segments.items():
            texts = segment.texts()
            if texts is None:
                raise DataError(
                    f"{self.source}: segment {name!r} is {with_article(segment.kind)}; this model reads text"
                )
            by_segment.append(texts)
        return tuple(by_segment)

    def gold(self, labels: Sequence[str]) -> NDArray[np.int64] | None:
        """Gold codes [items] into ``labels``, matched by name; None without labels."""
        if self.labels is None:
            return None
        if tuple(labels) == tuple(self.label_names):
            return self.labels
        code_of = {name: code for code, name in enumerate(labels)}
        translate = np.array([code_of.get(name, -1) for name in self.label_names], dtype=np.int64)
        codes = translate[self.labels]
        unknown = np.flatnonzero(codes < 0)
        if unknown.size:
            first = int(unknown[0])
            raise LabelError(
                f"{self._item(first)} has label {self.label_names[self.labels[first]]!r}, which is not one of "
                f"the models' labels {listed(labels)}; {unknown.size:,} {'item' if unknown.size == 1 else 'items'} "
                f"in total; {remedy(self.label_names, labels)}"
            )
        return codes


def _options(options: Any, source: str) -> list[tuple[str, ...]]:
    """Each item's options as a tuple; an error for the first that are not two or more different texts."""
    if isinstance(options, str):
        raise DataError(f"{source}: options must be a list of texts for each item, found the text {options[:40]!r}")
    checked = []
    for i, own in enumerate(options):
        if isinstance(own, str) or not isinstance(own, list | tuple | np.ndarray) or len(own) < 2:
            raise DataError(
                f"{source}: item {i + 1}: its options are {str(own)[:60]!r}; give a list of two or more texts"
            )
        for option in own:
            if not isinstance(option, str) or not option.strip():
                raise DataError(f"{source}: item {i + 1}: option {str(option)[:60]!r} is not a text that can be read")
        if len(set(own)) < len(own):
            twice = next(option for option in own if list(own).count(option) > 1)
            raise DataError(f"{source}: item {i + 1}: option {twice[:60]!r} is given twice; make each different")
        checked.append(tuple(own))
    return checked


def _by_position(values: Any) -> Any:
    """Lists, tuples and arrays unchanged, anything else as a list in order of iteration; texts are refused later."""
    return values if isinstance(values, list | tuple | np.ndarray | str) else list(values)
