"""Estimators on rows of a table: the columns that they were fitted on, by name, in the form in which they take them."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.frame import is_frame
from trusteq.data.label_sets import listed
from trusteq.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

CATEGORICAL = ("lightgbm", "xgboost")
"""Packages whose estimators take texts only as pandas' categories."""
REMEMBERS = (3, 1)
"""The first version of XGBoost whose models know the categories that they were fitted on."""


def on_frames(estimator: Any, *, name: str) -> Callable[[Any], Any]:
    """The estimator's ``predict_proba``; of a data frame, it is given the columns that it was fitted on."""

    def probabilities(inputs: Any) -> Any:
        return estimator.predict_proba(as_fitted(inputs, estimator, name=name) if is_frame(inputs) else inputs)

    return probabilities


def as_fitted(frame: pd.DataFrame, estimator: Any, *, name: str) -> Any:
    """The columns that the estimator was fitted on, in its order; a plain array if it was fitted on one."""
    known = getattr(estimator, "feature_names_in_", None)
    if known is None:
        return _array(frame, estimator, name=name)
    names = [str(column) for column in known]
    if missing := [column for column in names if column not in frame.columns]:
        raise ModelError(
            f"model {name}: it was fitted on column {missing[0]!r}, which the items do not have; their columns are "
            f"{listed([*map(str, frame.columns)])}: read all that it was fitted on, with "
            "columns=list(estimator.feature_names_in_)"
        )
    fitted = frame[names]
    package = type(estimator).__module__.partition(".")[0]
    if package in CATEGORICAL:
        texts = [column for column in names if fitted[column].dtype.kind == "O" or fitted[column].dtype == "str"]
        fitted = fitted.astype(dict.fromkeys(texts, "category"))
        if package == "xgboost":
            _refuse_recoded(fitted, import_module(package).__version__, name=name)
    return fitted


def reads_texts(estimator: Any) -> str | None:
    """The name of the first step of a scikit-learn pipeline, if it makes numbers of texts."""
    first = getattr(estimator, "steps", [("", estimator)])[0][1]
    return type(first).__name__ if type(first).__module__ == "sklearn.feature_extraction.text" else None


def _refuse_recoded(frame: pd.DataFrame, version: str, *, name: str) -> None:
    """Stop if this version of XGBoost knows categories only by their places among those of the rows it answers."""
    categories = [str(column) for column in frame.columns if frame[column].dtype == "category"]
    if categories and tuple(map(int, re.findall(r"\d+", version)[:2])) < REMEMBERS:
        raise ModelError(
            f"model {name}: column {categories[0]!r} holds categories, and XGBoost {version} takes their codes from "
            "the rows that it answers, not from those that it was fitted on; fit it again with xgboost>=3.1, or encode "
            "them in a pipeline"
        )


def _array(frame: pd.DataFrame, estimator: Any, *, name: str) -> Any:
    texts = [str(column) for column in frame.columns if not np.issubdtype(np.asarray(frame[column]).dtype, np.number)]
    texts = [column for column in texts if frame[column].dtype != np.bool_]
    if texts and (first := reads_texts(estimator)):
        raise ModelError(
            f"model {name}: it begins with {first}, which reads texts; name their column with --text {texts[0]} "
            "instead of --columns"
        )
    if texts:
        raise ModelError(
            f"model {name}: it was fitted on an array of numbers, but column {texts[0]!r} holds categories; fit it on "
            "a data frame with these columns"
        )
    expected = getattr(estimator, "n_features_in_", len(frame.columns))
    if expected != len(frame.columns):
        raise ModelError(
            f"model {name}: it was fitted on {expected} columns, but the items have {len(frame.columns)}; name the "
            "same columns in the same order with --columns"
        )
    return frame.to_numpy(dtype=np.float64)
