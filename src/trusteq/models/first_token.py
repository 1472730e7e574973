"""Leaving out what a classifier does not read.

BERT and its kin classify by their last layer's output at the first token alone. There the last layer needs the keys and
values of every token, but queries, attention and the dense layers of one: with six layers a seventh of the work is left
out, with two layers two fifths. This serves the many perturbed texts of explanations; predictions run the whole model.
It is used only where the model is shown, on made-up texts of several lengths, to answer the same; and since every
explained item's unperturbed text is held against its prediction, also on the texts at hand.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

TOLERANCE = 1e-4
"""How far a log-probability may move where only the order of additions differs."""


def reads_first_token_only(model: Any, answer: Callable[[], NDArray[np.float64]]) -> bool:
    """Whether a model answers the same with a shortened last layer; ``answer`` asks it something of several lengths."""
    ordinary = answer()
    with first_token_only(model) as possible:
        if not possible:
            return False
        try:
            return bool(abs(answer() - ordinary).max() <= TOLERANCE)
        except Exception:
            # What is not built as expected fails in its own way; the whole model is always right.
            return False


@contextmanager
def first_token_only(model: Any) -> Iterator[bool]:
    """The model with a last layer that computes its first token alone; yields whether that layer is a known one."""
    layer, short = _last_layer(model)
    if layer is None or short is None:
        yield False
        return
    layer.forward = lambda hidden, mask=None, *_, **__: short(layer, hidden, mask)
    try:
        yield True
    finally:
        del layer.forward


def _last_layer(model: Any) -> tuple[Any, Callable[..., Any] | None]:
    """The last layer of a model's encoder, and how to compute its first token alone."""
    body = getattr(model, model.base_model_prefix, None)
    stack = getattr(body, "encoder", None) or getattr(body, "transformer", None)
    layers = getattr(stack, "layer", None)
    if not layers:
        return None, None
    last = layers[-1]
    # Somebody else has already put something in its place, or listens to it.
    if "forward" in vars(last) or last._forward_hooks or last._forward_pre_hooks:
        return None, None
    for parts, short in (((("attention", "self"), ("intermediate",), ("output",)), _bert), ((("ffn",),), _distilbert)):
        if all(_has(last, path) for path in parts):
            return last, short
    return None, None


def _has(module: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        module = getattr(module, name, None)
    return module is not None


def _bert(layer: Any, hidden: Any, mask: Any) -> Any:
    """BERT, RoBERTa, ELECTRA and those that copied their layer."""
    first, own = hidden[:, :1], layer.attention.self
    heard = _attend(own, own.query(first), own.key(hidden), own.value(hidden), mask)
    attended = layer.attention.output(heard, first)
    return layer.output(layer.intermediate(attended), attended)


def _distilbert(layer: Any, hidden: Any, mask: Any) -> Any:
    first, own = hidden[:, :1], layer.attention
    heard = own.out_lin(_attend(own, own.q_lin(first), own.k_lin(hidden), own.v_lin(hidden), mask))
    attended = layer.sa_layer_norm(heard + first)
    return layer.output_layer_norm(layer.ffn(attended) + attended)


def _attend(own: Any, query: Any, key: Any, value: Any, mask: Any) -> Any:
    """What the first token hears from all tokens [rows, 1, hidden]."""
    from torch.nn.functional import scaled_dot_product_attention

    query, key, value = (x.unflatten(-1, (-1, own.attention_head_size)).transpose(1, 2) for x in (query, key, value))
    heard = scaled_dot_product_attention(
        query, key, value, attn_mask=None if mask is None else mask[:, :, :1], scale=own.scaling
    )
    return heard.transpose(1, 2).flatten(2)
