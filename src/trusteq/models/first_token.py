"""Skipping what a classifier does not read.

BERT and related models classify by their last layer's output at the first token alone. There a single query attends to
all tokens. So instead of projecting every token to a key, the query is projected back to the space of the tokens, and
instead of projecting every token to a value, only their weighted mean is. With six layers this saves a seventh of the
work, with two nearly half. It is used for the many perturbed texts of explanations; predictions run the whole model.
It is used only if the model gives the same answers to test texts of several lengths; and since every explained item's
unperturbed text is compared with its prediction, this is also checked on the user's texts.
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
"""How far a log-probability may move when only the order of additions differs."""


def reads_first_token_only(model: Any, answer: Callable[[], NDArray[np.float64]]) -> bool:
    """Whether a model answers the same with a shortened last layer; ``answer`` runs it on texts of several lengths."""
    ordinary = answer()
    with first_token_only(model) as possible:
        if not possible:
            return False
        try:
            return bool(abs(answer() - ordinary).max() <= TOLERANCE)
        except Exception:
            # A model with an unexpected structure may fail in any way; running the whole model is always right.
            return False


@contextmanager
def first_token_only(model: Any) -> Iterator[bool]:
    """Within the context, the last layer computes only its first token; yields whether it is of a known kind."""
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
    """The last layer of a model's encoder, and a function that computes only its first token."""
    stack = layers(model)
    if not stack:
        return None, None
    last = stack[-1]
    # Other code has already replaced its forward, or has hooks on it.
    if "forward" in vars(last) or last._forward_hooks or last._forward_pre_hooks:
        return None, None
    for parts, short in ((("attention.self", "intermediate", "output"), _bert), (("ffn",), _distilbert)):
        if all(part(last, path) is not None for path in parts):
            return last, short
    return None, None


def _bert(layer: Any, hidden: Any, mask: Any) -> Any:
    """BERT, RoBERTa, ELECTRA and models that copied their layer."""
    first, attention = hidden[:, :1], layer.attention.self
    output = _attend(attention, attention.query(first), attention.key, attention.value, hidden, mask)
    attended = layer.attention.output(output, first)
    return layer.output(layer.intermediate(attended), attended)


def _distilbert(layer: Any, hidden: Any, mask: Any) -> Any:
    first, attention = hidden[:, :1], layer.attention
    output = _attend(attention, attention.q_lin(first), attention.k_lin, attention.v_lin, hidden, mask)
    attended = layer.sa_layer_norm(attention.out_lin(output) + first)
    return layer.output_layer_norm(layer.ffn(attended) + attended)


def _attend(attention: Any, query: Any, key: Any, value: Any, hidden: Any, mask: Any) -> Any:
    """The attention output [rows, 1, hidden] at the first token, given its query [rows, 1, heads * size]."""
    from torch.nn.functional import scaled_dot_product_attention

    size, scale = attention.attention_head_size, attention.scaling
    mask = None if mask is None else mask[:, :, :1]
    if not (is_plain(key) and is_plain(value)):
        query, keys, values = (x.unflatten(-1, (-1, size)).transpose(1, 2) for x in (query, key(hidden), value(hidden)))
        output = scaled_dot_product_attention(query, keys, values, attn_mask=mask, scale=scale)
        return output.transpose(1, 2).flatten(2)
    to_key, to_value = (linear.weight.unflatten(0, (-1, size)) for linear in (key, value))  # [heads, size, hidden]
    # The key's bias adds the same to the scores of all tokens, which changes nothing.
    queries = (query.unflatten(-1, (-1, size)).squeeze(1).transpose(0, 1) @ to_key).transpose(0, 1).unsqueeze(1)
    tokens = hidden.unsqueeze(1)
    means = scaled_dot_product_attention(
        queries, tokens, tokens, attn_mask=mask, scale=scale
    )  # [rows, 1, heads, hidden]
    output = (means.squeeze(1).transpose(0, 1) @ to_value.transpose(1, 2)).transpose(0, 1).flatten(1).unsqueeze(1)
    return output if value.bias is None else output + value.bias
