"""Assertions for a test suite: a candidate may replace its reference, or the test fails with the verdict's reason.

from trusteq.testing import assert_equivalent

def test_the_small_model_may_replace_the_large_one():
    assert_equivalent(large, small, items, policy="policy.yaml")

Under pytest, the fixture of the same name also keeps the evidence: see `trusteq.pytest_plugin`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.data.clean import clean
from trusteq.errors import RunError
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trusteq.record.audit import Audit
    from trusteq.record.run import Run
    from trusteq.verdict import Verdict

PAGE = "report.html"

__all__ = ["assert_equivalent", "assert_passes", "keep"]


def assert_equivalent(
    large: object,
    small: object,
    items: Any,
    *,
    allow_undecided: bool = False,
    report: str | Path | None = None,
    **options: Any,
) -> Audit:
    """The audit of one or more candidates against a reference; an AssertionError unless each may replace it.

    Models, items and ``options`` (``policy``, ``dimensions``, ...) are those of `trusteq.audit`, but size and speed,
    which no verdict depends on, are not measured. ``allow_undecided`` lets UNDECIDED pass, on purpose. ``report`` is a
    folder for the run and its page, kept whatever the verdict.
    """
    __tracebackhide__ = True
    from trusteq.auditing.audit import audit

    result = audit(large, small, items, **{"costs": "none", **options})
    assert_passes(result, allow_undecided=allow_undecided, report=None if report is None else keep(result, report))
    return result


def assert_passes(finished: Audit | Run, *, allow_undecided: bool = False, report: str | Path | None = None) -> None:
    """Nothing, or an AssertionError that says why a candidate of a finished audit may not replace its reference.

    ``report``: where whoever reads the message finds more.
    """
    __tracebackhide__ = True
    passing = {Outcome.EQUIVALENT, Outcome.UNDECIDED} if allow_undecided else {Outcome.EQUIVALENT}
    failed = [one for one in finished.compared if one.verdict.outcome not in passing]
    lines = [f"{one.name} is {one.verdict.outcome}: {one.verdict.reason}" for one in failed]
    lines += dict.fromkeys(step for one in failed for step in _steps(one.verdict))
    if any(one.verdict.outcome is Outcome.UNDECIDED for one in failed):
        lines.append("to let UNDECIDED pass on purpose: allow_undecided=True")
    if report is not None:
        lines.append(f"report: {report}")
    if failed:
        raise AssertionError("\n".join(map(clean, lines)))


def _steps(verdict: Verdict) -> Iterator[str]:
    """How to require only what was measured, if anything was."""
    required = [d for d in verdict.dimensions if d.required]
    measured = [d.dimension for d in required if d.outcome is not Outcome.NOT_MEASURED]
    if measured and len(measured) < len(required):
        yield f"to require only what was measured: dimensions={measured}"


def keep(finished: Audit, folder: str | Path) -> Path:
    """The path of the page, once it and the run are in a folder; a run that is already there is replaced."""
    from trusteq.data.atomic_file import write_atomically
    from trusteq.report.page.page import page

    place = Path(folder)
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise RunError(f"{place}: is no folder; choose another for the report")
    if place.exists() and any(place.iterdir()):
        if not _holds_only_a_run(place):
            raise RunError(f"{place}: holds something other than a run; choose another folder for the report")
        shutil.rmtree(place)
    target = finished.save(place) / PAGE
    write_atomically(target, page(finished.evidence))
    return target


def _holds_only_a_run(folder: Path) -> bool:
    """Whether every file is one that a run's manifest lists, or its page: nothing else may be deleted."""
    from trusteq.record.integrity import MANIFEST

    try:
        listed = json.loads((folder / MANIFEST).read_text("utf-8"))["files"]
        own = {MANIFEST, PAGE, *(listed if isinstance(listed, dict) else ())}
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return "audit.json" in own and all(
        path.relative_to(folder).as_posix() in own
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )
