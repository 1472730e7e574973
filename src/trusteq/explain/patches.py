"""The authors' protocol for vision transformers: each model's top patches by occlusion and by integrated gradients.

Every model is explained in its own patches, on its own input: the normalised pixels that its processor makes of the
picture. The gold label's logit is explained.

- Occlusion: one patch at a time is blurred (the mean of 3 x 3 pixels); its score is the logit less the logit without
  it, signed.
- Integrated gradients: |pixel times mean gradient| on the straight path from an input of zeros, over 100 steps; a
  patch's score is the mean over its pixels and channels.

``paper-vit-scripts`` does what the published scripts do, to the letter: the blur counts zeros around the patch, so its
rim moves towards the mean colour; the path's steps include both ends, which count in full; sorting leaves equal scores
as they come (``argsort`` of the negative scores; for gradients, ``argsort`` reversed, so of equal ones the later patch
comes first); occlusion takes only the pictures that all models answer rightly, integrated gradients all; patches are
painted on a mask of the input's size, which must be the same for all models. On a GPU the occluded logits, but not the
whole picture's, have 16 bits. The order of patches is that of the scores after they are scaled to 0 to 1 in 32 bits.

``paper-vit`` is the same as it was meant:

- The blur repeats the patch's own rim instead of zeros, so a patch keeps its mean colour, and an even patch stays.
- The path's steps are the middles of 100 equal stretches: the error of the sum then falls with their square.
- Scores closer than a millionth of the largest logit, or gradient score, are equal; of equal ones the earlier patch,
  row by row, comes first.
- Both methods explain the same pictures, right or wrong: which pictures count must not depend on the other models.
- Patches are laid on the original picture, where each model's processor resized and cropped it from, so that models of
  other input sizes can be compared.
- Everything is computed in the model's own precision. Agreement has an interval over pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from trusteq.comparing.measures import PATCH_COUNTS
from trusteq.comparing.patches import MOST_PATCHES, TopPatches
from trusteq.errors import DataError, ModelError, OptionError
from trusteq.explain.explanation import random_choice
from trusteq.models.library_output import one_line, quiet_transformers
from trusteq.models.picture_input import seen_part
from trusteq.models.reading import only_segment
from trusteq.models.traits import traits_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.explain.respondent import Respondent
    from trusteq.models.base import Model
    from trusteq.models.patches import PatchModel

PatchProtocol = Literal["paper-vit", "paper-vit-scripts"]
PATCH_PROTOCOLS: tuple[PatchProtocol, ...] = ("paper-vit", "paper-vit-scripts")
STEPS = 100
TOP = max(PATCH_COUNTS)
EQUAL = 1e-6
"""Scores closer than this share of the largest logit or score are equal: 32 bits tell no more."""


@dataclass(frozen=True)
class PatchSettings:
    """The settings of the protocol.

    items: the number of pictures to explain, chosen at random; None for all. steps: of the path of integrated
    gradients.
    """

    name: PatchProtocol = "paper-vit"
    items: int | None = None
    steps: int = STEPS

    @property
    def literal(self) -> bool:
        """Whether the published scripts are followed to the letter."""
        return self.name == "paper-vit-scripts"


@dataclass(frozen=True)
class PublishedPatches:
    """The top patches of all models.

    positions: by method, the explained items' positions in the audit's items [explained]. tops: by method, the top
    patches of each model [models].
    """

    settings: PatchSettings
    positions: Mapping[str, NDArray[np.int64]]
    tops: Mapping[str, tuple[TopPatches, ...]]


def patch_settings(name: PatchProtocol, items: int | None, models: Sequence[Model]) -> PatchSettings:
    """The settings of the protocol of this name; an error if a model does not support it."""
    settings = PatchSettings(name, items)
    sizes = {model.name: _patches_of(model, settings).size for model in models}
    if settings.literal and len(set(sizes.values())) > 1:
        found = ", ".join(f"{model} {_by(size)}" for model, size in sizes.items())
        raise OptionError(
            f"protocol {name} paints all models' patches on one mask, but they read pictures of different sizes in "
            f"pixels ({found}); use paper-vit"
        )
    return settings


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _patches_of(model: Model, settings: PatchSettings) -> PatchModel:
    traits = traits_of(model)
    if traits.patches is None:
        raise OptionError(
            f"protocol {settings.name} needs transformers models that read pictures in patches, such as ViT; model "
            f"{model.name} is not one"
        )
    (height, width), (rows, columns) = traits.patches.size, traits.patches.patch
    if not 0 < height // rows * (width // columns) <= MOST_PATCHES:
        raise OptionError(
            f"protocol {settings.name}: model {model.name} cuts {_by(traits.patches.size)} pixels into patches of "
            f"{_by(traits.patches.patch)}, but 1 to {MOST_PATCHES:,} patches are needed"
        )
    if traits.preprocessing is None and not settings.literal:
        raise OptionError(
            f"protocol {settings.name}: what the processor of model {model.name} cuts out of a picture is not known; "
            "use paper-vit-scripts"
        )
    return traits.patches


def chosen_pictures(
    ids: Sequence[str],
    settings: PatchSettings,
    answers: Sequence[NDArray[np.float64]],
    gold: NDArray[np.int64],
    *,
    seed: int,
) -> dict[str, NDArray[np.int64]]:
    """By method, the positions of the pictures to explain; ``answers`` are the models' to all items [items, labels]."""
    at = np.array(random_choice(ids, settings.items, seed=seed), dtype=np.int64)
    occluded = at
    if settings.literal:
        right = np.logical_and.reduce([rows[at].argmax(axis=1) == gold[at] for rows in answers])
        occluded = at[right]
    return {"occlusion": occluded, "gradients": at}


def publish_patches(
    respondents: Sequence[Respondent],
    items: Items,
    settings: PatchSettings,
    *,
    gold: NDArray[np.int64],
    seed: int = 0,
) -> PublishedPatches:
    """The top patches of every model by occlusion and by integrated gradients."""
    answers = [respondent.answers.values for respondent in respondents]
    positions = chosen_pictures(items.ids, settings, answers, gold, seed=seed)
    for method, at in positions.items():
        if len(at) < 2:
            raise DataError(
                f"{items.source}: protocol {settings.name} explains {len(at)} pictures by {method}, and a single one "
                "says nothing about others; it leaves out what a model answers wrongly; give more items"
            )
    tops = [_explained(respondent, items, settings, positions, gold) for respondent in respondents]
    return PublishedPatches(
        settings, positions, {method: tuple(of_model[method] for of_model in tops) for method in positions}
    )


def _explained(
    respondent: Respondent,
    items: Items,
    settings: PatchSettings,
    positions: Mapping[str, NDArray[np.int64]],
    gold: NDArray[np.int64],
) -> dict[str, TopPatches]:
    """One model's top patches by each method."""
    model, at = _patches_of(respondent.model, settings), positions["gradients"]
    budget = traits_of(respondent.model).budget
    columns = respondent.order or list(range(len(respondent.model.labels)))
    grid = model.size[0] // model.patch[0], model.size[1] // model.patch[1]
    occluded = set(positions["occlusion"].tolist())
    advance = respondent.counted(f"explain {respondent.name}", len(at))
    tops: dict[str, list[NDArray[np.int64]]] = {method: [] for method in positions}
    with quiet_transformers():
        for i, pixels in zip(at.tolist(), model.inputs(items.take(at)), strict=True):
            where = f"model {respondent.name}: item {items.ids[i]!r}"
            if pixels.shape[1:] != model.size:
                raise ModelError(
                    f"{where}: its processor gives {_by(pixels.shape[1:])} pixels here and {_by(model.size)} "
                    "elsewhere; set one size in its processor"
                )
            label = columns[gold[i]]
            try:
                if i in occluded:
                    scores, largest = occlusion(model, pixels, label, literal=settings.literal, budget=budget)
                    tops["occlusion"].append(_first(scores, largest, settings, reverse=False))
                path = integrated_gradients(
                    model, pixels, label, steps=settings.steps, literal=settings.literal, budget=budget
                )
            except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
                raise ModelError(f"{where}: cannot be explained in patches: {one_line(error)}") from error
            scores = cut(np.abs(path).mean(axis=0, keepdims=True), model.patch).mean(axis=(1, 2, 3))
            tops["gradients"].append(_first(scores, float(scores.max()), settings, reverse=True))
            advance(1)
    return {
        method: TopPatches(grid, _areas(respondent.model, model, items, positions[method], settings), np.stack(lists))
        for method, lists in tops.items()
    }


def occlusion(
    model: PatchModel, pixels: NDArray[np.float32], label: int, *, literal: bool, budget: int
) -> tuple[NDArray[np.float32], float]:
    """By how much the label's logit falls without each patch [patches], and the largest |logit| of the whole input."""
    whole = model.logits(pixels[None])[0]
    patch = model.patch
    pieces = blurred(cut(pixels, patch), zero_rim=literal)
    columns = pixels.shape[2] // patch[1]
    scores = np.empty(len(pieces), np.float32)
    for start in range(0, len(pieces), budget):
        part = pieces[start : start + budget]
        inputs = np.repeat(pixels[None], len(part), axis=0)
        for number, piece in enumerate(part):
            row, column = divmod(start + number, columns)
            inputs[number, :, row * patch[0] : (row + 1) * patch[0], column * patch[1] : (column + 1) * patch[1]] = (
                piece
            )
        scores[start : start + len(part)] = whole[label] - model.logits(inputs, half=literal)[:, label]
    return scores, float(np.abs(whole).max())


def integrated_gradients(
    model: PatchModel, pixels: NDArray[np.float32], label: int, *, steps: int, literal: bool, budget: int
) -> NDArray[np.float64]:
    """Each pixel times its mean gradient on the path from zeros to the input [channels, height, width], signed."""
    at = np.linspace(0, 1, steps) if literal else (np.arange(steps) + 0.5) / steps
    total = np.zeros(pixels.shape)
    for start in range(0, steps, budget):
        share = at[start : start + budget, None, None, None].astype(np.float32)
        total += model.gradients(share * pixels, label).sum(axis=0, dtype=np.float64)
    return pixels * total / steps


def cut(pixels: NDArray[np.floating], patch: tuple[int, int]) -> NDArray[np.floating]:
    """The patches [patches, channels, height, width] of an input [channels, height, width], row by row.

    What is left at the right and at the bottom belongs to no patch, as in the models themselves.
    """
    (height, width), (rows, columns) = patch, (pixels.shape[1] // patch[0], pixels.shape[2] // patch[1])
    whole = pixels[:, : rows * height, : columns * width]
    pieces = whole.reshape(len(pixels), rows, height, columns, width).transpose(1, 3, 0, 2, 4)
    return pieces.reshape(rows * columns, len(pixels), height, width)


def blurred(patches: NDArray[np.floating], *, zero_rim: bool) -> NDArray[np.float32]:
    """Each pixel as the mean of the 3 x 3 around it in its patch; beyond the rim are zeros, or the rim once more."""
    sides = ((0, 0), (0, 0), (1, 1), (1, 1))
    padded = np.pad(patches.astype(np.float64), sides, mode="constant" if zero_rim else "edge")
    height, width = patches.shape[2:]
    windows = [padded[:, :, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.asarray(sum(windows) / 9, np.float32)


def _first(
    scores: NDArray[np.floating], largest: float, settings: PatchSettings, *, reverse: bool
) -> NDArray[np.int64]:
    """The patches of the largest scores, the largest first; ``reverse``: as the scripts sort gradients."""
    if not np.isfinite(scores).all():
        raise ValueError("a score is not a finite number")
    if not settings.literal:
        unit = EQUAL * largest or 1.0
        return np.argsort(-np.round(scores.astype(np.float64) / unit), kind="stable")[:TOP]
    if not reverse:
        return np.argsort(-scores)[:TOP]
    lowest, spread = scores.min(), np.ptp(scores)
    return np.argsort(((scores - lowest) / (spread or 1.0)).astype(np.float32))[::-1][:TOP]


def _areas(
    model: Model, patches: PatchModel, items: Items, positions: NDArray[np.int64], settings: PatchSettings
) -> NDArray[np.float64]:
    """Where the grid lies [items, 4]: left, top, right, bottom, in pixels of the input or of the original picture."""
    (height, width), (rows, columns) = patches.size, patches.patch
    whole = np.array([width // columns * columns, height // rows * rows], dtype=np.float64)
    if settings.literal:
        return np.tile([0.0, 0.0, *whole], (len(positions), 1))
    how, areas = traits_of(model).preprocessing, np.empty((len(positions), 4))
    assert how is not None  # noqa: S101 - a model without is refused
    pictures = only_segment(items, {"picture"}, name=model.name)
    for row, position in enumerate(positions.tolist()):
        size = np.array(pictures[position].size, dtype=np.float64)
        left, top, right, bottom = seen_part(pictures[position].size, how)
        start, end = np.array([left, top]), np.array([right, bottom])
        areas[row] = np.concatenate([start * size, (start + (end - start) * whole / (width, height)) * size])
    return areas
