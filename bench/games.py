"""Error of Shapley estimates against the number of answers asked, on real games whose exact values are known.

    python bench/games.py [--data ../shared/data] [--runs 20] [--budgets 32 64 128 256 512 1024]

The games are complete coalition tables of a sentiment Transformer over 14 words (SOURCE.txt beside them). Prints the
median over games and runs of |estimate - truth| / |truth|, for trusteq's plan and, where shap is installed, for its
permutation and kernel explainers, each with the number of different answers that it used.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

# Compiling shap's loops takes longer than running them here.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")

import numpy as np

from trusteq.explain.plan import MIN_MASKS, mask_plan
from trusteq.explain.shapley import shapley

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Estimator = Callable[["Game", int, int], NDArray[np.float64]]

DATA = Path(os.environ.get("TRUSTEQ_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


class Game:
    """A complete table of answers that counts the different ones it was asked for."""

    def __init__(self, path: Path) -> None:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            read = json.load(file)
        self.units = int(read["n_players"])
        self.table = np.zeros(2**self.units)
        for kept, value in read["values"].items():
            self.table[0 if kept == "Empty" else sum(1 << int(unit) for unit in kept.split(","))] = value
        self.asked: set[int] = set()

    def __call__(self, masks: NDArray[np.generic]) -> NDArray[np.float64]:
        codes = (masks != 0) @ (1 << np.arange(self.units))
        self.asked.update(codes.tolist())
        return np.asarray(self.table[codes])


def planned(game: Game, budget: int, seed: int) -> NDArray[np.float64]:
    plan = mask_plan("game", game.units, masks=budget, seed=seed)
    return shapley(plan, game(plan.masks)[:, None])[0][:, 0]


def permuted(game: Game, budget: int, seed: int) -> NDArray[np.float64]:
    import shap

    explainer = shap.explainers.Permutation(game, np.zeros((1, game.units)), seed=seed)
    return np.asarray(explainer(np.ones((1, game.units)), max_evals=budget, silent=True).values[0])


def kernel(game: Game, budget: int, seed: int) -> NDArray[np.float64]:
    import shap

    np.random.seed(seed)  # noqa: NPY002 - the explainer draws from numpy's own state
    explainer = shap.KernelExplainer(game, np.zeros((1, game.units)))
    # Two of the answers are those of the full and the empty mask.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # at the smallest budget its regression is singular
        found = explainer.shap_values(np.ones((1, game.units)), nsamples=budget - 2, l1_reg=False, silent=True)
    return np.asarray(found[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--budgets", type=int, nargs="+", default=[32, 64, 128, 256, 512, 1024])
    given = parser.parse_args()
    paths = sorted((given.data / "games" / "sentiment_14_words").glob("*.json.gz"))
    if not paths:
        raise SystemExit(f"no games in {given.data}; name their folder with --data")
    games = [Game(path) for path in paths]
    truths = [planned(game, 2**game.units, 0) for game in games]
    units = games[0].units
    # Each with the fewest answers it works with.
    estimators: dict[str, tuple[Estimator, int]] = {"trusteq, paired leverage": (planned, MIN_MASKS)}
    if find_spec("shap"):
        # Or else coverage.py beside this file stands in for the package that numba looks for.
        sys.path = [place for place in sys.path if Path(place).resolve() != Path(__file__).resolve().parent]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import shap
        estimators |= {
            f"shap {shap.__version__}, permutation": (permuted, 2 * units + 1),
            f"shap {shap.__version__}, kernel": (kernel, units + 2),
        }
    print(f"{len(games)} games of {units} words, {given.runs} runs: median relative error (answers used)\n")
    print(f"{'':26}" + "".join(f"{budget:>14,}" for budget in given.budgets))
    for name, (estimator, fewest) in estimators.items():
        print(f"{name:26}", end="", flush=True)
        for budget in given.budgets:
            if budget < fewest:
                print(f"{'-':>14}", end="")
                continue
            errors, used = [], []
            for game, truth in zip(games, truths, strict=True):
                for seed in range(given.runs):
                    game.asked.clear()
                    found = estimator(game, budget, seed)
                    errors.append(np.linalg.norm(found - truth) / np.linalg.norm(truth))
                    used.append(len(game.asked))
            print(f"{np.median(errors):>7.3f} {f'({np.mean(used):,.0f})':>6}", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
