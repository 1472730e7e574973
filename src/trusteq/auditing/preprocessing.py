"""Whether models prepare pictures alike, and how many answers change where they do not.

Another rule of resizing, or another part of the picture, changes more answers than compression does, so it is looked at
before anything else: every model is asked about the same pictures through the other's rule and crop as well.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.explain.tiles import FEW, LARGE, MORE
from trusteq.models.base import Finding
from trusteq.models.picture_input import resized, seen_part
from trusteq.models.reading import only_segment
from trusteq.models.traits import task_of, traits_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from trusteq.auditing.models import Models
    from trusteq.data.items import Items
    from trusteq.models.base import Model
    from trusteq.models.preprocessing import Preprocessing

PICTURES = frozenset({"picture"})
SAMPLE = 500
"""The most pictures that are answered through another model's preprocessing."""


@dataclass(frozen=True)
class Changed:
    """How many of a model's answers to so many pictures another preprocessing changes."""

    changed: int
    asked: int


def different_preprocessing(models: Models, items: Items, *, seed: int) -> list[Finding]:
    """Findings about each model that prepares pictures or sounds in another way than the reference."""
    reference = models.reference
    expected = traits_of(reference).preprocessing
    findings: list[Finding] = []
    for model in models.everybody[1:]:
        findings += _heard_otherwise(model, reference)
        own = traits_of(model).preprocessing
        findings += _not_compared(model, reference)
        if expected is not None and own is not None and traits_of(model).through is not None:
            findings += _differences(model, own, reference, expected, items, seed)
    return findings


def _not_compared(model: Model, reference: Model) -> Iterator[Finding]:
    """A finding if what one of two models of pictures does to them is not known, so that nothing can be compared."""
    both = (model, reference)
    if not all(traits_of(one).reads == PICTURES for one in both):
        return
    unknown = [one for one in both if traits_of(one).preprocessing is None]
    processors = [one.identity.details.get("settings") for one in both]
    if unknown and not (len(unknown) == len(both) and processors[0] == processors[1]):
        message = (
            f"what {' and '.join(one.name for one in unknown)} does to pictures is not known in trusteq's terms, so it "
            f"is not compared with what {reference.name if model in unknown else model.name} does to them: see that "
            "both resize and crop alike"
        )
        yield Finding(model.name, "other input", message, float(len(unknown)))


def _heard_otherwise(model: Model, reference: Model) -> Iterator[Finding]:
    """A finding if the models prepare sounds in different ways."""
    own, expected = traits_of(model).hears, traits_of(reference).hears
    if own is None or expected is None:
        return
    named = [
        f"{name} {own.get(name, 'not stated')} instead of {expected.get(name, 'not stated')}"
        for name in dict.fromkeys([*expected, *own])
        if own.get(name) != expected.get(name)
    ]
    if named:
        message = f"hears sounds in another form than {reference.name}, as models may: {'; '.join(named)}"
        yield Finding(model.name, "other input", message, float(len(named)))


def _differences(
    model: Model, own: Preprocessing, reference: Model, expected: Preprocessing, items: Items, seed: int
) -> Iterator[Finding]:
    """A finding if the models see other pictures, and one if they read them in another size or scale."""
    if _sees_otherwise(own, expected):
        sample = items.take(_sample(items.ids, seed))
        if _any_picture_differs(model, own, expected, sample):
            changed = _changed(model, sample, expected)
            parts = [f"{_view(own)}, where {reference.name} {_view(expected)}"]
            parts += [
                f"{whose} never sees {area:.0%} of a picture"
                + (f", nor any of {tiles:.0%} of its tiles" if tiles else "")
                for whose, how in ((model.name, own), (reference.name, expected))
                if how.shorter is not None
                for area, tiles in [_never_seen(sample, how, name=model.name)]
            ]
            counts = _in_words(changed, "its", _changed(reference, sample, own), reference.name)
            message = f"{'; '.join(parts)}; {counts}; give both the same preprocessing to see what compression changes"
            yield Finding(model.name, "other preprocessing", message, changed.changed / changed.asked)
    named = [
        f"{what} {ours} instead of {theirs}"
        for what, ours, theirs in (
            ("size", _sides(own), _sides(expected)),
            ("colour", own.colour, expected.colour),
            ("scale", _line(own), _line(expected)),
        )
        if ours != theirs and (what != "scale" or own.dtype == expected.dtype)
    ]
    if named:
        message = f"reads pictures in another form than {reference.name}, as models may: {'; '.join(named)}"
        yield Finding(model.name, "other input", message, float(len(named)))


def _sees_otherwise(own: Preprocessing, expected: Preprocessing) -> bool:
    return own.seeing_as(expected) != own or expected.seeing_as(own) != expected


def _sample(ids: Sequence[str], seed: int) -> NDArray[np.int64]:
    """Positions of up to `SAMPLE` random items, whatever their order."""
    ranked = sorted(range(len(ids)), key=lambda i: hashlib.sha256(f"{seed} {ids[i]}".encode()).digest())
    return np.array(ranked[:SAMPLE], dtype=np.int64)


def _any_picture_differs(model: Model, own: Preprocessing, expected: Preprocessing, sample: Items) -> bool:
    """Whether the model gets other pixels of any picture by the other's rule and crop."""
    other = own.seeing_as(expected)
    pictures = only_segment(sample, {"picture"}, name=model.name)
    for i in range(len(sample)):
        (pixels,) = pictures.take(np.array([i])).inputs()
        if not np.array_equal(resized(pixels, own), resized(pixels, other)):
            return True
    return False


def _changed(model: Model, sample: Items, other: Preprocessing) -> Changed:
    """How many of the model's answers change when it sees pictures as another model does."""
    task, through = task_of(model), traits_of(model).through
    if through is None:
        return Changed(0, 0)
    answers = [
        task.outcomes(task.checked(raw, items=sample, labels=model.labels, model=model.name), None).answer
        for raw in (model.predict(sample), through(sample, other))
    ]
    return Changed(int((answers[0] != answers[1]).sum()), len(sample))


def _in_words(own: Changed, whose: str, others: Changed, name: str) -> str:
    of_reference = f", and {others.changed:,} of {name}'s" if others.asked else ""
    return (
        f"that alone changes {own.changed:,} of {whose} {own.asked:,} answers to pictures drawn at random{of_reference}"
    )


def _never_seen(sample: Items, how: Preprocessing, *, name: str) -> tuple[float, float]:
    """The share of a picture's area, and of its tiles, of which the model sees nothing: means over the pictures."""
    pictures = only_segment(sample, {"picture"}, name=name)
    areas, tiles = [], []
    for i in range(len(sample)):
        (pixels,) = pictures.take(np.array([i])).inputs()
        left, top, right, bottom = seen_part((pixels.shape[1], pixels.shape[0]), how)
        areas.append(1 - (right - left) * (bottom - top))
        count = MORE if min(pixels.shape[:2]) >= LARGE else FEW
        seen = _tiles_between(left, right, count) * _tiles_between(top, bottom, count)
        tiles.append(1 - seen / count**2)
    return float(np.mean(areas)), float(np.mean(tiles))


def _tiles_between(start: float, end: float, count: int) -> int:
    """How many of so many tiles along a side lie at least partly between two places on it."""
    edges = np.arange(count + 1) / count
    return int(((edges[1:] > start) & (edges[:-1] < end)).sum())


def _view(how: Preprocessing) -> str:
    rule = "takes pictures as they are" if how.resize == "none" else f"resizes pictures by the rule {how.resize}"
    if how.shorter is None:
        return rule
    return f"{rule} to {how.shorter} pixels on the shorter side and crops the centre {_sides(how)}"


def _sides(how: Preprocessing) -> str:
    return f"{how.size[0]} x {how.size[1]}"


def _line(how: Preprocessing) -> str:
    """What becomes of the values of a black and of a white pixel."""
    black, white = ((np.array(value * how.scale) - how.mean) / np.array(how.std) for value in (0, 255))
    return f"{_numbers(black)} to {_numbers(white)}"


def _numbers(values: NDArray[np.float64]) -> str:
    channels = [f"{value:.4g}" for value in np.atleast_1d(values)]
    return channels[0] if len(set(channels)) == 1 else "/".join(channels)
