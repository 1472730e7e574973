"""Python functions and scikit-learn estimators as models."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.frame import is_frame
from trusteq.data.label_sets import listed
from trusteq.errors import DataError, ModelError
from trusteq.models.base import Finding, Identity, Model
from trusteq.models.frames import on_frames, reads_texts
from trusteq.models.labels import label_names
from trusteq.models.library_output import one_line
from trusteq.models.traits import Traits
from trusteq.models.unseen import unseen_categories

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.data.segment import Segment


MOST_NUMBERS = 2**25
"""The most characters, numbers or pixels that a function gets in one call: some 100 megabytes of pictures."""


@dataclass(frozen=True, eq=False)
class FunctionModel:
    """A function from inputs to probabilities [items, labels].

    estimator: the fitted estimator that it asks, if it is one.
    """

    name: str
    labels: tuple[str, ...]
    identity: Identity
    function: Callable[[Any], Any]
    estimator: Any = None

    def predict(self, items: Items) -> NDArray[np.floating[Any]]:
        """The function's probabilities.

        It gets a single segment in the form of its kind (texts as a list, an array as it is), several segments as a
        list with one tuple per item; of large inputs, `MOST_NUMBERS` in one call.
        """
        starts = _pieces(items)
        if len(starts) <= 1:
            return self._answers(items)
        ends = [*starts[1:], len(items)]
        parts = [self._answers(items.take(range(start, end))) for start, end in zip(starts, ends, strict=True)]
        try:
            return np.concatenate(parts)
        except ValueError:
            shapes = " and ".join(dict.fromkeys(str(list(part.shape)) for part in parts))
            raise ModelError(
                f"model {self.name}: the function returned tables of shape {shapes}; return one [items, labels]"
            ) from None

    def _answers(self, items: Items) -> NDArray[np.floating[Any]]:
        """The answers of one call."""
        segments = list(items.segments.values())
        if not segments and (first := reads_texts(self.estimator)):
            raise DataError(
                f"{items.source}: model {self.name} begins with {first}, which reads texts; name their column with "
                "--text COLUMN"
            )
        if not segments:
            raise DataError(
                f'{items.source}: model {self.name} has no input; name what it reads: columns="all" for the rows of a '
                "table, or text=, picture= or sound= with the name of a column"
            )
        if len(segments) > 1:
            inputs: Any = list(zip(*map(_one_by_one, segments), strict=True))
        else:
            inputs = segments[0].inputs()
        answer = self._in_order(self.function(inputs))
        try:
            values = np.asarray(answer)
            if np.iscomplexobj(values):
                raise ModelError(f"model {self.name}: the function returned complex numbers; return real probabilities")
            return values.astype(np.float64)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ModelError(
                f"model {self.name}: the function did not return a table of numbers [items, labels]: {one_line(error)}"
            ) from error

    @property
    def traits(self) -> Traits:
        """The defaults, as nothing is known about a function; an estimator knows what it was fitted on."""
        return Traits(notices=None if self.estimator is None else self._unprepared)

    def _unprepared(self, items: Items) -> tuple[Finding, ...]:
        inputs = [segment.inputs() for segment in items.segments.values()]
        if len(inputs) != 1 or not is_frame(inputs[0]):
            return ()
        return unseen_categories(self.estimator, inputs[0], name=self.name)

    def _in_order(self, answer: Any) -> Any:
        """The answer; the columns of a data frame are put in the order of the labels."""
        columns = getattr(answer, "columns", None)
        if columns is None or not hasattr(answer, "to_numpy"):
            return answer
        names = [str(column) for column in columns]
        if sorted(names) != sorted(self.labels):
            raise ModelError(
                f"model {self.name}: the function returned a data frame with columns {listed(names)}, but the labels "
                f"are {listed(self.labels)}; name its columns after them, or return .to_numpy() in their order"
            )
        return answer.to_numpy()[:, [names.index(label) for label in self.labels]]

    def findings(self) -> tuple[Finding, ...]:
        """None, as a function is not inspected."""
        return ()


def _pieces(items: Items) -> list[int]:
    """Where each call starts: as many items as fit, at least one."""
    sizes = sum((segment.sizes() for segment in items.segments.values()), np.zeros(len(items), np.int64))
    starts, held = [0], 0
    for item, size in enumerate(sizes.tolist()):
        if held + size > MOST_NUMBERS and item > starts[-1]:
            starts.append(item)
            held = 0
        held += size
    return starts


def _one_by_one(segment: Segment) -> Any:
    """The inputs item by item: decoded where the kind decodes them."""
    inputs = segment.inputs()
    return inputs if isinstance(inputs, list | np.ndarray) else segment


def from_callable(function: Callable[[Any], Any], *, labels: Sequence[str], name: str | None = None) -> FunctionModel:
    """A model that calls a function for probabilities [items, labels], in the order of ``labels``.

    It is named after the function unless ``name`` says otherwise.
    """
    where = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', type(function).__name__)}"
    name = name or getattr(function, "__name__", type(function).__name__).strip("<>")
    identity = Identity("callable", where, None)
    return FunctionModel(name, label_names((), labels, name=name), identity, function)


def from_estimator(estimator: Any, *, name: str, labels: Sequence[str] | None = None) -> FunctionModel:
    """A model that calls a fitted scikit-learn classifier; its labels are ``classes_`` unless renamed."""
    kind = type(estimator)
    if not hasattr(estimator, "predict_proba"):
        raise ModelError(
            f"model {name}: {kind.__name__} has no predict_proba; wrap it in "
            "sklearn.calibration.CalibratedClassifierCV, or use a function of your own with from_callable"
        )
    if not hasattr(estimator, "classes_"):
        raise ModelError(f"model {name}: {kind.__name__} has no classes_; fit it first")
    names = label_names([str(label) for label in estimator.classes_], labels, name=name)
    identity = Identity("scikit-learn", f"{kind.__module__}.{kind.__qualname__}", None)
    return FunctionModel(name, names, identity, on_frames(estimator, name=name), estimator)


def renamed(model: Model, name: str) -> Model:
    """The model under another name."""
    if model.name == name:
        return model
    if not is_dataclass(model) or isinstance(model, type):
        raise ModelError(f"candidate {name!r}: the model's own name is {model.name!r}; use the same name for both")
    result: Model = replace(model, name=name)
    return result
