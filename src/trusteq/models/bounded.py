"""Torch modules no larger than the files that they are to be filled from, whatever a configuration claims."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

PARTS, PARTS_A_TENSOR = 10_000, 100
"""Modules and parameters that any model may have, and more for each tensor in its files."""

VALUES, VALUES_A_BYTE = 10**7, 8
"""Values in all parameters that any model may have, and more for each byte of its files: one bit holds at least one."""

BUFFERS, BUFFERS_A_BYTE = 2**32, 8
"""Bytes of tensors that are in no file, such as tables of positions."""


@contextmanager
def bounded_by(files: Collection[Path], *, name: str) -> Iterator[None]:
    """Meanwhile no module is built here that these weights could not fill: an error as soon as one grows too large."""
    from safetensors import safe_open
    from torch.nn.modules import module as hooks

    tensors = 0
    for file in files:
        with safe_open(file, framework="np") as opened:
            tensors += len(opened.keys())
    size = sum(file.stat().st_size for file in files)
    most = {
        "modules and parameters": PARTS + PARTS_A_TENSOR * tensors,
        "values in its parameters": VALUES + VALUES_A_BYTE * size,
        "bytes of buffers": BUFFERS + BUFFERS_A_BYTE * size,
    }
    counts = dict.fromkeys(most, 0)
    here = threading.get_ident()

    def count(what: str, more: int) -> None:
        if threading.get_ident() != here:  # somebody else's model
            return
        counts[what] += more
        if counts[what] > most[what]:
            raise ModelError(
                f"model {name}: its configuration asks for more than {most[what]:,} {what}, but its files hold "
                f"{tensors:,} tensors in {size:,} bytes; no such model"
            )

    def part(_: Any, __: str, made: Any) -> None:
        count("modules and parameters", made is not None)

    def values(_: Any, __: str, made: Any) -> None:
        count("values in its parameters", 0 if made is None else made.numel())

    def buffer(_: Any, __: str, made: Any) -> None:
        count("bytes of buffers", 0 if made is None else made.nbytes)

    with ExitStack() as watched:
        for watch, see in (
            (hooks.register_module_module_registration_hook, part),
            (hooks.register_module_parameter_registration_hook, part),
            (hooks.register_module_parameter_registration_hook, values),
            (hooks.register_module_buffer_registration_hook, buffer),
        ):
            watched.callback(watch(see).remove)
        yield
