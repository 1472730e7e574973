"""The line of Python that audits pickled estimators, for those who trust files that trusteq never opens."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.cli.lists import comma_separated
from trusteq.errors import LONGEST, ModelError
from trusteq.models.files import ESTIMATORS, PICKLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEYWORDS = {"label": "label", "id_column": "id", "cluster": "cluster", "policy": "policy"}
LISTS = ("categories", "dimensions")
SAID = {"reference", "candidates", "data", "columns", "no_explain", "quiet", *KEYWORDS, *LISTS}
"""What of a command line the line of Python says, too, or need not say."""


def refuse_estimators(locations: Sequence[tuple[str, str]], given: Mapping[str, Any]) -> None:
    """Nothing, or an error with the same audit in Python, ready to be copied, if a model is a pickled estimator.

    ``given`` are the options that somebody wrote. If Python would need more than they say, nothing is raised here.
    """
    suffixes = [Path(location).suffix.lower() for _, location in locations]
    pickled = [location for (_, location), suffix in zip(locations, suffixes, strict=True) if suffix in ESTIMATORS]
    others = any(suffix in PICKLES and suffix not in ESTIMATORS for suffix in suffixes)
    if not pickled or others or not given.get("data") or given.keys() - SAID:
        return
    message = (
        f"{pickled[0]} is a pickle file, which could execute code when opened; trusteq never opens one. If you trust "
        f"it, open it yourself, in Python: python -c {shlex.quote(in_python(locations, given))}"
    )
    if len(message) <= LONGEST and message.isprintable():
        raise ModelError(message)


def in_python(locations: Sequence[tuple[str, str]], given: Mapping[str, Any]) -> str:
    """A program that prints what the command line asks for."""
    (_, reference), *candidates = locations
    named = ", ".join(f"{_text(name)}: {_opened(location)}" for name, location in candidates)
    columns = comma_separated(given.get("columns")) or ("all",)
    keywords = [
        f"columns={_text('all') if columns == ('all',) else _texts(columns)}",
        *(f"{KEYWORDS[name]}={_text(value)}" for name, value in given.items() if name in KEYWORDS),
        *(f"{name}={_texts(comma_separated(value))}" for name, value in given.items() if name in LISTS),
        *(["explain=False"] if given.get("no_explain") else []),
    ]
    models = f"{_opened(reference)}, {{{named}}}"
    return f"import joblib, trusteq; print(trusteq.audit({models}, {_text(given['data'])}, {', '.join(keywords)}))"


def _opened(location: str) -> str:
    """How Python opens a model."""
    opener = "joblib.load" if Path(location).suffix.lower() in ESTIMATORS else "trusteq.open_model"
    return f"{opener}({_text(location)})"


def _text(value: str) -> str:
    return json.dumps(str(value), ensure_ascii=False)


def _texts(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"
