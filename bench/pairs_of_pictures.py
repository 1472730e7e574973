"""Real pairs of picture models side by side: rounded, trained once more, pruned, smaller. Noise-free alignment of each.

    python bench/pairs_of_pictures.py [--data ../shared/data] [--items 150] [--epochs 20]

Two ResNet-20s are trained here, from two seeds, on 1,400 of the 2,000 pictures; their pair is the control: how far
apart are two trainings of one recipe? The others are MLPerf Tiny's ResNets in LiteRT, float and int8, and trained
ResNet-56, -32 and -20. All are audited on the other 600 pictures; every row says what the default policy judges.
"""

from __future__ import annotations

import argparse
import os
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import trusteq

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

DATA = Path(os.environ.get("TRUSTEQ_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
TRAIN = 1400
MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def resnet(depth: int) -> Any:
    """A ResNet for pictures of 32 pixels with shortcuts that pad (He et al. 2016, option A)."""
    torch: Any = import_module("torch")
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, before: int, planes: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(before, planes, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(planes)
            self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)
            self.stride, self.pad = stride, (planes - before) // 2

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
            x = x[:, :, :: self.stride, :: self.stride] if self.stride > 1 else x
            return functional.relu(y + functional.pad(x, (0, 0, 0, 0, self.pad, self.pad)))

    class Network(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
            blocks, before = (depth - 2) // 6, 16
            for number, planes in enumerate((16, 32, 64), 1):
                layer = [
                    Block(before if i == 0 else planes, planes, 2 if i == 0 and number > 1 else 1)
                    for i in range(blocks)
                ]
                setattr(self, f"layer{number}", nn.Sequential(*layer))
                before = planes
            self.linear = nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            x = functional.relu(self.bn1(self.conv1(x)))
            x = self.layer3(self.layer2(self.layer1(x)))
            return self.linear(x.mean(dim=(2, 3)))

    return Network()


def prepared(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pictures as the networks read them."""
    return np.ascontiguousarray(((pictures / np.float32(255) - MEAN) / STD).transpose(0, 3, 1, 2), dtype=np.float32)


def trained(pictures: NDArray[np.uint8], labels: NDArray[np.int64], *, seed: int, epochs: int) -> Any:
    """A ResNet-20 trained now."""
    torch: Any = import_module("torch")
    functional = torch.nn.functional
    torch.manual_seed(seed)
    network = resnet(20)
    x, y = torch.from_numpy(prepared(pictures)), torch.from_numpy(labels)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    steps = epochs * (len(x) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=0.1, total_steps=steps)
    network.train()
    for _ in range(epochs):
        for at in torch.randperm(len(x)).split(64)[: len(x) // 64]:
            batch = torch.where(torch.rand(len(at), 1, 1, 1) < 0.5, x[at].flip(3), x[at])
            shift = torch.randint(-3, 4, (2,)).tolist()
            loss = functional.cross_entropy(network(batch.roll(shift, (2, 3))), y[at])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def loaded(depth: int, folder: Path) -> Any:
    """A trained ResNet of this depth."""
    torch: Any = import_module("torch")
    (file,) = folder.glob(f"resnet{depth}-*.th")
    state = torch.load(file, map_location="cpu", weights_only=True)["state_dict"]
    network = resnet(depth)
    network.load_state_dict({name.removeprefix("module."): weights for name, weights in state.items()})
    return network.eval()


def model(network: Any, name: str, labels: tuple[str, ...]) -> Any:
    """A network as a model of pictures."""
    torch: Any = import_module("torch")

    def probabilities(inputs: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
        with torch.inference_mode():
            parts = torch.from_numpy(prepared(np.stack(inputs))).split(256)
            return np.asarray(torch.cat([network(part).softmax(1) for part in parts]).double())

    return trusteq.from_callable(probabilities, labels=labels, name=name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--items", type=int, default=150)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    held = np.load(arguments.data / "images" / "cifar10_jpeg_test2000.npz")
    order = np.random.default_rng(0).permutation(len(held["y"]))  # the file is sorted by label
    pictures, codes, names = held["x"][order], held["y"][order].astype(np.int64), tuple(map(str, held["name"]))
    labels = names if len(names) == 10 else tuple(map(str, range(10)))
    items = trusteq.Items(
        [f"{i:04}" for i in range(TRAIN, len(pictures))],
        {"picture": trusteq.Pictures.of_arrays(pictures[TRAIN:])},
        codes[TRAIN:],
        labels,
    )
    tflite = arguments.data / "models" / "cifar10_tflite"

    def litert(name: str) -> Any:
        (file,) = tflite.rglob(f"{name}.tflite")
        how = {"size": [32, 32], "resize": "none", "layout": "NHWC", "scale": 1, "labels": list(labels)}
        return trusteq.open_model(
            file, name=name, options={"preprocessing": how, "labels": labels, "scores": "probabilities"}
        )

    def once_more(seed: int) -> Any:
        made = trained(pictures[:TRAIN], codes[:TRAIN], seed=seed, epochs=arguments.epochs)
        return model(made, f"resnet20 seed {seed}", labels)

    def of_depth(depth: int, name: str = "") -> Any:
        return model(loaded(depth, arguments.data / "models" / "resnet_cifar10"), name or f"resnet{depth}", labels)

    pairs: list[tuple[str, Callable[[], tuple[Any, Any]]]] = [
        (
            "the same model",
            lambda: (of_depth(20), model(loaded(20, arguments.data / "models" / "resnet_cifar10"), "again", labels)),
        ),
        ("float and int8, ResNet8", lambda: (litert("resnet8_float"), litert("resnet8_int8"))),
        ("float and int8, large", lambda: (litert("resnet_large_float"), litert("resnet_large_int8"))),
        ("trained twice, ResNet-20", lambda: (once_more(0), once_more(1))),
        ("ResNet-56 and ResNet-32", lambda: (of_depth(56), of_depth(32))),
        ("ResNet-56 and ResNet-20", lambda: (of_depth(56), of_depth(20))),
    ]
    print(f"{'pair':28} {'accuracy':>15} {'agree':>7}  {'alignment (Shapley)':24} {'reliability':>11}  verdict")
    for title, make in pairs:
        start = time.perf_counter()
        one, other = make()
        made = trusteq.audit(
            one,
            other,
            items,
            explain=trusteq.ExplainSettings(items=arguments.items),
            costs="none",
            with_slices=False,
            with_other_way=False,
        )
        (compared,) = made.comparisons
        found = compared.measures
        accuracies = [found["behaviour"][f"accuracy_{side}"].value for side in ("reference", "candidate")]
        alignment = found["explanation"].get("alignment_shapley")
        reliable = found["explanation"].get("reliability_reference_shapley")
        print(
            f"{title:28} {accuracies[0]:6.1%} / {accuracies[1]:6.1%} {found['behaviour']['agreement'].value:7.1%}  "
            f"{alignment!s:24} {0 if reliable is None else reliable.value:11.2f}  {compared.verdict.outcome.value}  "
            f"({time.perf_counter() - start:.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
