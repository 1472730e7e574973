"""Rounds of perturbations: longer beginnings of one plan, until the top words are certified."""

from itertools import pairwise

import numpy as np
import pytest

from trusteq.explain.plan import mask_plan
from trusteq.explain.shapley import shapley
from trusteq.explain.until_stable import explain_until_stable
from trusteq.explain.words import words

TEXT = ("one two three four five six seven eight nine ten eleven twelve thirteen fourteen",)


def rows(plan, half):
    return {tuple(plan.masks[r].tolist()) for r in plan.halves[half].ravel()}


@pytest.mark.parametrize("units", [9, 14, 40])
def test_a_longer_beginning_holds_a_shorter_one(units):
    whole = mask_plan("item", units, masks=400)
    sizes = (40, 80, 160, 320)
    parts = [whole.first(size) for size in sizes]
    for (part, at), size in zip(parts, sizes, strict=True):
        assert len(part) <= size
        np.testing.assert_array_equal(part.masks, whole.masks[at])
        assert (part.masks[part.halves[0][:, 0]] ^ part.masks[part.halves[0][:, 1]]).all()
        np.testing.assert_array_equal(
            part.expected[1:-1].round(),
            np.bincount(part.masks[part.halves[0].ravel()].sum(axis=1), minlength=units + 1)[1:-1],
        )
    for (short, _), (long, _) in pairwise(parts):
        assert rows(short, 0) <= rows(long, 0)
        assert rows(short, 1) <= rows(long, 1)
    assert whole.first(400)[0] is whole


def test_a_beginning_gives_a_linear_game_its_weights():
    weights = np.linspace(-1, 2, 14)
    part, _ = mask_plan("item", 14, masks=400).first(90)
    np.testing.assert_allclose(shapley(part, (part.masks @ weights)[:, None])[0][:, 0], weights, atol=1e-9)


class Game:
    """A model of two labels whose log-odds are linear in the words, and how many rows it was asked."""

    def __init__(self, weights):
        self.weights, self.rows = weights, 0

    def __call__(self, questions):
        # What keeps all comes with every question: the tokens of perturbations are checked on it.
        assert all(q.masks[0].all() for q in questions)
        self.rows += sum(len(q.masks) for q in questions)
        p = [0.5 + q.masks @ self.weights[: len(q.units)] for q in questions]
        return [np.log(np.stack([x, 1 - x], axis=1)) for x in p]


def run(games, first=64, budget=512, k=5):
    units = [words(TEXT)]
    plans = [mask_plan("item", len(units[0]), masks=budget)]
    return explain_until_stable(
        plans,
        units,
        [None],
        len(games),
        lambda model, questions: games[model](questions),
        np.zeros((len(games), 1), dtype=int),
        first=[first],
        value=lambda table, target: np.exp(table[:, target]),
        k=k,
    )


def test_clear_words_are_certified_in_the_first_round():
    game = Game(np.r_[np.full(5, 0.05), np.full(9, 0.001)])
    (plan,), ((table,),) = run([game])
    assert len(plan) <= 64
    assert len(table) == len(plan)
    np.testing.assert_allclose(np.exp(table[:, 0]), 0.5 + plan.masks @ game.weights)


def test_a_tie_at_the_edge_spends_the_budget_of_every_model():
    clear, tied = Game(np.r_[np.full(5, 0.05), np.full(9, 0.001)]), Game(np.full(14, 0.01))
    (plan,), tables = run([clear, tied])
    assert len(plan) > 400
    assert {len(t[0]) for t in tables} == {len(plan)}
    # No row is asked twice but the one that keeps all, once a round.
    assert clear.rows <= len(plan) + 4
    for game, (table,) in zip((clear, tied), tables, strict=True):
        np.testing.assert_allclose(np.exp(table[:, 0]), 0.5 + plan.masks @ game.weights)
