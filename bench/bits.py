"""A language model from 8 to 3 bits: what flips, how far the next tokens move, and whether it looks at the same words.

    python bench/bits.py [--out build/bits]

SmolLM2-135M-Instruct, as in `trusteq demo --language` and on the same reviews and texts, but in more candidates: 8
bits, 4 and 3 bits to nearest, and the same with the largest 5 % of the weights kept. Audited three times: by choices
between two words (explained), token by token, and by choices between letters, in both orders, to see what a letter
alone is worth. The file's weights were rounded to 4 bits before: the large model is that, unpacked, so here 64 weights
share a scale, which is another grid.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import trusteq
import trusteq.compress
from trusteq.data.yaml_file import as_yaml
from trusteq.demo import language
from trusteq.demo.demo import Recipe, models_folder

BITS = {
    "int8": Recipe("int8-weights", "8 bits"),
    "int4": Recipe("int4-weights", "4 bits to nearest", {"group": 64}),
    "int4-outliers": Recipe("int4-weights", "4 bits, the largest 5 % kept", {"group": 64, "outliers": 0.05}),
    "int3": Recipe("int3-weights", "3 bits to nearest", {"group": 64}),
    "int3-outliers": Recipe("int3-weights", "3 bits, the largest 5 % kept", {"group": 64, "outliers": 0.05}),
}
LETTERS: dict[str, Any] = {
    "task": "choices",
    "prompt": "Review: {{ text }}\nIs it negative or positive?\n"
    "{% for choice in choices %}{{ choice.letter }}. {{ choice.text }}\n{% endfor %}Answer:",
    "choices": {"negative": "negative", "positive": "positive"},
    "score": "letters",
    "orders": "cyclic",
}
MEASURES = (
    ("accuracy", "behaviour", "accuracy_candidate", 100),
    ("changed", "behaviour", "disagreement", 100),
    ("smooth ECE, difference", "calibration", "smooth_ece_difference", 1),
    ("mass", "calibration", "mass_candidate", 1),
    ("order effect", "calibration", "order_effect_candidate", 1),
    ("alignment, LIME", "explanation", "alignment_lime", 1),
    ("alignment, Shapley", "explanation", "alignment_shapley", 1),
    ("top 3, LIME", "explanation", "jaccard_lime", 1),
    ("KL of next tokens", "", "token_kl_excess", 1),
    ("same top token", "", "same_top", 100),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/bits"))
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    started = time.process_time()
    with patch.object(language, "CANDIDATES", BITS):
        choices, tokens = language.audit_language(asked.out / "run", say=lambda line: print(line, flush=True))
    folder = models_folder(asked.out / "run")
    show("choices between two words", choices)
    show("next tokens", tokens)
    task = folder / "letters.yaml"
    task.write_text(as_yaml(LETTERS), "utf-8")
    models = [
        trusteq.open_model(folder / name, name=name, options=trusteq.ModelOptions(task=task))
        for name in ("large", *BITS)
    ]
    items = trusteq.read_items(folder / "reviews.csv", text="text", label="label", cluster="document")
    letters = trusteq.audit(models[0], models[1:], items, explain=False, resamples=500, costs="none")
    show("choices between letters", letters)
    print(f"{time.process_time() - started:.0f} s of the processor")


def show(title: str, audit: Any) -> None:
    """One table: a row for each candidate, with the measures that there are."""
    first = audit.comparisons[0]
    known = {name: estimate for found in first.measures.values() for name, estimate in found.items()}
    columns = [column for column in MEASURES if column[2] in known]
    print(f"\n{title}\n")
    print(f"| model | {' | '.join(name for name, *_ in columns)} | verdict |")
    print("|---" * (len(columns) + 2) + "|")
    large = [
        known.get(name.replace("candidate", "reference")) if "candidate" in name else None for _, _, name, _ in columns
    ]
    cells = ["" if e is None else cell(e, scale) for e, (*_, scale) in zip(large, columns, strict=True)]
    print(f"| large | {' | '.join(cells)} | |")
    for compared in audit.comparisons:
        found = {name: estimate for group in compared.measures.values() for name, estimate in group.items()}
        cells = ["" if found.get(name) is None else cell(found[name], scale) for _, _, name, scale in columns]
        print(f"| {compared.candidate.name} | {' | '.join(cells)} | {compared.verdict.outcome.value} |", flush=True)


def cell(estimate: Any, scale: float) -> str:
    return f"{scale * estimate.value:.3g} [{scale * estimate.low:.3g}, {scale * estimate.high:.3g}]"


if __name__ == "__main__":
    main()
