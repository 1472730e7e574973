"""Measures of tokens as told: one token after the other, in double precision, from whole probability vectors."""

from __future__ import annotations

import math


def kl(p, q):
    """KL(p || q) of two lists of log-probabilities, in nats."""
    return math.fsum(math.exp(a) * (a - b) for a, b in zip(p, q, strict=True) if a > -math.inf)


def softmax(logits):
    """Log-probabilities of logits."""
    largest = max(logits)
    total = math.log(math.fsum(math.exp(z - largest) for z in logits)) + largest
    return [z - total for z in logits]


def measures(documents):
    """From documents, lists of (own token, bytes, reference's log-probabilities, candidate's log-probabilities)."""
    every = [token for document in documents for token in document]
    n = len(every)
    changes = [math.exp(q[own]) - math.exp(p[own]) for own, _, p, q in every]
    size = sum(length for _, length, _, _ in every)
    nll = [-math.fsum(token[k][token[0]] for token in every) / size for k in (2, 3)]
    by_document = [math.fsum(kl(p, q) for _, _, p, q in document) / len(document) for document in documents]
    return {
        "token_kl": math.fsum(kl(p, q) for _, _, p, q in every) / n,
        "token_kl_to_reference": math.fsum(kl(q, p) for _, _, p, q in every) / n,
        "token_kl_by_document": math.fsum(by_document) / len(documents),
        "same_top": sum(p.index(max(p)) == q.index(max(q)) for _, _, p, q in every) / n,
        "token_probability_change": math.fsum(changes) / n,
        "token_probability_change_rms": math.sqrt(math.fsum(change**2 for change in changes) / n),
        "nll_per_byte_reference": nll[0],
        "nll_per_byte_candidate": nll[1],
        "nll_per_byte_difference": nll[1] - nll[0],
        "nll_per_byte_ratio": nll[1] / nll[0],
    }
