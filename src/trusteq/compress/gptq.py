"""GPTQ: linear weights in 4 bits, rounded so that a layer's outputs on given texts move least (Frantar et al. 2023).

Columns are rounded one after another, and those that remain make up for what rounding a column does to the outputs.
Each layer reads what the rounded layers before it make of the texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compress.compressed import attempt
from trusteq.compress.encoder import linear_maps
from trusteq.compress.grid import nearest, steps
from trusteq.compress.packed import group_size, packed
from trusteq.errors import DataError
from trusteq.models.layers import layer_list
from trusteq.models.traits import traits_of
from trusteq.progress import silent

if TYPE_CHECKING:
    from trusteq.compress.compressed import Compressed
    from trusteq.data.items import Items
    from trusteq.models.transformer import TransformerModel
    from trusteq.progress import Tell

BITS = 4

DAMPING = 0.01
"""What is added to each input's mean square, as a share of their mean: as in the paper, to keep the matrix regular."""

LONGEST = 2048
"""Tokens of a text that a language model reads; fewer if its context is shorter."""


def gptq(
    source: TransformerModel,
    *,
    items: Items,
    group: int | None = None,
    tell: Tell = silent,
) -> Compressed:
    """The model with 4-bit linear weights, rounded for the texts of these items."""
    import torch

    name, layers = layer_list(source, "int4-gptq")
    maps = {key: module for key, module in linear_maps(source, "int4-gptq").items() if key.startswith(f"{name}.")}
    group = group_size(source, "int4-gptq", maps, group)
    scales = {}
    with torch.inference_mode(), attempt(source, "int4-gptq", "its layers cannot be run one by one"):
        hidden, settings = _inputs(source, items, layers)
        for number, layer in enumerate(layers):
            tell("round the layers", number, len(layers))
            inside = {key: module for key, module in maps.items() if key.startswith(f"{name}.{number}.")}
            moments = _moments(layer, inside, hidden, settings[number])
            for key, module in inside.items():
                rounded, scales[key] = rounded_for(module.weight.float(), moments[key], bits=BITS, group=group)
                module.weight.copy_(rounded)
            hidden = [_output(layer, row, *given) for row, given in zip(hidden, settings[number], strict=True)]
    tell("round the layers", len(layers), len(layers))
    tokens = sum(row.shape[1] for row in hidden)
    return packed(
        source,
        "int4-gptq",
        maps,
        scales,
        f"rounded for {tokens:,} tokens of {len(hidden):,} texts; audit it on others",
        bits=BITS,
        calibration={"source": items.source, "items": len(items), "content": items.content(), "tokens": tokens},
        threads=torch.get_num_threads(),
    )


def rounded_for(weight: Any, moments: Any, *, bits: int, group: int) -> tuple[Any, Any]:
    """The weights [outputs, inputs] on a grid, and its steps [outputs, groups], for inputs of these second moments.

    ``moments`` [inputs, inputs] is the sum of x xᵀ over all inputs x. Algorithm 1 of the paper, with a group as block.
    """
    import torch

    weight = weight.clone()
    damped = moments.double()
    damped = damped + DAMPING * damped.diagonal().mean() * torch.eye(len(damped), dtype=damped.dtype)
    # Row i of this Cholesky factor is row i of the inverse for the inputs from i on, divided by the root of its first.
    upper = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True).to(weight.dtype)
    scales = []
    for start in range(0, weight.shape[1], group):
        end = start + group
        block, within = weight[:, start:end], upper[start:end, start:end]
        step = steps(block, bits, group)
        errors = torch.empty_like(block)
        for i in range(group):
            column = block[:, i : i + 1].clone()
            block[:, i : i + 1] = nearest(column, step, bits)
            errors[:, i : i + 1] = (column - block[:, i : i + 1]) / within[i, i]
            block[:, i + 1 :] -= errors[:, i : i + 1] * within[i, i + 1 :]
        weight[:, end:] -= errors @ upper[start:end, end:]
        scales.append(step)
    return weight, torch.cat(scales, dim=1)


def _inputs(source: TransformerModel, items: Items, layers: Any) -> tuple[list[Any], list[list[Any]]]:
    """What the first layer reads of each text [1, tokens, width], and what each layer is told besides, text by text."""
    import torch

    rows = source.encode(list(zip(*items.texts(), strict=True)))
    hidden: list[Any] = []
    settings: list[list[Any]] = [[] for _ in layers]

    def hook(number: int) -> Any:
        def keep(_: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
            read, *others = arguments or (named["hidden_states"],)
            if not number:
                hidden.append(read)
            settings[number].append((others, {key: value for key, value in named.items() if key != "hidden_states"}))

        return keep

    handles = [layer.register_forward_pre_hook(hook(number), with_kwargs=True) for number, layer in enumerate(layers)]
    try:
        for row in range(len(rows)):
            if not rows.lengths[row]:
                continue
            if traits_of(source).tokens is not None:  # a classifier, whose encoder may read more than ids
                source.model.base_model(**source.inputs(rows, np.array([row])))
            else:
                ids = torch.tensor([rows.row(row)[0][:LONGEST]])
                source.model.base_model(input_ids=ids, use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    if not hidden:
        raise DataError(f"{items.source}: its texts have no tokens, and int4-gptq rounds for them")
    return hidden, settings


def _moments(layer: Any, maps: dict[str, Any], hidden: list[Any], settings: list[Any]) -> dict[str, Any]:
    """For each linear map of a layer, the sum of x xᵀ over all that it reads [inputs, inputs]."""
    import torch

    sums = {key: torch.zeros(module.in_features, module.in_features) for key, module in maps.items()}

    def hook(key: str) -> Any:
        def add(_: Any, arguments: tuple[Any, ...]) -> None:
            x = arguments[0].flatten(0, -2).float()
            sums[key].addmm_(x.T, x)

        return add

    handles = [module.register_forward_pre_hook(hook(key)) for key, module in maps.items()]
    try:
        for row, given in zip(hidden, settings, strict=True):
            _output(layer, row, *given)
    finally:
        for handle in handles:
            handle.remove()
    return sums


def _output(layer: Any, hidden: Any, others: list[Any], named: dict[str, Any]) -> Any:
    """What a layer makes of one text [1, tokens, width]."""
    output = layer(hidden, *others, **named)
    return output if hasattr(output, "shape") else output[0]
