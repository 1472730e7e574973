"""Files in which an evaluation tool stored the answers of one model, with the questions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from trusteq.data import inspect_log, lighteval, llama_cpp, lm_eval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trusteq.data.items import Items


class Results(Protocol):
    """What a file or folder of results contains."""

    def items(self, *, slices: Sequence[str] = (), cluster: str | None = None) -> Items:
        """The items that were answered."""


@dataclass(frozen=True)
class ResultsFormat:
    """A kind of files: its name in identities and in messages, how it is recognised and read."""

    kind: str
    words: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path], Any]


LM_EVAL = ResultsFormat("lm-eval", "samples of lm-evaluation-harness", lm_eval.recognises, lm_eval.read)
LIGHTEVAL = ResultsFormat("lighteval", "details of lighteval", lighteval.recognises, lighteval.read)
INSPECT = ResultsFormat("inspect_ai", "a log of inspect_ai", inspect_log.recognises, inspect_log.read)
LLAMA_CPP = ResultsFormat(
    "llama.cpp", "token probabilities that llama.cpp stored", llama_cpp.recognises, llama_cpp.read
)

FORMATS = (LM_EVAL, LIGHTEVAL, INSPECT, LLAMA_CPP)


def format_of(source: object) -> ResultsFormat | None:
    """The format of the results at a path; None if there are none that are known."""
    if not isinstance(source, str | Path):
        return None
    path = Path(source).expanduser()
    return next((form for form in FORMATS if form.recognises(path)), None)
