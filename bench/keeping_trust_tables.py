"""The tables of docs/keeping-trust.md, from the cells that are there."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from keeping_trust_arms import BY_DEFAULT, CORRECTED, GPTQ, HEALED, HEALED_GPTQ, STUDENTS, TASKS

from trusteq.comparing.alignment import SumEstimator
from trusteq.stats.resampling import Resampling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.stats.estimate import Estimate

EXPLAINERS = {"lime": "LIME", "shapley": "Shapley", "mask": "mask token", "gradients": "gradients"}
AGAIN = "teacher trained again"
INT4, PRUNED = (tuple(arm.name for arm in HEALED if arm.start == start) for start in ("int4", "pruned"))
ARMS = (
    AGAIN,
    *(arm.name for arm in STUDENTS),
    "int4",
    *INT4,
    BY_DEFAULT.name,
    GPTQ,
    HEALED_GPTQ.name,
    "pruned",
    *PRUNED,
)
PAIRS = (
    ("kd", "labels"),
    ("kd, T = 2, and labels", "kd"),
    ("perturbed, halved", "kd"),
    ("perturbed, kept", "kd"),
    ("perturbed, kept", "kd, rows of kept"),
    ("perturbed, kept", "kd, seconds of kept"),
    ("perturbed, halved, seconds of kd", "kd"),
    ("perturbed, halved, 6,400 rows", "kd, 6,400 rows"),
    ("attributions", "kd"),
    ("attributions, seconds of kd", "kd"),
    ("int4, healed by kd", "int4"),
    ("int4, healed by kd", "int4, healed by labels"),
    ("int4, healed by perturbed", "int4, healed by kd"),
    (BY_DEFAULT.name, "int4"),
    (CORRECTED.name, "int4"),
    (CORRECTED.name, "int4, healed by kd"),
    (CORRECTED.name, GPTQ),
    (GPTQ, "int4"),
    (BY_DEFAULT.name, GPTQ),
    (HEALED_GPTQ.name, GPTQ),
    ("pruned, healed by kd", "pruned"),
    ("pruned, healed by kd", "pruned, healed by labels"),
    ("pruned, healed by perturbed", "pruned, healed by kd"),
)
"""What is compared: an arm, and the one that it is to beat."""
BETTER = (
    ("int4, healed by kd", "int4"),
    (CORRECTED.name, "int4"),
    (GPTQ, "int4"),
    (HEALED_GPTQ.name, GPTQ),
    ("pruned, healed by kd", "pruned"),
)
"""Models after and before something that is to mend them."""
WORDS = {"EQUIVALENT": "E", "NOT EQUIVALENT": "N", "UNDECIDED": "U"}

NOISE = 0.5
"""An alignment, or a difference of two, with a wider interval is not shown."""

Run = tuple[int, int]
"""The number of a teacher, and of a training seed."""


@dataclass(frozen=True)
class Measured:
    """One model's measurement, with what pairing needs: by item, whether its answer changed [items], KL [items], and
    of each explainer cross products and both norms [3, explained]; of leaving words out, what is lost [2, 3, items].
    """

    cell: Mapping[str, Any]
    flipped: NDArray[np.bool_]
    kl: NDArray[np.float64]
    products: Mapping[str, NDArray[np.float64]]
    dropped: NDArray[np.float64]

    def value(self, name: str) -> float:
        """An estimate's value; NaN if it was not measured."""
        return float(self.cell["measures"].get(name, [np.nan])[0])

    def alignment(self, explainer: str) -> float:
        """NaN if it is little but noise."""
        parts = self.products[explainer]
        estimator = SumEstimator(Resampling(len(parts[0])))
        estimate = estimator.function(lambda *sums: cosine(*(x[:, 0] for x in sums)), *parts, what="alignment")
        return estimate.value if estimate.high - estimate.low < NOISE else float("nan")


def cosine(cross: Any, a: Any, b: Any) -> Any:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(cross / np.sqrt(np.maximum(a, 0) * np.maximum(b, 0)), nan=0.0, posinf=0.0, neginf=0.0)


def read(out: Path) -> dict[str, dict[str, dict[Run, Measured]]]:
    """What is measured, by task, arm and run."""
    found: dict[str, dict[str, dict[Run, Measured]]] = defaultdict(lambda: defaultdict(dict))
    for file in sorted((out / "cells").glob("*-measured-*.json")):
        cell = json.loads(file.read_text("utf-8"))
        key = cell["key"]
        p, q = (np.array(cell[name]) for name in ("reference_probabilities", "probabilities"))
        log_p, log_q = (np.log(np.maximum(x, 1e-12)) for x in (p, q))
        found[key["task"]][key["arm"]][key["teacher"], key["seed"]] = Measured(
            cell,
            p.argmax(axis=1) != q.argmax(axis=1),
            (p * (log_p - log_q)).sum(axis=1),
            {name: np.array(of) for name, of in cell["products"].items()},
            np.array(cell["dropped"]),
        )
    return found


def tables(out: Path) -> str:
    """All tables, in Markdown."""
    found = read(out)
    parts = {
        "Before and after healing": goals(found),
        "Rounded, pruned and healed models": levels(found, healing=True),
        "Students": levels(found, healing=False),
        "Differences": differences(found),
        "What training cost": costs(out),
    }
    return "\n\n".join(f"## {title}\n\n" + "\n".join(lines) for title, lines in parts.items())


def row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def head(*cells: str) -> Iterator[str]:
    yield row(*cells)
    yield row(*("---" for _ in cells))


def levels(found: Mapping[str, Any], *, healing: bool) -> Iterator[str]:
    """Every arm's measures: the mean over teachers and seeds, and the lowest and the highest."""
    names = ("task", "model", "runs", "accuracy", "flips", "KL", "smooth ECE diff.", "profile distance")
    yield from head(*names, *EXPLAINERS.values(), "transfer", "verdicts")
    of = [arm for arm in ARMS if (arm.startswith(("int4", "pruned")) == healing) or arm == AGAIN]
    for task in TASKS:
        for arm in of:
            runs = list(found[task][arm].values())
            if not runs:
                continue
            yield row(
                task,
                arm,
                len(runs),
                spread([100 * run.value("accuracy_candidate") for run in runs], 1),
                spread([100 * run.flipped.mean() for run in runs], 1),
                spread([run.kl.mean() for run in runs], 3),
                spread([run.value("smooth_ece_difference") for run in runs], 3, signed=True),
                spread([run.value("confidence_profile_distance") for run in runs], 3),
                *(spread([run.alignment(name) for run in runs], 3) for name in EXPLAINERS),
                spread([run.value("transfer_to_candidate") for run in runs], 2),
                " ".join(WORDS[run.cell["outcome"]] for run in runs),
            )


def spread(values: Sequence[float], digits: int, *, signed: bool = False) -> str:
    if np.isnan(values).any():
        return "-"
    sign = "+" if signed else ""
    mean, low, high = (f"{of(values):{sign}.{digits}f}" for of in (np.mean, min, max))
    return f"{mean} ({low} to {high})" if len(values) > 1 else mean


def differences(found: Mapping[str, Any]) -> Iterator[str]:
    """Each arm minus the one that it is to beat: over the same teachers, seeds and items."""
    names = ("task", "arm", "minus", "runs", "flips, points", "KL")
    yield from head(*names, *EXPLAINERS.values(), "transfer", "Shapley higher")
    for arm, other in PAIRS:
        for task in TASKS:
            pairs = shared(found, task, arm, other)
            if not pairs:
                continue
            higher = sum(a.alignment("shapley") > b.alignment("shapley") for a, b in pairs)
            yield row(
                task,
                arm,
                other,
                len(pairs),
                in_words(flips(pairs), 1, scale=100),
                in_words(divergence(pairs), 3),
                *("-" if (e := aligned(pairs, name)).high - e.low > NOISE else in_words(e, 3) for name in EXPLAINERS),
                in_words(transferred(pairs), 2),
                f"{higher} of {len(pairs)}",
            )


Pairs = list[tuple[Measured, Measured]]


def shared(found: Mapping[str, Any], task: str, arm: str, other: str) -> Pairs:
    """The runs that both have."""
    of, against = found[task][arm], found[task][other]
    if other in ("int4", "pruned", GPTQ):  # what is not trained has no seed
        against = {run: against[run[0], 0] for run in of if (run[0], 0) in against}
    return [(of[run], against[run]) for run in sorted(of) if run in against]


def flips(pairs: Pairs) -> Estimate:
    values = np.mean([a.flipped.astype(float) - b.flipped for a, b in pairs], axis=0)
    return Resampling(len(values)).mean(values, what="share of changed answers, arm minus other")


def divergence(pairs: Pairs) -> Estimate:
    values = np.mean([a.kl - b.kl for a, b in pairs], axis=0)
    return Resampling(len(values)).mean(values, what="KL(teacher || model), arm minus other")


def aligned(pairs: Pairs, explainer: str) -> Estimate:
    """The mean over runs of the difference of both arms' alignments; items are resampled, the same in all runs."""
    values = [part for pair in pairs for of in pair for part in of.products[explainer]]

    def difference(*sums: NDArray[np.float64]) -> NDArray[np.float64]:
        cosines = [cosine(*(x[:, 0] for x in sums[i : i + 3])) for i in range(0, len(sums), 3)]
        return np.asarray(np.mean([a - b for a, b in zip(cosines[::2], cosines[1::2], strict=True)], axis=0))

    what = "alignment, arm minus other"
    return SumEstimator(Resampling(len(values[0]))).function(difference, *values, what=what)


def transferred(pairs: Pairs) -> Estimate:
    """The same of what the teacher's words are worth to the model, as a share of its own words."""
    values = [of.dropped[1, i] - of.dropped[1, 2] for pair in pairs for of in pair for i in (0, 1)]

    def difference(*sums: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios = [np.nan_to_num(sums[i][:, 0] / sums[i + 1][:, 0]) for i in range(0, len(sums), 2)]
        return np.asarray(np.mean([a - b for a, b in zip(ratios[::2], ratios[1::2], strict=True)], axis=0))

    what = "transfer, arm minus other"
    return SumEstimator(Resampling(len(values[0]))).function(difference, *values, what=what)


def in_words(estimate: Estimate, digits: int, *, scale: float = 1.0) -> str:
    """A difference with its interval; in bold if that is clear of 0."""
    value, low, high = (scale * x for x in (estimate.value, estimate.low, estimate.high))
    words = f"{value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"
    return f"**{words}**" if low > 0 or high < 0 else words


def goals(found: Mapping[str, Any]) -> Iterator[str]:
    """What the default policy says of models before and after, and by how much fewer answers change."""
    yield from head("task", "teacher", "before", "not met", "after", "not met", "changed answers", "fewer")
    for arm, start in BETTER:
        for task in TASKS:
            pairs = shared(found, task, arm, start)
            for after, before in pairs:
                said = (part for run, name in ((before, start), (after, arm)) for part in verdict(run, name))
                yield row(task, after.cell["key"]["teacher"], *said, *fewer([(after, before)]))
            if len(pairs) > 1:
                yield row(task, "all", start, "", arm, "", *fewer(pairs))


def verdict(run: Measured, name: str) -> tuple[str, str]:
    """A model's verdict, and the rules that it does not pass."""
    return f"{name}: {run.cell['outcome']}", unmet(run)


def unmet(run: Measured) -> str:
    """The rules that a model does not pass, with N where it fails."""
    rules = run.cell["rules"].items()
    return ", ".join(f"{name} ({WORDS.get(of, of)})" for name, of in rules if of != "EQUIVALENT") or "-"


def fewer(pairs: Pairs) -> tuple[str, str]:
    """Changed answers before and after; and by which share they became fewer, with an interval over items."""
    after, before = (np.sum([pair[i].flipped for pair in pairs], axis=0).astype(float) for i in (0, 1))

    def fall(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(1 - a[:, 0] / np.maximum(b[:, 0], 1))

    estimator = SumEstimator(Resampling(len(after)))
    estimate = estimator.function(fall, after, before, what="share of changed answers that is gone")
    of = 100 / len(pairs)
    return (
        f"{of * before.mean():.1f} to {of * after.mean():.1f} %",
        f"{100 * estimate.value:.0f} % [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]",
    )


def costs(out: Path) -> Iterator[str]:
    """Rows and process seconds of each arm, the teacher's answers included, and the learning rate that was best."""
    by: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for file in sorted((out / "cells").glob("*-trained-*.json")):
        cell = json.loads(file.read_text("utf-8"))
        by[cell["key"]["task"], cell["key"]["arm"]].append(cell)
    yield from head("arm", *(f"{task}: rows, CPU s, rate" for task in TASKS))
    for arm in ARMS:
        if any((task, arm) in by for task in TASKS):
            yield row(arm, *(cost(by[task, arm]) if (task, arm) in by else "" for task in TASKS))


def cost(cells: Sequence[Mapping[str, Any]]) -> str:
    rows, seconds = (np.mean([cell[name] for cell in cells]) for name in ("rows", "seconds"))
    return f"{rows:,.0f}, {seconds:.0f} s, {cells[0]['key']['rate']:g}"
