"""Estimators held against complete coalition tables of a real Transformer: 14 words, all 2^14 answers known.

The files are not part of the project: TRUSTEQ_TEST_DATA names the folder, by default ../shared/data by the checkout.
"""

import gzip
import json
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from oracles.shapley import looked_up

from trusteq.explain.lime import SAMPLES, lime, lime_fit, lime_map, lime_masks
from trusteq.explain.plan import mask_plan
from trusteq.explain.shapley import SHRINK, permutation_masks, shapley, shapley_from_permutations, shapley_map

DATA = Path(os.environ.get("TRUSTEQ_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"needs real models and data in {DATA}")

WORDS, ITEMS = 14, 30
MAPS = {"shapley": shapley_map, "lime": lime_map}


@cache
def games():
    """Eight games [2^14, 8]."""
    found = []
    for path in sorted((DATA / "games" / "sentiment_14_words").glob("mask_*.json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            read = json.load(file)
        game = np.full(2 ** read["n_players"], np.nan)
        for kept, value in read["values"].items():
            game[0 if kept == "Empty" else sum(1 << int(unit) for unit in kept.split(","))] = value
        assert not np.isnan(game).any()
        found.append(game)
    return np.stack(found, axis=1)


@cache
def exact(method):
    """The map [words, 2^14] of a method over all masks, by a mask's code."""
    plan = mask_plan("all", WORDS, masks=2**WORDS)
    over_all = np.empty((WORDS, 2**WORDS))
    over_all[:, plan.masks @ (1 << np.arange(WORDS))] = MAPS[method](plan, plan.both)
    return over_all


ALL = (np.arange(2**WORDS)[:, None] >> np.arange(WORDS)) & 1


def added(weights):
    """The game [2^14] in which each word brings its weight [words] and nothing else."""
    return ALL @ weights


def relabelled(game, rng):
    return looked_up(game, ALL[:, rng.permutation(WORDS)])


@cache
def pairs(kind):
    """Answers of a reference and a candidate to 30 items, [2^14, 2] each."""
    rng = np.random.default_rng(0)
    made = []
    for item in range(ITEMS):
        first, other = item % 8, (item + 1 + item // 8) % 8
        reference = relabelled(games()[:, first], rng)
        another = relabelled(games()[:, other], rng)
        if kind == "mixed":
            candidate = 0.6 * reference + 0.4 * another
        elif kind == "additive":  # the same attributions, none of the interactions
            candidate = added(exact("shapley") @ reference)
        else:  # the same interactions, other attributions
            candidate = reference + added(exact("shapley") @ (another - reference))
        made.append(np.stack([reference, candidate], axis=1))
    return made


def centred(attributions):
    return attributions - attributions.mean(axis=0)


def pooled(products):
    """Cosine over items from the summed products [.., 2, 2] of reference and candidate with one another."""
    cross = (products[..., 0, 1] + products[..., 1, 0]) / 2
    return cross / np.sqrt(products[..., 0, 0] * products[..., 1, 1])


def true_cosine(kind, method):
    found = [centred(exact(method) @ values) for values in pairs(kind)]
    return float(pooled(sum(a.T @ a for a in found)))


def agreements(kind, method, masks, runs):
    """Noise-free agreement, and the plain cosine with shared and with separate masks [runs] each, over the items."""
    read = MAPS[method]
    products = np.zeros((3, runs, 2, 2))
    for run in range(runs):
        for item, values in enumerate(pairs(kind)):
            plan, own = (mask_plan(f"{item}", WORDS, masks=masks, seed=run, round_=round_) for round_ in (0, 1))
            answers = looked_up(values, plan.masks)
            first, second = (centred(read(plan, rows, shrink=SHRINK) @ answers) for rows in plan.halves)
            shared = centred(read(plan, plan.both) @ answers)
            separate = shared.copy()
            separate[:, 1] = centred(read(own, own.both) @ looked_up(values[:, 1], own.masks))
            for made, (a, b) in enumerate([(first, second), (shared, shared), (separate, separate)]):
                products[made, run] += a.T @ b
    return pooled(products)


def assert_covers(estimates, truth):
    assert abs(estimates.mean() - truth) < 4 * estimates.std(ddof=1) / len(estimates) ** 0.5 + 0.002


@pytest.mark.slow
@pytest.mark.parametrize("masks", [66, 130])
@pytest.mark.parametrize("method", ["shapley", "lime"])
def test_noise_free_agreement_is_the_true_cosine_where_separate_masks_pull_it_down(method, masks):
    truth = true_cosine("mixed", method)
    assert 0.75 < truth < 0.9
    noise_free, _, separate = agreements("mixed", method, masks, runs=10)
    assert_covers(noise_free, truth)
    assert separate.mean() < truth - {66: 0.1, 130: 0.04}[masks]
    assert noise_free.std() < {66: 0.03, 130: 0.015}[masks]


@pytest.mark.slow
def test_noise_free_agreement_is_right_where_shared_masks_pull_the_plain_cosine_either_way():
    # Noise comes of interactions: models that share them look alike, and a model without them looks unlike.
    for kind, side in (("additive", -1), ("interactions", 1)):
        truth = true_cosine(kind, "shapley")
        noise_free, shared, _ = agreements(kind, "shapley", 66, runs=10)
        assert_covers(noise_free, truth)
        assert side * (shared.mean() - truth) > 0.08


def test_pairs_of_one_additive_model_agree_entirely():
    assert true_cosine("additive", "shapley") == pytest.approx(1)


def relative_errors(estimates, truth):
    return np.linalg.norm(estimates - truth, axis=0) / np.linalg.norm(truth, axis=0)


@pytest.mark.parametrize("masks", [64, 128, 512])
def test_the_plan_beats_random_orders_at_the_same_number_of_answers(masks):
    truth = exact("shapley") @ games()
    plans, orders = [], []
    for seed in range(25):
        plan = mask_plan("a", WORDS, masks=masks, seed=seed)
        plans.append(relative_errors(shapley(plan, looked_up(games(), plan.masks))[0], truth))
        # No order asks the full and the empty mask again.
        walk = permutation_masks(WORDS, round((masks - 2) / (2 * (WORDS - 1))), seed=seed)
        orders.append(relative_errors(shapley_from_permutations(walk, looked_up(games(), walk)), truth))
    assert np.median(plans) < {64: 0.9, 128: 0.8, 512: 0.6}[masks] * np.median(orders)


@pytest.mark.parametrize("masks", [64, 128, 512])
def test_the_shared_plan_serves_lime_no_worse_than_masks_of_its_own(masks):
    truth = exact("lime") @ games()
    shared, own = [], []
    for seed in range(25):
        plan = mask_plan("a", WORDS, masks=masks, seed=seed)
        shared.append(relative_errors(lime(plan, looked_up(games(), plan.masks))[0], truth))
        drawn = lime_masks(WORDS, len(plan), seed=seed)
        # The penalty of 1,000 samples, in the proportion of these.
        fitted = lime_fit(drawn, looked_up(games(), drawn), penalty=len(plan) / SAMPLES)
        own.append(relative_errors(fitted, truth))
    assert np.median(shared) < 0.95 * np.median(own)
