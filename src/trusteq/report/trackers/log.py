"""An audit logged to an experiment tracker by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.errors import OptionError, RunError, TrusteqError
from trusteq.plugins import entry
from trusteq.report.trackers.told import told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trusteq.record.evidence import Evidence
    from trusteq.report.trackers.told import Told

TRACKERS = {
    "mlflow": "trusteq.report.trackers.to_mlflow:to_mlflow",
    "wandb": "trusteq.report.trackers.to_wandb:to_wandb",
    "tensorboard": "trusteq.report.trackers.to_tensorboard:to_tensorboard",
}
"""The function ``(Told, folder) -> str`` of each tracker, which returns where a candidate's audit now is."""


def log(evidence: Evidence, tracker: str, folder: Path | None = None, *, images: bool = True) -> tuple[str, ...]:
    """Where a tracker now has each candidate's verdicts, judged estimates, page and ``audit.json``.

    Its own settings decide where it logs (such as MLFLOW_TRACKING_URI); TensorBoard has none and takes a folder.
    """
    if tracker not in TRACKERS:
        raise OptionError(f"no tracker {tracker!r}; choose from {', '.join(TRACKERS)}")
    logged: Callable[[Told, Path | None], str] = entry(TRACKERS[tracker])
    try:
        return tuple(logged(one, folder) for one in told(evidence, images=images))
    except TrusteqError:
        raise
    except Exception as error:  # whatever a tracker's library raises is about its server, its settings or its disk
        reason = str(error).strip() or type(error).__name__
        raise RunError(f"{tracker}: {reason}; check its settings (environment variables) and its server") from error
