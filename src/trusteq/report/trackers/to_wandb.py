"""An audit as a run of Weights & Biases."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from trusteq.errors import MissingExtraError, OptionError

if TYPE_CHECKING:
    from trusteq.report.trackers.told import Told


def to_wandb(told: Told, folder: Path | None) -> str:
    """Where Weights & Biases has the run: its page, or its folder if it works offline."""
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # nobody asked for more than the tracker
    try:
        import wandb
    except ImportError:
        raise MissingExtraError("logging to Weights & Biases", "wandb") from None
    if folder is not None:
        raise OptionError("Weights & Biases logs to where its own settings say, not to a folder; remove it")
    with tempfile.TemporaryDirectory() as temporary:
        run = wandb.init(
            name=told.name,
            job_type="trusteq",
            config={**told.settings, **told.verdicts},
            tags=[told.verdicts["trusteq.verdict"]],
            reinit="create_new",  # a run that is open in this process is somebody's training
            settings=wandb.Settings(silent=True, console="off"),
        )
        try:
            run.summary.update(told.numbers)
            artifact = wandb.Artifact(re.sub(r"[^\w.-]+", "-", f"trusteq-{told.name}")[:128], type="audit")
            for name, text in told.files.items():
                path = Path(temporary) / name
                path.write_text(text, "utf-8")
                artifact.add_file(str(path))
            run.log_artifact(artifact)
        finally:
            run.finish()
    return str(Path(run.dir).parent) if run.offline else str(run.url)
