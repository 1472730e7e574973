"""The options for opening a model; each backend names those that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Option:
    """An option of a model: a keyword in Python, and a flag on the command line.

    name: the keyword that a backend's ``open`` takes. help: the help text on the command line; empty if the command
    line sets it through options about the items. flag: its name on the command line. value: a text, a whole number of 1
    or more, nothing (the flag is present or not), or one of several texts. per_model: whether each model may have its
    own value, given as NAME=VALUE. several: whether the value is a comma-separated list. permits: whether it only
    allows something, so that it is no error if it has no effect.
    """

    name: str
    help: str = ""
    flag: str = ""
    value: Literal["text", "count", "nothing"] | tuple[str, ...] = "text"
    per_model: bool = False
    several: bool = False
    permits: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "flag", self.flag or f"--{self.name.replace('_', '-')}")


LABELS = Option("labels", "Label names of a model in its own order: [NAME=]a,b,c.", per_model=True, several=True)
SCORES = Option(
    "scores",
    "What prediction files and ONNX outputs contain: [NAME=]probabilities|logits.",
    value=("probabilities", "logits"),
    per_model=True,
)
TOKENIZER = Option("tokenizer", "Folder with tokenizer.json, for ONNX models whose own folder has none.")
OUTPUT = Option("output", "Which output of an ONNX graph to use, if it has several.")
DEVICE = Option("device", "Where to run transformers models, e.g. cuda.")
DOWNLOAD = Option("download", "Allow fetching a hub id; nothing else ever goes online.", value="nothing", permits=True)
BUDGET = Option("budget", "Tokens in one batch, including padding.", flag="--token-budget", value="count")
ID = Option("id")
BY_ROW = Option("by_row", value="nothing")
NOT_LABELS = Option("not_labels", several=True)
