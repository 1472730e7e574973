"""A LiteRT file (.tflite) on the CPU: numbers in, numbers out, one item at a time.

Quantized inputs and outputs are converted by the scale and zero point in the file. A call answers one item: several at
once are not faster on a CPU (measured: within 10 % for five of six networks, and slower for the sixth), some graphs
refuse them, and so no answer can depend on the batch.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.errors import MissingExtraError, ModelError
from trusteq.models.library_output import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

READ = 2**31 - 1
"""A FlatBuffer is smaller than 2 GiB."""


@dataclass(frozen=True)
class Tensor:
    """An input or output: its place, name, axes of one item, type, and what turns whole numbers into real ones.

    A whole number q stands for (q - zero) x step; step is None for a tensor that is not quantized.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    step: float | None
    zero: int

    @classmethod
    def of(cls, detail: dict[str, Any]) -> Tensor:
        """The tensor that the runtime describes; its first axis is that of items."""
        step, zero = detail["quantization"]
        shape = tuple(int(size) for size in detail["shape"][1:])
        return cls(
            int(detail["index"]), str(detail["name"]), shape, np.dtype(detail["dtype"]), float(step) or None, int(zero)
        )

    def stored(self, values: NDArray[Any]) -> NDArray[Any]:
        """Real numbers in the tensor's type; numbers of that type already are what it stores."""
        if values.dtype == self.dtype or self.step is None:
            return values.astype(self.dtype, copy=False)
        limits = np.iinfo(self.dtype)
        whole = np.round(values.astype(np.float64) / self.step) + self.zero
        return np.clip(whole, limits.min, limits.max).astype(self.dtype)

    def real(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """What it stores as real numbers."""
        numbers = values.astype(np.float64)
        return numbers if self.step is None else (numbers - self.zero) * self.step


@dataclass(frozen=True, eq=False)
class LitertSession:
    """A graph of one input, and the output with the scores."""

    interpreter: Any
    input: Tensor
    output: Tensor
    threads: int

    def answer(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """The scores [labels] of one item, whose values have the input's shape but for axes of length 1."""
        if _long(values.shape) != _long(self.input.shape):
            raise ValueError(
                f"its values have shape {list(values.shape)}, but the graph reads {list(self.input.shape)}; give "
                "arrays of that shape, in that order of axes"
            )
        stored = self.input.stored(values).reshape(1, *self.input.shape)
        self.interpreter.set_tensor(self.input.index, stored)
        self.interpreter.invoke()
        return self.output.real(self.interpreter.get_tensor(self.output.index)).ravel()


def _long(shape: tuple[int, ...]) -> list[int]:
    """The lengths of the axes that are longer than 1."""
    return [length for length in shape if length != 1]


def open_litert_session(file: Path, *, output: str | None, name: str) -> LitertSession:
    """A session of the file; ``output`` names the output with the scores if there are several."""
    try:
        with silent_stderr():  # it announces its delegates there
            from ai_edge_litert.interpreter import Interpreter
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"model {name}: {file}", "litert") from error
    setting = os.environ.get("OMP_NUM_THREADS", "")
    threads = max(int(setting), 1) if setting.isdecimal() else 1
    try:
        if file.stat().st_size > READ:
            raise ValueError("more than 2 GiB")
        with silent_stderr():
            interpreter = Interpreter(str(file), num_threads=threads)
            interpreter.allocate_tensors()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    except Exception as error:
        raise ModelError(f"model {name}: LiteRT cannot load {file}: {one_line(error)}") from error
    if len(inputs) != 1:
        names = ", ".join(str(one["name"]) for one in inputs)
        raise ModelError(f"model {name}: the graph has {len(inputs)} inputs ({names}); only graphs with one can be run")
    if tuple(inputs[0]["shape"][:1]) != (1,):
        raise ModelError(
            f"model {name}: input {inputs[0]['name']!r} has shape {list(map(int, inputs[0]['shape']))}; the first axis "
            "must be that of items, with 1 of them; convert the model again with that batch size"
        )
    chosen = [one for one in outputs if output in (None, one["name"])]
    if len(chosen) != 1:
        names = ", ".join(f"{one['name']}: {list(map(int, one['shape']))}" for one in outputs)
        what = "has several outputs" if output is None else f"has no output {output!r}"
        raise ModelError(f"model {name}: the graph {what}; choose one of these with --output: {names}")
    for one in (inputs[0], chosen[0]):
        if len(one["quantization_parameters"]["scales"]) > 1:
            raise ModelError(
                f"model {name}: {one['name']!r} is quantized by channel, which inputs and outputs cannot be; convert "
                "the model again"
            )
    return LitertSession(interpreter, Tensor.of(inputs[0]), Tensor.of(chosen[0]), threads)


def litert_version() -> str:
    """The version of the runtime."""
    return metadata.version("ai-edge-litert")


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Within the context nothing is printed on stderr, not even by a library written in C++."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
