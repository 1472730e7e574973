"""Real models and recordings of keywords and of spoken digits.

The files are not part of the project: TRUSTEQ_TEST_DATA names the folder, by default ../shared/data by the checkout.
"""

import os
import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import trusteq
from trusteq import ExplainSettings, open_model
from trusteq.data.features import Features
from trusteq.data.sounds import Sounds

DATA = Path(os.environ.get("TRUSTEQ_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "sound"
KEYWORDS, DIGITS = DATA / "keywords", DATA / "spoken_digits"
DIGIT_NAMES = tuple(map(str, range(10)))


def values(comparison):
    return {name: e for group in comparison.measures.values() for name, e in group.items()}


@pytest.mark.slow
def test_keywords_keep_their_explanations_in_8_bits():
    """Published: DS-CNN of MLPerf Tiny, 90.0 and 90.2 % of these clips."""
    if not (KEYWORDS / "features.npz").is_file():
        pytest.skip(f"needs the keyword clips and models in {KEYWORDS}")
    pytest.importorskip("ai_edge_litert", reason="needs the extra 'litert'")
    stored = np.load(KEYWORDS / "features.npz")
    x = ((stored["x"].astype(np.float32) - 83) * 0.5847029).reshape(-1, 49, 10)
    labels = tuple(map(str, stored["labels"]))
    items = trusteq.Items([f"c{i:03}" for i in range(len(x))], {"mfcc": Features(x)}, stored["y"], labels)
    large, small = (
        open_model(KEYWORDS / f"kws_{kind}.tflite", name=kind, options={"labels": labels, "scores": "probabilities"})
        for kind in ("float", "int8")
    )
    made = trusteq.audit(
        large, small, items, explain=ExplainSettings(items=100), resamples=200, costs="none", with_slices=False
    )
    assert made.settings["explain"]["units"] == "frame-stretches"
    found = values(made["int8"])
    assert found["agreement"].value == pytest.approx(0.984, abs=0.001)
    accuracies = [100 * float((model.predict(items).argmax(axis=1) == stored["y"]).mean()) for model in (large, small)]
    assert accuracies == pytest.approx([90.0, 90.2], abs=0.1)
    assert found["alignment_shapley"].value == pytest.approx(0.998, abs=0.002)


def clips(part, where):
    stored = np.load(where / f"{part}.npz")
    whole = stored["wave"] / np.float32(32768)
    waves = [whole[a:b] for a, b in pairwise(stored["offsets"])]
    return waves, stored["digit"].astype(np.int64), list(map(str, stored["speaker"]))


FRAMES, WINDOW = 20, 256
MEL = 2595 * np.log10(1 + np.fft.rfftfreq(WINDOW, 1 / 8000) / 700)
CENTRES = np.linspace(0, MEL[-1], 26)
RISING = (MEL[:, None] - CENTRES[:-2]) / (CENTRES[1] - CENTRES[0])
TRIANGLES = np.clip(np.minimum(RISING, 2 - RISING), 0, None)


def log_mel(samples):
    """The logarithm of the power in 24 bands, equally wide to the ear, at 20 times from start to end [480]."""
    padded = np.pad(samples, (0, max(0, WINDOW - len(samples))))
    starts = np.linspace(0, len(padded) - WINDOW, FRAMES).astype(int)
    parts = sliding_window_view(padded, WINDOW)[starts] * np.hanning(WINDOW)
    return np.log(np.abs(np.fft.rfft(parts)) ** 2 @ TRIANGLES + 1e-6).ravel()


@pytest.mark.slow
def test_a_small_model_of_spoken_digits_is_told_from_a_large_one():
    if not (DIGITS / "test.npz").is_file():
        pytest.skip(f"needs the spoken digits in {DIGITS}")
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    waves, digits, _ = clips("train", DIGITS)
    x = np.stack(list(map(log_mel, waves)))

    def trained(sizes, name, *, seed=0, epochs=40):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about epochs
            mlp = MLPClassifier(sizes, random_state=seed, max_iter=epochs, alpha=1e-3)
            estimator = make_pipeline(StandardScaler(), mlp).fit(x, digits)
        return trusteq.from_callable(
            lambda sounds: estimator.predict_proba(np.stack(list(map(log_mel, sounds)))), labels=DIGIT_NAMES, name=name
        )

    large, again, small = trained((128,), "large"), trained((128,), "again", seed=1), trained((6,), "small", epochs=30)
    waves, digits, speakers = clips("test", DIGITS)
    items = trusteq.Items(
        [f"d{i:03}" for i in range(len(waves))],
        {"recording": Sounds.of_arrays(waves, rate=8000)},
        digits,
        DIGIT_NAMES,
        columns={"speaker": speakers},
    )
    explain = ExplainSettings(items=40, masks=64)
    made = trusteq.audit(large, [again, small], items, explain=explain, resamples=200, costs="none", with_slices=False)
    near, far = values(made["again"]), values(made["small"])
    assert near["agreement"].value > 0.9 > far["agreement"].value
    assert near["alignment_shapley"].value > far["alignment_shapley"].value + 0.05
    assert far["alignment_shapley"].high < 0.9
    assert made["small"].verdict.outcome.name == "NOT_EQUIVALENT"
    sliced = trusteq.audit(large, small, items, explain=False, resamples=200, costs="none")
    assert {part.value for part in sliced["small"].slices if part.column == "speaker"} == set(speakers)
    clustered = replace(items, clusters=speakers)
    of_speakers = trusteq.audit(large, small, clustered, explain=False, resamples=200, costs="none", with_slices=False)
    together = values(of_speakers["small"])["agreement"]
    assert together.value == far["agreement"].value
    assert (together.low, together.high) != (far["agreement"].low, far["agreement"].high)  # it is of six speakers now
