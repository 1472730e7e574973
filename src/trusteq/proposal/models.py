"""What can be seen of a model without running it: what it reads, and its labels."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trusteq.data.label_sets import are_numbered, enumerated
from trusteq.data.prediction_file import label_columns
from trusteq.data.predictions import unlike_logits
from trusteq.data.readers import read_table
from trusteq.data.results import LLAMA_CPP, format_of
from trusteq.errors import ModelError, TrusteqError
from trusteq.models.files import read_config
from trusteq.models.hub import cached_config
from trusteq.models.labels import configured_labels
from trusteq.models.onnx_by_label import is_by_label, labels_of
from trusteq.models.onnx_file import graph_file, open_session, scores_output
from trusteq.models.onnx_session import DTYPES
from trusteq.models.open import backend_of
from trusteq.models.preprocessing import preprocessing_of
from trusteq.models.sound_preprocessing import SoundPreprocessing

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from trusteq.data.choice_results import ChoiceResults

Reads = Literal["stored", "results", "text", "question", "picture", "sound", "table", "array"]
"""What a model reads; stored predictions and results of an evaluation tool read nothing."""

ROWS = 1000
"""Rows of predictions that are looked at."""


@dataclass(frozen=True)
class SeenModel:
    """A model as it can be seen: in words, what it reads, its labels (none if they cannot be seen).

    lacks_tokenizer: whether it reads texts, but has no tokenizer beside it. fields: of stored choices, the fields of
    their records that items can be sliced and clustered by.
    """

    name: str
    location: str
    words: str
    reads: Reads
    labels: tuple[str, ...] = ()
    lacks_tokenizer: bool = False
    fields: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether it can answer new items, and so be explained."""
        return self.reads not in ("stored", "results")


def look_at_model(location: str, name: str) -> SeenModel:
    """The model at a location, as its files show it; an error if trusteq cannot open such a model."""
    path = Path(location).expanduser()
    backend = backend_of(location, name)

    def seen(reads: Reads, labels: tuple[str, ...] = (), **more: Any) -> SeenModel:
        return SeenModel(name, location, backend.words, reads, labels, **more)

    if (form := format_of(location)) is not None:
        if form is LLAMA_CPP:
            return seen("results")
        results: ChoiceResults = form.read(path)
        words = f"{form.words}: {len(results.questions):,} questions of {enumerated(results.tasks)}"
        return SeenModel(name, location, words, "results", fields=results.fields)
    if backend.kind == "predictions":
        return seen("stored", tuple(label_columns(path)))
    if backend.kind == "onnx":
        return _onnx(location, name, backend.words)
    if backend.kind == "litert":
        how = preprocessing_of(None, path, name=name)
        return seen("array" if how is None else "sound" if isinstance(how, SoundPreprocessing) else "picture")
    kinds: dict[str, Reads] = {
        "causal": "question",
        "transformers pictures": "picture",
        "transformers sounds": "sound",
        "transformers": "text",
    }
    reads = kinds.get(backend.kind, "text" if backend.reads_texts else "array")
    config = path / "config.json" if path.exists() else cached_config(location)
    if config is None:
        raise ModelError(
            f"model {name}: {location!r} is not a file or folder here, nor a model of the hub in the local cache; "
            "correct the path, or download it first"
        )
    return seen(reads, () if reads == "question" else _labels(config, name))


def _labels(config: Path, name: str) -> tuple[str, ...]:
    """The labels in a configuration, or none."""
    return configured_labels(read_config(config, name=name), name=name)


def scores_of(location: str, labels: Sequence[str]) -> NDArray[np.float64] | None:
    """The first rows [rows, labels] of a file of predictions; None if they are no numbers."""
    table = read_table(Path(location).expanduser(), labels, limit=ROWS)
    try:
        return np.array([[float(value) for value in table.values(label)] for label in labels]).T
    except (TypeError, ValueError):
        return None


def are_probabilities(scores: NDArray[np.float64] | None) -> bool:
    """Whether these rows [rows, labels] sum to 1."""
    return scores is not None and bool((scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=0.01))


def are_logits(scores: NDArray[np.float64] | None) -> bool:
    """Whether these numbers [rows, labels] are logits: some are negative, and they are nothing else that is."""
    if scores is None or not np.isfinite(scores).all() or not (scores < 0).any():
        return False
    return unlike_logits(scores) is None


def _onnx(location: str, name: str, words: str) -> SeenModel:
    file = graph_file(Path(location).expanduser(), name=name)
    labels = _labels(file.parent / "config.json", name)
    if (file.parent / "tokenizer.json").is_file():
        return SeenModel(name, location, words, "text", labels)
    if (how := preprocessing_of(None, file, name=name)) is not None:
        return SeenModel(name, location, words, "sound" if isinstance(how, SoundPreprocessing) else "picture", labels)
    session = open_session(file, name=name)
    if any(entry.name == "input_ids" for entry in session.get_inputs()):
        return SeenModel(name, location, words, "text", labels, lacks_tokenizer=True)
    with suppress(TrusteqError):
        chosen = scores_output(session.get_outputs(), None, name=name)
        labels = labels or (labels_of(session, chosen, DTYPES) if is_by_label(chosen) else ())
    return SeenModel(name, location, words, "table", labels)


def own_options(
    model: SeenModel, reference: SeenModel, gold: Collection[str], not_labels: Collection[str]
) -> list[tuple[str, Any, str]]:
    """Options that this model needs: their keys in an audit file, their values, and why.

    ``gold`` are the values of the label column, ``not_labels`` columns that have another part.
    """
    if model.reads == "stored":
        return _own_of_predictions(model, gold, not_labels)
    own: list[tuple[str, Any, str]] = []
    if model.lacks_tokenizer and model is not reference and (Path(reference.location) / "tokenizer.json").is_file():
        own.append(("tokenizer", reference.location, "it reads tokens, and has no tokenizer beside it"))
    same_number = not model.labels or len(model.labels) == len(reference.labels)
    if (
        model.runs
        and are_numbered(model.labels)
        and same_number
        and reference.labels
        and model.labels != reference.labels
    ):
        why = "it names none; these are the reference's, in its order: check that it is the same"
        own.append(("labels", list(reference.labels), why))
    return own


def _own_of_predictions(
    model: SeenModel, gold: Collection[str], not_labels: Collection[str]
) -> list[tuple[str, Any, str]]:
    """Which columns are labels, where the audit would take others for labels, too; and whether they hold logits."""
    columns = [label for label in model.labels if label not in not_labels]
    labels = [label for label in columns if label in gold]
    scores = scores_of(model.location, columns)
    own: list[tuple[str, Any, str]] = []
    if 1 < len(labels) < len(columns) and not are_probabilities(scores):
        scores = scores_of(model.location, labels)
        own.append(("labels", labels, "the values of the label column; other columns hold numbers, too"))
    if are_logits(scores):
        own.append(("scores", "logits", "some are below 0, and rows do not sum to 1"))
    return own
