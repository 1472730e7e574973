"""Adds masks, round by round, until the top units of every model are certified or the budget is used up.

The rule depends on the models' answers, so it only decides how many masks of an item are used, never which: each round
uses more of the first masks of the same plan, and the number is the same for every model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.certainty import certainty
from trusteq.comparing.measures import METHODS
from trusteq.explain.lime import lime
from trusteq.explain.shapley import shapley
from trusteq.explain.value_tables import planned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from trusteq.explain.plan import Plan
    from trusteq.explain.units import Units
    from trusteq.explain.value_tables import Question

    Answers = Callable[[int, list[Question]], list[NDArray[np.float64]]]

LEVEL = 0.95


def explain_until_stable(
    plans: Sequence[Plan],
    units: Sequence[Units],
    options: Sequence[tuple[str, ...] | None],
    models: int,
    answers: Answers,
    targets: NDArray[np.int64],
    *,
    first: Sequence[int],
    value: Callable[[NDArray[np.float64], int], NDArray[np.float64]],
    k: int,
) -> tuple[list[Plan], list[tuple[NDArray[np.float64], ...]]]:
    """The part of each plan that was needed, and each model's tables [masks, labels] for it.

    answers: returns the tables of a model, given by its number, for some questions. first: numbers of masks in the
    first round, doubled in each later one. targets: the explained label [models, items]. value: returns a target's
    values [masks] from a table.
    """
    done: list[tuple[Plan, list[NDArray[np.float64]]] | None] = [None] * len(plans)
    answered: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)] * len(plans)
    stored: list[list[dict[int, NDArray[np.float64]]]] = [[{} for _ in range(models)] for _ in plans]
    size = np.array(first, dtype=np.int64)
    unfinished = list(range(len(plans)))
    while unfinished:
        parts = {i: plans[i].first(int(size[i])) for i in unfinished}
        # Every question includes the first row, which keeps all units: the tokens are checked on it.
        new = {i: np.union1d([0], np.setdiff1d(rows, answered[i])).astype(np.int64) for i, (_, rows) in parts.items()}
        for model in range(models):
            tables = answers(model, [planned(units[i], plans[i], options[i]).part(new[i]) for i in unfinished])
            for i, table in zip(unfinished, tables, strict=True):
                stored[i][model].update(zip(new[i].tolist(), table, strict=True))
        remaining = []
        for i in unfinished:
            plan, rows = parts[i]
            answered[i] = np.union1d(answered[i], rows)
            tables = [np.stack([stored[i][model][row] for row in rows.tolist()]) for model in range(models)]
            values = np.stack([value(t, int(targets[m, i])) for m, t in enumerate(tables)], axis=1)
            if len(plan) >= len(plans[i]) or _is_certified(plan, values, k):
                done[i] = (plan, tables)
            else:
                remaining.append(i)
        size[remaining] *= 2
        unfinished = remaining
    results = [result for result in done if result is not None]
    return [plan for plan, _ in results], [tuple(tables[m] for _, tables in results) for m in range(models)]


def _is_certified(plan: Plan, values: NDArray[np.float64], k: int) -> bool:
    """Whether the top units of all models are certified by every method; values [masks, models]."""
    lengths = np.full(values.shape[1], plan.units)
    for method in METHODS:
        whole, error = (lime if method == "lime" else shapley)(plan, values)
        if (certainty(whole.T, error.T, lengths, k) < LEVEL).any():
            return False
    return True
