"""A limit on the size of torch modules by the size of the files with their weights, whatever a configuration claims."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError
from trusteq.models.gguf_file import tensor_count

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

PARTS, PARTS_A_TENSOR = 10_000, 100
"""Modules and parameters that any model may have, and how many more for each tensor in its files."""

VALUES, VALUES_A_BYTE = 10**7, 8
"""The same for parameter values, by bytes of the files, in which a value takes at least one bit."""

BUFFERS, BUFFERS_A_BYTE = 2**32, 8
"""The same for bytes of tensors that are in no file, e.g. position tables."""


@contextmanager
def bounded_by(files: Collection[Path], *, name: str) -> Iterator[None]:
    """Within the context, an error as soon as a module under construction is larger than these weights could fill."""
    from torch.nn.modules import module as hooks

    tensors = sum(map(_tensors, files))
    size = sum(file.stat().st_size for file in files)
    limits = {
        "modules and parameters": PARTS + PARTS_A_TENSOR * tensors,
        "values in its parameters": VALUES + VALUES_A_BYTE * size,
        "bytes of buffers": BUFFERS + BUFFERS_A_BYTE * size,
    }
    counts = dict.fromkeys(limits, 0)
    thread = threading.get_ident()

    def count(what: str, more: int) -> None:
        if threading.get_ident() != thread:  # another thread's model
            return
        counts[what] += more
        if counts[what] > limits[what]:
            raise ModelError(
                f"model {name}: its configuration claims more than {limits[what]:,} {what}, but its files hold only "
                f"{tensors:,} tensors in {size:,} bytes; such a model cannot exist"
            )

    def count_part(_: Any, __: str, part: Any) -> None:
        count("modules and parameters", part is not None)

    def count_values(_: Any, __: str, parameter: Any) -> None:
        count("values in its parameters", 0 if parameter is None else parameter.numel())

    def count_bytes(_: Any, __: str, buffer: Any) -> None:
        count("bytes of buffers", 0 if buffer is None else buffer.nbytes)

    with ExitStack() as registered:
        for register, hook in (
            (hooks.register_module_module_registration_hook, count_part),
            (hooks.register_module_parameter_registration_hook, count_part),
            (hooks.register_module_parameter_registration_hook, count_values),
            (hooks.register_module_buffer_registration_hook, count_bytes),
        ):
            registered.callback(register(hook).remove)
        yield


def _tensors(file: Path) -> int:
    """How many tensors a file of weights holds, in safetensors' format or in GGUF."""
    if file.suffix.lower() == ".gguf":
        return tensor_count(file)
    from safetensors import safe_open

    with safe_open(file, framework="np") as opened:
        return len(opened.keys())
