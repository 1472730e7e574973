"""Items from a data file or data frame: which column is the text, the label, the id."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.id_columns import read_with_ids
from trusteq.data.items import Items
from trusteq.data.label_sets import CODE, enumerated, listed
from trusteq.data.lm_eval import why_no_samples
from trusteq.data.media_folder import FILE_NAME, LABEL, medium_of
from trusteq.data.option_columns import own_options, right_options
from trusteq.data.picture_columns import picture_column
from trusteq.data.prediction_file import refuse_both
from trusteq.data.read_rows import rows_of
from trusteq.data.readers import column_names, read_table
from trusteq.data.results import format_of
from trusteq.data.segment import segment_of
from trusteq.data.sound_columns import feature_column, sound_column
from trusteq.data.table import Table, shown
from trusteq.errors import DataError, LabelError, OptionError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.data.pictures import Pictures
    from trusteq.data.rows import Rows
    from trusteq.data.sounds import Channels, Sounds

ALL = "all"
"""In place of columns' names: all columns that have no other part."""
FEW_VALUES = 30
"""Categories of a column by which items are sliced unless told otherwise."""
ROW = "row"
"""The name of the segment with the rows of a table."""


def read_items(
    source: str | Path | Any,
    *,
    text: str | Sequence[str] = (),
    sound: str | Sequence[str] = (),
    features: str | Sequence[str] = (),
    rate: int | None = None,
    channels: Channels = "one",
    picture: str | Sequence[str] = (),
    label: str | None = None,
    label_names: Sequence[str] | None = None,
    id: str | None = None,  # noqa: A002
    by_row: bool = False,
    slices: str | Sequence[str] = (),
    cluster: str | None = None,
    ignore_labels: str | Sequence[str] = (),
    split: str | None = None,
    download: bool = False,
    options: str | None = None,
    columns: str | Sequence[str] = (),
    categories: str | Sequence[str] = (),
    background: str | Path | Any | None = None,
    skip_unreadable: bool = False,
) -> Items:
    """The items of a file, Hugging Face dataset or pandas data frame, without those whose label is ignored.

    Ids come from the column ``id``; without it from a column named like ids (`read_with_ids`), unless ``by_row``; else
    they are row numbers "1", "2", ... of the file. Labels are names, or codes into ``label_names``. A single name may
    replace a list of one. ``download`` allows downloading a dataset from the hub; without it nothing goes online.
    ``options`` is the column with each item's own options, a list of texts (in CSV as JSON); a label is then the
    position of the right one, counted from 0, or its text.
    ``sound`` names columns of recordings (bytes, paths or both), ``features`` columns of features [time, coefficients].
    Recordings of another sample rate than the first, or of several channels, are refused unless ``rate`` states the
    rate in Hz that all are resampled to, and ``channels`` is "mean".
    ``columns`` are those of a table whose rows the models read, or "all" for all that have no other part; numbers and
    categories are told apart as pandas does, except that ``categories`` never hold numbers. ``background`` has rows
    of the same columns, from which values stand in for columns left out; by default 100 of the items do.
    ``picture`` names columns of pictures: bytes of image files, their paths from the folder of the data, or both.
    A folder of pictures or sounds (`trusteq.data.media_folder`) needs none of these: files are its items, named by
    their path, with their subfolder as label. ``skip_unreadable`` leaves out items whose files cannot be decoded.
    Results of an evaluation tool (`trusteq.data.results`) contain their items; ``slices`` and ``cluster`` then name
    fields of its records, e.g. "doc.subject".
    """
    refuse_both(id, by_row)
    text, slices, ignore_labels = _as_tuple(text), _as_tuple(slices), _as_tuple(ignore_labels)
    sound, features = _as_tuple(sound), _as_tuple(features)
    picture = _as_tuple(picture)
    row, categories = _as_tuple(columns), _as_tuple(categories)
    if not row and (categories or background is not None):
        raise DataError(f"{_name(source)}: categories and a background are those of columns; name these with --columns")
    if (form := format_of(source)) is not None:
        without_effect = {
            "--text": text,
            "--sound": sound,
            "--features": features,
            "--rate": rate,
            "--channels": channels != "one",
            "--picture": picture,
            "--columns": row,
            "--label": label,
            "--label-names": label_names,
            "--options": options,
            "--id": id,
            "--by-row": by_row,
            "--ignore-label": ignore_labels,
            "--split": split,
            "--skip-unreadable": skip_unreadable,
        }
        if (flag := next((name for name, value in without_effect.items() if value), None)) is not None:
            raise OptionError(f"{flag} has no effect: {source} are {form.words}, which say it themselves; remove it")
        items: Items = form.read(Path(source).expanduser()).items(slices=slices, cluster=cluster)
        return items
    if isinstance(source, str | Path) and (medium := medium_of(Path(source), split)) is not None:
        id = FILE_NAME if id is None and not by_row else id  # noqa: A001
        label = LABEL if label is None and LABEL in column_names(source, split=split) else label
        if not (text or picture or sound or features or row):
            picture, sound = ((medium,) if medium == kind else () for kind in ("picture", "sound"))
    if not sound and (rate is not None or channels != "one"):
        raise OptionError("a rate and channels are those of recordings; name their column with --sound")
    if not (picture or sound) and skip_unreadable:
        raise OptionError(
            "--skip-unreadable has no effect: no pictures or sounds are read; name their column with --picture or "
            "--sound, or remove it"
        )
    if isinstance(label_names, str):
        raise DataError(f"{_name(source)}: label_names must be a list of names, found the text {label_names!r}")
    if label is None and (label_names or ignore_labels):
        raise DataError(f"{_name(source)}: label names or labels to ignore need a label column; name it with --label")
    if options is not None and (label_names or ignore_labels):
        raise DataError(f"{_name(source)}: label names and labels to ignore have no effect on options; leave them out")
    if isinstance(source, str | Path) and (reason := why_no_samples(Path(source).expanduser())) is not None:
        raise DataError(reason)
    segments = [*text, *picture, *sound, *features]
    named = [*segments, *slices, *(name for name in (label, id, cluster, options) if name is not None)]
    read = partial(read_table, source, split=split, download=download)
    everything = row == (ALL,)
    if row:
        available = column_names(source, split=split, download=download)
        everything = everything and ALL not in available
        row = tuple(name for name in available if name not in {*named} - {*slices}) if everything else row
    columns = [*named, *row]
    if id is not None or by_row:
        table = read(list(dict.fromkeys(columns)))
    else:
        available = column_names(source, split=split, download=download)
        others = [name for name in available if name not in {label, cluster, options, *slices}]
        others = others if everything else [name for name in others if name not in row]
        table, id = read_with_ids(read, columns, others)  # noqa: A001
        row = tuple(name for name in row if name != id)

    rows = np.arange(table.rows)
    codes: NDArray[np.int64] | None = None
    names: tuple[str, ...] = ()
    own = None if options is None else own_options(table, options)
    if own is not None and label is not None:
        codes = right_options(table, label, own)
        names = tuple(map(str, range(max(map(len, own)))))
    elif label is not None:
        rows, codes, names = _labels(table, label, label_names, set(ignore_labels))

    ignored = table.rows - len(rows)
    media: dict[str, Pictures | Sounds] = {name: picture_column(table, name) for name in picture}
    media |= {name: sound_column(table, name, rate=rate, channels=channels) for name in sound}
    unreadable = _unreadable(media, rows) if skip_unreadable else np.zeros(len(rows), dtype=np.bool_)
    if unreadable.any() and not unreadable.all():
        rows, codes = rows[~unreadable], None if codes is None else codes[~unreadable]

    def keep_rows(values: Any) -> Any:
        if len(rows) == table.rows:
            return values
        return values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]

    read_rows = _rows(source, table, row, categories, background, rows) if row else None
    sliced = dict.fromkeys([*slices, *(() if read_rows is None else _few_categories(read_rows))])
    return Items(
        ids=[str(row + 1) for row in rows] if id is None else keep_rows(table.ids(id)),
        segments={
            **{name: segment_of(_segment(table, name), name).take(rows) for name in text},
            **{name: files.take(rows) for name, files in media.items()},
            **{name: feature_column(table, name).take(rows) for name in features},
            **({} if read_rows is None else {ROW: read_rows}),
        },
        labels=codes,
        label_names=names,
        columns={name: keep_rows(table.texts(name, missing="(missing)")) for name in sliced},
        options=None if own is None else keep_rows(own),
        clusters=None if cluster is None else keep_rows(table.texts(cluster)),
        source=table.source,
        ignored=ignored,
        unreadable=table.rows - ignored - len(rows),
        places=rows + 1 if table.lines is None else np.asarray(table.lines, np.int64)[rows],
        counted_in="row" if table.lines is None else "line",
        id_column=id,
        label_column=label,
    )


def _rows(
    source: Any,
    table: Table,
    names: Sequence[str],
    categories: Sequence[str],
    background: Any,
    at: NDArray[np.int64],
) -> Rows:
    """The rows at these positions, and those that stand in for columns left out."""
    rows = rows_of(source, table, names, categories).take(at)
    if background is None:
        return rows.beside(None)
    texts = [column.name for column in rows.columns if not column.is_number]
    return rows.beside(rows_of(background, read_table(background, names), names, texts))


def _few_categories(rows: Rows) -> list[str]:
    """The columns of categories with few values, by which items are sliced without being told."""
    return [
        column.name
        for column, array in zip(rows.columns, rows.arrays, strict=True)
        if not column.is_number and len(set(column.values(array))) <= FEW_VALUES
    ]


def _unreadable(media: Mapping[str, Pictures | Sounds], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of these rows have a file that cannot be decoded [rows]."""
    found = np.zeros(len(rows), dtype=np.bool_)
    for files in media.values():
        found[list(files.take(rows).unreadable())] = True
    return found


def _name(source: object) -> str:
    return str(source) if isinstance(source, str | Path) else type(source).__name__


def _as_tuple(names: str | Sequence[str]) -> tuple[str, ...]:
    """The names as texts; a single name becomes a tuple of one."""
    return (names,) if isinstance(names, str) else tuple(str(name) for name in names)


def _segment(table: Table, name: str) -> list[str] | NDArray[Any]:
    """What a model reads: texts [items], or numbers [items, ...] if the file has lists of them."""
    column = table.columns[name]
    if isinstance(column, np.ndarray) and column.ndim > 1:
        return column
    values = table.values(name)
    for row, value in enumerate(values):
        if value is None:
            raise table.error(row, name, "has no value (None); fill in the text or drop the row")
        if not isinstance(value, str):
            kind = type(value).__name__
            raise table.error(row, name, f"is not text: {shown(value)} is of type {kind}; name a text column")
    return values


def _labels(
    table: Table, name: str, label_names: Sequence[str] | None, ignored: Collection[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[str, ...]]:
    """Rows that are kept, their codes, and the label names of the codes."""
    raw = table.texts(name)
    values = table.values(name)
    for row, value in enumerate(values if float in set(map(type, values)) else ()):
        if isinstance(value, float) and not value.is_integer():
            raise table.error(row, name, f"is not a label: {value!r} is a fraction; name a column of classes")

    names = tuple(str(label_name) for label_name in label_names or table.class_names.get(name, ()))
    distinct = set(raw)
    unknown = next((label for label in sorted(ignored) if label not in distinct and label not in names), None)
    if unknown is not None:
        raise LabelError(
            f"{table.source}: no item has the label {unknown!r} of --ignore-label; "
            f"column {name!r} has {listed(sorted({*names, *distinct}))}"
        )
    if names:
        code_of = _codes(table, name, raw, names, ignored)
    else:
        names = tuple(sorted(distinct - set(ignored)))
        code_of = {value: code for code, value in enumerate(names)}
    codes = np.fromiter((code_of.get(value, -1) for value in raw), np.int64, len(raw))
    rows = np.flatnonzero(codes >= 0)
    return rows, codes[rows], names


def _codes(
    table: Table, name: str, raw: Sequence[str], names: Sequence[str], ignored: Collection[str]
) -> dict[str, int]:
    """The code of each value of the label column, without ignored ones."""
    if len(set(names)) != len(names):
        repeated = next(value for value in names if names.count(value) > 1)
        raise DataError(f"{table.source}: label name {repeated!r} is given twice; each code needs its own name")
    codes = {str(code): code for code in range(len(names))}
    code_of = {}
    for value in dict.fromkeys(raw):
        number = CODE.fullmatch(value)
        code = codes.get(number[1] if number else value)
        if value in ignored or (code is not None and names[code] in ignored):
            continue
        if code is None:
            raise table.error(
                raw.index(value),
                name,
                f"has label {shown(value)}, which is not a code from 0 to {len(names) - 1} for the names "
                f"{{{enumerated(names)}}}; name every code, or drop such items with --ignore-label",
            )
        code_of[value] = code
    return code_of
