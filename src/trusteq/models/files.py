"""A model's files on disk: which are refused, and a hash of those that decide its answers."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib", ".ckpt")
ESTIMATORS = (".pkl", ".pickle", ".joblib")
"""Those of them that hold scikit-learn models."""

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
    "entity_vocab.json",
    "word_shape.json",
    "word_pronunciation.json",
    "byte_maps.json",
    "normalizer.json",
    "tekken.json",
    "*.tokenizer",
)
"""All files that a transformers tokenizer reads from a folder, except chat templates."""

CONFIGURATIONS = ("config.json", "tokenizer_config.json", "special_tokens_map.json")
"""Files that are hashed and loaded without the keys that `lasting` removes."""

VOLATILE = frozenset({"_name_or_path", "name_or_path", "transformers_version", "is_local", "local_files_only"})
"""Keys about where and by which version a model was saved, which do not affect its answers."""


def refuse_pickle(path: Path, *, name: str) -> None:
    """Nothing, or an error that says why a pickle file is never opened."""
    suffix = path.suffix.lower()
    if suffix not in PICKLES:
        return
    other_ways = "save the weights as safetensors, the model as ONNX, or give a file of its predictions"
    if suffix in ESTIMATORS:
        other_ways = (
            "if you trust it, open it yourself in Python and give what it holds, a scikit-learn model for example: "
            f"trusteq.audit(joblib.load({json.dumps(str(path), ensure_ascii=False)}), ...); or save the model as ONNX, "
            "or give a file of its predictions"
        )
    raise ModelError(
        f"model {name}: {path} is a pickle file, which could execute code when opened; trusteq never opens one: "
        f"{other_ways}"
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
    files = {path.name: path for pattern in patterns for path in sorted(folder.glob(pattern)) if path.is_file()}
    for path in files.values():
        refuse_link_out(path, folder)
    return files


def refuse_link_out(path: Path, folder: Path) -> None:
    """Nothing, or an error about a link out of the model's folder; the hub's cache may link to its own blobs."""
    root, target = folder.resolve(), path.resolve()
    blobs = root.parent.parent / "blobs" if root.parent.name == "snapshots" else root
    if not (target.is_relative_to(root) or target.is_relative_to(blobs)):
        raise ModelError(f"{path}: a link that leads out of the model's folder, to {target}; copy the file there")


def files_hash(files: Mapping[str, Path], *, name: str) -> str:
    """SHA-256 over names and contents in the order of names; of configurations, only what is `lasting`."""
    total = hashlib.sha256()
    for file, path in sorted(files.items()):
        if file in CONFIGURATIONS:
            content = hashlib.sha256(json.dumps(lasting(path, name=name)).encode())
        else:
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256")
        # Digests, not bytes, so that moving bytes from one file to the next changes the hash.
        total.update(file.encode() + b"\0" + content.digest())
    return total.hexdigest()


def lasting(configuration: Path, *, name: str) -> dict[str, Any]:
    """A configuration without ``VOLATILE`` keys and, for a tokenizer, without file names; {} if there is no file.

    transformers opens some of the files that a tokenizer's configuration names, wherever they are.
    """
    content = {key: value for key, value in read_config(configuration, name=name).items() if key not in VOLATILE}
    if configuration.name == "tokenizer_config.json":
        try:
            content = _without_files(content)
        except RecursionError as error:
            raise ModelError(f"model {name}: {configuration} is nested too deeply; simplify it") from error
    elif configuration.name == "special_tokens_map.json":  # transformers takes every key as an argument
        content = {key: value for key, value in content.items() if key.endswith(("_token", "_tokens"))}
    return content


def _without_files(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_files(item) for key, item in value.items() if not key.endswith("_file")}
    return [_without_files(item) for item in value] if isinstance(value, list) else value


def tokenizer_files(files: Mapping[str, Path]) -> list[Path]:
    """The files of a model that belong to its tokenizer."""
    return [path for file, path in files.items() if any(fnmatchcase(file, pattern) for pattern in TOKENIZER_FILES)]


@contextmanager
def staged(files: Mapping[str, Path], *, name: str) -> Iterator[Path]:
    """A folder for a library to load from, with what `files_hash` covers and nothing else.

    If a configuration names another file, it is not there, so nothing is loaded that was not hashed.
    """
    with tempfile.TemporaryDirectory(prefix="trusteq-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        for file, path in files.items():
            if file in CONFIGURATIONS:
                (folder / file).write_text(json.dumps(lasting(path, name=name)), "utf-8")
                continue
            try:
                (folder / file).symlink_to(path.resolve())
            except OSError:  # on Windows, not every user may create links
                shutil.copyfile(path, folder / file)
        yield folder


def holds_checkpoint(folder: Path) -> bool:
    """Whether a folder holds a transformers model: its configuration and weights."""
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))
