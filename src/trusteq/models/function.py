"""Python functions and scikit-learn estimators as models."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.label_sets import listed
from trusteq.errors import DataError, ModelError
from trusteq.models.base import Finding, Identity, Model
from trusteq.models.labels import label_names
from trusteq.models.library_output import one_line
from trusteq.models.traits import Traits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items


@dataclass(frozen=True, eq=False)
class FunctionModel:
    """A function from inputs to probabilities [items, labels]."""

    name: str
    labels: tuple[str, ...]
    identity: Identity
    function: Callable[[Any], Any]

    def predict(self, items: Items) -> NDArray[np.floating[Any]]:
        """What the function answers.

        It is given the one segment as its kind hands it out (texts as a list, an array as it is), of several a list
        with one tuple an item.
        """
        parts = list(items.segments.values())
        if not parts:
            raise DataError(f"{items.source}: no input was named for model {self.name}; say which columns to read")
        if len(parts) > 1:
            inputs: Any = list(zip(*parts, strict=True))
        else:
            inputs = parts[0].inputs()
        answer = self._in_order(self.function(inputs))
        try:
            values = np.asarray(answer)
            if np.iscomplexobj(values):
                raise ModelError(f"model {self.name}: the answer holds complex numbers; answer real probabilities")
            return values.astype(np.float64)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ModelError(
                f"model {self.name}: the answer is no table of numbers [items, labels]: {one_line(error)}"
            ) from error

    @property
    def traits(self) -> Traits:
        """Nothing is known of a function."""
        return Traits()

    def _in_order(self, answer: Any) -> Any:
        """The answer, a data frame's columns put in the order of the labels by name."""
        columns = getattr(answer, "columns", None)
        if columns is None or not hasattr(answer, "to_numpy"):
            return answer
        names = [str(column) for column in columns]
        if sorted(names) != sorted(self.labels):
            raise ModelError(
                f"model {self.name}: the answer is a data frame with the columns {listed(names)}, but the labels are "
                f"{listed(self.labels)}; name its columns by label, or answer .to_numpy() in their order"
            )
        return answer.to_numpy()[:, [names.index(label) for label in self.labels]]

    def findings(self) -> tuple[Finding, ...]:
        """Nothing: a function is not looked into."""
        return ()


def from_callable(function: Callable[[Any], Any], *, labels: Sequence[str], name: str) -> FunctionModel:
    """A model that asks a function for probabilities [items, labels], in the order of ``labels``."""
    where = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', type(function).__name__)}"
    identity = Identity("callable", where, None)
    return FunctionModel(name, label_names((), labels, name=name), identity, function)


def from_estimator(estimator: Any, *, name: str, labels: Sequence[str] | None = None) -> FunctionModel:
    """A model that asks a fitted scikit-learn classifier; its labels are ``classes_`` unless renamed."""
    kind = type(estimator)
    if not hasattr(estimator, "predict_proba"):
        raise ModelError(
            f"model {name}: {kind.__name__} has no predict_proba; wrap it in "
            "sklearn.calibration.CalibratedClassifierCV, or give a function of your own with from_callable"
        )
    if not hasattr(estimator, "classes_"):
        raise ModelError(f"model {name}: {kind.__name__} has no classes_; fit it first")
    names = label_names([str(label) for label in estimator.classes_], labels, name=name)
    identity = Identity("scikit-learn", f"{kind.__module__}.{kind.__qualname__}", None)
    return FunctionModel(name, names, identity, estimator.predict_proba)


def called(model: Model, name: str) -> Model:
    """The model under another name."""
    if model.name == name:
        return model
    if not is_dataclass(model) or isinstance(model, type):
        raise ModelError(f"candidate {name!r}: the model calls itself {model.name!r}; give it one of the two names")
    renamed: Model = replace(model, name=name)
    return renamed


def as_model(thing: Any, *, name: str) -> Model:
    """The model itself, or a fitted scikit-learn classifier made into one."""
    if isinstance(thing, Model):
        return thing
    if hasattr(thing, "predict_proba") or hasattr(thing, "classes_"):
        return from_estimator(thing, name=name)
    raise ModelError(
        f"model {name}: {type(thing).__name__} is neither a trusteq model nor a classifier with predict_proba; "
        "open a file or folder with open_model, or wrap a function with from_callable(function, labels=[...])"
    )
