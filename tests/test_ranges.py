"""The limits of measures hold for the measures themselves."""

import math

import numpy as np
import pytest

from trusteq.compare.answers import Answers, Pair
from trusteq.compare.measures import measure
from trusteq.policy import known_measures
from trusteq.ranges import possible
from trusteq.stats.resampling import Resampling


@pytest.mark.parametrize(
    ("measure", "limits"),
    [
        ("accuracy_candidate", (0, 1)),
        ("accuracy_difference", (-1, 1)),
        ("ece_equal_mass_difference", (-1, 1)),
        ("brier_candidate", (0, 2)),
        ("brier_difference", (-2, 2)),
        ("kl_candidate_reference", (0, math.inf)),
        ("nll_difference", (-math.inf, math.inf)),
        ("js_q99.9", (0, math.log(2))),
        ("confidence_shift", (-1, 1)),
        ("confidence_shift_absolute", (0, 1)),
        ("usable_99_difference", (-1, 1)),
        ("jaccard_lime", (0, 1)),
        ("a_measure_of_tomorrow", (-math.inf, math.inf)),
    ],
)
def test_a_measure_has_its_limits(measure, limits):
    assert possible(measure) == limits


@pytest.mark.parametrize("kind", ["random", "sure", "opposite"])
def test_no_measure_leaves_its_limits(kind):
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 3, 60)
    first, second = rng.dirichlet(np.ones(3), 60), rng.dirichlet(np.ones(3), 60)
    if kind != "random":
        first, second = np.eye(3)[gold], np.eye(3)[(gold + (kind == "opposite")) % 3]
    resampling = Resampling(60, resamples=20)
    measured = measure(Pair(Answers(first, gold, resampling), Answers(second, gold, resampling)))
    for group in measured.values():
        for name, estimate in group.items():
            low, high = possible(name)
            assert low - 1e-12 <= estimate.value <= high + 1e-12, name


def test_most_measures_have_limits():
    names = [name for group in known_measures().values() for name in group]
    free = [name for name in names if possible(name) == (-math.inf, math.inf)]
    stems = {name.rsplit("_", 1)[0] for name in free}
    ratios = {"reliability_reference", "reliability_candidate", "size_ratio", "jaccard_adjusted", "transfer_to"}
    assert stems <= {"nll", "miscalibration", "discrimination", "uncertainty"} | ratios, stems
