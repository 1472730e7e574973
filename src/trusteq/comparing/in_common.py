"""What the items that changed have in common: short conditions that name them, found on one half, tested on the other.

Four questions are asked of all items (`QUESTIONS`), each a yes or no for every item. For each, the items are cut into
two halves with equally many yes. On the first half, every term and every pair of frequent terms is a condition. The
best is the one whose two rates, of items that match and of all others, make the answers most likely, less what saying
it costs (`item_features.Features`): the shortest of those that overlap. It is tested on the second half, which had no
say in the choice, so neither the p-value nor the rates suffer from the search. If it holds, its items are set aside,
and the rest is searched again for what says something beyond it; at the first that does not hold, the search ends.

Testing one after the other until one fails keeps the chance of any false condition at the level of a single test
(Maurer, Hothorn and Lehmacher 1995); the questions are corrected by Bonferroni. So false conditions are controlled
more strictly than by their rate. The test is Fisher's exact, one-sided. Where items come in clusters, a cluster is
never split between the halves, and the larger p-value counts of Fisher's test on whole clusters and a comparison of
rates that is robust to clusters.

The likelihood of a split is that of decision trees (Quinlan 1986); slices found by search are SliceLine (Sagadeeva and
Boehm 2021) and DivExplorer (Pastor et al. 2021), which enumerate and prune without a held-out half.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import scipy

from trusteq.comparing.against_rest import p_against_rest
from trusteq.comparing.conditions import Term, in_words
from trusteq.stats.estimate import Estimate
from trusteq.stats.number import Count, Number  # noqa: TC001 - read where a record is
from trusteq.stats.proportions import design_effect, effective_n, wilson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from trusteq.comparing.answers import Pair
    from trusteq.comparing.item_features import Features

Question = Literal["changed", "right to wrong", "sure and wrong", "moved"]

QUESTIONS: tuple[Question, ...] = ("changed", "right to wrong", "sure and wrong", "moved")
MIN_POSITIVE = 10
"""With fewer items that say yes, nothing can be shown to be common to them."""
MIN_MATCHING = 3
"""The fewest of them that a condition must match in each half."""
MOST_CONDITIONS = 5
MOST_PAIRED = 300
"""Terms that are paired with each other: those that most yes items have, and those that separate best."""
LIFT = 1.5
"""The smallest ratio of the two rates that is worth a sentence."""
EVIDENCE = float(np.log(20))
"""How many nats a condition must explain beyond its cost."""
ALPHA = 0.05
SURE = 0.9
MOVED = 0.05
"""The smallest move of a confidence that counts as one; more if a tenth of the items move by more."""
MOVED_SHARE = 0.1


@dataclass(frozen=True)
class Common:
    """A condition that names items with a yes to a question.

    items: how many items match it. earlier: how many conditions of this question come before it; all that follows is
    about items that match none of these. among: how many items the question is about; positive: how many of these say
    yes; matching: how many of the positive match. inside, outside: the share that says yes of the items that match and
    of the others, on the held-out half. p_value: that the two rates are the same, corrected for all tests made.
    threshold: the confidence, or its change, from which an item says yes, where there is one.
    """

    question: Question
    terms: tuple[Term, ...]
    items: Count
    earlier: Count
    among: Count
    positive: Count
    matching: Count
    inside: Estimate
    outside: Estimate
    p_value: Number
    threshold: Number | None = None

    @property
    def words(self) -> str:
        """The condition as what items do: "contain 'cf'"."""
        return in_words(self.terms)

    def row(self) -> dict[str, Any]:
        """Its figures by `COLUMNS`."""
        inside, outside = self.inside, self.outside
        return {
            "question": self.question,
            "condition": self.words,
            "items": self.items,
            "among": self.among,
            "positive": self.positive,
            "matching": self.matching,
            "inside": inside.value,
            "inside_low": inside.low,
            "inside_high": inside.high,
            "inside_n": inside.n,
            "outside": outside.value,
            "outside_low": outside.low,
            "outside_high": outside.high,
            "outside_n": outside.n,
            "p_value": self.p_value,
            "threshold": self.threshold,
            "terms": self.terms,
        }


COLUMNS = (
    "question", "condition", "items", "among", "positive", "matching", "inside", "inside_low", "inside_high",
    "inside_n", "outside", "outside_low", "outside_high", "outside_n", "p_value", "threshold", "terms",
)  # fmt: skip
"""The columns of a table of conditions."""


class Asked(NamedTuple):
    """A question, the items that it is about and those that say yes [items], and the threshold that it depends on."""

    question: Question
    among: NDArray[np.bool_]
    yes: NDArray[np.bool_]
    threshold: float | None = None


def questions(pair: Pair) -> list[Asked]:
    """What is asked of the items; nothing where an item has several outcomes.

    Each is about the items that could have said yes, so that what only tells where the *reference* errs is no answer.
    """
    if pair.reference.outcomes.item is not None:
        return []
    reference, candidate = pair.reference, pair.candidate
    changed = reference.answer != candidate.answer
    everything = np.ones(len(changed), dtype=np.bool_)
    asked = []
    if "behaviour" in pair.dimensions:
        asked.append(Asked("changed", everything, changed))
        if pair.labelled:
            asked.append(Asked("right to wrong", reference.right, reference.right & ~candidate.right))
    if "calibration" in pair.dimensions:
        if pair.labelled:
            sure = min(SURE, float(np.median(reference.confidence)))
            already = ~reference.right & (reference.confidence >= sure)
            among = (candidate.confidence >= sure) & ~already
            asked.append(Asked("sure and wrong", among, among & ~candidate.right, sure))
        move = np.abs(candidate.confidence - reference.confidence)
        far = max(MOVED, float(np.quantile(move, 1 - MOVED_SHARE, method="higher")))
        asked.append(Asked("moved", everything, move >= far, far))
    return asked


def in_common(pair: Pair, features: Features, ids: Sequence[str], clusters: Sequence[str] | None) -> tuple[Common, ...]:
    """The conditions that are shown to name items with a yes, question by question, the most telling first."""
    resampling = pair.resampling
    keys = list(ids if clusters is None else clusters)
    found: list[Common] = []
    for asked in questions(pair):
        if np.count_nonzero(asked.yes) >= MIN_POSITIVE:
            first = first_half(asked.yes, keys, resampling.seed)
            # A label with another answer of the reference's only says that the reference errs, too.
            allowed = features.without("answer") if asked.question == "sure and wrong" else features
            found += _of_question(asked, allowed, first, resampling.cluster, resampling.level)
    return tuple(found)


def first_half(yes: NDArray[np.bool_], keys: Sequence[str], seed: int) -> NDArray[np.bool_]:
    """Which items are searched [items]; the others are held out.

    Items with the same key stay together. Of keys that have a yes and of those that have none, every other one is
    searched, in the order of a hash of key and seed: the order of the items does not matter.
    """
    has_yes = dict.fromkeys(keys, False)
    for key, answer in zip(keys, yes.tolist(), strict=True):
        has_yes[key] |= answer

    def drawn(key: str) -> bytes:
        return hashlib.sha256(f"{seed}\x00common\x00{key}".encode("utf-8", "surrogatepass")).digest()

    searched = set()
    for answer in (True, False):
        searched |= set(sorted((key for key, has in has_yes.items() if has is answer), key=drawn)[::2])
    return np.fromiter((key in searched for key in keys), np.bool_, len(keys))


def _of_question(
    asked: Asked,
    features: Features,
    first: NDArray[np.bool_],
    cluster: NDArray[np.int64] | None,
    level: float,
) -> Iterator[Common]:
    """The conditions of one question, until one does not hold on the held-out half."""
    yes = asked.yes
    left = asked.among
    worth = 1.0
    if cluster is not None and (first & left).any():
        worth = 1 / design_effect(yes[first & left].astype(np.float64), _recoded(cluster[first & left]))
    p_value = 0.0
    for earlier in range(MOST_CONDITIONS):
        chosen = best_condition(features, yes, first & left, worth)
        if chosen is None:
            return
        match = _all_of(features, chosen)
        held_out = ~first & left
        p = p_of(yes[held_out], match[held_out], None if cluster is None else cluster[held_out])
        p_value = max(p_value, min(1.0, p * len(QUESTIONS)))
        if p_value >= ALPHA or np.count_nonzero(yes & match & held_out) < MIN_MATCHING:
            return
        inside, outside = (_rate(yes, held_out & where, cluster, level) for where in (match, ~match))
        if inside.value < LIFT * outside.value:
            return
        yield Common(
            question=asked.question,
            terms=tuple(features.terms[at] for at in chosen),
            items=int(match.sum()),
            earlier=earlier,
            among=int(left.sum()),
            positive=int((yes & left).sum()),
            matching=int((yes & left & match).sum()),
            inside=inside,
            outside=outside,
            p_value=p_value,
            threshold=asked.threshold,
        )
        left = left & ~match


def best_condition(
    features: Features, yes: NDArray[np.bool_], among: NDArray[np.bool_], worth: float = 1.0
) -> tuple[int, ...] | None:
    """The terms, by position, of the condition that explains most beyond its cost; None if none explains enough.

    among: the items that are searched [items]. worth: how many independent items one of them is worth.
    """
    table = features.table.tocsr()[among] if not among.all() else features.table.tocsr()
    answers = yes[among]
    n, positive = len(answers), int(answers.sum())
    if positive < MIN_MATCHING or positive == n:
        return None
    inside = np.asarray(table.sum(axis=0), dtype=np.float64).ravel()
    hits = np.asarray(answers.astype(np.float32) @ table, dtype=np.float64).ravel()
    gain = worth * explained(hits, inside, positive, n)
    score = gain - features.cost
    best: tuple[float, tuple[int, ...]] = (EVIDENCE, ())
    for at in np.flatnonzero(score > EVIDENCE).tolist():
        best = max(best, (float(score[at]), (at,)), key=lambda one: (one[0], [-at for at in one[1]]))
    paired = _worth_pairing(hits, gain)
    dense = table[:, paired].toarray()
    both_inside, both_hits = (part.T @ part for part in (dense, dense[answers]))
    row, column = np.nonzero(np.triu(both_hits >= MIN_MATCHING, k=1))
    hits, inside = (both[row, column].astype(np.float64) for both in (both_hits, both_inside))
    gain = worth * explained(hits, inside, positive, n)
    score = gain - features.cost[paired[row]] - features.cost[paired[column]]
    if len(score) and score.max() > best[0]:
        at = int(score.argmax())
        return int(paired[row[at]]), int(paired[column[at]])
    return best[1] or None


def _worth_pairing(hits: NDArray[np.float64], gain: NDArray[np.float64]) -> NDArray[np.int64]:
    """The terms to pair, in order: no pair can match more yes items than either of its terms does."""
    enough = np.flatnonzero(hits >= MIN_MATCHING)
    half = MOST_PAIRED // 2
    most = [enough[np.argsort(-key[enough], kind="stable")[:half]] for key in (hits, gain)]
    return np.unique(np.concatenate(most))


def explained(hits: NDArray[np.float64], inside: NDArray[np.float64], positive: int, n: int) -> NDArray[np.float64]:
    """The logarithm of how much likelier the answers are with two rates than with one, in nats.

    hits: how many of the ``inside`` items that match say yes; positive: how many of all n do. 0 where too few do, or
    where the rate of those that match is not the larger.
    """
    outside, misses = n - inside, positive - hits
    higher = (hits >= MIN_MATCHING) & (hits * outside >= LIFT * misses * inside) & (outside > 0)
    gain = _likelihood(hits, inside) + _likelihood(misses, outside) - _likelihood(np.float64(positive), np.float64(n))
    return np.where(higher, gain, 0.0)


def _likelihood(hits: NDArray[np.float64] | np.float64, n: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    """The largest log-likelihood of so many of n."""
    x, m = np.asarray(hits), np.asarray(n)
    return np.asarray(scipy.special.xlogy(x, x) + scipy.special.xlogy(m - x, m - x) - scipy.special.xlogy(m, m))


def p_of(yes: NDArray[np.bool_], match: NDArray[np.bool_], cluster: NDArray[np.int64] | None) -> float:
    """One-sided p-value that items that match [items] say yes no more often than the others."""
    if cluster is None:
        return fisher(int((yes & match).sum()), int(match.sum()), int(yes.sum()), len(yes))
    if not 0 < match.sum() < len(match):
        return 1.0
    unit = _recoded(cluster)
    units = int(unit.max()) + 1
    unit_yes, unit_match = (np.bincount(unit[x], minlength=units) > 0 for x in (yes, match))
    exact = fisher(int((unit_yes & unit_match).sum()), int(unit_match.sum()), int(unit_yes.sum()), units)
    higher = yes[match].mean() > yes[~match].mean()
    robust = p_against_rest(yes.astype(np.float64), match, unit) / 2
    return max(exact, robust) if higher else 1.0


def fisher(hits: int, inside: int, positive: int, n: int) -> float:
    """The p-value of Fisher's exact test: that ``inside`` items drawn from n hold so many of the positive, or more."""
    k = np.arange(hits, min(inside, positive) + 1, dtype=np.float64)
    logs = _log_binomial(positive, k) + _log_binomial(n - positive, inside - k) - _log_binomial(n, np.float64(inside))
    return float(min(1.0, np.exp(logs).sum()))


def _log_binomial(n: int, k: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        logs = scipy.special.gammaln(n + 1.0) - scipy.special.gammaln(k + 1.0) - scipy.special.gammaln(n - k + 1.0)
    return np.where((k < 0) | (k > n), -np.inf, logs)


def _rate(
    yes: NDArray[np.bool_], where: NDArray[np.bool_], cluster: NDArray[np.int64] | None, level: float
) -> Estimate:
    answers = yes[where].astype(np.float64)
    n = effective_n(answers, None if cluster is None else _recoded(cluster[where]), level=level)
    share = float(answers.mean())
    clusters = "" if cluster is None else ", clusters by design effect"
    return Estimate(share, *wilson(share, n, level=level), len(answers), f"Wilson, held-out half{clusters}", level)


def _recoded(cluster: NDArray[np.int64]) -> NDArray[np.int64]:
    """The clusters numbered without gaps."""
    return np.unique(cluster, return_inverse=True)[1].astype(np.int64)


def _all_of(features: Features, chosen: Sequence[int]) -> NDArray[np.bool_]:
    """Which items have all these terms [items]."""
    counts = np.asarray(features.table[:, list(chosen)].sum(axis=1)).ravel()
    return np.asarray(counts == len(chosen))


def sentence(common: Common) -> str:
    """A condition and what it explains, as a sentence."""
    inside, outside = (f"{e.value:.1%} [{e.low:.1%}, {e.high:.1%}]" for e in (common.inside, common.outside))
    return (
        f"{counted(common)}, {common.matching:,} of them for items that {common.words}: {inside} of such items against "
        f"{outside} of the others (on the half of the items that was not searched)"
    )


def counted(common: Common) -> str:
    """How many items say yes to the question, in words."""
    at_least = f"{common.threshold or 0:.2f}"
    what, happens = {
        "changed": ("answers", "change"),
        "right to wrong": ("right answers", "turn wrong"),
        "sure and wrong": (f"answers with a confidence of at least {at_least}", "are new mistakes"),
        "moved": ("confidences", f"move by at least {at_least}"),
    }[common.question]
    if common.earlier:
        return f"of the other {common.among:,} {what}, {common.positive:,} {happens}"
    return f"{common.positive:,} of {common.among:,} {what} {happens}"
