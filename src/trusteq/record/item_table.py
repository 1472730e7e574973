"""items.parquet: the items as columns of a table, and their segments read back from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from trusteq.data.arrow_column import arrow_column
from trusteq.data.lines import MAX_UNPACKED_BYTES
from trusteq.data.segment import about_column, is_described, is_segment, metadata, stored_segment
from trusteq.data.texts import Texts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from trusteq.data.items import Items
    from trusteq.data.segment import Segment

SEGMENT, COLUMN = "segment ", "column "


def item_columns(items: Items) -> dict[str, Any]:
    """One row per item: id, the segments that a file can store, label, options, cluster, columns."""
    columns: dict[str, Any] = {"id": items.ids}
    columns |= {f"{SEGMENT}{name}": segment for name, segment in items.segments.items() if segment.storable}
    if items.labels is not None:
        columns["label"] = [items.label_names[code] for code in items.labels]
    if items.options is not None:
        columns["options"] = [list(own) for own in items.options]
    if items.clusters is not None:
        columns["cluster"] = list(items.clusters)
    return columns | {f"{COLUMN}{name}": list(values) for name, values in items.columns.items()}


def arrow_table(columns: Mapping[str, Any]) -> pa.Table:
    """The columns as a table, with descriptions of the segments among them."""
    segments = {name: values for name, values in columns.items() if is_segment(values)}
    made = {name: segments[name].column() if name in segments else arrow_column(v) for name, v in columns.items()}
    table = pa.Table.from_arrays(list(made.values()), names=list(made))
    for at, field in enumerate(table.schema):
        if field.name in segments and (about := segments[field.name].about()):
            table = table.set_column(at, field.with_metadata(metadata(about)), table.column(at))
    return table


def write_table(columns: Mapping[str, Any], path: Path) -> None:
    """Write the columns as a Parquet file."""
    table = arrow_table(columns)
    # Nobody can tell whether a file that unpacks to many times its size is an attack, so large columns are not packed.
    large = [
        field.name for field in table.schema if is_described(field) and table[field.name].nbytes > MAX_UNPACKED_BYTES
    ]
    packing = {name: "none" if name in large else "zstd" for name in table.column_names}
    pq.write_table(table, path, compression=packing, use_dictionary=[n for n in packing if n not in large] or False)


def frame(columns: Mapping[str, Any]) -> pd.DataFrame:
    """The columns as a data frame; segments that are not texts look as if read from the file."""
    import pandas as pd

    others = [name for name, field in zip(columns, arrow_table(columns).schema, strict=True) if is_described(field)]
    return pd.DataFrame({**columns, **{name: columns[name].column().to_pandas() for name in others}})


def other_segments(table: pa.Table) -> dict[str, Segment]:
    """The segments in a table of items that are not texts; a ValueError if a column does not hold one."""
    segments = {}
    for field in table.schema:
        if field.name.startswith(SEGMENT):
            try:
                if about := about_column(field):
                    segments[field.name.removeprefix(SEGMENT)] = stored_segment(table[field.name], about)
            except (ValueError, pa.ArrowException) as error:
                raise ValueError(f"column {field.name!r}: {error}") from None
    return segments


def segments_of(items: pd.DataFrame, others: Mapping[str, Segment]) -> dict[str, Segment]:
    """The segments in a data frame of items, in order; ``others`` are those that are not texts."""
    columns = {str(name).removeprefix(SEGMENT): name for name in items.columns if str(name).startswith(SEGMENT)}
    return {name: others[name] if name in others else Texts(map(str, items[key])) for name, key in columns.items()}
