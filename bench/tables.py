"""Tables: an audit of 10,000 rows and 30 columns, and explanations beside shap's on identical masks.

    python bench/tables.py [--rows 10000] [--columns 30] [--explained 500] [--beside 200]

audit   two boosted models, all measures, slices and explanations, from the data frame to the verdict
masks   the same masks of the same rows, answered by the same model: ours, and shap's masker as its explainers call it
whole   the attributions of some rows: ours from 8 masks a column, beside shap's KernelExplainer with as many answers,
        and its interventional TreeExplainer, which reads the trees themselves: exact, for models of known kinds

Processor seconds on one thread; where sides are compared, in one run, the fastest of the repeats.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier

import trusteq
from trusteq.explain.columns import single_columns
from trusteq.explain.plan import mask_plan
from trusteq.explain.shapley import shapley
from trusteq.explain.value_tables import planned, value_tables

if TYPE_CHECKING:
    from collections.abc import Callable

LABELS = ("no", "yes")
TRAIN = 2000
REPEATS = 3


def table(rows: int, columns: int) -> tuple[pd.DataFrame, Any]:
    """Numbers, the first two of which say nearly the same, and what they decide."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, columns))
    x[:, 1] = x[:, 0] + 0.1 * rng.normal(size=rows)
    y = x[:, : columns // 6].sum(axis=1) + x[:, columns // 6] * x[:, columns // 6 + 1] + rng.normal(size=rows) > 0
    return pd.DataFrame(x, columns=[f"c{i}" for i in range(columns)]), y


def seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Processor time of the fastest repeat."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def audited(rows: int, columns: int, explained: int) -> None:
    frame, y = table(rows + TRAIN, columns)
    models = [
        HistGradientBoostingClassifier(max_iter=trees, random_state=0).fit(frame[:TRAIN], y[:TRAIN])
        for trees in (100, 20)
    ]
    data = frame[TRAIN:].assign(label=np.where(y[TRAIN:], *reversed(LABELS)))
    items = trusteq.read_items(data, columns="all", label="label", background=frame[:200])
    large, small = [
        trusteq.from_estimator(m, name=n, labels=LABELS) for m, n in zip(models, ("large", "small"), strict=True)
    ]
    wall, cpu = time.perf_counter(), time.process_time()
    made = trusteq.audit(large, small, items, explain=trusteq.ExplainSettings(items=explained), costs="none")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    masks = sum(map(len, made.explanation.plans)) if made.explanation else 0
    print(
        f"audit    {rows:,} rows x {columns} columns, {explained} explained with {masks:,} masks: {wall:.1f} s, "
        f"{cpu:.1f} processor seconds; {made['small'].verdict.outcome.value}"
    )


def beside_shap(count: int) -> None:
    import shap

    frame, y = table(TRAIN + count, 20)
    gbm = GradientBoostingClassifier(n_estimators=50, random_state=0).fit(frame[:TRAIN].to_numpy(), y[:TRAIN])
    background = frame[:100]
    rows = trusteq.Rows.of_frame(frame[TRAIN:], background=background)
    model = trusteq.from_estimator(gbm, name="gbm", labels=LABELS)
    units = [single_columns((rows[i],)) for i in range(count)]
    plans = [mask_plan(str(i), 20, masks=160, background=100) for i in range(count)]
    questions = [planned(u, plan, None) for u, plan in zip(units, plans, strict=True)]
    answers = sum(map(len, plans))
    bare_rows = np.concatenate([q.versions("remove")[0].matrix() for q in questions])  # type: ignore[attr-defined]
    bare = seconds(lambda: gbm.predict_proba(bare_rows))
    ours = seconds(lambda: value_tables(model, questions, segments=["row"]))

    masker = shap.maskers.Independent(background.to_numpy(), max_samples=100)

    def of_shap() -> None:
        for i, plan in enumerate(plans):
            x = frame.to_numpy()[TRAIN + i]
            for mask in plan.masks[:: len(background)]:  # its masker gives all rows of the background for each mask
                (changed,) = masker(mask, x)
                gbm.predict_proba(np.asarray(changed))

    theirs = seconds(of_shap)
    print(
        f"masks    {answers:,} answers: bare {bare:.2f} s, ours {ours:.2f} s ({ours / bare - 1:+.0%}), "
        f"shap's masker {theirs:.2f} s ({theirs / ours:.1f} x ours)"
    )

    def attributed() -> None:
        for plan, values in zip(plans, value_tables(model, questions, segments=["row"]), strict=True):
            shapley(plan, np.exp(values[:, 1:]))

    def kernel() -> None:
        explainer = shap.KernelExplainer(lambda x: gbm.predict_proba(x)[:, 1], background.to_numpy()[:1])
        explainer.shap_values(frame[TRAIN:].to_numpy(), nsamples=160, silent=True, l1_reg=0)

    tree = shap.TreeExplainer(
        gbm, background.to_numpy(), feature_perturbation="interventional", model_output="probability"
    )
    whole, of_kernel = seconds(attributed), seconds(kernel)
    of_tree = seconds(lambda: tree.shap_values(frame[TRAIN:].to_numpy(), check_additivity=False))
    print(
        f"whole    {count} rows: ours {whole:.2f} s, KernelExplainer with as many answers {of_kernel:.2f} s "
        f"({of_kernel / whole:.1f} x ours), TreeExplainer {of_tree:.2f} s ({of_tree / whole:.1f} x ours)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--explained", type=int, default=500)
    parser.add_argument("--beside", type=int, default=200)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    audited(arguments.rows, arguments.columns, arguments.explained)
    beside_shap(arguments.beside)


if __name__ == "__main__":
    main()
