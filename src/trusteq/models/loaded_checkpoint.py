"""A transformers checkpoint, loaded completely and without running any code of the model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.errors import MissingExtraError, ModelError
from trusteq.models.adapter import adapter_files, apply_adapter
from trusteq.models.bounded import bounded_by
from trusteq.models.checkpoint import checked_config, checkpoint_files, loading_error, refuse_partly_random, weights
from trusteq.models.fatal_tokenizer import refuse_fatal
from trusteq.models.files import refuse_pickle, staged
from trusteq.models.hub import snapshot
from trusteq.models.library_output import is_failure, offline, one_line, quiet_transformers
from trusteq.models.loaded_whole import refuse_parameters_not_in_files
from trusteq.models.made import RECIPE
from trusteq.models.quantized import package_versions, refuse_leftovers, refuse_plain_weights, refuse_short_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class LoadedCheckpoint:
    """A model and what turns items into its input: a tokenizer, or a processor of pictures or sounds.

    files: those that it was loaded from, by name. unused: tensors in them that the model does not use. quantization:
    its quantization_config, {} if it has none. packages: versions of what read the weights. revision: of the hub.
    adapter: what is known of low-rank corrections beside the weights, which the model has been given.
    """

    model: Any
    tokenizer: Any
    files: Mapping[str, Path]
    unused: list[str]
    quantization: Mapping[str, Any]
    packages: Mapping[str, str]
    revision: str | None = None
    processor: Any = None
    adapter: Mapping[str, Any] | None = None

    def details(self) -> dict[str, Any]:
        """What an identity says about it: JSON-ready."""
        import torch
        import transformers

        model = self.model
        with torch.device("meta"):  # quantized weights are packed in different ways: count those of the plain model
            parameters = (type(model)(model.config) if self.quantization else model).num_parameters()
        if self.quantization and self.adapter:
            parameters += self.adapter["parameters"]
        return {
            "architecture": type(model).__name__,
            "dtype": str(model.dtype).removeprefix("torch."),
            "parameters": parameters,
            "quantization": self.quantization or None,
            "device": str(model.device),
            "revision": self.revision,
            "files": sorted(self.files),
            **({} if self.adapter is None else {"adapter": self.adapter}),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            **self.packages,
        }


def loaded_checkpoint(
    location: str,
    kind: str,
    patterns: Sequence[str],
    *,
    name: str,
    also: Sequence[str] = (),
    device: str | None = None,
    download: bool = False,
    processor: str | None = None,
    **processor_settings: Any,
) -> LoadedCheckpoint:
    """The checkpoint in a folder or at a hub id, loaded with the class of transformers named ``kind``.

    ``patterns`` are the files that are fetched from a hub; ``also`` are further files that are loaded. By default,
    quantized weights stay where their loader puts them, and others are moved to a GPU if there is one. A ``processor``
    is the class of transformers that is loaded with these settings in place of a tokenizer.
    """
    try:
        import transformers
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"model {name}: {location}", "transformers") from error

    folder = Path(location).expanduser()
    refuse_pickle(folder, name=name)
    if not folder.exists():
        folder = snapshot(location, (*patterns, RECIPE), name=name, download=download)
    config = checked_config(folder, name=name, processor=processor)
    files = checkpoint_files(folder, name=name, also=also)
    beside = adapter_files(folder, name=name)
    quantization = config.get("quantization_config") or {}
    method = str(quantization.get("quant_method"))
    packages = package_versions(method, folder=folder, name=name)
    with quiet_transformers() as messages, offline(), staged(files, name=name) as stage:
        try:
            # Imported here, because it imports every installed quantizer, and some of those print messages.
            from transformers.quantizers import AutoHfQuantizer

            settings: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
            if quantization:
                if not AutoHfQuantizer.supports_quant_method(quantization):
                    # transformers would only warn, and load the weights as if they were plain.
                    raise ValueError(f"it does not support quantization {quantization.get('quant_method')!r}")
                refuse_plain_weights(method, weights(files), name=name)
            if processor is None:
                refuse_fatal(stage / "tokenizer.json", name=name)
                prepares = transformers.AutoTokenizer.from_pretrained(stage, **settings)
            else:
                prepares = getattr(transformers, processor).from_pretrained(stage, **settings, **processor_settings)
            with bounded_by(weights(files), name=name):
                model, loading = getattr(transformers, kind).from_pretrained(
                    stage, use_safetensors=True, dtype="auto", output_loading_info=True, **settings
                )
        except ModelError:
            raise
        except BaseException as error:
            if not is_failure(error):
                raise
            raise loading_error(error, messages, folder=folder, stage=stage, name=name) from error
        refuse_partly_random(loading, model, name=name)
        unused = sorted(loading["unexpected_keys"])
        refuse_leftovers(model, unused, name=name)
        refuse_short_parts(model, name=name)
        refuse_parameters_not_in_files(model, weights(files), unused=unused, name=name)
        model.eval()
        if device or not quantization:
            move(model, device, name=name)
        adapter = apply_adapter(model, beside, name=name)
    revision = folder.name if folder.parent.name == "snapshots" else None
    tokenizer, other = (prepares, None) if processor is None else (None, prepares)
    files |= beside
    return LoadedCheckpoint(model, tokenizer, files, unused, quantization, packages, revision, other, adapter)


def move(model: Any, device: str | None, *, name: str) -> None:
    """Move a model to a device, by default to a GPU if there is one; an error if that is not possible."""
    import torch

    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        model.to(chosen)
    except (RuntimeError, AssertionError, ValueError) as error:
        none = "" if torch.cuda.is_available() or device is None else "; torch finds no GPU here, leave --device out"
        raise ModelError(f"model {name}: cannot use device {chosen!r}: {one_line(error)[:150]}{none}") from error


def prepare(kind: str, architecture: str | None) -> None:
    """Import everything that loading a checkpoint of this architecture with this class of transformers would."""
    import torch
    import transformers

    with quiet_transformers():
        from transformers.quantizers import AutoHfQuantizer  # noqa: F401

        # transformers imports these when they are first accessed.
        for name in ("AutoTokenizer", kind, architecture):
            getattr(transformers, name or "", None)
    square = torch.ones(256, 256)
    square @ square  # starts torch's threads
