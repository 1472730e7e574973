"""A folder with a transformers checkpoint: its files, and what is refused before, during and after loading."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from trusteq.data.table import shown
from trusteq.errors import ModelError
from trusteq.models.files import PICKLES, TOKENIZER_FILES, lasting, matching, read_config, refuse_link_out
from trusteq.models.library_output import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
SHARD = re.compile(r"[^/\\]+\.safetensors")
DISTRIBUTED = re.compile(r"shard-\d{5}-model-\d{5}-of-\d{5}\.safetensors")
"""Names of torch's distributed checkpoints; transformers silently loads whatever part of one it finds."""

PROCESSOR = "preprocessor_config.json"
"""What is done to pictures or sounds before the model."""

MOST_OF_PROCESSOR = 10_000_000
"""The largest number in it: pixels of a side, or samples of a sound; arrays of such sizes are built."""

VOCABULARY_FILES = ("tokenizer.json", "vocab*", "*.model", "sentencepiece*")

NAMES = ("label2id", "id2label", "added_tokens_decoder")

MOST = {"layer": 10_000, "labels": 1_000_000, "[]": 1_000_000}
"""The largest number allowed under keys with such a word, or in lists: this many are built before weights are read."""

MOST_TOKENS = 2_000_000
"""The same for a tokenizer's configuration, under any key that is not about lengths."""

FOREIGN_FILES = ("transformers_weights", "configuration_files", "fast_tokenizer_files", "fusion_config", "init_inputs")
"""Keys by which a configuration makes transformers load other files than a checkpoint's own, or change its code."""

CODE = {
    "attn_implementation": (None, "eager", "sdpa"),
    "experts_implementation": (None, "eager", "batched_mm", "grouped_mm"),
}
"""Allowed values of keys that can cause native code to be fetched or compiled; also when prefixed with "_"."""


def checkpoint_files(folder: Path, *, name: str, also: Sequence[str] = ()) -> dict[str, Path]:
    """The files of a checkpoint, by name: configuration, weights, tokenizer and ``also``. No other file is loaded."""
    return {**matching(folder, ["config.json", *TOKENIZER_FILES, *also]), **_weight_files(folder, name=name)}


def _weight_files(folder: Path, *, name: str) -> dict[str, Path]:
    """The file with the weights, or the index with all shards that it names."""
    files = matching(folder, [WEIGHTS, INDEX])
    if WEIGHTS not in files and INDEX not in files:
        raise ModelError(f"model {name}: {folder} {_no_weights(folder)}")
    if WEIGHTS in files:  # transformers then ignores the index
        files = {WEIGHTS: files[WEIGHTS]}
    else:
        weight_map = read_config(files[INDEX], name=name).get("weight_map")
        names = weight_map.values() if isinstance(weight_map, dict) else ()
        shards = sorted(set(names)) if _are_texts(names) else []
        if not shards:
            raise ModelError(f"model {name}: {files[INDEX]} has no weight_map that names a file for each tensor")
        for shard in shards:
            if not SHARD.fullmatch(shard) or not (folder / shard).is_file():
                raise ModelError(
                    f"model {name}: {files[INDEX]} names {shown(shard)}, which is not a .safetensors file in {folder}; "
                    "put all shards there"
                )
            refuse_link_out(folder / shard, folder)
            files[shard] = folder / shard
    for file, path in files.items():
        if file != INDEX and (DISTRIBUTED.fullmatch(file) or "DCP_SHARDING_INFO" in _metadata(path, name=name)):
            raise ModelError(
                f"model {name}: {path} is a shard of a distributed checkpoint; consolidate it to {WEIGHTS} first"
            )
    return files


def _no_weights(folder: Path) -> str:
    """What is wrong with a folder that has neither weights nor an index."""
    files = sorted(path.name for path in folder.iterdir())
    others = [file for file in files if file.endswith(".safetensors")]
    if any(map(DISTRIBUTED.fullmatch, others)):
        return f"is a distributed checkpoint; consolidate it to {WEIGHTS} first"
    if others:
        return f"has neither {WEIGHTS} nor {INDEX}, so nothing says that {first_few(others)} belong to the model"
    pickles = [file for file in files if file.endswith(PICKLES)]
    note = f", only {pickles[0]}, a pickle that could execute code when opened" if pickles else ""
    return f"has no .safetensors file{note}; convert the weights to safetensors"


def _metadata(file: Path, *, name: str) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as tensors:
            return tensors.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"model {name}: cannot load {file}: {one_line(error)}") from error


def checked_config(folder: Path, *, name: str, processor: str | None = None) -> dict[str, Any]:
    """config.json of a folder with a classifier and its tokenizer, checked for anything that is not allowed.

    ``processor``: the class of transformers for what it has in place of a tokenizer, if it does.
    """
    config = read_config(folder / "config.json", name=name)
    if not config:
        raise ModelError(f"model {name}: {folder} has no config.json; save the model with save_pretrained")
    for key, value in _entries(config):
        most = next((most for word, most in MOST.items() if word in key), math.inf)
        _refuse_entry(key, value, most, where=f"model {name}: config.json")
    for key, value in _entries(lasting(folder / "tokenizer_config.json", name=name)):
        most = math.inf if "length" in key else MOST_TOKENS
        _refuse_entry(key, value, most, where=f"model {name}: tokenizer_config.json")
    for key, value in _entries(read_config(folder / PROCESSOR, name=name) if processor else {}):
        _refuse_entry(key, value, MOST_OF_PROCESSOR, where=f"model {name}: {PROCESSOR}")
    if (folder / "adapter_config.json").is_file():
        # transformers would load it if peft is installed, and silently ignore it otherwise.
        raise ModelError(
            f"model {name}: {folder} holds an adapter; merge it into its base model and save the result, or move its "
            "files to a subfolder named adapter"
        )
    if processor is not None and not (folder / PROCESSOR).is_file():
        raise ModelError(
            f"model {name}: {folder} has no {PROCESSOR}, which says how its input is prepared; save it to the same "
            "folder with processor.save_pretrained"
        )
    if processor is None and not matching(folder, VOCABULARY_FILES):
        # transformers would invent an empty vocabulary, and every text would consist of unknown tokens.
        raise ModelError(
            f"model {name}: {folder} holds no tokenizer (tokenizer.json, vocab.txt or similar); "
            "save it to the same folder with tokenizer.save_pretrained"
        )
    quantization = config.get("quantization_config")
    if not isinstance(quantization, dict | None):
        raise ModelError(f"model {name}: quantization_config in config.json is {quantization!r}, expected an object")
    problem = config.get("problem_type")
    if problem not in (None, "single_label_classification"):
        raise ModelError(
            f"model {name}: problem_type is {problem!r}; trusteq compares classifiers that give one label to each item"
        )
    return config


def _refuse_entry(key: str, value: Any, most: float, *, where: str) -> None:
    """An error if an entry of a configuration has other files or code loaded, or claims more than any model has."""
    where = f"{where} says {key.removesuffix('[]')} is {shown(value)}"
    is_option = key.endswith("_kwargs") and isinstance(value, dict)
    if (key in FOREIGN_FILES and value) or (is_option and any(map(_may_be_a_path, value.values()))):
        raise ModelError(f"{where}: the files it names would be loaded as well; remove this entry")
    allowed = CODE.get(key.removeprefix("_"))
    implementations = value.values() if isinstance(value, dict) else (value,)  # one for each part of a model
    if allowed is not None and not all(one in allowed for one in implementations):
        choices = ", ".join(str(one) for one in allowed if one)
        raise ModelError(
            f"{where}, which may have native code fetched or compiled; remove this entry, or use one of {choices}"
        )
    if isinstance(value, int | float) and value > most:
        raise ModelError(f"{where}, more than the {most:,} allowed; correct the configuration")


def _entries(content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every key and value, also of nested objects and lists; names of labels and tokens do not count as keys."""
    remaining: list[tuple[str, Any]] = list(content.items())
    while remaining:
        key, value = remaining.pop()
        yield key, value
        if isinstance(value, dict) and key not in NAMES:
            remaining += value.items()
        elif isinstance(value, list):
            remaining += [(f"{key}[]", element) for element in value]


def _may_be_a_path(value: Any) -> bool:
    return isinstance(value, str) and (value.startswith("-") or not set("/\\").isdisjoint(value))


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def weights(files: Mapping[str, Path]) -> list[Path]:
    """The files of a checkpoint that hold its weights."""
    return [path for file, path in files.items() if file.endswith(".safetensors")]


def loading_error(error: BaseException, messages: Sequence[str], *, folder: Path, stage: Path, name: str) -> ModelError:
    """A one-line error for an exception of transformers, whose report in the log names the tensors that do not fit.

    The files are in ``folder``, and were loaded through ``stage``.
    """
    report = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(messages))
    mismatched = re.findall(
        r"^(\S[^|\n]*?) *\| *MISMATCH[^\n]*?ckpt: *torch\.Size\((.*?)\) vs model: *torch\.Size\((.*?)\)",
        report,
        re.MULTILINE,
    )
    if mismatched:
        (key, saved, expected), *others = mismatched
        more = f"; nor do {first_few([other for other, *_ in others])}" if others else ""
        return ModelError(
            f"model {name}: the checkpoint does not fit config.json: tensor {key} is {saved} in the checkpoint, "
            f"{expected} in the model{more}; refusing a partly random model"
        )
    incomplete = re.findall(r"^(\S[^|\n]*?) *\| *CONVERSION", report, re.MULTILINE)
    if incomplete:
        return ModelError(
            f"model {name}: the checkpoint lacks some of the tensors that these weights are built from: "
            f"{first_few(incomplete)}; refusing a partly random model"
        )
    if "normal_kernel" in str(error):  # torch tried to draw a missing weight at random, which fails for integers
        return ModelError(
            f"model {name}: the checkpoint lacks a quantized weight of the model; refusing a partly random model"
        )
    if "trust_remote_code" in str(error):
        return ModelError(
            f"model {name}: {folder} needs Python code of its own (auto_map in its configuration); "
            "trusteq runs no code from a model: give a file of its predictions, or export it to ONNX"
        )
    reason = one_line(error).replace(str(stage), str(folder))
    return ModelError(f"model {name}: transformers cannot load {folder}: {reason}")


def refuse_partly_random(loading: dict[str, Any], model: Any, *, name: str) -> None:
    """An error, which names them, if some of the model's weights did not come from the checkpoint."""
    absent = sorted({*loading["missing_keys"], *(str(key) for key in loading["mismatched_keys"])})
    if absent:
        stated = next(iter(getattr(model.config, "architectures", None) or ()), type(model).__name__)
        other = f"; its config.json says {stated}, a model for another task" if stated != type(model).__name__ else ""
        raise ModelError(
            f"model {name}: the checkpoint does not hold {len(absent)} of the model's tensors ({first_few(absent)}); "
            f"refusing a partly random model{other}"
        )


def first_few(keys: Sequence[str], count: int = 3) -> str:
    """The first names of a list, for a message."""
    return ", ".join(keys[:count]) + (", …" if len(keys) > count else "")
