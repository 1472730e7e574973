"""Whatever people have in hand as a model: an estimator, a pipeline, a session, a module, or predictions.

Each becomes a model by an adapter of its own, which says what of it is hashed and whether it can be explained.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.data.score_table import is_scores
from trusteq.errors import ModelError, OptionError
from trusteq.models.base import Model
from trusteq.models.files import refuse_pickle
from trusteq.models.function import from_estimator

if TYPE_CHECKING:
    from collections.abc import Callable


def is_pair(value: object) -> bool:
    """Whether these two things are one model: a torch model or a session, and what makes its inputs."""
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    from trusteq.models.session_in_hand import is_session
    from trusteq.models.torch_in_hand import is_module, is_tokenizer

    first, second = value
    makes_inputs = is_tokenizer(second) or (
        callable(second) and not is_module(second) and not isinstance(second, Model)
    )
    return is_session(first) or (is_module(first) and makes_inputs)


def as_model(given: Any, *, name: str, **options: Any) -> Model:
    """The model itself, or what was given as one; ``options`` are those of `open_model` that apply to it."""
    if isinstance(given, Model):
        return given
    adapter, what = _adapter(given, name=name)
    try:
        return adapter(given, name=name, **options)
    except TypeError as error:
        unknown = next((option for option in options if f"argument '{option}'" in str(error)), None)
        if unknown is None:
            raise
        raise OptionError(f"model {name}: {unknown} has no effect on {what}; leave it out") from None


def kind_of(given: Any) -> str:
    """What to call a model that has no name: its class, or "predictions"."""
    if is_pair(given):
        return type(given[0]).__name__
    return "predictions" if is_scores(given) else type(given).__name__


def _is_estimator(given: Any) -> bool:
    return hasattr(given, "predict_proba") or hasattr(given, "classes_")


def _adapter(given: Any, *, name: str) -> tuple[Callable[..., Model], str]:
    """What makes a model of this, and what this is in words."""
    if _is_estimator(given):
        return from_estimator, "an estimator"
    if is_pair(given):
        return _of_pair, "a model in memory"
    from trusteq.models.session_in_hand import is_session, of_session
    from trusteq.models.torch_in_hand import is_module, is_pipeline, of_pipeline

    if is_pipeline(given):
        return of_pipeline, "a pipeline"
    if is_session(given):
        return of_session, "a session"
    kind = type(given).__name__
    if is_module(given):
        raise ModelError(
            f"model {name}: {kind} does not say how items become its inputs; give a pair: (model, tokenizer), or "
            "(module, function), whose function makes them"
        )
    if is_scores(given):
        from trusteq.models.prediction_file import stored_predictions

        return stored_predictions, "predictions in memory"
    if isinstance(given, str | Path):
        refuse_pickle(Path(given), name=name)
        raise ModelError(
            f"model {name}: {str(given)!r} is a name, not a model; open it with trusteq.open_model({str(given)!r})"
        )
    raise ModelError(
        f"model {name}: {kind} is neither a trusteq model nor a classifier with predict_proba, nor a pipeline, a pair "
        "(model, tokenizer), an ONNX session or an array or data frame of predictions; open a file or folder with "
        "open_model, or wrap a function with from_callable(function, labels=[...])"
    )


def _of_pair(given: Any, *, name: str, **options: Any) -> Model:
    """The model of a pair."""
    from trusteq.models.session_in_hand import is_session, of_session
    from trusteq.models.torch_in_hand import is_tokenizer, of_module, of_transformer

    first, second = given
    if is_session(first):
        return of_session(first, second, name=name, **options)
    make = of_transformer if is_tokenizer(second) else of_module
    return make(first, second, name=name, **options)
