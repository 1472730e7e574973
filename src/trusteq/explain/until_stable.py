"""More perturbations, round by round, until the top words of every model are certified or the budget ends.

The rule sees the models' answers, so it chooses how many masks of an item are asked, never which: a round is a longer
beginning of one plan, and every model gets the same number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.compare.certainty import certainty
from trusteq.compare.measures import METHODS
from trusteq.explain.lime import lime
from trusteq.explain.shapley import shapley
from trusteq.explain.value_tables import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from trusteq.explain.plan import Plan
    from trusteq.explain.units import Units

    Ask = Callable[[int, list[Question]], list[NDArray[np.float64]]]

LEVEL = 0.95


def ask_until_certain(
    plans: Sequence[Plan],
    units: Sequence[Units],
    models: int,
    ask: Ask,
    targets: NDArray[np.int64],
    *,
    first: Sequence[int],
    value: Callable[[NDArray[np.float64], int], NDArray[np.float64]],
    k: int,
) -> tuple[list[Plan], list[tuple[NDArray[np.float64], ...]]]:
    """The beginning of each plan that was needed, and each model's tables [masks, labels] for it.

    ask: tables of one model, by its number, for some questions. first: masks of the first round, doubled in each later
    one. targets: the explained label [models, items]. value: what a table says of a target [masks].
    """
    done: list[tuple[Plan, list[NDArray[np.float64]]] | None] = [None] * len(plans)
    asked: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)] * len(plans)
    kept: list[list[dict[int, NDArray[np.float64]]]] = [[{} for _ in range(models)] for _ in plans]
    size = np.array(first, dtype=np.int64)
    open_ = list(range(len(plans)))
    while open_:
        parts = {i: plans[i].first(int(size[i])) for i in open_}
        # The first row, which keeps all, is asked with every question: it is what the tokens are checked on.
        new = {i: np.union1d([0], np.setdiff1d(rows, asked[i])).astype(np.int64) for i, (_, rows) in parts.items()}
        for model in range(models):
            tables = ask(model, [Question(units[i], plans[i].masks[new[i]]) for i in open_])
            for i, table in zip(open_, tables, strict=True):
                kept[i][model].update(zip(new[i].tolist(), table, strict=True))
        still = []
        for i in open_:
            plan, rows = parts[i]
            asked[i] = np.union1d(asked[i], rows)
            tables = [np.stack([kept[i][model][row] for row in rows.tolist()]) for model in range(models)]
            values = np.stack([value(t, int(targets[m, i])) for m, t in enumerate(tables)], axis=1)
            if len(plan) >= len(plans[i]) or _certain(plan, values, k):
                done[i] = (plan, tables)
            else:
                still.append(i)
        size[still] *= 2
        open_ = still
    found = [one for one in done if one is not None]
    return [plan for plan, _ in found], [tuple(t[m] for _, t in found) for m in range(models)]


def _certain(plan: Plan, values: NDArray[np.float64], k: int) -> bool:
    """Whether the top words of all models are certified by every method; values [masks, models]."""
    lengths = np.full(values.shape[1], plan.units)
    for method in METHODS:
        whole, error = (lime if method == "lime" else shapley)(plan, values)
        if (certainty(whole.T, error.T, lengths, k) < LEVEL).any():
            return False
    return True
