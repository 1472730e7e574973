"""Nuclear norm of the prediction matrix: confidence and spread over labels in one number, without labels.

Deng et al. 2023 (arXiv 2302.01094): the sum of the singular values of the probabilities [items, labels], here
divided by sqrt(items * min(items, labels)) so that 1 means certain answers spread evenly over all labels. It
falls if a model is uncertain or stops using some labels, and tends to rank accuracy under distribution shift.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.stats.difference import minus

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.comparing.answers import Pair
    from trusteq.stats.estimate import Estimate


def nuclear_norm(pair: Pair) -> dict[str, Estimate]:
    """The norm of each model and candidate minus reference."""
    reference = item_shares(pair.reference.probabilities)
    candidate = item_shares(pair.candidate.probabilities)
    what = "nuclear norm, linearised"
    return pair.resampling.means(
        {
            "nuclear_norm_reference": (reference, what),
            "nuclear_norm_candidate": (candidate, what),
            "nuclear_norm_difference": (minus(candidate, reference, terms=1.0), f"{what}, candidate minus reference"),
        }
    )


def item_shares(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values [items] whose mean is the norm and whose spread is its first-order sampling error.

    With the mean Gram matrix G, the norm is tr(G^(1/2)) up to the divisor, and an item p moves it by
    p' G^(-1/2) p / 2 - tr(G^(1/2)) / 2.
    """
    n, labels = probabilities.shape
    values, vectors = np.linalg.eigh(probabilities.T @ probabilities / n)
    roots = np.sqrt(np.maximum(values, 0.0))
    # Eigenvalues are accurate to about 1e-16 of the largest, their roots to about 1e-8: less is rounding.
    nonzero = roots > roots.max() * 1e-7
    norm = roots[nonzero].sum() / np.sqrt(min(n, labels))
    influence = np.square(probabilities @ (vectors[:, nonzero] / np.sqrt(roots[nonzero]))).sum(axis=1)
    return np.asarray(norm / 2 + influence / 2 / np.sqrt(min(n, labels)))
