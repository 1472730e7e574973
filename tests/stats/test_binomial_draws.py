import numpy as np
import pytest

from trusteq.stats.binomial_draws import BinomialDraws

ROWS = 50


def by_numpy(n, p, seed):
    return np.array([np.random.default_rng(seed).binomial(n, chances, size=(ROWS, len(n))) for chances in p])


@pytest.mark.parametrize("items", [100, 3_000, 100_000])
@pytest.mark.parametrize("columns", [1, 12, 150])
def test_draws_are_those_of_numpys_generator(items, columns):
    rng = np.random.default_rng(columns)
    n = np.maximum(np.bincount(rng.integers(0, columns, items), minlength=columns), 1)
    about = rng.uniform(0, 1, columns)
    p = np.clip(about + np.linspace(-0.6, 0.6, 9)[:, None], 0.0, 1.0)
    draws = BinomialDraws([3, 5], n, ROWS, about=about).at(p)
    assert np.array_equal(draws, by_numpy(n, p, [3, 5]))


def test_draws_of_a_step_do_not_depend_on_the_steps_drawn_with_it():
    n, about = np.array([4, 9, 80]), np.array([0.5, 0.9, 0.1])
    drawn = BinomialDraws([0], n, ROWS, about=about)
    p = np.array([[0.4, 0.8, 0.2], [0.0, 1.0, 0.3], [0.6, 0.7, 0.4]])
    assert np.array_equal(drawn.at(p), np.concatenate([drawn.at(step[None]) for step in p]))


@pytest.mark.parametrize(("chance", "every"), [(0.0, 0), (1.0, 7)])
def test_what_is_impossible_or_certain_is_drawn_so(chance, every):
    draws = BinomialDraws([0], np.array([7, 7]), ROWS, about=np.array([0.5, 0.5])).at(np.array([[chance, 0.5]]))
    assert (draws[0, :, 0] == every).all()
