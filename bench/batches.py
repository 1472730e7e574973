"""Tokens a second of one model by the number of tokens in a batch: which budget suits this machine.

python bench/batches.py MODEL [--threads 1]
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import numpy as np
import torch

import trusteq
from trusteq.models.token_rows import TokenModel, token_rows

BUDGETS = (256, 512, 1024, 2048, 4096, 8192)


def main() -> None:
    """Rows of 6 to 25 tokens, as perturbed pairs of sentences have."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rng = np.random.default_rng(0)
    rows = token_rows([rng.integers(1000, 9000, length).tolist() for length in rng.integers(6, 26, 600)])
    speed: dict[int, list[float]] = {budget: [] for budget in BUDGETS}
    models = {
        budget: trusteq.open_model(given.model, options=trusteq.ModelOptions(budget=budget)) for budget in BUDGETS
    }
    for _ in range(given.repeats):
        for budget, model in models.items():
            assert isinstance(model, TokenModel)
            start = time.perf_counter()
            model.answer(rows)
            speed[budget].append(len(rows.ids) / (time.perf_counter() - start))
    for budget, found in speed.items():
        print(f"{budget:6,} tokens a batch: {median(found):8,.0f} tokens/s")


if __name__ == "__main__":
    main()
