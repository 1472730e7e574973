"""The plain forward: one text at a time, without a cache, padding or anything shared. Slow, and obviously right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.models.causal.tokenized import Prompt


def plain_log_probabilities(model: Any, prompt: Prompt) -> NDArray[np.float64]:
    """The log-probability of each continuation after the prompt [continuations]."""
    import torch

    values = []
    with torch.inference_mode():
        for continuation in prompt.continuations:
            ids = torch.tensor([[*prompt.tokens, *continuation]], device=model.device)
            logits = model(input_ids=ids, use_cache=False).logits[0].double()
            # The logits at a token are about the next one.
            after = torch.log_softmax(logits[len(prompt.tokens) - 1 : -1], dim=-1)
            values.append(after.gather(1, ids[0, len(prompt.tokens) :, None]).sum().item())
    return np.array(values)
