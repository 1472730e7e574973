"""The demo without any download: compressed digit classifiers, audited against a large one.

The data are scikit-learn's bundled digits. The large model is a neural network with two layers of 256 units. The
candidates are the same network with its weights rounded to four and to three bits, and a separately trained network
with one layer of 16 units: all within two points of accuracy.
"""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING

import numpy as np

from trusteq.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from sklearn.neural_network import MLPClassifier

    from trusteq.progress import Tell
    from trusteq.record.audit import Audit


def rounded(network: MLPClassifier, bits: int) -> MLPClassifier:
    """The same network with each layer's weights rounded to this many bits."""
    small = copy.deepcopy(network)
    for weights in small.coefs_:
        step = np.abs(weights).max() / (2 ** (bits - 1) - 1)
        weights[:] = np.round(weights / step) * step
    return small


def audit_digits(
    *,
    seed: int = 0,
    tell: Tell = silent,
    say: Callable[[str], None] = lambda line: None,
) -> Audit:
    """The audit of three small digit classifiers against a large one, all trained now."""
    from sklearn.datasets import load_digits
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    import trusteq

    pixels, digits = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        pixels / 16, digits, test_size=0.6, random_state=seed, stratify=digits
    )
    say("training a large and a small digit classifier ...")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        large = MLPClassifier((256, 256), max_iter=400, random_state=seed).fit(train_x, train_y)
        small = MLPClassifier((16,), max_iter=600, random_state=seed).fit(train_x, train_y)
    items = trusteq.Items(
        ids=[str(i) for i in range(1, len(test_y) + 1)],
        segments={"pixels": test_x},
        labels=test_y.astype(np.int64),
        label_names=tuple(str(digit) for digit in range(10)),
        source="scikit-learn digits",
    )
    return trusteq.audit(
        trusteq.from_estimator(large, name="large"),
        {"4-bit": rounded(large, 4), "3-bit": rounded(large, 3), "small": small},
        items,
        seed=seed,
        dimensions=["behaviour", "calibration"],  # pixels have no words to leave out
        progress=tell,
    )
