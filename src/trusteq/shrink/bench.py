"""Where candidates are made and audited. What exists is not made again: a folder that exists is complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trusteq
from trusteq.compress.candidate import make
from trusteq.compress.methods import METHODS
from trusteq.errors import MissingExtraError
from trusteq.explain.explanation import ExplainSettings
from trusteq.models.open import backend_of, open_model
from trusteq.record.run import load_run
from trusteq.shrink.record import ANSWERS, CONFIRMED, EXPLAINED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from trusteq.models.base import Model
    from trusteq.policy import Policy
    from trusteq.progress import Tell
    from trusteq.record.run import Run
    from trusteq.shrink.ladder import Rung
    from trusteq.shrink.parts import Parts
    from trusteq.work.shard import Executor

_WORDS = {ANSWERS: "without explanations", EXPLAINED: "with explanations", CONFIRMED: "on untouched items"}


def unavailable(rung: Rung) -> str | None:
    """Why a rung cannot be tried here: a method or package that is missing; None if all are there."""
    for step in rung.steps:
        if step.method not in METHODS:
            return f"this version of trusteq has no method {step.method}"
        try:
            METHODS[step.method].load(step.method)
        except MissingExtraError as error:
            return str(error)
    return None


@dataclass(frozen=True)
class Bench:
    """All that does not change during a search.

    location: of the model that is to be replaced; reference: the same, opened with ``options``. given: the folders of
    the user's own candidates by name.
    """

    location: str
    reference: Model
    parts: Parts
    policy: Policy
    directory: Path
    given: Mapping[str, Path]
    explain_items: int
    resamples: int
    seed: int
    options: Mapping[str, Any]
    executor: Executor
    tell: Tell
    say: Callable[[str], None]

    def folder(self, rung: Rung) -> Path:
        """Where a candidate is, or will be."""
        return self.given.get(rung.name, self.directory / "candidates" / rung.name)

    def make(self, rung: Rung) -> None:
        """Make the candidate from what its earlier steps make, unless it exists."""
        if not rung.steps or self.folder(rung).exists():
            return
        if rung.parent is not None:
            self.make(rung.parent)
        source = self.location if rung.parent is None else str(self.folder(rung.parent))
        step = rung.steps[-1]
        method = METHODS[step.method]
        needs: dict[str, Any] = {"items": self.parts.train} if step.reads else {}
        needs |= {"original": self.location, "audit": False} if method.original else {}
        self.say(f"make {rung.name}")
        make(
            source,
            method=step.method,
            out=self.folder(rung),
            download=bool(self.options.get("download")),
            tell=self._within(rung),
            say=self.say,
            **needs,
            **step.options,
        )

    def open(self, rung: Rung) -> Model:
        """The candidate, opened with those of the reference's options that it takes; it has its own tokenizer."""
        folder = str(self.folder(rung))
        allowed = {option.name for option in backend_of(folder, rung.name).options} - {"tokenizer"}
        taken = {name: value for name, value in self.options.items() if name in allowed}
        return open_model(folder, name=rung.name, options=taken)

    def run_of(self, rung: Rung, audit: str) -> Path:
        """Where the run of one of a candidate's audits is, or will be; there is but one confirmation."""
        return self.directory / audit if audit == CONFIRMED else self.directory / audit / rung.name

    def audited(self, rung: Rung, audit: str) -> Run:
        """The finished run of one of a candidate's audits."""
        folder = self.run_of(rung, audit)
        if not folder.exists():
            self.say(f"audit {rung.name} {_WORDS[audit]}")
            self._audit(rung, audit).save(folder)
        return load_run(folder)

    def _audit(self, rung: Rung, audit: str) -> trusteq.Audit:
        confirms = audit == CONFIRMED
        explains = audit == EXPLAINED or (confirms and "explanation" in self.policy.required)
        # Drawn evenly, the explained items are the same for every candidate, so the reference answers about them once.
        how = ExplainSettings(items=self.explain_items, draw="by-change" if confirms else "evenly")
        return trusteq.audit(
            self.reference,
            self.open(rung),
            self.parts.untouched if confirms else self.parts.development,
            policy=self.policy,
            explain=how if explains else False,
            with_slices=confirms,
            with_other_way=confirms,
            resamples=self.resamples,
            seed=self.seed,
            costs="none" if audit == EXPLAINED else "quick",
            executor=self.executor,
            progress=self._within(rung),
        )

    def _within(self, rung: Rung) -> Tell:
        return lambda stage, done, total: self.tell(f"{rung.name}: {stage}", done, total)
