"""Agreement of two explanations of one item, as plain loops over lists of numbers: slow, and what definitions say.

`ragged_pairs` draws items of different length for them, as lists; `padded` makes one array of such lists.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
from hypothesis import strategies as st


def padded(rows, units=None):
    """Lists of different length as one array, zero behind each, and the lengths."""
    units = max((len(row) for row in rows), default=0) if units is None else units
    a = np.zeros((len(rows), units))
    for item, row in enumerate(rows):
        a[item, : len(row)] = row
    return a, np.array([len(row) for row in rows], dtype=np.int64)


@st.composite
def ragged_pairs(draw, min_length=0, max_length=7):
    """Two explanations of one to four items as lists of small numbers, full of ties, zeros and equal sizes."""
    lengths = draw(st.lists(st.integers(min_length, max_length), min_size=1, max_size=4))
    weight = st.integers(-3, 3).map(lambda x: x / 2)
    a, b = ([draw(st.lists(weight, min_size=n, max_size=n)) for n in lengths] for _ in range(2))
    return a, b


def by_importance(a):
    """Units from the most to the least important; of two equal ones the earlier first."""
    return sorted(range(len(a)), key=lambda unit: (-abs(a[unit]), unit))


def top(a, k):
    return by_importance(a)[:k]


def jaccard(a, b, k):
    top_a, top_b = set(top(a, k)), set(top(b, k))
    return len(top_a & top_b) / len(top_a | top_b) if top_a | top_b else math.nan


def mean_jaccard_of_all_sets(n, k):
    """Over every two sets of k of n units."""
    sets = [set(chosen) for chosen in combinations(range(n), min(k, n))]
    found = [len(s & t) / len(s | t) for s in sets for t in sets]
    return sum(found) / len(found)


def tied_mass(a, k):
    if k >= len(a):
        return 0.0
    falling = sorted((abs(x) for x in a), reverse=True)
    if falling[k - 1] != falling[k]:
        return 0.0
    whole = sum(falling)
    return sum(x for x in falling if x == falling[k]) / whole if whole else math.nan


def sign(x):
    return 0 if x == 0 else math.copysign(1, x)


def top_agreement(a, b, k, *, same_rank=False, same_sign=False):
    """The share of a's top units that are b's too, at the same rank or with the same sign where asked."""
    top_a, top_b = top(a, k), top(b, k)
    agreeing = 0
    for unit in top_a:
        in_both = unit in top_b
        if in_both and same_rank:
            in_both = top_a.index(unit) == top_b.index(unit)
        if in_both and same_sign:
            in_both = sign(a[unit]) == sign(b[unit])
        agreeing += in_both
    return agreeing / len(top_a) if top_a else math.nan


def pairwise_rank_agreement(a, b, k=None):
    agreeing = [sign(abs(a[i]) - abs(a[j])) == sign(abs(b[i]) - abs(b[j])) for i, j in combinations(range(len(a)), 2)]
    return sum(agreeing) / len(agreeing) if agreeing else math.nan


def average_ranks(values):
    """One more than the number of smaller values, and half of one for each other equal value."""
    return [sum(y < x for y in values) + (sum(y == x for y in values) + 1) / 2 for x in values]


def signed_spearman(a, b, k=None):
    if len(set(a)) < 2 or len(set(b)) < 2:
        return math.nan
    rank_a, rank_b = average_ranks(a), average_ranks(b)
    mean = (len(a) + 1) / 2
    common = sum((x - mean) * (y - mean) for x, y in zip(rank_a, rank_b, strict=True))
    of_a, of_b = (sum((x - mean) ** 2 for x in ranks) for ranks in (rank_a, rank_b))
    return common / math.sqrt(of_a * of_b)


def spearman(a, b, k=None):
    return signed_spearman([abs(x) for x in a], [abs(x) for x in b])


def rbo(a, b, k=None, p=0.9):
    """Webber's extrapolated sum as printed for two lists of one length: X_n / n p^n + (1-p)/p sum X_d / d p^d."""
    n = len(a)
    if n == 0:
        return math.nan
    agreement = [len(set(top(a, d)) & set(top(b, d))) / d for d in range(1, n + 1)]
    return agreement[-1] * p**n + (1 - p) / p * sum(share * p**d for d, share in enumerate(agreement, start=1))


def cosine(a, b, k=None):
    norms = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / norms if norms else math.nan


def weighted_jaccard(a, b, k=None):
    whole_a, whole_b = sum(abs(x) for x in a), sum(abs(x) for x in b)
    if not whole_a or not whole_b:
        return math.nan
    shares = [(abs(x) / whole_a, abs(y) / whole_b) for x, y in zip(a, b, strict=True)]
    return sum(min(s) for s in shares) / sum(max(s) for s in shares)


SCORES = {
    "jaccard": jaccard,
    "feature_agreement": top_agreement,
    "rank_agreement": lambda a, b, k: top_agreement(a, b, k, same_rank=True),
    "sign_agreement": lambda a, b, k: top_agreement(a, b, k, same_sign=True),
    "signed_rank_agreement": lambda a, b, k: top_agreement(a, b, k, same_rank=True, same_sign=True),
    "pairwise_rank_agreement": pairwise_rank_agreement,
    "spearman": spearman,
    "signed_spearman": signed_spearman,
    "rbo": rbo,
    "cosine": cosine,
    "weighted_jaccard": weighted_jaccard,
}
