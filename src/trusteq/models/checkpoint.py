"""A folder with a transformers checkpoint: what is refused before, while and after it is loaded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError
from trusteq.models.chatter import one_line
from trusteq.models.files import PICKLES, matching, read_config

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MOST = {"layer": 10_000, "labels": 1_000_000}
"""What a configuration may claim under keys with such a word; transformers makes as many before it looks at weights."""

VOCABULARY_FILES = ("tokenizer.json", "vocab*", "*.model", "sentencepiece*")


def checked_config(folder: Path, *, name: str) -> dict[str, Any]:
    """config.json of a folder that holds a classifier in safetensors and nothing that would mislead."""
    config = read_config(folder / "config.json", name=name)
    if not config:
        raise ModelError(f"model {name}: {folder} has no config.json; save the model with save_pretrained")
    for key, value in _numbers(config):
        most = next((most for word, most in MOST.items() if word in key), None)
        if most is not None and value > most:
            raise ModelError(f"model {name}: config.json says {key} is {value:.10g}, more than {most:,}: no such model")
    if not matching(folder, ["*.safetensors"]):
        pickles = [path.name for path in sorted(folder.iterdir()) if path.suffix in PICKLES]
        raise ModelError(
            f"model {name}: {folder} has no .safetensors file"
            + (f", only {pickles[0]}, a pickle that could execute code when opened" if pickles else "")
            + "; convert the weights to safetensors"
        )
    if (folder / "adapter_config.json").is_file():
        # With peft installed transformers would load it, without peft it would silently leave it out.
        raise ModelError(f"model {name}: {folder} holds an adapter; merge it into its base model and save the whole")
    if not matching(folder, VOCABULARY_FILES):
        # transformers would make up an empty vocabulary, and every text would be the same unknown tokens.
        raise ModelError(
            f"model {name}: {folder} holds no tokenizer (tokenizer.json, vocab.txt or the like); "
            "save it beside the model with tokenizer.save_pretrained"
        )
    quantization = config.get("quantization_config")
    if not isinstance(quantization, dict | None):
        raise ModelError(f"model {name}: quantization_config in config.json is {quantization!r}, expected an object")
    problem = config.get("problem_type")
    if problem not in (None, "single_label_classification"):
        raise ModelError(
            f"model {name}: problem_type is {problem!r}; trusteq compares classifiers that give each item one label"
        )
    return config


def _numbers(config: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Every number and its key, those of configurations within it too; names of labels are no keys."""
    for key, value in config.items():
        if isinstance(value, dict) and key != "label2id":
            yield from _numbers(value)
        elif isinstance(value, int | float):
            yield key, value


def loading_error(error: BaseException, messages: Sequence[str], *, folder: Path, name: str) -> ModelError:
    """One line for whatever transformers raised; its report in the log names the tensors that do not fit."""
    report = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(messages))
    mismatched = re.findall(
        r"^(\S[^|\n]*?) *\| *MISMATCH[^\n]*?ckpt: *torch\.Size\((.*?)\) vs model: *torch\.Size\((.*?)\)",
        report,
        re.MULTILINE,
    )
    if mismatched:
        (key, saved, wanted), *others = mismatched
        more = f"; nor do {first_few([other for other, *_ in others])}" if others else ""
        return ModelError(
            f"model {name}: the checkpoint does not fit config.json: tensor {key} is {saved} in the checkpoint, "
            f"{wanted} in the model{more}; refusing a partly random model"
        )
    unmade = re.findall(r"^(\S[^|\n]*?) *\| *CONVERSION", report, re.MULTILINE)
    if unmade:
        return ModelError(
            f"model {name}: the checkpoint does not hold all that these weights are made of: {first_few(unmade)}; "
            "refusing a partly random model"
        )
    if "normal_kernel" in str(error):  # torch has no random integers of this kind: an absent weight was to be made up
        return ModelError(
            f"model {name}: the checkpoint lacks a quantized weight of the model; refusing a partly random model"
        )
    if "trust_remote_code" in str(error):
        return ModelError(
            f"model {name}: {folder} needs Python code of its own (auto_map in its configuration); "
            "trusteq runs no code from a model: give a file of its predictions, or export it to ONNX"
        )
    return ModelError(f"model {name}: transformers cannot load {folder}: {one_line(error)}")


def refuse_partly_random(loading: dict[str, Any], *, name: str) -> None:
    """Nothing when every weight came from the checkpoint, else the error that names those that did not."""
    absent = sorted({*loading["missing_keys"], *(str(key) for key in loading["mismatched_keys"])})
    if absent:
        raise ModelError(
            f"model {name}: the checkpoint does not hold {len(absent)} of the model's tensors ({first_few(absent)}); "
            "refusing a partly random model"
        )


def first_few(keys: Sequence[str], count: int = 3) -> str:
    """The first names of a list, for a message."""
    return ", ".join(keys[:count]) + (", …" if len(keys) > count else "")
