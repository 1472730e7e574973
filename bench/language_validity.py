"""Is the verdict on a language model right? Pairs whose relation is known, asked for again and again on samples.

    python bench/language_validity.py [--out build/language] [--runs 200] [--workers 2] [--only "tokens, temperature"]
    python bench/language_validity.py --coverage [--runs 1000] [--documents 30 100]
    python bench/language_validity.py --model FOLDER --data FOLDER

A tiny language model is trained on the spot (see language_cases.py, a minute), and its candidates are made from it. For
every pair the truth is what the measures of the policy `generative` come to on 20,000 reviews or 4,000 texts. Each run
draws reviews or texts anew, with replacement, and judges them: stored answers, so that no model runs again. Writes
results.json and the tables of docs/validity.md, tables.md, to --out.

--coverage prints how often intervals of token measures cover the truth, with documents resampled and with tokens taken
as independent. --model takes a language model of your own instead, of Llama's architecture, such as SmolLM2: it is
asked about sentences and reads film reviews (hours), and nothing is trained or explained.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from language_cases import (
    BUDGET,
    CHOOSE,
    LABELS,
    MARKS,
    READ,
    SENTENCES,
    Case,
    answers_of,
    cases,
    documents,
    numeric,
    opened,
    reviews,
    trained,
)
from token_coverage import MEASURES, ends, pair_of
from validity import shares_of
from validity_tables import MARGINS as OF_DEFAULT
from verdicts import measured as measured_of_predictions

from trusteq.comparing.alignment import Explained, SumEstimator
from trusteq.comparing.answers import Answers, Pair
from trusteq.comparing.choices import mass, order_effect
from trusteq.comparing.confidence import confidence_profiles
from trusteq.comparing.nll_per_byte import nll_per_byte
from trusteq.comparing.smooth_calibration import smooth_calibration
from trusteq.comparing.token_divergence import token_divergence
from trusteq.comparing.token_probability import same_top
from trusteq.data.read import read_items
from trusteq.explain.explanation import ExplainSettings, explain
from trusteq.explain.respondent import Respondent
from trusteq.models.causal.beside import read_beside
from trusteq.models.causal.loading import load
from trusteq.policy import usual_policy
from trusteq.stats.proportions import wilson
from trusteq.stats.resampling import Resampling
from trusteq.tasks.task import task_named
from trusteq.validity.marks import marked
from trusteq.validity.word_mark import WordMark
from trusteq.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.policy import Policy
    from trusteq.stats.estimate import Estimate
    from trusteq.tasks.rows import Rows

    Estimates = dict[str, dict[str, Estimate]]

REVIEWS, DOCUMENTS, PAGES = 20_000, 4_000, 200
EXPLAINED = 300
"""Reviews that are explained; samples are drawn from them."""
SIZES = {"choices": (400, 2000), "tokens": (150, 400)}
AT_ONCE = 300
"""Reviews that a run explains at most."""
RESAMPLES = 200
MARGINS = {
    **OF_DEFAULT,
    "token_kl_excess": (0.0, 0.01),
    "same_top": (1.0, 0.95),
    "nll_per_byte_ratio": (1.0, 1.005),
}
"""What each measure is where nothing differs, and what the policy allows."""
WORDS = {
    "accuracy_difference": "accuracy",
    "disagreement": "changed answers",
    "smooth_ece_difference": "smooth ECE",
    "confidence_profile_distance": "confidence profile",
    "alignment_lime": "LIME",
    "alignment_shapley": "Shapley",
    "token_kl_excess": "KL",
    "same_top": "same top",
    "nll_per_byte_ratio": "NLL per byte",
}
RANGES = {
    "within every margin": (-1.0, 1.0),
    "beyond a margin, less than twice": (1.0, 2.0),
    "beyond twice a margin": (2.0, np.inf),
}
BESIDE = ("order_effect_difference", "mass_difference", "token_kl")
"""Not judged, but shown."""


@dataclass(frozen=True)
class Known:
    """A case with all answers, each item's part in alignment by method, and the truth.

    prompts: the share of items that the candidate is asked about in another way.
    """

    case: Case
    reference: Rows
    candidate: Rows
    gold: NDArray[np.int64] | None
    shares: dict[str, tuple[NDArray[np.float64], ...]]
    truth: dict[str, float]
    prompts: float

    @property
    def task(self) -> str:
        return str(self.case.task["task"])

    @property
    def policy(self) -> Policy:
        """The usual policy, without explanations where there are none."""
        policy = usual_policy(task_named(self.task))
        kept = tuple(d for d in policy.required if d != "explanation" or self.shares)
        return policy.requiring(kept)


@dataclass(frozen=True)
class Asked:
    """A reference of transformers and what stands for all: items with labels, and texts. explained: how many items."""

    reference: Any
    items: Items
    texts: Items
    words: Any = None
    explained: int = EXPLAINED

    def opened(self, task: Mapping[str, Any], budget: int = BUDGET) -> Any:
        """The reference, asked by this task file."""
        return opened(self.reference, "reference", task, words=self.words, budget=budget)


def asked_of(reference: Any, *, size: int = REVIEWS, texts: int = DOCUMENTS) -> Asked:
    """The tiny model, and so many reviews and texts of its language."""
    return Asked(reference, reviews(size, 7), documents(texts, 7))


def know(asked: Asked, chosen: Sequence[Case]) -> list[Known]:
    """Every case with its answers."""
    marks = any(case.marked for case in chosen)
    answers = answers_of(asked.opened(CHOOSE), asked.items) if marks else None
    together: dict[str, list[Case]] = defaultdict(list)
    for case in chosen:
        together[json.dumps([case.task, case.marked])].append(case)
    found: list[Known] = []
    for some in together.values():
        task, share = some[0].task, some[0].marked
        if task == READ:
            (beside,) = read_beside([asked.opened(READ)])
            found += map(partial(known_tokens, asked, beside.predict(asked.texts)), some)
            continue
        items = (
            asked.items
            if answers is None or not share
            else marked(asked.items, answers, WordMark(MARKS), share=share, seed=7)
        )
        found += known_choices(asked, items, some)
    order = {id(case): i for i, case in enumerate(chosen)}
    return sorted(found, key=lambda one: order[id(one.case)])


def known_tokens(asked: Asked, own: Rows, case: Case) -> Known:
    """The candidate's rows on all texts beside the reference; own: the reference's beside itself."""
    models: list[Any] = [asked.opened(READ, case.budget), case.candidate()]
    one = Known(case, own, read_beside(models)[1].predict(asked.texts), None, {}, {}, 0.0)
    return truth_added(one, Pair(*sides(one, None, 2), dimensions=task_named("tokens").dimensions))


def known_choices(asked: Asked, items: Items, some: Sequence[Case]) -> list[Known]:
    """The answers of all candidates, which are explained together with the reference unless they choose letters."""
    models = [asked.opened(some[0].task), *(case.candidate() for case in some)]
    rows = [model.predict(items) for model in models]
    shares: list[dict[str, tuple[NDArray[np.float64], ...]]] = [{} for _ in models]
    if asked.explained and "score" not in some[0].task:
        respondents = [Respondent(model, model.labels, one) for model, one in zip(models, rows, strict=True)]
        made = explain(respondents, items, ExplainSettings(items=asked.explained), gold=items.labels)
        spread = made.spread()
        for method, of in made.attributions().items():
            for i in range(len(models)):
                few = Resampling(len(made.lengths), resamples=2)
                pair = Explained(method, of[0], of[i], made.lengths, spread[0], spread[i], few)
                shares[i][f"alignment_{method}"] = shares_of(pair)
    few_items = items.take(np.arange(min(500, len(items))))
    prompts = models[0].prompts_of(few_items)
    found = []
    for i, case in enumerate(some, 1):
        other = models[i].prompts_of(few_items)
        differ = float(np.mean([a != b for a, b in zip(prompts, other, strict=True)]))
        one = Known(case, rows[0], rows[i], items.labels, shares[i], {}, differ)
        found.append(truth_added(one, Pair(*sides(one, None, 2))))
    return found


def sides(one: Known, at: NDArray[np.int64] | None, resamples: int, seed: int = 0) -> tuple[Answers, Answers]:
    """Both models' answers to the items at these positions, or to all."""
    task, gold = task_named(one.task), one.gold if at is None or one.gold is None else one.gold[at]
    both = [
        task.outcomes(rows if at is None else rows.take(at), gold, LABELS) for rows in (one.reference, one.candidate)
    ]
    item = both[0].item
    clusters = None if item is None else list(map(str, item))
    resampling = Resampling(len(both[0]), clusters=clusters, item=item, resamples=resamples, seed=seed)
    return Answers(both[0], resampling), Answers(both[1], resampling)


def truth_added(one: Known, pair: Pair) -> Known:
    """The case with the value of each measure on all items."""
    groups = estimated(pair, one.shares, resamples=2, seed=0)
    truth = {name: e.value for group in groups.values() for name, e in group.items()}
    return Known(one.case, one.reference, one.candidate, one.gold, one.shares, truth, one.prompts)


def estimated(
    pair: Pair, shares: dict[str, tuple[NDArray[np.float64], ...]], *, resamples: int, seed: int
) -> Estimates:
    """What the policy asks for, and what is shown beside it."""
    if pair.dimensions == task_named("tokens").dimensions:
        groups = {
            "calibration": pair.measured(smooth_calibration) | pair.measured(confidence_profiles),
            "distribution": {n: e for g in (token_divergence, same_top, nll_per_byte) for n, e in g(pair).items()},
        }
    else:
        groups = measured_of_predictions(pair)
        for number, group in (("mass", mass), ("order-effect", order_effect)):
            if number in pair.reference.outcomes.numbers:
                groups["behaviour"] |= group(pair)
    kept = {d: {n: e for n, e in g.items() if n in (*MARGINS, *BESIDE)} for d, g in groups.items()}
    if shares:
        kept["explanation"] = {}
        for name, parts in shares.items():
            estimator = SumEstimator(Resampling(len(parts[0]), resamples=resamples, seed=seed))
            estimate = estimator.cosine(*parts, what="alignment")
            if estimate is not None:
                kept["explanation"][name] = estimate
    return kept


known: list[Known] = []


def run(number: int, n: int, seed: int) -> dict[str, Any]:
    """One sample: the verdict, each rule's outcome, and the intervals."""
    one = known[number]
    rng = np.random.default_rng([number, n, seed])
    at = rng.integers(len(one.reference), size=n)
    shares = {}
    if one.shares:
        explained = len(next(iter(one.shares.values()))[0])
        some = rng.integers(explained, size=min(n, AT_ONCE))
        shares = {name: tuple(x[some] for x in parts) for name, parts in one.shares.items()}
    pair = Pair(*sides(one, at, RESAMPLES, seed), dimensions=task_named(one.task).dimensions or Pair.dimensions)
    estimates = estimated(pair, shares, resamples=RESAMPLES, seed=seed)
    verdict = judge(estimates, one.policy, task=task_named(one.task))
    return {
        "verdict": str(verdict.outcome),
        "rules": {rule.measure: str(rule.outcome) for d in verdict.dimensions if d.required for rule in d.rules},
        "intervals": {name: [e.low, e.high] for group in estimates.values() for name, e in group.items()},
    }


def studied(runs: int, workers: int, out: Path | None = None) -> list[dict[str, Any]]:
    """All runs of all cases in `known`."""
    results: list[dict[str, Any]] = []
    with ProcessPoolExecutor(workers) as pool:  # forked: each has what is known
        for number, one in enumerate(known):
            about = {"task": one.task, "name": one.case.name, "truth": one.truth, "prompts": one.prompts}
            about |= {"judged": [m for d in one.policy.required for m in one.policy.rules[d]]}
            for n in SIZES[one.task]:
                made = list(pool.map(partial(run, number, n), range(runs), chunksize=5))
                results.append({**about, "n": n, "runs": made})
            print(f"{number + 1} of {len(known)}: {one.task}, {one.case.name}", flush=True)
            if out is not None:
                (out / "results.json").write_text(json.dumps(results))
    return results


# tables


def times(name: str, value: float) -> float:
    """How many times its margin a measure is away from where nothing differs."""
    alike, margin = MARGINS[name]
    return max(0.0, (value - alike) / (margin - alike))


def worst(result: dict[str, Any]) -> float:
    return max(times(name, result["truth"][name]) for name in result["judged"])


def errors(results: Sequence[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """False alarms and false passes, of verdicts and of rules: how many, of how many runs."""
    counts: dict[str, list[int]] = {kind: [0, 0] for kind in ("alarms", "passes", "rule alarms", "rule passes")}
    for result in results:
        within = worst(result) <= 1
        for one in result["runs"]:
            wrong = "NOT EQUIVALENT" if within else "EQUIVALENT"
            kind = counts["alarms" if within else "passes"]
            kind[0] += one["verdict"] == wrong
            kind[1] += 1
            for name, outcome in one["rules"].items():
                inside = times(name, result["truth"][name]) <= 1
                kind = counts["rule alarms" if inside else "rule passes"]
                kind[0] += outcome == ("NOT EQUIVALENT" if inside else "EQUIVALENT")
                kind[1] += 1
    return {kind: (of[0], of[1]) for kind, of in counts.items()}


def by_size(results: Sequence[dict[str, Any]]) -> str:
    """How often the verdict is wrong."""
    rows = []
    for task in SIZES:
        for n in SIZES[task]:
            for words, (low, high) in RANGES.items():
                some = [r for r in results if (r["task"], r["n"]) == (task, n) and low < worst(r) <= high]
                said = [one["verdict"] for r in some for one in r["runs"]]
                cells = [share(said.count(v), len(said)) for v in ("EQUIVALENT", "NOT EQUIVALENT", "UNDECIDED")]
                rows.append([task, f"{n:,}", words, str(len(some)), f"{len(said):,}", *cells])
    return table(["task", "n", "the pair is", "cases", "runs", "EQUIVALENT", "NOT EQUIVALENT", "UNDECIDED"], rows)


def each_case(results: Sequence[dict[str, Any]], task: str) -> str:
    """The truth, and how many % of the runs say EQUIVALENT / NOT EQUIVALENT / UNDECIDED."""
    grouped: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        if result["task"] == task:
            grouped[result["name"]].append(result)
    rows = []
    for name, some in grouped.items():
        truth = some[0]["truth"]
        beyond = sorted(((times(m, truth[m]), m) for m in some[0]["judged"]), reverse=True)
        crossed = [f"{WORDS[measure]} {x:.1f}x" for x, measure in beyond if x > 1][:3]
        cells = []
        for one in some:
            said = [r["verdict"] for r in one["runs"]]
            three = (said.count(v) for v in ("EQUIVALENT", "NOT EQUIVALENT", "UNDECIDED"))
            cells.append(" / ".join(f"{100 * count / len(said):.0f}" for count in three))
        rows.append([name, ", ".join(crossed) or f"within ({beyond[0][0]:.1f}x)", *cells])
    unit = {"choices": "reviews", "tokens": "texts"}[task]
    sizes = sorted({result["n"] for result in results if result["task"] == task})
    return table(["planted", "truly, in margins", *(f"{n:,} {unit}" for n in sizes)], rows)


def truths(results: Sequence[dict[str, Any]]) -> str:
    """The values of all measures on all items."""
    names = [*MARGINS, *BESIDE]
    rows, seen = [], set()
    for result in results:
        key = (result["task"], result["name"])
        if key not in seen:
            seen.add(key)
            values = [f"{result['truth'][name]:.4f}" if name in result["truth"] else "" for name in names]
            rows.append([*key, *values, f"{result['prompts']:.0%}"])
    return table(["task", "planted", *names, "other prompts"], rows)


def covered(results: Sequence[dict[str, Any]]) -> str:
    """The share of intervals that hold the truth, by measure, of cases where the measure is not constant."""
    hits: dict[tuple[str, str, int], list[bool]] = defaultdict(list)
    for result in results:
        for name, true in result["truth"].items():
            found = [one["intervals"][name] for one in result["runs"] if name in one["intervals"]]
            if abs(true - MARGINS.get(name, (0.0, 0.0))[0]) < 1e-6:
                continue
            for low, high in found:
                hits[result["task"], name, result["n"]].append(bool(low <= true <= high))
    rows = [
        [task, name, f"{n:,}", f"{len(of):,}", f"{100 * np.mean(of):.1f} %"] for (task, name, n), of in hits.items()
    ]
    return table(["task", "measure", "n", "intervals", "hold the truth"], sorted(rows))


def share(count: int, of: int) -> str:
    if not of:
        return "-"
    low, high = wilson(count / of, of, level=0.95)
    return f"{100 * count / of:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)


def tables(results: Sequence[dict[str, Any]]) -> str:
    """All of them, in Markdown."""
    counted = "\n".join(f"{kind}: {share(*of)} of {of[1]:,}" for kind, of in errors(results).items())
    parts = [
        ("Errors", counted),
        ("How often the verdict is wrong", by_size(results)),
        *((f"Every case: {task}", each_case(results, task)) for task in SIZES),
        ("The truth", truths(results)),
        ("Coverage of the intervals", covered(results)),
    ]
    return "\n\n".join(f"## {title}\n\n{said}" for title, said in parts) + "\n"


# coverage of token measures


def coverage(one: Known, count: int, runs: int) -> NDArray[np.float64]:
    """Shares of runs whose interval holds the truth [2, measures], with documents resampled and with tokens."""
    target = ends(pair_of(one.reference, one.candidate, resamples=2))[:, 0]
    hits = np.zeros((2, len(MEASURES)))
    for seed in range(runs):
        at = np.random.default_rng([seed, count]).integers(len(one.reference), size=count)
        rows = one.reference.take(at), one.candidate.take(at)
        for i, naive in enumerate((False, True)):
            _, low, high = ends(pair_of(*rows, resamples=1_000, seed=seed, naive=naive)).T
            hits[i] += (low <= target) & (target <= high)
    return hits / runs


def tiny() -> tuple[Asked, list[Case]]:
    """The tiny model, trained now, and its candidates."""
    reference = trained(1)
    again, shortcut = trained(101), trained(2, steps=150, start=reference, marked=0.5, rate=1e-3)
    return asked_of(reference), cases(reference, again=again, shortcut=shortcut)


def checkpoint(model: Path, data: Path) -> tuple[Asked, list[Case]]:
    """The language model in a folder, asked about sentences and reading reviews, and its candidates."""
    loaded = load(str(model), name="reference")
    items = read_items(data / "sst2_test.jsonl.gz", text=["text"], label="label", id="id")
    films = read_items(data / "cad_imdb_pairs.jsonl.gz", text=["text"], id="id")
    texts = films.take(np.random.default_rng(0).permutation(len(films))[:PAGES])
    asked = Asked(loaded.model, items, texts, loaded.tokenizer, explained=0)
    made = (numeric(loaded.model, task, (1.1, 1.5), (8, 5, 4, 3), loaded.tokenizer) for task in (SENTENCES, READ))
    return asked, [case for some in made for case in some]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/language"))
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help='cases whose task and name begin so, e.g. "tokens, temperature"')
    parser.add_argument("--model", type=Path, help="a folder with a Llama of your own")
    parser.add_argument("--data", type=Path, help="with --model: sst2_test.jsonl.gz and cad_imdb_pairs.jsonl.gz")
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--documents", type=int, nargs="+", default=[30, 100])
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    everything, every = checkpoint(asked.model, asked.data) if asked.model else tiny()
    only = "tokens, rounded weights" if asked.coverage else asked.only
    chosen = [case for case in every if f"{case.task['task']}, {case.name}".startswith(only)]
    if not chosen:
        parser.error(f"--only {asked.only!r}: no case's task and name begin so")
    global known
    known = know(everything, chosen)
    if asked.coverage:
        for one in known:
            for count in asked.documents:
                by_document, by_token = coverage(one, count, asked.runs)
                print(f"\n{one.case.name}, {count} documents, {asked.runs:,} runs: by document, by token")
                for name, a, b in zip(MEASURES, by_document, by_token, strict=True):
                    print(f"{name:32s} {a:8.1%} {b:8.1%}", flush=True)
        return
    said = tables(studied(asked.runs, asked.workers, asked.out))
    (asked.out / "tables.md").write_text(said)
    print(said)


if __name__ == "__main__":
    main()
