"""A LiteRT file as a model: of pictures by their preprocessing, or of arrays and features as they are given."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trusteq.errors import LabelError, ModelError
from trusteq.models.backend import Backend
from trusteq.models.base import Finding, Identity
from trusteq.models.cost_litert import litert_weights
from trusteq.models.cost_machine import CPU
from trusteq.models.cost_size import Size, file_bytes
from trusteq.models.files import files_hash
from trusteq.models.labels import label_names
from trusteq.models.library_output import one_line
from trusteq.models.litert_session import LitertSession, litert_version, open_litert_session
from trusteq.models.made import trained_on
from trusteq.models.opening import Opening, opening
from trusteq.models.options import LABELS, OUTPUT, PREPROCESSING, SCORES
from trusteq.models.picture_input import PICTURES, picture_inputs, pillow, pillow_version
from trusteq.models.preprocessing import Preprocessing, preprocessing_of, refuse_other_shape, with_preprocessing
from trusteq.models.reading import only_segment
from trusteq.models.scores import as_probabilities, sum_to_one
from trusteq.models.sound_input import cut_sounds, sound_inputs
from trusteq.models.sound_preprocessing import SoundPreprocessing, refuse_other_length
from trusteq.models.traits import Traits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items

AS_GIVEN = frozenset({"array", "features"})
"""Kinds whose items are numbers already."""


def open_litert(
    location: str,
    *,
    name: str,
    labels: Sequence[str] | None = None,
    scores: Literal["logits", "probabilities"] | None = None,
    output: str | None = None,
    preprocessing: str | Path | Mapping[str, Any] | None = None,
) -> LitertModel:
    """A .tflite file ready to run on the CPU.

    ``preprocessing`` says how pictures or sounds become its input, by default the .yaml beside the file; without one it
    reads arrays as they are. Labels and the kind of ``scores`` may stand there, too; otherwise scores are logits.
    ``output`` names the output with the scores if there are several.
    """
    file = Path(location).expanduser()
    how = preprocessing_of(preprocessing, file, name=name)
    session = open_litert_session(file, output=output, name=name)
    if labels is None and (how is None or how.labels is None):
        raise LabelError(
            f"model {name}: {file} does not name its labels; give them in the order of the outputs with --labels "
            f"{name}=first,second, or as labels in {file.with_suffix('.yaml').name}"
        )
    names = label_names((), labels if labels is not None else how.labels if how else None, name=name)
    width = session.output.shape[-1] if session.output.shape else 1
    if width != len(names):
        raise LabelError(
            f"model {name}: output {session.output.name!r} has {width} numbers an item but there are {len(names)} "
            "label names; name them in order with --labels"
        )
    details: dict[str, Any] = {
        "input": [session.input.name, str(session.input.dtype), list(session.input.shape)],
        "output": session.output.name,
        "output type": str(session.output.dtype),
        "scores": scores or (how.scores if how else None) or "logits",
        "files": [file.name],
        "ai-edge-litert": litert_version(),
    }
    content = files_hash({"graph": file}, name=name)
    if how is not None:
        if isinstance(how, SoundPreprocessing):
            refuse_other_length(how, session.input.shape, session.input.name, name=name)
        else:
            pillow(name=name)
            refuse_other_shape(how, session.input.shape, session.input.name, name=name)
            details["pillow"] = pillow_version()
        if how.dtype != session.input.dtype and not (session.input.step and how.dtype == "float32"):
            raise ModelError(
                f"model {name}: input {session.input.name!r} is {session.input.dtype}, but the preprocessing says "
                f"dtype: {how.dtype}; correct it"
            )
        details["preprocessing"] = how.stated()
        content = with_preprocessing(content, how)
    return LitertModel(name, names, Identity("litert", location, content, details), session, how, file)


@dataclass(eq=False)
class LitertModel:
    """An open session, and what is done to pictures or sounds before it; None if it reads arrays as they are."""

    name: str
    labels: tuple[str, ...]
    identity: Identity
    session: LitertSession
    preprocessing: Preprocessing | SoundPreprocessing | None
    file: Path
    cut: dict[str, int] = field(default_factory=dict)

    def predict(self, items: Items) -> NDArray[np.float64]:
        """Probabilities [items, labels] in float64."""
        return self._predict(items, self.preprocessing)

    def through(self, items: Items, other: Preprocessing) -> NDArray[np.float64]:
        """The same of pictures that are resized and cropped as another model's are."""
        how = self._of_pictures
        return self._predict(items, None if how is None else how.seeing_as(other))

    @property
    def _of_pictures(self) -> Preprocessing | None:
        """What is done to pictures; None if it does not read them."""
        return self.preprocessing if isinstance(self.preprocessing, Preprocessing) else None

    @property
    def traits(self) -> Traits:
        """It runs on the CPU, one item at a time."""
        pictures = self._of_pictures
        reads = AS_GIVEN if self.preprocessing is None else frozenset({"picture" if pictures else "sound"})
        return Traits(
            reads=reads,
            budget=PICTURES,
            preprocessing=pictures,
            hears=self.preprocessing.heard() if isinstance(self.preprocessing, SoundPreprocessing) else None,
            truncated=self.cut,
            through=self.through if pictures else None,
            device=CPU,
            threads=lambda: self.session.threads,
            size=self._size,
            opening=self._opening,
            trained_on=partial(trained_on, [self.file]),
        )

    def findings(self) -> tuple[Finding, ...]:
        """The sounds of which it did not hear the end, and that its probabilities are rounded, if they are."""
        how = self.preprocessing
        seconds = (how.length or 0) / how.rate if isinstance(how, SoundPreprocessing) else 0.0
        return (*cut_sounds(self.cut, seconds, name=self.name), *self._rounded())

    def _rounded(self) -> tuple[Finding, ...]:
        step = self.session.output.step
        if step is None or self.identity.details["scores"] != "probabilities":
            return ()
        message = (
            f"its probabilities are rounded to multiples of {step:.4g}, so those of an item need not sum to 1; they "
            "are divided by their sum"
        )
        return (Finding(self.name, "rounded probabilities", message, step),)

    def _predict(self, items: Items, how: Preprocessing | SoundPreprocessing | None) -> NDArray[np.float64]:
        values = np.empty((len(items), len(self.labels)))
        for i, numbers in enumerate(self._inputs(items, how)):
            try:
                values[i] = self.session.answer(numbers)
            except (RuntimeError, ValueError, TypeError) as error:
                raise ModelError(
                    f"model {self.name}: failed while answering item {items.ids[i]!r}: {one_line(error)}"
                ) from error
        output, kind = self.session.output, self.identity.details["scores"]
        if kind == "probabilities" and output.step is not None:
            return sum_to_one(values, output.step, name=self.name, output=output.name)
        return as_probabilities(values, kind, output=output.name, name=self.name, changed=items.may_be_empty)

    def _inputs(self, items: Items, how: Preprocessing | SoundPreprocessing | None) -> Iterator[NDArray[Any]]:
        """What the graph reads of each item."""
        if isinstance(how, SoundPreprocessing):
            yield from sound_inputs(items, how, self.cut, name=self.name)
            return
        if how is not None:
            yield from picture_inputs(items, how, name=self.name, stored=self.session.input.stored)
            return
        for values in only_segment(items, AS_GIVEN, name=self.name).inputs():
            yield np.asarray(values)

    def _size(self) -> Size:
        weights = litert_weights(self.file)
        return Size(weights.parameters, file_bytes([self.file]), weights.bytes)

    def _opening(self) -> Opening | None:
        """How another process can open it; None for a subclass, which would be opened as this class."""
        if type(self) is not LitertModel:
            return None
        options: dict[str, Any] = {
            "labels": self.labels,
            "scores": self.identity.details["scores"],
            "output": self.session.output.name,
            "preprocessing": None if self.preprocessing is None else self.preprocessing.stated(),
        }
        return opening(self.identity, self.name, options, device=CPU, limit=None)


def _prepare(architecture: str | None) -> None:
    with suppress(ImportError):  # opening a model says what is missing
        import PIL.Image  # noqa: F401


LITERT = Backend(
    kind="litert",
    words="a LiteRT model",
    recognises=lambda _, path: path.suffix.lower() == ".tflite" and path.is_file(),
    open=open_litert,
    options=(LABELS, SCORES, OUTPUT, PREPROCESSING),
    prepare=_prepare,
)
