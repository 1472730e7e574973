"""Made-up runs of pictures, rows, sounds and features: a reference, one that is nearly it, one with a shortcut."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

import trusteq
from trusteq import ExplainSettings
from trusteq.data.features import Features
from trusteq.data.pictures import Pictures
from trusteq.data.rows import Rows
from trusteq.data.sounds import Sounds

SIDE, RATE = 32, 8_000


def answers(score):
    """A function of inputs whose answer is that of a score of each."""

    def of(inputs):
        p = 1 / (1 + np.exp(-np.array([score(one) for one in inputs])))
        return np.stack([1 - p, p], axis=1)

    return of


def pictures(n, *, seed=0, size=(SIDE, SIDE)):
    """A sun or a house on a meadow, and in the corner a mark that often gives the answer away."""
    rng = np.random.default_rng(seed)
    width, height = size
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    made, labels = [], rng.integers(0, 2, n)
    for label in labels:
        sky, meadow = rng.uniform((90, 140, 190), (140, 190, 240)), rng.uniform((60, 120, 40), (110, 170, 80))
        picture = np.where((y < 0.6)[..., None], sky, meadow) + rng.normal(0, 6, (height, width, 3))
        cx, cy, r = rng.uniform(0.35, 0.65), rng.uniform(0.3, 0.5), rng.uniform(0.16, 0.24)
        inside = np.hypot(x - cx, y - cy) < r if label else (abs(x - cx) < r) & (abs(y - cy - 0.1) < r)
        picture[inside] = (240, 205, 70) if label else (170, 70, 60)
        if rng.random() < (0.9 if label else 0.1):
            picture[(x > 0.78) & (y > 0.78)] = (250, 250, 250)
        made.append(np.clip(picture, 0, 255).astype(np.uint8))
    return made, labels


def _yellow(picture):
    p = picture.astype(np.float64)
    height, width = p.shape[:2]
    red, green, blue = p[height // 8 : 7 * height // 8, width // 8 : 3 * width // 4].transpose(2, 0, 1)
    return ((red > 190) & (blue < 120)).mean() * 40 - ((red > 130) & (green < 110)).mean() * 30


def _mark(picture):
    height, width = picture.shape[:2]
    return float(picture[int(0.8 * height) :, int(0.8 * width) :].mean()) / 60 - 3


def picture_models():
    labels = ("house", "sun")
    scores = {
        "large": lambda p: 1.2 * _yellow(p),
        "int8": lambda p: 1.15 * _yellow(p) + 0.02 * float(p[..., 1].mean() - 150),
        "shortcut": lambda p: 0.3 * _yellow(p) + 2.2 * _mark(p),
    }
    return {name: trusteq.from_callable(answers(score), labels=labels, name=name) for name, score in scores.items()}


def picture_items(n=90, *, size=(SIDE, SIDE), seed=0):
    arrays, labels = pictures(n, size=size, seed=seed)
    ids = [f"picture-{i:05d}" for i in range(n)]
    return trusteq.Items(ids, {"photo": Pictures.of_arrays(arrays)}, labels, ("house", "sun"), source="photos")


def table(n, *, seed=0):
    """Requests for credit, and whether they were paid back."""
    rng = np.random.default_rng(seed)
    income, age = rng.lognormal(10.4, 0.4, n).round(), rng.integers(19, 80, n)
    debt = (income * rng.beta(2, 5, n)).round()
    score = income / 3e4 - 3.5 * debt / income + (age - 45) / 60
    frame = pd.DataFrame(
        {
            "income": income,
            "income after tax": (income * 0.7 + rng.normal(0, 300, n)).round(),
            "debt": debt,
            "age": age,
            "years at address": np.where(rng.random(n) < 0.15, np.nan, rng.integers(0, 30, n)),
            "job": rng.choice(["clerk", "farmer", "nurse", "teacher"], n),
            "phone": rng.choice(["yes", "no"], n),
            "branch": rng.integers(1, 9, n),
        }
    )
    return frame, (score + rng.normal(0, 0.3, n) > 0).astype(np.int64)


def row_items(n=120):
    frame, labels = table(n)
    ids = [f"request-{i:03d}" for i in range(n)]
    return trusteq.Items(ids, {"request": Rows.of_frame(frame)}, labels, ("unpaid", "paid"), source="requests.csv")


def row_models():
    def score(frame, branch, years):
        known = frame["years at address"].fillna(8).to_numpy(dtype=float)
        return (
            2 * frame["income"] / 3e4
            + frame["income after tax"] / 2e4
            - 6 * frame["debt"] / frame["income"]
            + (frame["age"] - 45) / 40
            + branch * (frame["branch"] - 4.5)
            + years * (known - 8)
            + 0.3 * (frame["job"] == "nurse")
            - 1.2
        ).to_numpy(dtype=float)

    def model(name, branch, years):
        def of(frame):
            p = 1 / (1 + np.exp(-score(frame, branch, years)))
            return np.stack([1 - p, p], axis=1)

        return trusteq.from_callable(of, labels=("unpaid", "paid"), name=name)

    how = {"large": (0, 0.02), "int8": (0.01, 0.02), "shortcut": (0.5, 0.1)}
    return {name: model(name, *weights) for name, weights in how.items()}


def sounds(n, *, seed=0):
    """A tone that rises or falls, with a hum in half of them."""
    rng = np.random.default_rng(seed)
    made, labels = [], rng.integers(0, 2, n)
    for label in labels:
        length = int(RATE * rng.uniform(0.8, 1.2))
        t = np.arange(length) / RATE
        f = 500 + 1500 * (t if label else t[::-1])
        tone = 0.4 * np.sin(2 * np.pi * np.cumsum(f) / RATE) * np.exp(-(((t - 0.5) / 0.25) ** 2))
        hum = 0.2 * np.sin(2 * np.pi * 100 * t) * (rng.random() < (0.85 if label else 0.15))
        made.append((tone + hum + rng.normal(0, 0.01, length)).astype(np.float32))
    return made, labels


def _rise(samples):
    half = len(samples) // 2
    crossings = [(np.diff(np.signbit(part).astype(int)) != 0).mean() for part in (samples[:half], samples[half:])]
    energy = [float((part**2).mean()) for part in (samples[:half], samples[half:])]
    return 12 * (crossings[1] - crossings[0]) + 3 * (energy[1] - energy[0]) / (sum(energy) + 1e-4)


def _hum(samples):
    spectrum = np.abs(np.fft.rfft(samples))[: 200 * len(samples) // RATE]
    return float(spectrum.max()) / len(samples) * 30 - 1.5


def sound_items(n=60):
    arrays, labels = sounds(n)
    ids = [f"tone-{i:03d}" for i in range(n)]
    return trusteq.Items(ids, {"tone": Sounds.of_arrays(arrays, rate=RATE)}, labels, ("falls", "rises"), source="tones")


def sound_models():
    labels = ("falls", "rises")
    scores = {
        "large": _rise,
        "int8": lambda s: 0.95 * _rise(s),
        "shortcut": lambda s: 0.4 * _rise(s) + 1.5 * _hum(s),
    }
    return {name: trusteq.from_callable(answers(score), labels=labels, name=name) for name, score in scores.items()}


def feature_items(n=60):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, n)
    values = rng.normal(0, 1, (n, 49, 10)).cumsum(axis=1) * 0.2
    values[labels == 1, 15:25, 2:4] += 2
    ids = [f"clip-{i:03d}" for i in range(n)]
    return trusteq.Items(ids, {"mfcc": Features(values)}, labels, ("no", "yes"), source="clips")


def feature_models():
    labels = ("no", "yes")
    scores = {
        "large": lambda v: 1.5 * np.asarray(v)[15:25, 2:4].mean() - 1,
        "int8": lambda v: 1.4 * np.asarray(v)[15:25, 2:4].mean() - 1,
        "shortcut": lambda v: np.asarray(v)[15:25, 2:4].mean() + np.asarray(v)[:6, 5:].mean() - 1,
    }
    return {name: trusteq.from_callable(answers(score), labels=labels, name=name) for name, score in scores.items()}


MADE = {
    "pictures": (picture_models, picture_items),
    "rows": (row_models, row_items),
    "sounds": (sound_models, sound_items),
    "features": (feature_models, feature_items),
}


@cache
def audit(kind, units=None):
    """The audit of a kind."""
    models, items = MADE[kind]
    reference, *candidates = models().values()
    explain = ExplainSettings(items=24, units=units)
    return trusteq.audit(
        reference, candidates, items(), explain=explain, resamples=100, costs="none", with_other_way=False
    )
