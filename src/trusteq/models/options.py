"""Options for opening a model; each backend names those that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Option:
    """An option about a model: a keyword in Python and a flag on the command line.

    name: the keyword that a backend's ``open`` takes. help: its text in ``--help``; empty if its value follows from
    options about the items. flag: its name on the command line. value: what it takes: a text, a path, a whole
    number of 1 or more, nothing (a switch), or one of several texts. per_model: whether each model may have its own
    value, given as NAME=VALUE. several: whether the value is a list, separated by commas. permits: whether it only
    allows something, which items may need as well as models.
    """

    name: str
    help: str = ""
    flag: str = ""
    value: Literal["text", "path", "count", "nothing"] | tuple[str, ...] = "text"
    per_model: bool = False
    several: bool = False
    permits: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "flag", self.flag or f"--{self.name.replace('_', '-')}")


LABELS = Option("labels", "Label names in the model's order: [NAME=]a,b,c.", per_model=True, several=True)
SCORES = Option(
    "scores",
    "Content of prediction files and of ONNX and LiteRT outputs: [NAME=]probabilities|logits.",
    value=("probabilities", "logits"),
    per_model=True,
)
TOKENIZER = Option(
    "tokenizer",
    "Folder with tokenizer.json, for ONNX models without one in their own folder: [NAME=]FOLDER.",
    value="path",
    per_model=True,
)
OUTPUT = Option("output", "Name of the output to use, for ONNX graphs with several: [NAME=]OUTPUT.", per_model=True)
PREPROCESSING = Option(
    "preprocessing",
    "What an ONNX or LiteRT model does to pictures or sounds: [NAME=]FILE.yaml, by default the .yaml beside its file.",
    value="path",
    per_model=True,
)
SCORE = Option(
    "score",
    "How stored log-probabilities of choices become probabilities: sum or per_byte (of each choice).  [default: sum]",
)
DEVICE = Option("device", "Device for transformers models, e.g. cuda.")
DOWNLOAD = Option(
    "download", "Allow downloads from the Hugging Face hub; nothing else goes online.", value="nothing", permits=True
)
BUDGET = Option(
    "budget", "Maximum number of tokens per batch, including padding.", flag="--token-budget", value="count"
)
TOP_TOKENS = Option(
    "top_tokens",
    "For language models that do not fit in memory together: the reference reads the texts first, its so many most "
    "probable tokens at every place are stored, and candidates are compared with those.",
    value="count",
)
TASK = Option("task", "How a language model is asked: a YAML file.", value="path")
STORED_IN = Option("stored_in")
CROWDED = Option("crowded")
PLAIN = Option("plain", value="nothing")
ID = Option("id")
BY_ROW = Option("by_row", value="nothing")
NOT_LABELS = Option("not_labels", several=True)
TAKEN = Option("taken")

GIVEN = (SCORE, LABELS, SCORES, TOKENIZER, OUTPUT, BUDGET, PREPROCESSING, TASK, TOP_TOKENS, DEVICE, DOWNLOAD)
"""Those that trusteq's own backends take from the command line, in the order of ``--help``, which opens no backend."""
