"""A transformers sequence classifier, from a folder or from the hub."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.predictions import softmax
from trusteq.errors import MissingExtraError, ModelError
from trusteq.models.base import Finding, Identity
from trusteq.models.batching import token_batches
from trusteq.models.chatter import one_line, quiet_transformers
from trusteq.models.files import PICKLES, TOKENIZER_FILES, files_hash, matching, read_config, refuse_pickle
from trusteq.models.labels import configured_labels, label_names
from trusteq.models.token_limit import token_limit, truncation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items

TOKEN_BUDGET = 8192
"""Tokens in one batch, padding included."""

VOCABULARY_FILES = ("tokenizer.json", "vocab*", "*.model", "sentencepiece*")

FILES = ("config.json", "*.safetensors", "*.safetensors.index.json", *TOKENIZER_FILES)


def open_transformer(
    location: str,
    *,
    name: str,
    labels: Sequence[str] | None = None,
    budget: int = TOKEN_BUDGET,
    device: str | None = None,
    download: bool = False,
) -> TransformerModel:
    """A sequence classifier loaded whole from safetensors, without running any code of its own.

    ``location`` is a folder, or a hub id (``org/model`` or ``org/model@revision``), which is fetched only with
    ``download``; ``labels`` renames the outputs; ``device`` is "cuda" where there is one, else "cpu".
    """
    try:
        import torch
        import transformers
        from transformers.quantizers import AutoHfQuantizer
    except ImportError as error:
        raise MissingExtraError(f"model {name}: {location}", "transformers") from error

    folder = Path(location).expanduser()
    refuse_pickle(folder, name=name)
    if not folder.exists():
        folder = _snapshot(location, name=name, download=download)
    config = _checked_config(folder, name=name)
    with quiet_transformers() as messages:
        try:
            # Local from here on: whatever a configuration refers to, nothing is fetched.
            settings: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
            quantization = config.get("quantization_config")
            if quantization and not AutoHfQuantizer.supports_quant_method(quantization):
                # transformers would only warn, and load the weights as if they were plain.
                raise ModelError(f"transformers knows no quantization {quantization.get('quant_method')!r}")
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **settings)
            model, loading = transformers.AutoModelForSequenceClassification.from_pretrained(
                folder, use_safetensors=True, dtype="auto", output_loading_info=True, **settings
            )
        except Exception as error:
            raise _loading_error(error, messages, folder=folder, name=name) from error
        _refuse_partly_random(loading, name=name)
        model.eval()
        if not config.get("quantization_config"):  # quantized weights stay where their loader put them
            wanted = device or ("cuda" if torch.cuda.is_available() else "cpu")
            try:
                model.to(wanted)
            except (RuntimeError, AssertionError) as error:
                raise ModelError(f"model {name}: cannot use device {wanted!r}: {one_line(error)}") from error
    # From the loaded configuration: a file leaves out the names that are the default.
    names = label_names(configured_labels(model.config.to_dict(), name=name), labels, name=name)

    files = matching(folder, FILES)
    identity = Identity(
        kind="transformers",
        location=location,
        content=files_hash(files, name=name),
        details={
            "architecture": type(model).__name__,
            "dtype": str(model.dtype).removeprefix("torch."),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "quantization": config.get("quantization_config"),
            "device": str(model.device),
            "revision": folder.name if folder.parent.name == "snapshots" else None,
            "files": sorted(files),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    )
    pad = tokenizer.pad_token_id
    return TransformerModel(
        name=name,
        labels=names,
        identity=identity,
        model=model,
        tokenizer=tokenizer,
        budget=budget,
        limit=token_limit(model.config.to_dict(), tokenizer.model_max_length),
        # A decoder finds the last token of a row by the pad id of its configuration; without one that both know,
        # padding would be read as text.
        can_pad=pad is not None and pad == getattr(model.config, "pad_token_id", None),
        unused=sorted(loading["unexpected_keys"]),
    )


@dataclass(eq=False)
class TransformerModel:
    """A loaded classifier; remembers which texts were too long for it."""

    name: str
    labels: tuple[str, ...]
    identity: Identity
    model: Any
    tokenizer: Any
    budget: int
    limit: int | None
    can_pad: bool
    unused: list[str]
    cut: dict[str, int] = field(default_factory=dict)

    def predict(self, items: Items) -> NDArray[np.float64]:
        """Probabilities [items, labels]: the softmax of the logits, in float64."""
        import torch

        with quiet_transformers(), torch.inference_mode():
            rows = self._encoded(items)
            lengths = np.array([len(ids) for ids in rows["input_ids"]], dtype=np.int64)
            logits = np.empty((len(items), len(self.labels)))
            # Without padding each row goes alone, which is what a budget of nothing gives.
            for at in token_batches(lengths, budget=self.budget if self.can_pad else 0):
                batch = {key: [values[i] for i in at] for key, values in rows.items()}
                try:
                    if self.can_pad:
                        tensors = dict(self.tokenizer.pad(batch, return_tensors="pt"))
                    else:
                        tensors = {key: torch.tensor(values) for key, values in batch.items()}
                    answer = self.model(**{key: tensor.to(self.model.device) for key, tensor in tensors.items()})
                    logits[at] = answer.logits.float().cpu().numpy()
                except (RuntimeError, ValueError, TypeError, IndexError) as error:
                    raise ModelError(
                        f"model {self.name}: failed while answering item {items.ids[at[0]]!r}: {one_line(error)}"
                    ) from error
        return softmax(logits)

    def _encoded(self, items: Items) -> dict[str, list[list[int]]]:
        """What the tokenizer makes of the items, by input name, cut to the model's limit, not yet padded."""
        texts = [list(segment) for segment in items.texts()]
        if len(texts) > 2:
            raise ModelError(
                f"model {self.name}: the items have {len(texts)} text segments ({', '.join(items.segments)}); "
                "a tokenizer encodes one text or a pair; name one or two columns with --text"
            )
        rows = {key: list(values) for key, values in self.tokenizer(*texts, verbose=False).items()}
        if self.limit is None:
            return rows
        long = [row for row, ids in enumerate(rows["input_ids"]) if len(ids) > self.limit]
        if long:
            self.cut.update({items.ids[row]: len(rows["input_ids"][row]) for row in long})
            shorter = self.tokenizer(
                *([segment[row] for row in long] for segment in texts), truncation=True, max_length=self.limit
            )
            for key, values in shorter.items():
                for row, value in zip(long, values, strict=True):
                    rows[key][row] = value
        return rows

    def findings(self) -> tuple[Finding, ...]:
        """Texts that were cut off so far, and weights in the files that the model has no place for."""
        found = []
        if self.cut:
            found.append(truncation(self.cut, limit=self.limit, name=self.name))
        if self.unused:
            found.append(
                Finding(
                    self.name,
                    "unused weights",
                    f"tensors in its files without a place in "
                    f"{self.identity.details['architecture']}, left out: {len(self.unused)} ({_first(self.unused)})",
                    len(self.unused),
                )
            )
        return tuple(found)


def _snapshot(location: str, *, name: str, download: bool) -> Path:
    """The folder in the hub's cache that holds this hub id, fetched first if asked for."""
    from huggingface_hub import snapshot_download

    repository, _, revision = location.partition("@")
    with quiet_transformers():
        try:
            return Path(
                snapshot_download(
                    repository,
                    revision=revision or None,
                    allow_patterns=list(FILES),
                    ignore_patterns=["*/*"],
                    local_files_only=not download,
                )
            )
        except Exception as error:
            advice = one_line(error) if download else "it is not in the local cache; say --download to fetch it"
            raise ModelError(
                f"model {name}: {location!r} is no file or folder here, and as a hub id: {advice}"
            ) from error


def _checked_config(folder: Path, *, name: str) -> dict[str, Any]:
    """config.json of a folder that holds a classifier in safetensors and nothing that would mislead."""
    config = read_config(folder / "config.json", name=name)
    if not config:
        raise ModelError(f"model {name}: {folder} has no config.json; save the model with save_pretrained")
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
    problem = config.get("problem_type")
    if problem not in (None, "single_label_classification"):
        raise ModelError(
            f"model {name}: problem_type is {problem!r}; trusteq compares classifiers that give each item one label"
        )
    return config


def _loading_error(error: Exception, messages: Sequence[str], *, folder: Path, name: str) -> ModelError:
    """One line for whatever transformers raised; its report in the log names the tensors of another shape."""
    mismatched = re.findall(r"^(\S+) *\| *MISMATCH[^\n]*?ckpt: *torch\.Size\((.*?)\) vs model: *torch\.Size\((.*?)\)",
                            re.sub(r"\x1b\[\d+m", "", "\n".join(messages)), re.MULTILINE)  # fmt: skip
    if mismatched:
        key, saved, wanted = mismatched[0]
        return ModelError(
            f"model {name}: the checkpoint does not fit config.json: tensor {key} is {saved} in the checkpoint, "
            f"{wanted} in the model ({len(mismatched)} such in all); refusing a partly random model"
        )
    if "trust_remote_code" in str(error):
        return ModelError(
            f"model {name}: {folder} needs Python code of its own (auto_map in its configuration); "
            "trusteq runs no code from a model: give a file of its predictions, or export it to ONNX"
        )
    return ModelError(f"model {name}: transformers cannot load {folder}: {one_line(error)}")


def _refuse_partly_random(loading: dict[str, Any], *, name: str) -> None:
    """Nothing when every weight came from the checkpoint, else the error that names those that did not."""
    absent = sorted({*loading["missing_keys"], *(str(key) for key in loading["mismatched_keys"])})
    if absent:
        raise ModelError(
            f"model {name}: the checkpoint does not hold {len(absent)} of the model's tensors ({_first(absent)}); "
            "refusing a partly random model"
        )


def _first(keys: Sequence[str], count: int = 3) -> str:
    return ", ".join(keys[:count]) + (", …" if len(keys) > count else "")
