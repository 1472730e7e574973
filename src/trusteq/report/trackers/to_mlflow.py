"""An audit as a run of MLflow."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from trusteq.errors import MissingExtraError, OptionError

if TYPE_CHECKING:
    from pathlib import Path

    from trusteq.report.trackers.told import Told


def to_mlflow(told: Told, folder: Path | None) -> str:
    """Where MLflow has the run: below the run that is active, if one is."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nobody asked for more than the tracker
    try:
        import mlflow
    except ImportError:
        raise MissingExtraError("logging to MLflow", "mlflow") from None
    if folder is not None:
        raise OptionError("MLflow logs to where MLFLOW_TRACKING_URI says, not to a folder; remove it")
    with mlflow.start_run(run_name=told.name, nested=True, tags=told.verdicts) as run:
        mlflow.log_params(told.settings)
        mlflow.log_metrics(told.numbers)
        for name, text in told.files.items():
            mlflow.log_text(text, name)
    server = mlflow.get_tracking_uri()
    if server.startswith("http"):
        return f"{server}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    return f"run {run.info.run_id} in {server}"
