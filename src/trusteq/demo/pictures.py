"""The demo on pictures, without any download: handwritten digits, and networks that read them at another size.

The data are scikit-learn's digits, enlarged to 32 x 32 pixels. The large model reads all of a picture. One candidate is
the same network with its weights rounded to four bits; one was trained separately, with fewer units; and one as large
was trained on the middle of each picture, as if its preprocessing cropped.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.demo.digits import rounded
from trusteq.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trusteq.progress import Tell
    from trusteq.record.audit import Audit

SIDE, TIMES = 8, 4
"""Pixels on a side of the data, and how many times larger the pictures are."""
TRAIN, TEST = 0.4, 700
EXPLAINED = 120


def audit_pictures(
    *,
    seed: int = 0,
    tell: Tell = silent,
    say: Callable[[str], None] = lambda line: None,
) -> Audit:
    """The audit of a rounded, a small and a cropping network against a large one, all trained now."""
    from sklearn.datasets import load_digits
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    import trusteq

    pixels, digits = load_digits(return_X_y=True)
    train, test, train_y, test_y = train_test_split(
        pixels / 16, digits, train_size=TRAIN, test_size=TEST, random_state=seed, stratify=digits
    )
    say("training a large and a small network ...")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        large = MLPClassifier((256, 128), max_iter=300, random_state=seed).fit(train, train_y)
        small = MLPClassifier((16,), max_iter=500, random_state=seed).fit(train, train_y)
        middle = _middle(train.reshape(-1, SIDE, SIDE)).reshape(len(train), -1)
        cropping = MLPClassifier((256, 128), max_iter=300, random_state=seed).fit(middle, train_y)
    pictures = np.kron(test.reshape(-1, SIDE, SIDE), np.ones((TIMES, TIMES)))
    items = trusteq.Items(
        ids=[f"{i:04}" for i in range(1, len(test_y) + 1)],
        segments={"digit": trusteq.Pictures.of_arrays(np.rint(255 * pictures).astype(np.uint8))},
        labels=test_y.astype(np.int64),
        label_names=tuple(map(str, range(10))),
        source="scikit-learn digits",
    )

    def model(network: Any, name: str, read: Callable[[NDArray[Any]], NDArray[Any]] = lambda small: small) -> Any:
        def probabilities(inputs: list[NDArray[np.uint8]]) -> Any:
            grey = np.stack([one[..., 0] for one in inputs]) / 255
            reduced = grey.reshape(-1, SIDE, TIMES, SIDE, TIMES).mean(axis=(2, 4))
            return network.predict_proba(read(reduced).reshape(len(inputs), -1))

        return trusteq.from_callable(probabilities, labels=items.label_names, name=name)

    return trusteq.audit(
        model(large, "large"),
        {
            "4-bit": model(rounded(large, 4), "4-bit"),
            "small": model(small, "small"),
            "cropping": model(cropping, "cropping", _middle),
        },
        items,
        seed=seed,
        explain=trusteq.ExplainSettings(items=EXPLAINED),
        progress=tell,
    )


def _middle(pictures: NDArray[Any]) -> NDArray[Any]:
    """The pictures without their outermost rows and columns."""
    seen = np.zeros_like(pictures)
    seen[:, 1:-1, 1:-1] = pictures[:, 1:-1, 1:-1]
    return seen
