"""What a finished audit can be asked, the same whether it is in memory or read back from a run directory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from trusteq.data.atomic_file import write_atomically
from trusteq.data.clean import clean
from trusteq.errors import OptionError
from trusteq.plugins import entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from trusteq.record.evidence import Evidence
    from trusteq.report.figures.display import Display
    from trusteq.report.item import ItemView

VIEWS = {
    "item": "trusteq.report.item:item_view",
    "figure": "trusteq.report.figures.catalog:made",
    "terminal": "trusteq.report.terminal:in_python_words",
    "notebook": "trusteq.report.notebook:html",
    "page": "trusteq.report.page.page:page",
    "markdown": "trusteq.report.markdown:markdown",
    "tracker": "trusteq.report.trackers.log:log",
}
"""What an audit shows itself by, entered like a plugin's: a record imports no report."""

C = TypeVar("C", bound=Any)

LISTED, NAME = 5, 40
"""Candidates, and characters of a name, that a line holds."""


def in_a_line(items: int, reference: str, compared: Sequence[Any]) -> str:
    """What was compared and each verdict, as one line that is short and harmless, whatever the names are."""
    outcomes = [f"{_short(one.name)}: {one.verdict.outcome}" for one in compared[:LISTED]]
    more = f", and {len(compared) - LISTED:,} more" if len(compared) > LISTED else ""
    return f"{items:,} items against {_short(reference)}; {', '.join(outcomes)}{more}"


def _short(name: str) -> str:
    shown = clean(name)
    return shown if len(shown) <= NAME else f"{shown[: NAME - 1]}…"


class Finished(ABC, Generic[C]):
    """A finished audit: its candidates by name, its tables as data frames, its items and figures to look at."""

    @property
    @abstractmethod
    def evidence(self) -> Evidence:
        """What reports and figures are drawn from."""

    @property
    @abstractmethod
    def compared(self) -> tuple[C, ...]:
        """Each candidate as it compares with the reference."""

    def __getitem__(self, candidate: str) -> C:
        for one in self.compared:
            if one.name == candidate:
                return one
        raise KeyError(f"no candidate {candidate!r}; there are {[one.name for one in self.compared]}")

    def __iter__(self) -> Iterator[str]:
        """The candidates' names."""
        return (one.name for one in self.compared)

    def __len__(self) -> int:
        return len(self.compared)

    def __contains__(self, candidate: object) -> bool:
        return candidate in tuple(self)

    def estimates(self) -> pd.DataFrame:
        """Every estimate over all items and over each slice, one row each."""
        return self.evidence.estimates.copy()

    def predictions(self) -> pd.DataFrame:
        """Every model's answers, one row per item and model if an answer is one row."""
        import pandas as pd

        evidence = self.evidence
        ids, columns = evidence.items["id"].tolist(), list(evidence.task.columns(evidence.labels))
        frames = []
        for model, rows in zip(evidence.models, evidence.rows, strict=True):
            frame = pd.DataFrame(rows.values, columns=columns)
            frame.insert(0, "id", [ids[i] for i in rows.item.tolist()])
            frame.insert(1, "model", model)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def attributions(self) -> pd.DataFrame:
        """Every unit's attribution and standard error by every method, one row per item, unit and model."""
        return self._explained("attributions")

    def agreement(self) -> pd.DataFrame:
        """How much both models' words agree by every score, and by chance: one row per item, candidate and method."""
        return self._explained("agreement")

    def flips(self) -> pd.DataFrame:
        """The items whose answer changed, one row per item and candidate."""
        return self.evidence.flips.copy()

    def item(self, id: str, candidate: str | None = None) -> ItemView:  # noqa: A002 - the name used everywhere
        """One item as the reference and a candidate, by default the only one, see it: for a notebook or to print."""
        view: ItemView = entry(VIEWS["item"])(self.evidence, id, candidate)
        return view

    def figure(self, name: str, candidate: str | None = None) -> Display:
        """A figure of the report, such as "reliability", to be drawn by its ``plot()``; see `trusteq figure`."""
        display: Display = entry(VIEWS["figure"])(self.evidence, name, candidate)
        return display

    def report(self, path: str | Path) -> Path:
        """Write the report, one HTML page that needs nothing else, and return its path; see `trusteq report`."""
        target = Path(path)
        if target.suffix.lower() not in {".html", ".htm"}:  # a run's own files have other names
            raise OptionError(f"{path}: the report is a page: give a path that ends in .html, or use to_markdown()")
        write_atomically(target, entry(VIEWS["page"])(self.evidence))
        return target

    def to_markdown(self) -> str:
        """The verdicts with their reasons and numbers, as for a comment under a pull request."""
        text: str = entry(VIEWS["markdown"])(self.evidence)
        return text

    def log_to(self, tracker: str) -> tuple[str, ...]:
        """Where a tracker ("mlflow", "wandb", "tensorboard") now has it, by candidate; see `trusteq report --to`."""
        places: tuple[str, ...] = entry(VIEWS["tracker"])(self.evidence, tracker)
        return places

    def __str__(self) -> str:
        """What `trusteq audit` prints: verdicts, rules, what to do and to look at."""
        text: str = entry(VIEWS["terminal"])(self.evidence)
        return text

    def _repr_html_(self) -> str:
        html: str = entry(VIEWS["notebook"])(self)
        return html

    def _explained(self, table: str) -> pd.DataFrame:
        if self.evidence.document.explanation is None:
            raise OptionError("this audit has no explanations; audit again with explain=True")
        found = self.evidence.table(table)
        if found is None:
            raise OptionError(f"this run was written by an older trusteq, without {table}.parquet; audit again")
        return found.copy()
