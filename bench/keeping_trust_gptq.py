"""The teachers of the study with linear weights rounded to 4 bits by GPTQ (Frantar et al. 2023), as llmcompressor does.

    python bench/keeping_trust_gptq.py --data FOLDER --out FOLDER

It runs in an environment of its own, because llmcompressor needs older versions of transformers and compressed-tensors
than trusteq's (``pip install llmcompressor``). Rounded for the first 256 rows of the training file; 4 bits, symmetric,
32 weights a scale, as with ``--method int4-weights``. bench/keeping_trust.py then measures what it finds.
"""

from __future__ import annotations

import argparse
import gzip
import json
from importlib import import_module
from pathlib import Path
from typing import Any

from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer

ROWS = 256


def rounded(teacher: Path, data: Path, out: Path) -> None:
    """Write the rounded teacher to ``out``."""
    model = AutoModelForSequenceClassification.from_pretrained(teacher)
    tokenizer = AutoTokenizer.from_pretrained(teacher)
    with gzip.open(data, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(ROWS), strict=False)]
    texts = [[row[name] for name in ("text", "text_a", "text_b") if name in row] for row in rows]
    encoded = Dataset.from_list([dict(tokenizer(*text, truncation=True)) for text in texts])
    weights = QuantizationArgs(num_bits=4, type="int", symmetric=True, strategy="group", group_size=32)
    scheme = QuantizationScheme(targets=["Linear"], weights=weights)
    # Imported by name: the checks of trusteq's own environment do not have it.
    gptq: Any = import_module("llmcompressor.modifiers.gptq").GPTQModifier
    recipe = gptq(config_groups={"all": scheme}, ignore=["classifier"])
    import_module("llmcompressor").oneshot(
        model=model,
        tokenizer=tokenizer,
        dataset=encoded,
        recipe=recipe,
        num_calibration_samples=len(encoded),
        max_seq_length=128,
        pipeline="basic",
    )
    model.save_pretrained(out, save_compressed=True)
    tokenizer.save_pretrained(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the folder of the study")
    asked = parser.parse_args()
    for teacher in sorted((asked.out / "models").glob("*/teacher-[0-9]")):
        out = teacher.parent / f"made-of-{teacher.name[-1]}" / "int4-gptq"
        if not out.exists():
            rounded(teacher, asked.data / f"{teacher.parent.name}_train.jsonl.gz", out)


if __name__ == "__main__":
    main()
