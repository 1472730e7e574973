"""Linear weights in 8 bits, by torchao through transformers: one scale for each row of a weight.

torch's own ``quantize_dynamic`` is not offered: its models can only be saved as a pickle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.compress.compressed import attempt, checkpoint, loaded
from trusteq.compress.encoder import linear_maps
from trusteq.models.auto_class import is_language_model
from trusteq.models.layers import does_not_apply

if TYPE_CHECKING:
    from trusteq.compress.compressed import Compressed
    from trusteq.models.transformer import TransformerModel


def int8_weights(source: TransformerModel) -> Compressed:
    """The model with its linear weights rounded; activations keep their precision."""
    from torchao.quantization import Int8WeightOnlyConfig

    return _rounded(source, "int8-weights", Int8WeightOnlyConfig())


def int8_dynamic(source: TransformerModel) -> Compressed:
    """The model with its linear weights rounded, and their inputs rounded token by token when it runs."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig

    return _rounded(
        source,
        "int8-dynamic",
        Int8DynamicActivationInt8WeightConfig(),
        "each token has its own scale, so answers depend less on the batch than with one scale for all tokens; slow "
        "on processors without int8 instructions",
    )


def _rounded(source: TransformerModel, method: str, config: Any, *notes: str) -> Compressed:
    import torch
    import transformers

    rounded = linear_maps(source, method)
    linear = [name for name, module in source.model.named_modules() if isinstance(module, torch.nn.Linear)]
    unrounded = [name for name in linear if name not in rounded]
    try:
        source.model.get_input_embeddings()
    except NotImplementedError:
        raise does_not_apply(
            source, method, "transformers names no input embeddings of it, which torchao needs; use int4-weights"
        ) from None
    with attempt(source, method, "torchao"):
        quantization = transformers.TorchAoConfig(config, modules_to_not_convert=unrounded)
        model = loaded(source, quantization_config=quantization, dtype="auto")
    total = sum(weight.numel() for weight in source.model.parameters())
    rest = total - sum(module.weight.numel() for module in rounded.values())
    head = "head" if is_language_model(type(source.model).__name__) else "classification head"
    note = f"{rest:,} of {total:,} parameters are unchanged: embeddings, norms, biases and the {head}"
    return checkpoint(source, model, note, *notes, linear_maps=len(rounded))
