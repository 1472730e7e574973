"""Confidence sequences from their definitions: one bettor, one candidate mean, one item at a time."""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize

# What each bettor plays for, and the most it may lose in one bet.
BETS = ((30, 0.95), (300, 0.5), (3_000, 0.5))


def wealth(x, mean, population, level):
    """The greatest joint wealth so far of those who bet that the mean is above, and below, this candidate."""
    above, below = [1.0] * len(BETS), [1.0] * len(BETS)
    most = [1.0, 1.0]
    guesses = []
    for i, value in enumerate(x):
        left, expected = math.inf, mean
        if population is not None:
            left = population - i
            expected = (population * mean - sum(x[:i])) / left
            if expected < 0:
                return math.inf, most[1]
            if expected > 1:
                return most[0], math.inf
        variance = (0.25 + sum((seen - guess) ** 2 for seen, guess in zip(x[:i], guesses, strict=True))) / (i + 1)
        for k, (items, stake) in enumerate(BETS):
            bet = math.sqrt(2 * math.log(2 / (1 - level)) / (variance * items))
            bet *= 1 if population is None else population / left
            above[k] *= 1 + min(bet, stake / expected if expected else math.inf) * (value - expected)
            below[k] *= 1 - min(bet, stake / (1 - expected) if expected < 1 else math.inf) * (value - expected)
        most = [max(most[0], sum(above) / len(BETS)), max(most[1], sum(below) / len(BETS))]
        guesses.append((0.5 + sum(x[: i + 1])) / (i + 2))
    return most[0], most[1]


def betting(x, population, level):
    """The ends of the candidate means against which neither side grew rich, by bisection between mean and bound."""
    ends = []
    for side, bound in ((0, 0.0), (1, 1.0)):

        def rich(mean, side=side):
            return wealth(x, mean, population, level)[side] >= 2 / (1 - level)

        kept, excluded = np.mean(x), bound
        if not rich(bound):
            kept = bound
        while abs(kept - excluded) > 1e-9 and kept != bound:
            middle = (kept + excluded) / 2
            kept, excluded = (kept, middle) if rich(middle) else (middle, excluded)
        ends.append(kept)
    return tuple(ends)


def empirical_bernstein(x, level):
    """The ends after all of x, independent draws: weighted mean plus and minus the radius, term by term."""
    weights = weighted = penalty = 0.0
    for t in range(1, len(x) + 1):
        guesses = [(0.5 + sum(x[: i + 1])) / (i + 2) for i in range(t - 1)]
        guess = guesses[-1] if guesses else 0.5
        variance = (0.25 + sum((v - g) ** 2 for v, g in zip(x[: t - 1], guesses, strict=True))) / t
        bet = min(math.sqrt(2 * math.log(2 / (1 - level)) / (variance * t * math.log(1 + t))), 0.5)
        weights += bet
        weighted += bet * x[t - 1]
        # Four times the squared surprise times a quarter of the penalty, as the paper writes it.
        penalty += 4 * (x[t - 1] - guess) ** 2 * (-math.log(1 - bet) - bet) / 4
    radius = (math.log(2 / (1 - level)) + penalty) / weights
    return weighted / weights - radius, weighted / weights + radius


def robbins(t, rho, level):
    """The distance from 0 where the normal mixture exp(l S - l² t / 2), l ~ N(0, rho²), of S = t x reaches 1/alpha."""
    slopes = np.linspace(-12 * rho, 12 * rho, 200_001)
    density = np.exp(-(slopes**2) / (2 * rho**2)) / (rho * math.sqrt(2 * math.pi))

    def excess(distance):
        mixture = np.sum(np.exp(slopes * t * distance - slopes**2 * t / 2) * density) * (slopes[1] - slopes[0])
        return math.log(mixture) + math.log(1 - level)

    return optimize.brentq(excess, 1e-9, 20 / math.sqrt(t))
