"""A model's files on disk: which are refused, and one hash of those that decide its answers."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib", ".ckpt")

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab*",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "*.model",
    "sentencepiece*",
    "*.spm",
    "bpe.codes",
    "dict.txt",
)

VOLATILE = frozenset({"_name_or_path", "name_or_path", "transformers_version", "is_local", "local_files_only"})
"""Keys that tell where or by which version a model was saved, and nothing about its answers."""


def refuse_pickle(path: Path, *, name: str) -> None:
    """Nothing, or the error that says why a pickle file is never opened."""
    if path.suffix.lower() in PICKLES:
        raise ModelError(
            f"model {name}: {path} is a pickle file, which could execute code when opened; trusteq never opens one: "
            "save the weights as safetensors, the model as ONNX, or give a file of its predictions"
        )


def read_config(path: Path, *, name: str) -> dict[str, Any]:
    """The JSON object in a configuration file; {} when there is no such file."""
    if not path.is_file():
        return {}
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"model {name}: {path} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise ModelError(f"model {name}: {path} holds {type(config).__name__}, expected a JSON object")
    return config


def matching(folder: Path, patterns: Iterable[str]) -> dict[str, Path]:
    """Files directly in a folder that match one of the patterns, by name."""
    found = {path.name: path for pattern in patterns for path in sorted(folder.glob(pattern)) if path.is_file()}
    for path in found.values():
        refuse_link_out(path)
    return found


def refuse_link_out(path: Path) -> None:
    """Nothing, or the error that says that a model's file is somebody else's; the hub's cache links to its blobs."""
    home, target = path.parent.resolve(), path.resolve()
    hub = home.parent.parent / "blobs" if home.parent.name == "snapshots" else home
    if path.is_symlink() and not (target.is_relative_to(home) or target.is_relative_to(hub)):
        raise ModelError(f"{path}: a link that leads out of the model's folder, to {target}; copy the file there")


def files_hash(files: dict[str, Path], *, name: str) -> str:
    """SHA-256 over names and contents in the order of names; configurations count without ``VOLATILE`` keys."""
    total = hashlib.sha256()
    for file, path in sorted(files.items()):
        if file.rpartition("/")[2] in ("config.json", "tokenizer_config.json"):
            config = {key: value for key, value in read_config(path, name=name).items() if key not in VOLATILE}
            content = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
        else:
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256")
        # Digests, not bytes, so that no shift of bytes from one file to the next gives the same hash.
        total.update(file.encode() + b"\0" + content.digest())
    return total.hexdigest()
