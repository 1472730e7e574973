"""Studies: models trained and compressed by a plan, compared each with each, over several training seeds.

from trusteq.study import read_study, run_study

finished = run_study(read_study("mini-nli"), data="texts", out="mini-nli")
print(finished.tables)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trusteq.study.plan import Study, read_study
    from trusteq.study.run import Finished, run_study

__all__ = ["Finished", "Study", "read_study", "run_study"]

_HOMES = {"Finished": "run", "Study": "plan", "read_study": "plan", "run_study": "run"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
