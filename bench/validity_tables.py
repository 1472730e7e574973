"""The tables of docs/validity.md, from what bench/validity.py wrote.

python bench/validity_tables.py build/validity/results.json
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from customary import METHODS

from trusteq.stats.proportions import wilson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MARGINS = {
    "accuracy_difference": (0.0, -0.01),
    "disagreement": (0.0, 0.05),
    "smooth_ece_difference": (0.0, 0.02),
    "confidence_profile_distance": (0.0, 0.05),
    "alignment_lime": (1.0, 0.95),
    "alignment_shapley": (1.0, 0.95),
}
"""What each measure is where nothing differs, and what the default policy allows."""
WORDS = dict(
    zip(MARGINS, ("accuracy", "changed answers", "smooth ECE", "confidence profile", "LIME", "Shapley"), strict=True)
)
CLEARLY = 2.0
Result = dict[str, Any]


def tables(results: Sequence[Result]) -> str:
    """All of them, in Markdown."""
    judged = [r for r in results if "runs" in r]
    parts = [
        ("How often the verdict is wrong", wrong(judged)),
        ("Every case", every(judged)),
        ("Compared with customary methods", customary(judged)),
        ("Coverage", coverage(judged)),
        ("Dose and response", dose(judged)),
        ("What is named first", named(results)),
        ("Stopping early", early(judged)),
    ]
    return "\n\n".join(f"## {title}\n\n{table}" for title, table in parts) + "\n"


def crossed(result: Result) -> dict[str, float]:
    """How many times the margin each measure truly is, of those beyond it."""
    found = {name: _times(name, value) for name, value in result["truth"].items()}
    return {name: times for name, times in found.items() if times > 1}


def worst(result: Result) -> float:
    """How many times its margin the measure truly is that is farthest from being alike."""
    return max(_times(name, value) for name, value in result["truth"].items())


def _times(name: str, value: float) -> float:
    alike, margin = MARGINS[name]
    return max(0.0, (value - alike) / (margin - alike))


def wrong(results: Sequence[Result]) -> str:
    """Of pairs that are within all margins, and of those that are not."""
    rows = []
    kinds: tuple[tuple[str, Callable[[Result], bool]], ...] = (
        ("within every margin", lambda r: worst(r) <= 1),
        ("beyond a margin, less than twice", lambda r: 1 < worst(r) < CLEARLY),
        ("beyond twice a margin", lambda r: worst(r) >= CLEARLY),
    )
    for n in sorted({r["n"] for r in results}):
        for words, holds in kinds:
            some = [r for r in results if r["n"] == n and holds(r)]
            said = [run["verdict"] for r in some for run in r["runs"]]
            shares = [said.count(outcome) for outcome in ("EQUIVALENT", "NOT EQUIVALENT", "UNDECIDED")]
            rows.append([n, words, len(some), len(said), *(_share(count, len(said)) for count in shares)])
    return table(["items", "the pair is", "cases", "runs", "EQUIVALENT", "NOT EQUIVALENT", "UNDECIDED"], rows)


def every(results: Sequence[Result]) -> str:
    """Truth and verdicts of every case."""
    sizes = sorted({r["n"] for r in results})
    rows = []
    for some in by_case(results):
        one = some[0]
        beyond = sorted(crossed(one).items(), key=lambda pair: -pair[1])[:2]
        truth = ", ".join(f"{WORDS[name]} {times:.1f}x" for name, times in beyond) or f"within ({worst(one):.1f}x)"
        cells = []
        for r in some:
            said = [run["verdict"] for run in r["runs"]]
            cells.append(
                " / ".join(
                    str(round(100 * said.count(o) / len(said))) for o in ("EQUIVALENT", "NOT EQUIVALENT", "UNDECIDED")
                )
            )
        rows.append([one["task"], _name(one), truth, *cells])
    return table(["task", "planted", "truly, in margins", *(f"{n:,} items" for n in sizes)], rows)


def customary(results: Sequence[Result]) -> str:
    """Share of samples in which each method says "different"; trusteq's is NOT EQUIVALENT, and not EQUIVALENT."""
    n = sorted({r["n"] for r in results})[len({r["n"] for r in results}) // 2]
    rows = []
    for r in (r for r in results if r["n"] == n):
        runs = r["runs"]
        said = [run["verdict"] for run in runs]
        explained = "alignment_lime" in r["truth"]
        cells = [
            f"{100 * np.mean([run['customary'][name] for run in runs]):.0f}" if name != "Jaccard" or explained else "-"
            for name in METHODS
        ]
        own = [
            f"{100 * said.count('NOT EQUIVALENT') / len(said):.0f}",
            f"{100 * (1 - said.count('EQUIVALENT') / len(said)):.0f}",
        ]
        rows.append([r["task"], _name(r), "different" if worst(r) > 1 else "alike", *cells, *own])
    head = ["task", "planted", "truly", *METHODS, "NOT EQUIVALENT", "not EQUIVALENT"]
    return f"{n:,} items; % of samples\n\n{table(head, rows)}"


def coverage(results: Sequence[Result]) -> str:
    """How many 95 % intervals hold the truth."""
    rows = []
    for name in MARGINS:
        cells = []
        for n in sorted({r["n"] for r in results}):
            held = [
                run["intervals"][name][0] - 1e-9 <= r["truth"][name] <= run["intervals"][name][1] + 1e-9
                for r in results
                if r["n"] == n and name in r["truth"]
                for run in r["runs"]
                if name in run["intervals"]
            ]
            cells.append(f"{100 * np.mean(held):.1f} % of {len(held):,}")
        rows.append([WORDS[name], *cells])
    return table(["measure", *(f"{n:,} items" for n in sorted({r["n"] for r in results}))], rows)


def dose(results: Sequence[Result]) -> str:
    """Whether more of a plant is farther from being alike, by the measure that it moves most."""
    kinds: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for some in by_case(results):
        kinds[some[0]["task"], some[0]["kind"]].append(some[0])
    rows = []
    for (task, kind), found in kinds.items():
        found = sorted(found, key=lambda r: r["rank"])
        if len({r["rank"] for r in found}) < 3:
            continue
        name = max(MARGINS, key=lambda m: _times(m, found[-1]["truth"].get(m, MARGINS[m][0])))
        values = [_times(name, r["truth"][name]) for r in found]
        steady = all(a <= b + 1e-9 for a, b in pairwise(values))
        rows.append([task, kind, WORDS[name], ", ".join(f"{v:.2f}" for v in values), "yes" if steady else "**no**"])
    return table(["task", "planted, weaker to stronger", "measure", "times its margin", "steady"], rows)


def named(results: Iterable[Result]) -> str:
    """How often the report names the planted words, label or subgroup before all others."""
    rows = [[r["task"], _name(r), f"{sum(r['named'])} of {len(r['named'])}"] for r in results if "named" in r]
    return table(["task", "planted", "named first"], rows)


def early(results: Sequence[Result]) -> str:
    """The explanation dimension alone: all items against look by look."""
    rows = []
    for n in sorted({r["n"] for r in results}):
        for words, inside in (("within the margin", True), ("beyond it", False)):
            some = [
                (run["dimensions"]["explanation"], run["early"])
                for r in results
                if r["n"] == n
                and "alignment_lime" in r["truth"]
                and all(_times(m, r["truth"][m]) <= 1 for m in ("alignment_lime", "alignment_shapley")) is inside
                for run in r["runs"]
            ]
            if not some:
                continue
            bad = "NOT EQUIVALENT" if inside else "EQUIVALENT"
            fixed, stopped = sum(f == bad for f, _ in some), sum(e["outcome"] == bad for _, e in some)
            undecided = [
                sum(o == "UNDECIDED" for o in outcomes)
                for outcomes in ([f for f, _ in some], [e["outcome"] for _, e in some])
            ]
            items = np.mean([e["items"] for _, e in some])
            rows.append(
                [
                    n,
                    words,
                    len(some),
                    *(_share(c, len(some)) for c in (fixed, stopped)),
                    *(f"{100 * u / len(some):.0f} %" for u in undecided),
                    f"{items:.0f}",
                ]
            )
    head = [
        "items",
        "alignment is",
        "runs",
        "wrong, all",
        "wrong, early",
        "undecided, all",
        "undecided, early",
        "items read, early",
    ]
    return table(head, rows)


def by_case(results: Sequence[Result]) -> list[list[Result]]:
    """Results of one case together, fewest items first."""
    found: dict[tuple[str, ...], list[Result]] = defaultdict(list)
    for r in results:
        found[r["task"], r["kind"], r["strength"]].append(r)
    return [sorted(some, key=lambda r: r["n"]) for some in found.values()]


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(f"{c:,}" if isinstance(c, int) else str(c) for c in line) + " |" for line in lines
    )


def _name(r: Result) -> str:
    return f"{r['kind']}, {r['strength']}" if r["strength"] else r["kind"]


def _share(count: int, total: int) -> str:
    if not total:
        return "-"
    low, high = wilson(count / total, total, level=0.95)
    return f"{100 * count / total:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


if __name__ == "__main__":
    print(tables(json.loads(Path(sys.argv[1]).read_text())))
