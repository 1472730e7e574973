"""The tensors in a checkpoint's safetensors files: read by name; or some of them replaced, and all else as it was."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.models.checkpoint import weights
from trusteq.models.library_output import is_failure, quiet_transformers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class StoredTensors(Mapping[str, Any]):
    """Tensors by name. files: the file that holds each."""

    files: Mapping[str, Path]

    @staticmethod
    def of(files: Mapping[str, Path]) -> StoredTensors:
        """Those in a checkpoint's files, given by name."""
        from safetensors import safe_open

        found: dict[str, Path] = {}
        for file in weights(files):
            with safe_open(file, framework="pt") as stored:
                found |= dict.fromkeys(stored.keys(), file)
        return StoredTensors(found)

    def __len__(self) -> int:
        return len(self.files)

    def __contains__(self, name: object) -> bool:
        return name in self.files

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __getitem__(self, name: str) -> Any:
        from safetensors import safe_open

        with safe_open(self.files[name], framework="pt") as stored:
            return stored.get_tensor(name)


def stored_names(model: Any, names: Iterable[str]) -> dict[str, str]:
    """By what name a file holds each parameter of a transformers model, where it holds it as it is.

    transformers may save parameters under the older names of their architecture. It is asked to save numbers in their
    place, which show which went where.
    """
    import torch

    numbered = list(names)
    with tempfile.TemporaryDirectory(prefix="trusteq-") as scratch, quiet_transformers():
        folder = Path(scratch)
        try:
            model.save_pretrained(
                folder, state_dict={name: torch.tensor([float(i)]) for i, name in enumerate(numbered)}
            )
        except Exception as error:
            if not is_failure(error):
                raise
            return {}  # it joins or splits tensors, which numbers cannot stand for
        saved = StoredTensors.of({file.name: file for file in folder.iterdir()})
        places = {name: saved[name] for name in saved}
    return {numbered[int(number)]: name for name, number in places.items() if number.shape == (1,)}


def save_with(files: Mapping[str, Path], tensors: Mapping[str, Any], folder: Path) -> None:
    """Copy a checkpoint's files to a folder, with these tensors in the place of those of the same name.

    They must have the same shapes, and are stored in the same precision. All other bytes stay as they are.
    """
    for name, file in files.items():
        shutil.copyfile(file, folder / name)
    for file in (folder / name for name in files if name.endswith(".safetensors")):
        with file.open("r+b") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length))
            for name in header.keys() & tensors.keys():
                place, tensor = header[name], tensors[name]
                if list(tensor.shape) != place["shape"]:
                    raise ValueError(f"{name} is {place['shape']} in {file.name}, not {list(tensor.shape)}")
                start, end = place["data_offsets"]
                data = _bytes(tensor, place["dtype"])
                if len(data) != end - start:
                    raise ValueError(f"{name} takes {end - start} bytes in {file.name}, not {len(data)}")
                stream.seek(8 + length + start)
                stream.write(data)


def _bytes(tensor: Any, dtype: str) -> bytes:
    """A tensor's values in a precision of safetensors, as stored."""
    import torch

    kinds = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}
    data: bytes = tensor.detach().cpu().to(kinds[dtype]).contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return data
