"""Are rows that were copied under new ids told from rows that are equal because a model knows few answers?

    python bench/copies.py [--seeds 6]

For each kind of pair of models: of how many samples (of 60, 300, 1,000 and 5,000 items) copies are told as they are,
which is wrong; and with all rows copied once, twice and nine times, and with every second and tenth row copied.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.naive_bayes import BernoulliNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from trusteq.comparing.repeated_rows import repeated_rows
from trusteq.data.predictions import softmax

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

ITEMS = (60, 300, 1_000, 5_000)
TRAINED = 2_000
ESTIMATORS = {
    "trees of 16 and 8 leaves": (DecisionTreeClassifier(max_depth=4), DecisionTreeClassifier(max_depth=3)),
    "deep trees": (DecisionTreeClassifier(min_samples_leaf=5), DecisionTreeClassifier(max_depth=6)),
    "forest and tree": (RandomForestClassifier(20, random_state=0), DecisionTreeClassifier(max_depth=5)),
    "nearest neighbours": (KNeighborsClassifier(5), KNeighborsClassifier(3)),
    "six yes-or-no features": (BernoulliNB(), BernoulliNB(alpha=50)),
}
WAYS: dict[str, Callable[[int], Sequence[int]]] = {
    "as it is": lambda n: range(n),
    "twice": lambda n: [*range(n)] * 2,
    "three times": lambda n: [*range(n)] * 3,
    "ten times": lambda n: [*range(n)] * 10,
    "half twice": lambda n: [*range(n), *range(0, n, 2)],
    "a tenth twice": lambda n: [*range(n), *range(0, n, 10)],
}


def samples(seed: int, n: int) -> Iterator[tuple[str, list[NDArray[np.float64]]]]:
    """Both models' probabilities and the gold codes, by the kind of pair."""
    rng = np.random.default_rng([seed, n])
    x = rng.normal(size=(TRAINED + n, 6))
    y = (x[:, :3].sum(axis=1) + rng.normal(size=len(x)) > 0).astype(int)
    for name, pair in ESTIMATORS.items():
        seen = (x > 0).astype(float) if "yes-or-no" in name else x
        yield name, [*(m.fit(seen[:TRAINED], y[:TRAINED]).predict_proba(seen[TRAINED:]) for m in pair), y[TRAINED:]]
    for sharpness in (1, 3, 6):
        truth = rng.normal(size=(n, 3)) * sharpness
        gold = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
        p, q = softmax(truth), softmax(truth + 0.3 * rng.normal(size=truth.shape))
        for digits in (1, 2, 3, 15):
            name = f"{digits} digits, logits spread by {sharpness}"
            yield name, [p.round(digits), q.round(digits), gold]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=6)
    asked = parser.parse_args()
    told: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for seed in range(asked.seeds):
        for n in ITEMS:
            for name, columns in samples(seed, n):
                for way, rows in WAYS.items():
                    at = np.array(rows(n))
                    told[name][way].append(repeated_rows([column[at] for column in columns], None) > 0)
    print(f"| told as copies, of {asked.seeds * len(ITEMS)} samples | {' | '.join(WAYS)} |")
    print("|---|" + "---|" * len(WAYS))
    for name, by_way in told.items():
        print(f"| {name} | {' | '.join(str(sum(by_way[way])) for way in WAYS)} |")


if __name__ == "__main__":
    main()
