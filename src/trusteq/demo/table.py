"""The demo on a table, without any download: a boosted model, its export, and two smaller models.

The data are scikit-learn's measurements of breast tumours: 569 rows, 30 columns. Many columns say nearly the same, so
models of the same answers may read different ones; they are explained in groups, and by single columns for comparison.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.models.base import Model
    from trusteq.progress import Tell
    from trusteq.record.audit import Audit

LABELS = ("malignant", "benign")
TRAIN = 0.28
EXPLAINED = 200


def audit_table(
    *,
    seed: int = 0,
    tell: Tell = silent,
    say: Callable[[str], None] = lambda line: None,
) -> Audit:
    """The audit of an exported, a small and a linear model against a boosted one, all trained now."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    import trusteq

    table, malignant = load_breast_cancer(return_X_y=True, as_frame=True)
    train, test, train_y, test_y = train_test_split(
        table, malignant, train_size=TRAIN, random_state=seed, stratify=malignant
    )
    say("training a boosted model, a small tree and a linear model ...")
    large = GradientBoostingClassifier(random_state=seed).fit(train, train_y)
    small = {
        "tree": DecisionTreeClassifier(max_depth=3, random_state=seed).fit(train, train_y),
        "linear": make_pipeline(StandardScaler(), LogisticRegression()).fit(train, train_y),
    }
    items = trusteq.read_items(
        test.assign(label=test_y.map(dict(enumerate(LABELS)))), columns="all", label="label", background=train
    )
    candidates: dict[str, Any] = {
        name: trusteq.from_estimator(model, name=name, labels=LABELS) for name, model in small.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        exported = _exported(large, train.to_numpy(np.float32)[:1], Path(folder) / "export.onnx", say)
        if exported is not None:
            candidates = {"export": exported, **candidates}
        return trusteq.audit(
            trusteq.from_estimator(large, name="boosted", labels=LABELS),
            candidates,
            items,
            seed=seed,
            explain=trusteq.ExplainSettings(items=EXPLAINED),
            progress=tell,
        )


def _exported(estimator: Any, example: Any, file: Path, say: Callable[[str], None]) -> Model | None:
    """The estimator as an ONNX graph, which reads numbers in 32 bits; None if no exporter is installed."""
    import trusteq

    try:
        import skl2onnx

        file.write_bytes(skl2onnx.to_onnx(estimator, example).SerializeToString())
        return trusteq.open_model(file, name="export", options={"labels": LABELS})
    except (ModuleNotFoundError, trusteq.MissingExtraError):
        say("export is left out: it needs skl2onnx and onnxruntime (pip install skl2onnx onnxruntime)")
        return None
