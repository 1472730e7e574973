"""Audit compressed digit classifiers against a large one: scikit-learn's bundled digits, trained on the spot.

The large model is a neural network of two layers of 256. The candidates are the same network with its weights rounded
to four and to three bits, and a network of one layer of 16 trained by itself: all within two points of accuracy.
"""

from __future__ import annotations

import copy
import sys
import warnings

import numpy as np
from rich.console import Console
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import trusteq
from trusteq.report.page.page import page
from trusteq.report.terminal import render


def rounded(network: MLPClassifier, bits: int) -> MLPClassifier:
    """The same network with each layer's weights rounded to so many bits."""
    small = copy.deepcopy(network)
    for weights in small.coefs_:
        step = np.abs(weights).max() / (2 ** (bits - 1) - 1)
        weights[:] = np.round(weights / step) * step
    return small


def main() -> None:
    """Train, audit, print, save."""
    pixels, digits = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        pixels / 16, digits, test_size=0.6, random_state=0, stratify=digits
    )
    print("training a large and a small digit classifier ...", file=sys.stderr)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        large = MLPClassifier((256, 256), max_iter=400, random_state=0).fit(train_x, train_y)
        small = MLPClassifier((16,), max_iter=600, random_state=0).fit(train_x, train_y)

    names = tuple(str(digit) for digit in range(10))
    items = trusteq.Items(
        ids=[str(i) for i in range(1, len(test_y) + 1)],
        segments={"pixels": test_x},
        labels=test_y.astype(np.int64),
        label_names=names,
        source="scikit-learn digits",
    )
    result = trusteq.audit(
        trusteq.from_estimator(large, name="large"),
        {"4-bit": rounded(large, 4), "3-bit": rounded(large, 3), "small": small},
        items,
        dimensions=["behaviour", "calibration"],  # pixels have no words to leave out
    )
    Console(highlight=False, width=None if sys.stdout.isatty() else 120).print(render(result))
    directory = result.save(trusteq_run())
    (directory / "report.html").write_text(page(result.evidence), "utf-8")
    print(f"\nthe whole run: {directory}\nthe page: {directory / 'report.html'}")


def trusteq_run() -> str:
    """A directory that is still free."""
    from trusteq.runs.directory import free_directory

    return str(free_directory(None))


if __name__ == "__main__":
    main()
