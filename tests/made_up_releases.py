"""Five runs of one candidate, each of which changes one thing: the model, the items, the policy, the reference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from cases import case

import trusteq

POLICY: dict[str, Any] = {
    "name": "first",
    "required": ["behaviour", "calibration"],
    "rules": {
        "behaviour": {"disagreement": {"at_most": 0.1}},
        "calibration": {"confidence_profile_distance": {"at_most": 0.05}},
    },
}
STRICT: dict[str, Any] = {
    "name": "strict",
    "required": ["behaviour"],
    "rules": {"behaviour": {"disagreement": {"at_most": 0.01}}},
}
NAMES = ("1.0", "1.2", "1.9", "1.10", "2.0")
FAST: dict[str, Any] = {"resamples": 100, "with_slices": False, "costs": "none"}


def write(folder: Path) -> Path:
    """The folder, with a run for each of the names."""
    audited(folder / "1.0", noise=1.5)
    audited(folder / "1.2", noise=0.01)
    audited(folder / "1.9", noise=0.01, n=160)
    audited(folder / "1.10", noise=0.01, n=160, policy=STRICT)
    audited(folder / "2.0", noise=0.01, n=160, policy=STRICT, reference="b", also="tiny")
    return folder


def audited(
    out: Path,
    *,
    noise: float,
    n: int = 120,
    policy: Any = POLICY,
    reference: str | None = "a",
    name: str = "small",
    also: str = "",
) -> Path:
    """A run of a candidate with so much noise; ``reference`` stands for the hash of the reference's content."""
    large, small, items = case(n, noise=noise)
    large = replace(large, content=reference and reference * 64)
    if reference == "b":
        large = replace(large, answers={id_: 0.99 * p + 0.01 / 3 for id_, p in large.answers.items()})
    models = {name: replace(small, name=name, content=f"{noise:.2f}"[-1] * 64)}
    if also:
        models[also] = replace(case(n, noise=2)[1], name=also, content="9" * 64)
    return Path(trusteq.audit(large, models, items, policy=policy, **FAST).save(out))
