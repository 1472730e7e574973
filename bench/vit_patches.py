"""Top patches of small vision transformers under the paper's protocol, with chance and ceiling beside every number.

    python bench/vit_patches.py cifar10.npz [--pictures 200] [--epochs 30] [--seed 0] [--out FOLDER]

The file holds ``x`` (uint8 [pictures, height, width, 3]) and ``y`` (labels 0, 1, ...). Three quarters of the pictures
train the models; from the rest, ``--pictures`` are audited. Trained are, at 56 x 56 pixels, patches of 8 with two seeds
(what training again changes) and of 7: 49 of 64 pixels, the ratio of 14 to 16. Then one at 32 x 32 pixels with patches
of 4, and one of 8 that is left untrained. Some minutes on one core.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers

import trusteq
from trusteq.data.pictures import Pictures
from trusteq.record.document import PatchSummary
from trusteq.report.terminal import patch_pairs, patches_title

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODELS: dict[str, dict[str, int]] = {
    "8 of 56": {"size": 56, "patch": 8, "seed": 0},
    "8 of 56, again": {"size": 56, "patch": 8, "seed": 1},
    "7 of 56": {"size": 56, "patch": 7, "seed": 0},
    "4 of 32": {"size": 32, "patch": 4, "seed": 0},
    "8 of 56, untrained": {"size": 56, "patch": 8, "seed": 2, "epochs": 0},
}


def made(
    folder: Path, x: NDArray[np.uint8], y: NDArray[np.int64], *, size: int, patch: int, seed: int, epochs: int
) -> Path:
    """A small ViT trained on pictures [pictures, height, width, 3], saved with its processor."""
    torch.manual_seed(seed)
    names = [str(label) for label in range(y.max() + 1)]
    config = transformers.ViTConfig(
        image_size=size, patch_size=patch, hidden_size=96, num_hidden_layers=4, num_attention_heads=4,
        intermediate_size=192, id2label=dict(enumerate(names)), label2id={name: i for i, name in enumerate(names)},
        hidden_dropout_prob=0.1,
    )  # fmt: skip
    model = transformers.ViTForImageClassification(config)
    processor = transformers.ViTImageProcessorPil(size={"height": size, "width": size})
    inputs = processor(images=list(x), return_tensors="pt", input_data_format="channels_last")["pixel_values"]
    gold, batch = torch.from_numpy(y), 50
    steps = max(epochs * -(-len(x) // batch), 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps + 1)
    model.train()
    for _ in range(epochs):
        for at in torch.split(torch.randperm(len(x)), batch):
            pixels = inputs[at]
            if torch.rand(()) < 0.5:
                pixels = pixels.flip(3)
            loss = torch.nn.functional.cross_entropy(model(pixel_values=pixels).logits, gold[at])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="keep the models and the runs here")
    options = parser.parse_args()
    with np.load(options.data) as data:
        x, y = data["x"], data["y"].astype(np.int64)
    order = np.random.default_rng(options.seed).permutation(len(x))
    train, rest = np.split(order, [3 * len(x) // 4])
    test = np.sort(rest[: options.pictures])
    with tempfile.TemporaryDirectory() as temporary:
        out = options.out or Path(temporary)
        models = {}
        for name, how in MODELS.items():
            recipe = {"epochs": options.epochs, **how}
            folder = made(out / name.replace(" ", "-").replace(",", ""), x[train], y[train], **recipe)
            models[name] = trusteq.open_model(folder, name=name)
            print(f"trained {name}", flush=True)
        items = trusteq.Items(
            [f"{i:05}" for i in test],
            {"picture": Pictures.of_arrays(x[test])},
            labels=y[test],
            label_names=tuple(str(label) for label in range(y.max() + 1)),
        )
        for protocol in ("paper-vit", "paper-vit-scripts"):
            literal = protocol == "paper-vit-scripts"
            # The scripts need one input size, and an untrained model would leave no picture that all answer rightly.
            kept = [name for name in models if not literal or ("of 56" in name and "untrained" not in name)]
            reference, *candidates = kept
            result = trusteq.audit(
                models[reference], {name: models[name] for name in candidates}, items,
                protocol=protocol, with_slices=False, costs="none",
            )  # fmt: skip
            if options.out:
                result.save(out / protocol)
            summary = result.evidence.document.protocol
            accuracies = [result[candidates[0]].measures["behaviour"]["accuracy_reference"]]
            accuracies += [result[name].measures["behaviour"]["accuracy_candidate"] for name in candidates]
            print(", ".join(f"{name} {e.value:.1%} right" for name, e in zip(kept, accuracies, strict=True)))
            if isinstance(summary, PatchSummary):
                show(patches_title(summary), patch_pairs(summary.pairs))


def show(*parts: Any) -> None:
    from rich.console import Console

    console = Console(width=140)
    for part in parts:
        console.print(part)


if __name__ == "__main__":
    main()
