"""A reader of what is known of other audits: on record in a folder of work, and in runs that lie beside one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hostile.reader import Reader
from hostile.run_readers import printed, runs_of_today

from trusteq import TrusteqError

if TYPE_CHECKING:
    from pathlib import Path


def histories(folder: Path) -> Reader:
    """Two audits on record and one beside; who finds fewer passed over what is spoilt."""
    from trusteq.record.history import History, attempt_of, neighbouring_runs, notices, recorded_rivals
    from trusteq.work.folder import LocalFolder

    runs_of_today(folder)
    manifest, audit = (
        json.loads((folder / "explained" / f"{name}.json").read_text()) for name in ("manifest", "audit")
    )
    found = attempt_of(manifest, audit)
    assert found is not None
    own = found.model_copy(update={"settings": "own"})
    work = LocalFolder(folder / "work")
    for seed in (7, 8):
        recorded_rivals(work, found.model_copy(update={"seed": seed, "settings": str(seed)}))
    records = sorted(path.relative_to(folder).as_posix() for path in (folder / "work").iterdir())

    def read(_: str) -> None:
        others = recorded_rivals(work, own)
        runs = list(neighbouring_runs(folder / "protocol", own))
        printed(list(notices(History(others=others), runs)))
        if (len(others), len(runs)) != (2, 1):
            raise TrusteqError("passed over")

    return Reader.of(folder, read, *records, "explained/manifest.json", "explained/audit.json")
