"""Leaving out what a classifier does not read.

BERT and its kin classify by their last layer's output at the first token alone. There one query looks at all tokens:
instead of turning every token into a key, the query is turned back into what a token looks like before, and instead of
turning every token into a value, their mean is. With six layers a seventh of the work is left out, with two nearly
half. This serves the many perturbed texts of explanations; predictions run the whole model.
It is used only where the model is shown, on made-up texts of several lengths, to answer the same; and since every
explained item's unperturbed text is held against its prediction, also on the texts at hand.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trusteq.models.encoder import is_plain, layers, part

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
    stack = layers(model)
    if not stack:
        return None, None
    last = stack[-1]
    # Somebody else has already put something in its place, or listens to it.
    if "forward" in vars(last) or last._forward_hooks or last._forward_pre_hooks:
        return None, None
    for parts, short in ((("attention.self", "intermediate", "output"), _bert), (("ffn",), _distilbert)):
        if all(part(last, path) is not None for path in parts):
            return last, short
    return None, None


def _bert(layer: Any, hidden: Any, mask: Any) -> Any:
    """BERT, RoBERTa, ELECTRA and those that copied their layer."""
    first, own = hidden[:, :1], layer.attention.self
    heard = _attend(own, own.query(first), own.key, own.value, hidden, mask)
    attended = layer.attention.output(heard, first)
    return layer.output(layer.intermediate(attended), attended)


def _distilbert(layer: Any, hidden: Any, mask: Any) -> Any:
    first, own = hidden[:, :1], layer.attention
    heard = own.out_lin(_attend(own, own.q_lin(first), own.k_lin, own.v_lin, hidden, mask))
    attended = layer.sa_layer_norm(heard + first)
    return layer.output_layer_norm(layer.ffn(attended) + attended)


def _attend(own: Any, query: Any, key: Any, value: Any, hidden: Any, mask: Any) -> Any:
    """What the first token, whose query [rows, 1, heads * size] is given, hears from all tokens [rows, 1, hidden]."""
    from torch.nn.functional import scaled_dot_product_attention

    size, scale = own.attention_head_size, own.scaling
    mask = None if mask is None else mask[:, :, :1]
    if not (is_plain(key) and is_plain(value)):
        query, keys, values = (x.unflatten(-1, (-1, size)).transpose(1, 2) for x in (query, key(hidden), value(hidden)))
        heard = scaled_dot_product_attention(query, keys, values, attn_mask=mask, scale=scale)
        return heard.transpose(1, 2).flatten(2)
    to_key, to_value = (linear.weight.unflatten(0, (-1, size)) for linear in (key, value))  # [heads, size, hidden]
    # A key's bias adds the same to what all tokens score, which changes nothing.
    asks = (query.unflatten(-1, (-1, size)).squeeze(1).transpose(0, 1) @ to_key).transpose(0, 1).unsqueeze(1)
    tokens = hidden.unsqueeze(1)
    means = scaled_dot_product_attention(asks, tokens, tokens, attn_mask=mask, scale=scale)  # [rows, 1, heads, hidden]
    heard = (means.squeeze(1).transpose(0, 1) @ to_value.transpose(1, 2)).transpose(0, 1).flatten(1).unsqueeze(1)
    return heard if value.bias is None else heard + value.bias
