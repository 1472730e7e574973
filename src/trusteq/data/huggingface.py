"""Reader of Hugging Face datasets: a folder from save_to_disk or of data files, an id on the hub, or one in memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.data import arrow
from trusteq.data.table import Table, selected
from trusteq.errors import DataError, MissingExtraError, TrusteqError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

BATCH_ROWS = 1_000


IN_MEMORY = "dataset"
"""What messages call a dataset in memory."""


def is_dataset(source: object) -> bool:
    """Whether this is a dataset, or several splits of one, without importing the library."""
    datasets = sys.modules.get("datasets")
    kinds = ("Dataset", "DatasetDict", "IterableDataset", "IterableDatasetDict")
    return datasets is not None and isinstance(source, tuple(getattr(datasets, kind) for kind in kinds))


def read(source: Any, columns: Sequence[str] | None, limit: int | None, split: str | None) -> Table:
    """The requested columns of one split, streamed so that no copy stays in a cache."""
    try:
        import datasets
    except ModuleNotFoundError:
        raise MissingExtraError(f"{source}: a Hugging Face dataset", "transformers") from None
    loaded, source = (None, source) if isinstance(source, str) else (source, IN_MEMORY)
    try:
        data = _split(_opened(datasets, source) if loaded is None else loaded, source, split)
        # A streamed CSV or JSONL knows its columns only after the first row.
        available = data.column_names or list(next(iter(data), {}))
        names = selected(available, columns, source)
        if limit == 0:
            return Table(source, {name: [] for name in names}, 0)
        features = data.features or {}
        return arrow.table(
            # If no column is requested, one is read all the same, to count the rows.
            _batches(data.select_columns(names or available[:1]), limit),
            names,
            source=source,
            limit=limit,
            class_names={
                name: tuple(feature.names)
                for name, feature in features.items()
                if isinstance(feature, datasets.ClassLabel)
            },
        )
    except TrusteqError:
        raise
    except Exception as error:  # the library raises many kinds, from many others
        reason = (str(error).strip() or type(error).__name__).split("\n")[0]
        raise DataError(
            f"{source}: cannot be read as a Hugging Face dataset ({reason}); give a data file, "
            "a folder made by save_to_disk, or an id such as owner/name or owner/name:configuration"
        ) from None


def _opened(datasets: Any, source: str) -> Any:
    folder = Path(source)
    if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
        return datasets.load_from_disk(source)
    if folder.is_dir():
        return datasets.load_dataset(source, streaming=True)
    name, _, configuration = source.partition(":")
    return datasets.load_dataset(name, configuration or None, streaming=True)


def _split(data: Any, source: str, split: str | None) -> Any:
    """The dataset itself if it has no others and none is named, or the split of this name."""
    # A folder with a single split is that split itself, and may not know its name.
    splits = dict(data) if isinstance(data, dict) else {str(data.split or "(unnamed)"): data}
    if split is None and len(splits) == 1:
        return next(iter(splits.values()))
    if split is None:
        raise DataError(f"{source}: has the splits {', '.join(splits)}; choose one with --split")
    if split not in splits:
        raise DataError(f"{source}: no split {split!r}; choose from {', '.join(splits)}")
    return splits[split]


def _batches(data: Any, limit: int | None) -> Iterator[pa.RecordBatch]:
    rows = BATCH_ROWS if limit is None else min(BATCH_ROWS, limit)
    for table in data.with_format("arrow").iter(batch_size=rows):
        yield from table.to_batches()
