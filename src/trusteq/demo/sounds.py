"""The demo on sounds, without any download: the keys of a telephone, by the two tones that each one sounds.

The tones are those of real telephones (ITU-T Q.23), on a noisy line. The large model listens to eight frequencies, the
small one to fewer points of the same spectrum, and the last one only to the first half of each sound.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trusteq.progress import Tell
    from trusteq.record.audit import Audit

RATE, LENGTH = 8_000, 2_000
LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477)
KEYS = "123456789*0#"
TRAIN, TEST = 600, 600
NOISE = 0.6
EXPLAINED = 120


def keys(count: int, seed: int) -> tuple[list[NDArray[np.float32]], NDArray[np.int64]]:
    """Recordings of pressed keys, and which key each one is."""
    rng = np.random.default_rng(seed)
    pressed = rng.integers(len(KEYS), size=count)
    time = np.arange(LENGTH) / RATE
    waves = []
    for key in pressed.tolist():
        low, high = LOW[key // len(HIGH)], HIGH[key % len(HIGH)]
        start, stop = rng.uniform(0, 0.05), rng.uniform(0.2, 0.25)
        tone = np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time + rng.uniform(0, 6))
        wave = 0.12 * tone * ((time >= start) & (time <= stop)) + 0.12 * NOISE * rng.normal(size=LENGTH)
        waves.append(np.clip(wave, -1, 1).astype(np.float32))
    return waves, pressed.astype(np.int64)


def spectrum(waves: list[NDArray[np.float32]], points: int) -> NDArray[np.float64]:
    """The logarithm of the power in so many bands up to 1,600 Hz [sounds, points]."""
    power = np.abs(np.fft.rfft(np.stack(waves), axis=1)[:, : LENGTH * 1600 // RATE]) ** 2
    edges = np.linspace(0, power.shape[1], points + 1).astype(int)
    return np.log(1e-3 + np.add.reduceat(power, edges[:-1], axis=1))


def audit_sounds(
    *,
    seed: int = 0,
    tell: Tell = silent,
    say: Callable[[str], None] = lambda line: None,
) -> Audit:
    """The audit of a small model and of one that listens to half of each sound against a large one, trained now."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import trusteq

    (train, train_y), (test, test_y) = keys(TRAIN, seed), keys(TEST, seed + 1)
    say("training three models of telephone keys ...")

    def halved(waves: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        return [np.where(np.arange(LENGTH) < LENGTH // 2, wave, 0).astype(np.float32) for wave in waves]

    def model(name: str, points: int, learner: Any, heard: Callable[[Any], Any] = lambda waves: waves) -> Any:
        fitted = make_pipeline(StandardScaler(), learner).fit(spectrum(heard(train), points), train_y)
        return trusteq.from_callable(
            lambda waves: fitted.predict_proba(spectrum(heard(waves), points)), labels=tuple(KEYS), name=name
        )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        large = model("large", 100, MLPClassifier((128,), max_iter=200, random_state=seed))
        candidates = [
            model("linear", 100, LogisticRegression(max_iter=1000)),
            model("coarse", 32, LogisticRegression(max_iter=1000)),
            model("first-half", 100, MLPClassifier((128,), max_iter=200, random_state=seed), halved),
        ]
    items = trusteq.Items(
        ids=[f"{i:04}" for i in range(1, TEST + 1)],
        segments={"recording": trusteq.Sounds.of_arrays(test, rate=RATE)},
        labels=test_y,
        label_names=tuple(KEYS),
        source="telephone keys",
    )
    return trusteq.audit(
        large, candidates, items, seed=seed, explain=trusteq.ExplainSettings(items=EXPLAINED), progress=tell
    )
