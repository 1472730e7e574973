"""A study's tables as LaTeX: those of `trusteq.study.markdown`, to include in a paper; they need booktabs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import trusteq
from trusteq.report.latex import escaped, tabular
from trusteq.study.markdown import StudyTable, contents, spread_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.study.markdown import Repetition
    from trusteq.study.plan import Study

_MINUS = re.compile(r"(?<![\w.])-(?=[\d.])")


def latex_tables(study: Study, repetitions: Sequence[Repetition]) -> str:
    """All tables, over the seeds that are done."""
    head = [
        "% Tables of a trusteq study; they need \\usepackage{booktabs}.",
        f"% trusteq {trusteq.__version__}, study {study.name}, seeds {', '.join(str(r.seed) for r in repetitions)}",
    ]
    if not repetitions:
        return "\n".join([*head[:1], "% No seed has finished yet."]) + "\n"
    spread = _figures(spread_words(repetitions))
    parts = [part for part in contents(study, repetitions) if isinstance(part, StudyTable)]
    made = [
        tabular(
            f"{escaped(part.caption)}{'' if part.name in ('verdicts', 'confidence', 'spread') else f' {spread}'}",
            part.name,
            "l" + "r" * (len(part.heads) - 1),
            [escaped(head) for head in part.heads],
            [[escaped(name), *map(_figures, cells)] for name, *cells in part.rows],
        )
        for part in parts
    ]
    return "\n\n".join(["\n".join(head), *made]) + "\n"


def _figures(cell: str) -> str:
    """A cell of figures, with LaTeX's signs."""
    text = cell.replace("±", r"$\pm$").replace("–", "--").replace("%", r"\%")
    text = re.sub(r" (\[[^\]]+\])", r" {\\footnotesize \1}", text)
    return _MINUS.sub("$-$", text)
