"""What does training once more change of a table's classifier? The controls of the demo's pairs.

    python bench/pairs_of_tables.py [--items 200]

Breast tumours as in `trusteq demo --table`, with the same split: boosted trees; the same with another seed, which only
breaks ties between columns that say the same; trees that each see half of the rows, from two seeds; and the same trees
trained on as many other rows. Every row says what the default policy judges.
"""

from __future__ import annotations

import argparse
from typing import Any

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import train_test_split

import trusteq
from trusteq.demo.table import LABELS, TRAIN


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=200)
    asked = parser.parse_args()
    table, codes = load_breast_cancer(return_X_y=True, as_frame=True)
    train, rest, train_y, rest_y = train_test_split(table, codes, train_size=TRAIN, random_state=0, stratify=codes)
    other, test, other_y, test_y = train_test_split(
        rest, rest_y, train_size=len(train), random_state=0, stratify=rest_y
    )
    items = trusteq.read_items(
        test.assign(label=test_y.map(dict(enumerate(LABELS)))), columns="all", label="label", background=train
    )

    def trees(seed: int, name: str, *, again: bool = False, subsample: float = 1.0) -> Any:
        x, y = (other, other_y) if again else (train, train_y)
        made = GradientBoostingClassifier(random_state=seed, subsample=subsample).fit(x, y)
        return trusteq.from_estimator(made, name=name, labels=LABELS)

    pairs = {
        "another seed": (trees(0, "a"), trees(1, "b")),
        "half of the rows a tree, two seeds": (trees(0, "a", subsample=0.5), trees(1, "b", subsample=0.5)),
        "other rows": (trees(0, "a"), trees(0, "b", again=True)),
    }
    print(
        f"{len(items)} rows\n| pair | accuracy | same answer | alignment | by single columns |\n|---|---|---|---|---|"
    )
    for title, (one, two) in pairs.items():
        (compared,) = trusteq.audit(
            one, two, items, explain=trusteq.ExplainSettings(items=asked.items), costs="none"
        ).comparisons
        found = {name: estimate for group in compared.measures.values() for name, estimate in group.items()}
        accuracy = " / ".join(f"{100 * found[f'accuracy_{side}'].value:.1f}" for side in ("reference", "candidate"))
        agreed = f"{100 * found['agreement'].value:.1f} %"
        print(f"| {title} | {accuracy} % | {agreed} | {found['alignment_shapley']} |", flush=True)


if __name__ == "__main__":
    main()
