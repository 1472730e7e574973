"""An audit as a run of TensorBoard: an event file, with the page beside it."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from trusteq.data.atomic_file import write_atomically
from trusteq.errors import MissingExtraError, RunError
from trusteq.report.markdown_text import escaped, table

if TYPE_CHECKING:
    from trusteq.report.trackers.told import Told

FOLDER = Path("runs")
"""Where TensorBoard is usually told to look."""


def to_tensorboard(told: Told, folder: Path | None) -> str:
    """The folder with the run's event file."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.text.metadata import create_summary_metadata
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
        from tensorboard.util.tensor_util import make_tensor_proto
    except ImportError:
        raise MissingExtraError("logging to TensorBoard", "tensorboard") from None
    place = (FOLDER if folder is None else folder) / re.sub(r"[^\w.-]+", "-", told.name).strip("-.")
    if place.exists() and any(place.iterdir()):
        raise RunError(f"{place}: already exists; choose another --out or remove it")
    place.mkdir(parents=True, exist_ok=True)
    rows = [[escaped(name), escaped(words)] for name, words in {**told.verdicts, **told.settings}.items()]
    words = make_tensor_proto([table(["", ""], rows).encode()])
    metadata = create_summary_metadata(display_name="trusteq", description="")
    values = [Summary.Value(tag=name, simple_value=value) for name, value in told.numbers.items()]
    values.append(Summary.Value(tag="trusteq", tensor=words, metadata=metadata))
    writer = EventFileWriter(str(place))
    writer.add_event(Event(wall_time=time.time(), step=0, summary=Summary(value=values)))
    writer.close()
    for name, text in told.files.items():
        write_atomically(place / name, text)
    return str(place)
