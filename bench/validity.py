"""Is the verdict right? Pairs of models whose relation is known, asked for again and again on samples of their items.

    python bench/validity.py --data FOLDER [--out build/validity] [--runs 30] [--items 100 300 1000 10000] [--workers 2]
    python bench/validity.py --data FOLDER --only "reviews, a shortcut" --items 300 --runs 1000

FOLDER holds sst2_train.jsonl.gz, sst2_test.jsonl.gz (id, text, label), snli_*.jsonl.gz (id, text_a, text_b, label) and
cad_imdb_pairs.jsonl.gz (long reviews; id, text, label); scanned digits come with scikit-learn. For every pair (see
validity_cases.py) the truth is what the policy's measures come to on all items, each taken 50 times; each run draws
items anew, with replacement, and judges them by the default policy, by the customary methods of customary.py, and,
where explained, by a look-by-look early stop. Writes results.json and the tables of docs/validity.md, tables.md, to
--out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import validity_tables
from customary import METHODS, Sample
from validity_cases import Case, cases, tabular_cases, tasks
from verdicts import measured

from trusteq.auditing.advice import ALPHA
from trusteq.auditing.compute import judged_measures
from trusteq.auditing.explanations import paired, place_of, sequences, settled, with_usual
from trusteq.auditing.pilot import needs_pilot, piloted
from trusteq.comparing.alignment import Explained, SumEstimator, products, sizes
from trusteq.comparing.answers import Answers, Pair
from trusteq.comparing.compute_measures import measure_all
from trusteq.comparing.moved import moved
from trusteq.comparing.slices import slice_columns, slices
from trusteq.comparing.top_k import jaccard, top_k
from trusteq.comparing.words import WordLeans, word_leans
from trusteq.explain.attributions import Attributions
from trusteq.explain.draw import chances, ranks
from trusteq.explain.explanation import ExplainSettings, explain
from trusteq.explain.interim_looks import GROWTH
from trusteq.explain.respondent import respondents
from trusteq.explain.units import default_units, have_units
from trusteq.models.probe import predict_all
from trusteq.policy import Policy, read_policy
from trusteq.stats.confidence_sequence import FIRST_LOOK
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import most_probable
from trusteq.verdict import Outcome, judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.stats.equivalence import Outcome as Place
    from trusteq.stats.estimate import Estimate

AT_ONCE = 300
"""Items that a run explains, drawn as an audit draws them."""
LOCALISED = 20
TIMES = 50
RESAMPLES = 500
MEASURES = ("accuracy_difference", "disagreement", "smooth_ece_difference", "confidence_profile_distance")
ALIGNMENTS = ("alignment_lime", "alignment_shapley")


Shares = tuple["NDArray[np.float64]", ...]
"""Each item's part in alignment: products of the halves (both models', the reference's, the candidate's), two sizes."""


@dataclass(frozen=True)
class Known:
    """A case with all its answers: what runs draw from, and what is true of all items."""

    case: Case
    reference: NDArray[np.float64]
    candidate: NDArray[np.float64]
    gold: NDArray[np.int64]
    explained: tuple[Explained, ...]
    words: tuple[tuple[str, ...], ...]
    shares: dict[str, Shares]
    similar: NDArray[np.float64] | None
    moved: NDArray[np.float64]
    truth: dict[str, float]

    @property
    def policy(self) -> Policy:
        """The default policy, without explanations where there are no words."""
        policy = read_policy("default")
        return policy if self.explained else policy.requiring(("behaviour", "calibration"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("build/validity"))
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--items", type=int, nargs="+", default=[100, 300, 1000, 10000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help='cases whose name begins so, e.g. "snli, temperature"')
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    of = asked.only.partition(",")[0]
    every = [case for task in tasks(asked.data) if of in ("", task.name) for case in cases(task)]
    every += tabular_cases() if of in ("", "digits") else []
    chosen = [case for case in every if f"{case.task}, {case.kind} {case.strength}".startswith(asked.only)]
    if not chosen:
        parser.error(f"--only {asked.only!r}: no case's name begins so")
    global known
    known = know(chosen)
    results: list[dict[str, Any]] = []
    with ProcessPoolExecutor(asked.workers) as pool:  # forked: each has what is known
        for number, one in enumerate(known):
            about = {"task": one.case.task, "kind": one.case.kind, "strength": one.case.strength, "rank": one.case.rank}
            for n in asked.items:
                runs = list(pool.map(partial(run, number, n), range(asked.runs), chunksize=5))
                results.append({**about, "truth": one.truth, "n": n, "runs": runs})
            if one.case.named:
                named = list(pool.map(partial(first_named, number), range(LOCALISED)))
                results.append({**about, "named": named})
            print(f"{number + 1} of {len(known)}: {one.case.task}, {one.case.kind} {one.case.strength}", flush=True)
            (asked.out / "results.json").write_text(json.dumps(results))
    said = validity_tables.tables(results)
    (asked.out / "tables.md").write_text(said)
    print(said)


known: list[Known] = []


def know(every: Sequence[Case]) -> list[Known]:
    """Every case with its answers; candidates of one reference on the same items are explained together."""
    together: dict[tuple[int, int], list[Case]] = defaultdict(list)
    for case in every:
        together[id(case.reference), id(case.pool)].append(case)
    found = []
    for some in together.values():
        pool, labels = some[0].pool, some[0].reference.labels
        models = [some[0].reference, *(case.candidate for case in some)]
        answers = [predict_all(model, pool).values for model in models]
        gold = np.asarray(pool.labels)
        words: tuple[tuple[str, ...], ...] = ()
        if have_units(pool):
            asked = respondents(models, answers, labels)
            settings = with_usual(ExplainSettings(items=None, units=default_units(pool)), pool)
            if needs_pilot(settings, None):
                settings = piloted(asked[0], pool, settings, gold=gold, seed=0)
            made = explain(asked, pool, settings, gold=gold)
            if len(made.positions) < len(pool):
                raise SystemExit(f"{pool.source}: an item has no word")
            words = tuple(units.names for units in made.units)
        for i, case in enumerate(some, 1):
            explained = paired(made, i, pool, Resampling(len(pool), resamples=2)) if words else ()
            shares = {f"alignment_{one.method}": shares_of(one) for one in explained}
            similar = top_ten(explained[0]) if explained else None
            truth = truth_of(answers[0], answers[i], gold, shares)
            pair = (most_probable(answers[at], gold) for at in (0, i))
            found.append(
                Known(case, answers[0], answers[i], gold, explained, words, shares, similar, moved(*pair), truth)
            )
        for model in models:  # a hundred thousand perturbed texts
            getattr(model, "known", {}).clear()
    return found


def truth_of(
    reference: NDArray[np.float64],
    candidate: NDArray[np.float64],
    gold: NDArray[np.int64],
    shares: Mapping[str, Shares],
) -> dict[str, float]:
    """Each measure's value on every item many times over, so that there is no noise to correct for."""
    many = np.tile(np.arange(len(gold)), TIMES)
    estimates = estimated(reference[many], candidate[many], gold[many], shares, resamples=2, seed=0)
    return {name: e.value for group in estimates.values() for name, e in group.items()}


def shares_of(explained: Explained) -> Shares:
    """Of each item."""
    return (*products(explained), *sizes(explained))


def top_ten(explained: Explained) -> NDArray[np.float64]:
    """The paper's Jaccard of each item."""
    return jaccard(
        *(top_k(a.whole, explained.lengths, explained.k) for a in (explained.reference, explained.candidate))
    )


def estimated(
    reference: NDArray[np.float64],
    candidate: NDArray[np.float64],
    gold: NDArray[np.int64],
    shares: Mapping[str, Shares],
    *,
    resamples: int,
    seed: int,
    weights: NDArray[np.float64] | None = None,
) -> dict[str, dict[str, Estimate]]:
    """What the default policy asks for."""
    resampling = Resampling(len(gold), resamples=resamples, seed=seed)
    groups = measured(Pair(*(Answers(most_probable(p, gold), resampling) for p in (reference, candidate))))
    found = {d: {name: e for name, e in group.items() if name in MEASURES} for d, group in groups.items()}
    aligned = {}
    for name, parts in shares.items():
        estimator = SumEstimator(Resampling(len(parts[0]), weights=weights, resamples=resamples, seed=seed))
        estimate = estimator.cosine(*parts, what="alignment")
        if estimate is not None:
            aligned[name] = estimate
    return {**found, "explanation": aligned}


def drawn(explained: Explained, at: NDArray[np.int64], *, seed: int) -> Explained:
    """The items at these positions, as often as they are there."""

    def of(a: Attributions) -> Attributions:
        return Attributions(a.whole[at], a.error[at], a.first[at], a.second[at])

    return Explained(
        explained.method,
        of(explained.reference),
        of(explained.candidate),
        explained.lengths[at],
        explained.spread_reference[at],
        explained.spread_candidate[at],
        Resampling(len(at), resamples=RESAMPLES, seed=seed),
        products=None if (own := explained.products) is None else (own[0][at], own[1][at], own[2][at]),
    )


def to_explain(
    moved_: NDArray[np.float64], count: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """So many items drawn as an audit draws them, with their weights; of each item, how far its prediction moved."""
    chance = chances(moved_, count)
    some = np.sort(np.argsort(ranks(rng.random(len(moved_)), chance))[:count])
    return some, 1 / chance[some]


def run(number: int, n: int, seed: int, *, at_once: int = AT_ONCE) -> dict[str, Any]:
    """One sample: the verdict and what it rests on, what others say, and the early stop."""
    one = known[number]
    rng = np.random.default_rng([number, n, seed])
    at = rng.integers(len(one.gold), size=n)
    reference, candidate, gold = one.reference[at], one.candidate[at], one.gold[at]
    shares: dict[str, Shares] = {}
    similar, stopped, weights = None, None, None
    if one.similar is not None:
        evenly = rng.permutation(at)[:at_once]
        similar, stopped = one.similar[evenly], early(one.explained, evenly, one.policy)
        some, weights = to_explain(one.moved[at], min(n, at_once), rng)
        shares = {name: tuple(x[at[some]] for x in parts) for name, parts in one.shares.items()}
    estimates = estimated(reference, candidate, gold, shares, resamples=RESAMPLES, seed=seed, weights=weights)
    verdict = judge(estimates, one.policy)
    sample = Sample(reference, candidate, gold, similar)
    return {
        "verdict": str(verdict.outcome),
        "dimensions": {d.dimension: str(d.outcome) for d in verdict.dimensions},
        "intervals": {name: [e.low, e.high] for group in estimates.values() for name, e in group.items()},
        "customary": {name: method(sample) for name, method in METHODS.items()},
        "early": stopped,
    }


def early(explained: Sequence[Explained], at: NDArray[np.int64], policy: Policy) -> dict[str, Any]:
    """Where looking item by item would have stopped (`--until decided`), and what it would have said."""
    rules = policy.rules["explanation"]
    look = float(max(FIRST_LOOK, policy.min_items))
    before: list[Place] = []
    while True:
        count = min(int(look), len(at))
        some = [replace(drawn(one, at[:count], seed=0), resampling=Resampling(count)) for one in explained]
        estimates = sequences(some, seen=count / len(at), clusters=None)
        places = [place_of(estimates.get(name), rule) for name, rule in rules.items()]
        if settled(before, places) or count == len(at):
            outcome = Outcome.UNDECIDED if "across" in places else Outcome.EQUIVALENT
            return {"items": count, "outcome": str(Outcome.NOT_EQUIVALENT if "outside" in places else outcome)}
        before, look = places, look * GROWTH


def first_named(number: int, seed: int) -> bool:
    """Whether the report names what was planted before all else: words, label or subgroup."""
    one = known[number]
    rng = np.random.default_rng([number, 7, seed])
    if one.case.kind.startswith("a shortcut"):
        rows = leans(one, rng, seed).rows
        return bool(rows) and rows[0].word in one.case.named
    at, labels = rng.permutation(len(one.gold))[:1000], one.case.reference.labels
    resampling = Resampling(len(at), resamples=RESAMPLES, seed=seed)
    pair = Pair(*(Answers(most_probable(p[at], one.gold[at]), resampling) for p in (one.reference, one.candidate)))
    columns = slice_columns(one.case.pool.take(at), one.gold[at], labels)
    judged = judged_measures(measure_all(pair), one.policy)
    parts = slices(pair, columns, None, judged=judged, answers=labels)
    named = [(min(part.p_judged.values()), part.value) for part in parts if part.p_judged]
    return bool(named) and min(named)[0] < ALPHA and min(named)[1] in one.case.named


def leans(one: Known, rng: np.random.Generator, seed: int) -> WordLeans:
    """What the models lean on in a sample of the items."""
    shapley = drawn(one.explained[1], at := rng.integers(len(one.words), size=AT_ONCE), seed=seed)
    halves = [(a.first, a.second) for a in (shapley.reference, shapley.candidate)]
    return word_leans([one.words[i] for i in at], shapley.lengths, *halves)


if __name__ == "__main__":
    main()
