"""Explanations of pictures beside shap and lime_image: the same masks, and the overhead over the bare model.

    python bench/pictures.py [--side 32 96] [--pictures 8] [--masks 128] [--repeats 5]

Each side answers the same masks of the same tiles with the same function, in one process and one thread, in turn; the
fastest of the repeats counts, in processor time. The model is a residual network for small pictures (as deep as
ResNet-20, with random weights: they do not change the speed), then one that answers at once, so that what is left is
each side's own work. It is checked that all sides get the same answers.

bare   the model alone, on pictures that are already drawn
ours   tiles of our engine, blurred away
lime   lime_image's loop over the masks, given the blurred picture, in its batches of 10 and in batches of 64
shap   its masker of pictures, mask by mask as its explainers call it; and its partition explainer as a whole with as
       many evaluations (its masks are its own), in batches of 50
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

import trusteq
from trusteq.data.picture import Picture
from trusteq.explain.blur import blurred
from trusteq.explain.plan import mask_plan
from trusteq.explain.tiles import tiles
from trusteq.explain.value_tables import Question, value_tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LABELS = tuple("abcdefghij")


def network(seed: int = 0) -> Callable[[Any], NDArray[np.float64]]:
    """A function from pictures to probabilities: three groups of three blocks, 16 to 64 channels."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    torch.set_num_threads(1)

    class Block(nn.Module):
        def __init__(self, before: int, channels: int, stride: int) -> None:
            super().__init__()
            self.first = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
            self.second = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
            self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2))
            self.straight = nn.Conv2d(before, channels, 1, stride, bias=False) if stride > 1 else nn.Identity()

        def forward(self, x: Any) -> Any:
            y = torch.relu(self.norms[0](self.first(x)))
            return torch.relu(self.norms[1](self.second(y)) + self.straight(x))

    layers: list[Any] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    for before, channels, stride in ((16, 16, 1), (16, 32, 2), (32, 64, 2)):
        layers += [Block(before, channels, stride), Block(channels, channels, 1), Block(channels, channels, 1)]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, len(LABELS))).eval()

    def answers(pictures: Any) -> NDArray[np.float64]:
        rows = []
        with torch.inference_mode():
            for start in range(0, len(pictures), 64):
                batch = np.stack(pictures[start : start + 64])
                x = torch.from_numpy(batch).permute(0, 3, 1, 2).float().div_(255).sub_(0.47).div_(0.25)
                rows.append(torch.softmax(model(x), dim=1).double().numpy())
        return np.concatenate(rows)

    return answers


def nothing(pictures: Any) -> NDArray[np.float64]:
    """Answers that cost nothing."""
    return np.full((len(pictures), len(LABELS)), 1 / len(LABELS))


def timed(sides: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """The fewest seconds of processor time of each side, run in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            start = time.process_time()
            side()
            seconds[name].append(time.process_time() - start)
    return {name: min(times) for name, times in seconds.items()}


class GivenMasks:
    """Stands in for lime's random numbers, so that it asks about these masks."""

    def __init__(self, masks: NDArray[np.bool_]) -> None:
        self.masks = masks

    def randint(self, low: int, high: int, size: int) -> NDArray[np.int64]:
        """The masks, in a row."""
        return self.masks.astype(np.int64).ravel()


def lime_answers(pixels: NDArray[np.uint8], labels: NDArray[np.int64], masks: Any, ask: Any, batch: int) -> Any:
    """What lime_image asks, and the answers."""
    from lime import lime_image

    lime_image.tqdm = iter  # no bar
    explainer = lime_image.LimeImageExplainer(random_state=0)
    explainer.random_state = GivenMasks(masks)
    return explainer.data_labels(pixels, blurred(pixels), labels, ask, len(masks), batch_size=batch)


def shap_masked(pixels: NDArray[np.uint8], labels: NDArray[np.int64], masks: Any, ask: Any) -> Any:
    """The same masks through shap's masker of pictures, with the blur as its background."""
    import shap

    masker = shap.maskers.Image(blurred(pixels), pixels.shape)
    drawn = []
    for kept in masks:
        of_pixels = np.repeat(kept[labels].ravel(), 3)
        drawn.append(masker(of_pixels, pixels)[0][0].astype(np.uint8))
    return ask(drawn)


def shap_partition(pixels: NDArray[np.uint8], evaluations: int, ask: Any) -> Any:
    """shap's partition explainer with so many evaluations."""
    import shap

    masker = shap.maskers.Image(blurred(pixels), pixels.shape)
    explainer = shap.PartitionExplainer(lambda x: ask(list(x.astype(np.uint8))), masker)
    return explainer(pixels[None], max_evals=evaluations, batch_size=50, outputs=[0], silent=True)


def compared(ask: Any, side: int, count: int, masks: int, repeats: int) -> dict[str, float]:
    """Seconds of each side for these pictures; an error if two sides asked about other pictures."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, size=(count, 8, 8, 3))
    photos = [np.kron(one, np.ones((side // 8, side // 8, 1))).astype(np.uint8) for one in coarse]
    model = trusteq.from_callable(ask, labels=LABELS, name="network")
    units = [tiles((Picture.of(one),)) for one in photos]
    plans = [mask_plan(str(i), len(own), masks=masks).masks for i, own in enumerate(units)]
    drawn = [own.render(plan, "remove")[0].inputs() for own, plan in zip(units, plans, strict=True)]
    numbers = []
    for own, one in zip(units, photos, strict=True):
        map_ = np.zeros(one.shape[:2], dtype=np.int64)
        for unit, (top, left, bottom, right) in enumerate(own.parts[0].boxes.tolist()):
            map_[top:bottom, left:right] = unit
        numbers.append(map_)
    cases = list(zip(photos, numbers, plans, strict=True))

    def ours() -> Any:
        fresh = [tiles((Picture.of(one),)) for one in photos]
        return value_tables(model, [Question(own, plan) for own, plan in zip(fresh, plans, strict=True)])

    sides: dict[str, Callable[[], Any]] = {
        "bare": lambda: [ask(one) for one in drawn],
        "ours": ours,
        "lime, batches of 10": lambda: [lime_answers(*case, ask, 10)[1] for case in cases],
        "lime, batches of 64": lambda: [lime_answers(*case, ask, 64)[1] for case in cases],
        "shap's masker": lambda: [shap_masked(*case, ask) for case in cases],
        "shap's partition": lambda: [
            shap_partition(one, len(plan), ask) for one, plan in zip(photos, plans, strict=True)
        ],
    }
    own = np.exp(ours()[0])
    for name in ("bare", "shap's masker", "lime, batches of 64"):
        other = np.asarray(sides[name]()[0])
        np.testing.assert_allclose(other[1:], own[1:], atol=1e-5, err_msg=name)
    return timed(sides, repeats)


def main() -> None:
    """Print a row for each side of a picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, nargs="+", default=[32, 96])
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--masks", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    network_ = network()
    for side in options.side:
        sizes = side, options.pictures, options.masks, options.repeats
        each = 1e6 / (options.pictures * options.masks)
        whole, own = compared(network_, *sizes), compared(nothing, *sizes)
        print(f"{options.pictures} pictures of {side} x {side}, {options.masks} masks each; microseconds a mask")
        for name, taken in own.items():
            share, times = taken / whole["bare"], taken / own["ours"]
            print(
                f"  {name:20} {whole[name] * each:9.1f} with the model; own work {taken * each:8.1f} "
                f"({share:6.1%} of the bare model, {times:5.1f} times ours)"
            )


if __name__ == "__main__":
    main()
