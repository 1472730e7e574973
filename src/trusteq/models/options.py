"""What a user may say about a model when it is opened; each backend names what concerns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Option:
    """Something that can be said about a model, in Python as a keyword and on the command line as a flag.

    name: the keyword that a backend's ``open`` takes. help: what the command line says of it; empty for what is said
    by options about the items. flag: what it is called there. value: what it takes: a text, a whole number of 1 or
    more, nothing at all (it is there or not), or one of several texts. per_model: whether each model may have its own,
    given as NAME=VALUE. several: whether the value is a list, given with commas. permits: whether it only allows
    something, so that it is never without effect.
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
    "What predictions files and ONNX outputs hold: [NAME=]probabilities|logits.",
    value=("probabilities", "logits"),
    per_model=True,
)
TOKENIZER = Option("tokenizer", "Folder with tokenizer.json for ONNX models that have none beside them.")
OUTPUT = Option("output", "Output of an ONNX graph that has several.")
DEVICE = Option("device", "Where transformers run, e.g. cuda.")
DOWNLOAD = Option("download", "Allow fetching a hub id; nothing else ever goes online.", value="nothing", permits=True)
BUDGET = Option("budget", "Tokens in one batch, padding included.", flag="--token-budget", value="count")
ID = Option("id")
BY_ROW = Option("by_row", value="nothing")
NOT_LABELS = Option("not_labels", several=True)
