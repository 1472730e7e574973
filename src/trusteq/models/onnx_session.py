"""A graph run by ONNX Runtime: on texts through a tokenizer, or on arrays and strings as they are."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trusteq.data.arrays import Arrays
from trusteq.data.predictions import log_softmax
from trusteq.errors import ModelError, OptionError
from trusteq.models.backend import Backend
from trusteq.models.base import Finding, Identity
from trusteq.models.batching import token_batches
from trusteq.models.cost_initialisers import initialisers
from trusteq.models.cost_machine import CPU
from trusteq.models.cost_size import Size, file_bytes
from trusteq.models.files import TOKENIZER_FILES, files_hash, holds_checkpoint, matching, read_config
from trusteq.models.labels import configured_labels
from trusteq.models.library_output import one_line
from trusteq.models.made import trained_on
from trusteq.models.onnx_answer import answered
from trusteq.models.onnx_by_label import is_by_label, labels_of
from trusteq.models.onnx_external import external_files
from trusteq.models.onnx_file import graph_file, open_session, output_labels, scores_output
from trusteq.models.onnx_pictures import OnnxPictures, open_onnx_pictures
from trusteq.models.onnx_runtime import onnx_runtime
from trusteq.models.onnx_sounds import OnnxSounds, open_onnx_sounds
from trusteq.models.opening import Opening, opening
from trusteq.models.options import BUDGET, LABELS, OUTPUT, PREPROCESSING, SCORES, TAKEN, TOKENIZER
from trusteq.models.preprocessing import preprocessing_of
from trusteq.models.scores import as_probabilities
from trusteq.models.sound_preprocessing import SoundPreprocessing
from trusteq.models.taken import taken_finding
from trusteq.models.token_limit import truncation
from trusteq.models.tokenizer_file import INPUTS, TokenizerFile, read_tokenizer, tokenizing
from trusteq.models.traits import Traits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.data.segment import Segment
    from trusteq.models.taken import Taken
    from trusteq.models.token_rows import TokenRows

TOKEN_BUDGET = 1024
"""Tokens in one batch, including padding."""

ROWS = 256
"""Rows in one batch of a graph that reads arrays."""

DTYPES: Mapping[str, type] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}


def open_onnx(
    location: str,
    *,
    name: str,
    labels: Sequence[str] | None = None,
    tokenizer: str | None = None,
    scores: Literal["logits", "probabilities"] | None = None,
    output: str | None = None,
    budget: int | None = None,
    preprocessing: str | Path | Mapping[str, Any] | None = None,
    taken: Taken | None = None,
    session: Any = None,
) -> OnnxModel | OnnxPictures | OnnxSounds:
    """A graph ready to run on the CPU, or in a ``session`` of the same file that is open already.

    ``location`` is a .onnx file or a folder with one; ``tokenizer`` is a folder with tokenizer.json, by default the
    model's own folder if that has one; it also brings the labels of the config.json beside it, if the model has none.
    What is then still missing is ``taken`` from the reference. ``output`` names the output with the scores if there
    are several; scores are probabilities if ``scores`` says so or the output is called "probabilities", otherwise
    logits. ``preprocessing`` says how pictures or sounds become its input, by default the .yaml beside a file that has
    no tokenizer.
    """
    file = graph_file(Path(location).expanduser(), name=name)
    reads_texts = tokenizer is not None or (file.parent / "tokenizer.json").is_file()
    if preprocessing is not None or not reads_texts:
        how = preprocessing_of(preprocessing, file, name=name)
        if how is not None and tokenizer is not None:
            raise OptionError(f"model {name}: a graph reads texts (tokenizer) or others (preprocessing); give one")
        if isinstance(how, SoundPreprocessing):
            return open_onnx_sounds(
                file, how, location=location, name=name, labels=labels, scores=scores, output=output, budget=budget
            )
        if how is not None:
            return open_onnx_pictures(
                file, how, location=location, name=name, labels=labels, scores=scores, output=output, budget=budget
            )
    weights = external_files(file, name=name)  # checked before anything is opened
    session = session or open_session(file, name=name)
    config = read_config(file.parent / "config.json", name=name)
    chosen = scores_output(session.get_outputs(), output, name=name)
    inputs = {entry.name: entry for entry in session.get_inputs()}
    files = {"graph": file, **weights, **matching(file.parent, ["config.json"])}
    from_reference: list[str] = []
    if not reads_texts and "input_ids" in inputs and taken is not None and taken.tokenizer is not None:
        tokenizer, from_reference = str(taken.tokenizer), ["tokenizer"]
    configured = configured_labels(config, name=name)
    if labels is None and not configured and is_by_label(chosen):
        configured = labels_of(session, chosen, DTYPES)
    if labels is None and not configured and tokenizer is not None and not from_reference:
        beside = Path(tokenizer).expanduser()
        configured = configured_labels(read_config(beside / "config.json", name=name), name=name)
        files |= matching(beside, ["config.json"]) if configured else {}
    if labels is None and not configured and taken is not None and taken.labels:
        labels, from_reference = taken.labels, [*from_reference, "labels"]
    naming = f"name the labels in the order of the outputs with --labels {name}=first,second"
    unnamed = f"no config.json with id2label beside {file.name}; {naming}"
    if "input_ids" in inputs and not reads_texts and not from_reference:
        unnamed = (
            f"neither tokenizer.json nor config.json with id2label beside {file.name}; name a folder that has both "
            f"with --tokenizer {name}=FOLDER; if only the labels are missing there, {naming}"
        )
    names = output_labels(chosen, configured, labels, unnamed=unnamed, name=name)

    reader = None
    folder = Path(tokenizer).expanduser() if tokenizer is not None else file.parent
    if tokenizer is not None or (folder / "tokenizer.json").is_file():
        reader = read_tokenizer(folder, config, name=name)
        unknown = [entry for entry in inputs if entry not in INPUTS]
        if unknown or "input_ids" not in inputs:
            raise ModelError(
                f"model {name}: the graph reads {', '.join(inputs)}; a tokenizer can give it {', '.join(INPUTS)}"
                + (f", not {', '.join(unknown)}" if unknown else "")
            )
        files |= matching(folder, TOKENIZER_FILES)
    unusable = [f"{entry.name}: {entry.type}" for entry in inputs.values() if entry.type not in DTYPES]
    if unusable:
        raise ModelError(f"model {name}: the graph has inputs of an unsupported type: {', '.join(unusable)}")

    kind: Literal["probabilities", "logits"] = scores or (
        "probabilities" if chosen.name == "probabilities" or is_by_label(chosen) else "logits"
    )
    return OnnxModel(
        name=name,
        labels=names,
        identity=Identity(
            kind="onnx",
            location=location,
            content=files_hash(files, name=name),
            details={
                "inputs": {entry.name: entry.type for entry in inputs.values()},
                "output": chosen.name,
                "output type": chosen.type,
                "scores": kind,
                "producer": session.get_modelmeta().producer_name,
                "providers": session.get_providers(),
                "tokenizer": str(folder) if reader else None,
                "files": sorted({path.name for path in files.values()}),
                "onnxruntime": onnx_runtime().__version__,
            },
        ),
        session=session,
        inputs=inputs,
        output=chosen.name,
        scores=kind,
        scores_stated=scores is not None,
        tokenizer=reader,
        budget=budget or TOKEN_BUDGET,
        files=files,
        from_reference=(taken_finding(from_reference, taken.reference, name=name),) if taken and from_reference else (),
    )


@dataclass(eq=False)
class OnnxModel:
    """An open session, which records what texts it had to truncate."""

    name: str
    labels: tuple[str, ...]
    identity: Identity
    session: Any
    inputs: Mapping[str, Any]
    output: str
    scores: Literal["logits", "probabilities"]
    scores_stated: bool
    tokenizer: TokenizerFile | None
    budget: int
    files: Mapping[str, Path]
    from_reference: tuple[Finding, ...] = ()
    cut: dict[str, int] = field(default_factory=dict)

    @property
    def limit(self) -> int | None:
        """The most tokens a row may have, according to tokenizer and graph."""
        limits = (self._fixed(axis=1), self.tokenizer.limit if self.tokenizer else None)
        return min((limit for limit in limits if limit is not None), default=None)

    def predict(self, items: Items) -> NDArray[np.float64]:
        """Probabilities [items, labels] in float64."""
        if self.tokenizer is None:
            answers = np.empty((len(items), len(self.labels)))
            for at, feed in self._arrays(items):
                answers[at] = self._run(feed, [f"item {items.ids[i]!r}" for i in at])[: len(at)]
            return self._probabilities(answers, items)
        texts = items.texts()
        if len(texts) > 2:
            raise ModelError(
                f"model {self.name}: the items have {len(texts)} text segments ({', '.join(items.segments)}); "
                "a tokenizer encodes one text or a pair; name one or two columns with --text"
            )
        with tokenizing(self.name):
            rows, cut = self.tokenizer.encode(list(zip(*texts, strict=True)), limit=self.limit, name=self.name)
        self.cut.update({items.ids[row]: tokens for row, tokens in cut.items()})
        return self._probabilities(self._answers(rows, items.ids), items)

    @property
    def traits(self) -> Traits:
        """It runs on the CPU, and answers changed items like any others."""
        return Traits(
            reads=None if self.tokenizer is None else frozenset({"text"}),
            budget=self.budget,
            tokens=None if self.tokenizer is None else self,
            truncated=self.cut,
            device=CPU,
            # 0 leaves it to the runtime, which uses one a physical core.
            threads=lambda: int(self.session.get_session_options().intra_op_num_threads) or None,
            size=self._size,
            opening=self._opening,
            refuses=self._refuse_unread if self.tokenizer is None else None,
            tokenizer_folder=None if self.tokenizer is None else Path(self.identity.details["tokenizer"]),
            trained_on=partial(trained_on, [self.files["graph"]]),
        )

    def _size(self) -> Size:
        weights = initialisers(self.files["graph"])
        return Size(weights.parameters, file_bytes(self.files.values()), weights.bytes)

    def _opening(self) -> Opening | None:
        """How another process can open it; None for a subclass, which would be opened as this class."""
        if type(self) is not OnnxModel:
            return None
        options = {
            "labels": self.labels,
            "budget": self.budget,
            "output": self.output,
            "tokenizer": self.identity.details["tokenizer"],
            "scores": self.scores if self.scores_stated else None,
        }
        return opening(self.identity, self.name, options, device=CPU, limit=self.limit)

    def encode(self, texts: Sequence[tuple[str, ...]]) -> TokenRows:
        """The tokens of texts, each the segments of one row, truncated to the model's limit."""
        with tokenizing(self.name):
            return self._reader.encode(texts, limit=self.limit, name=self.name)[0]

    def answer(self, rows: TokenRows, *, alone: bool = False) -> NDArray[np.float64]:
        """Log-probabilities [rows, labels]; with ``alone``, rows are run one at a time."""
        scores = self._answers(rows, None, alone=alone)
        if self.scores == "logits":
            return log_softmax(scores)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(scores))

    def tokenizer_json(self) -> str | None:
        """Its tokenizer in the JSON format of the ``tokenizers`` library."""
        return str(self._reader.tokenizer.to_str())

    @property
    def mask_token(self) -> str | None:
        """The text of its tokenizer's mask token."""
        return self._reader.mask_token

    @property
    def _reader(self) -> TokenizerFile:
        if self.tokenizer is None:
            raise ModelError(f"model {self.name}: the graph reads arrays; name a tokenizer folder with --tokenizer")
        return self.tokenizer

    def _probabilities(self, answers: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
        changed = items.may_be_empty
        return as_probabilities(answers, self.scores, output=self.output, name=self.name, changed=changed)

    def findings(self) -> tuple[Finding, ...]:
        """What was taken from the reference, and the texts truncated so far."""
        if not self.cut:
            return self.from_reference
        cut = truncation(self.cut, limit=self.limit, name=self.name, left=self._reader.cut_left)
        return (*self.from_reference, cut)

    def _answers(self, rows: TokenRows, ids: Sequence[str] | None, *, alone: bool = False) -> NDArray[np.float64]:
        """The graph's scores [rows, labels] for these tokens."""
        reader, fixed = self._reader, self._fixed(axis=1)
        if fixed and reader.pad_id is None:
            raise ModelError(
                f"model {self.name}: the graph reads exactly {fixed} tokens, but its tokenizer has no padding token"
            )
        lengths = np.full(len(rows), fixed, dtype=np.int64) if fixed else rows.lengths
        # Without a mask a graph reads padding as text, so each row goes alone.
        can_pad = not alone and (fixed or (reader.pad_id is not None and "attention_mask" in self.inputs))
        answers = np.empty((len(rows), len(self.labels)))
        feed: dict[str, NDArray[Any]]
        for batch in token_batches(lengths, budget=self.budget if can_pad else 0):
            for at, filled in self._rows(batch):
                arrays = rows.padded(
                    filled, pad_id=reader.pad_id or 0, pad_type=reader.pad_type_id, left=reader.pad_left, length=fixed
                )
                feed = {key: arrays[key].astype(DTYPES[entry.type]) for key, entry in self.inputs.items()}
                what = ["a perturbed text" if ids is None else f"item {ids[i]!r}" for i in at]
                answers[at] = self._run(feed, what)[: len(at)]
        return answers

    def _arrays(self, items: Items) -> Iterator[tuple[NDArray[np.int64], dict[str, NDArray[Any]]]]:
        """Positions of items, and the inputs to feed for them, batch by batch."""
        self._refuse_unread(items)
        segments = self._by_input(items)
        columns = [name for segment in items.segments.values() for name in segment.named()]
        for key, entry in self.inputs.items():
            words = None if key in items.segments or not columns else segments[key].texts()
            if words is not None and entry.type != "tensor(string)":
                one = next((i for i, word in enumerate(words) if word and not _is_number(word)), 0)
                raise ModelError(
                    f"model {self.name}: the graph reads numbers from column {key!r}, but it holds categories, e.g. "
                    f"{words[one]!r} in item {items.ids[one]!r}; correct the column, or read it as numbers"
                )
        feed = {key: self._cast(segments[key], entry) for key, entry in self.inputs.items()}
        for start in range(0, len(items), ROWS):
            for at, filled in self._rows(np.arange(start, min(start + ROWS, len(items)))):
                yield at, {key: values[filled] for key, values in feed.items()}

    def _refuse_unread(self, items: Items) -> None:
        """Stop if the items lack something that the graph reads."""
        segments = self._by_input(items)
        absent = [key for key in self.inputs if key not in segments]
        columns = [name for segment in items.segments.values() for name in segment.named()]
        reads_tokens = "input_ids" in self.inputs and not {"input_ids"} & {*items.segments, *columns}
        if reads_tokens and any(segment.texts() is not None for segment in items.segments.values()):
            raise ModelError(
                f"model {self.name}: the graph reads tokens ({', '.join(self.inputs)}), but its folder has no "
                "tokenizer.json; name a folder that has one with --tokenizer"
            )
        if absent and columns:
            raise ModelError(
                f"model {self.name}: the graph reads {', '.join(map(repr, absent))}, but the items' columns are "
                f"{', '.join(map(repr, columns))}; name the columns that it reads with --columns"
            )
        if absent:
            raise ModelError(
                f"model {self.name}: the graph reads {', '.join(self.inputs)}, but the items have "
                f"{', '.join(items.segments) or 'nothing'}; give a segment for each name: "
                "columns of a table with --columns"
            )

    def _by_input(self, items: Items) -> Mapping[str, Segment]:
        """The segments, and the named parts of those that have such, by the names of the graph's inputs."""
        if len(self.inputs) == len(items.segments) == 1:
            (key,), (segment,) = self.inputs, items.segments.values()
            named = segment.named()
            return {key: segment if not named else self._matrix(named, self.inputs[key])} if key not in named else named
        parts: dict[str, Segment] = {}
        for name, segment in items.segments.items():
            parts |= segment.named() or {name: segment}
        # Exporters write names so that they are identifiers.
        return {**{re.sub(r"\W", "_", name): part for name, part in parts.items()}, **parts}

    def _matrix(self, columns: Mapping[str, Segment], entry: Any) -> Segment:
        """The columns of a table as the one array [items, columns] that the graph reads."""
        texts = [name for name, column in columns.items() if column.texts() is not None]
        if texts:
            raise ModelError(
                f"model {self.name}: the graph reads one array of numbers, {entry.name}, but column {texts[0]!r} holds "
                "categories; name the columns that it reads with --columns"
            )
        width = entry.shape[1] if len(entry.shape) == 2 else None
        if isinstance(width, int) and width != len(columns):
            raise ModelError(
                f"model {self.name}: the graph reads {width} columns, but the items have {len(columns)}; name the "
                "columns that it reads, in its order, with --columns"
            )
        return Arrays(np.stack([np.asarray(column, np.float64) for column in columns.values()], axis=1))

    def _cast(self, segment: Segment, entry: Any) -> NDArray[Any]:
        """The segment [items, ...] in the type and number of axes that the graph declares for this input."""
        is_text = segment.texts() is not None
        reads_text = entry.type == "tensor(string)"
        if is_text and not reads_text:
            raise ModelError(
                f"model {self.name}: graph input {entry.name!r} is {entry.type}, but the segment is text; "
                "name the folder of its tokenizer.json with --tokenizer"
            )
        values = np.asarray(segment, dtype=object if is_text else None)
        try:
            values = values.astype(DTYPES[entry.type], casting="unsafe" if reads_text else "same_kind")
        except TypeError as error:
            advice = "; pictures and sounds need a preprocessing (--preprocessing)" if values.dtype == object else ""
            raise ModelError(f"model {self.name}: graph input {entry.name!r}: {one_line(error)}{advice}") from error
        return values[:, None] if values.ndim == 1 and len(entry.shape) == 2 else values

    def _rows(self, batch: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """The batch in parts of the size that the graph takes: each part, and the part filled up to a fixed size."""
        size = self._fixed(axis=0) or len(batch)
        for start in range(0, len(batch), size):
            part = batch[start : start + size]
            # Filled with copies of the last row, whose answers are dropped.
            yield part, np.pad(part, (0, size - len(part)), mode="edge")

    def _fixed(self, axis: int) -> int | None:
        """The length of an axis of the inputs if the graph fixes it."""
        shapes = [entry.shape for entry in self.inputs.values()]
        return next((s[axis] for s in shapes if len(s) > axis and isinstance(s[axis], int)), None)

    def _run(self, feed: dict[str, NDArray[Any]], what: Sequence[str]) -> NDArray[Any]:
        """The graph's scores; ``what`` names each item in messages."""
        ask = partial(answered, self.session, output=self.output, labels=len(self.labels), name=self.name)
        try:
            return ask(feed, what=what[0])
        except ModelError:
            if self._fixed(axis=0) is None:
                for row, one in enumerate(what):  # which of a batch fails is seen only by asking about each
                    ask({key: values[row : row + 1] for key, values in feed.items()}, what=one)
            raise


def _is_number(text: str) -> bool:
    with suppress(ValueError):
        float(text)
        return True
    return False


def _prepare(architecture: str | None) -> None:
    onnx_runtime()
    with suppress(ImportError):  # not needed for a graph that reads arrays
        import tokenizers  # noqa: F401


ONNX = Backend(
    kind="onnx",
    words="an ONNX model",
    recognises=lambda _, path: (
        path.suffix.lower() == ".onnx" or (any(path.glob("*.onnx")) and not holds_checkpoint(path))
    ),
    open=open_onnx,
    options=(LABELS, SCORES, TOKENIZER, OUTPUT, BUDGET, PREPROCESSING, TAKEN),
    reads_tables=lambda _, path: not ((path if path.is_dir() else path.parent) / "tokenizer.json").is_file(),
    prepare=_prepare,
)
