"""Fine-tuning: classifiers made from pretrained models, as an audit's reference or as candidates trained directly.

from trusteq.train import TrainingSettings, fine_tune

bert = fine_tune("bert-base-uncased", items=items, out="models/bert", settings=TrainingSettings(epochs=5, rate=1e-5))
print(bert.best.dev_accuracy)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trusteq.train.fine_tuned import Trained, fine_tune
    from trusteq.train.settings import PAPER, RECIPES, TrainingSettings

__all__ = ["PAPER", "RECIPES", "Trained", "TrainingSettings", "fine_tune"]

_HOMES = {
    **dict.fromkeys(("PAPER", "RECIPES", "TrainingSettings"), "settings"),
    **dict.fromkeys(("Trained", "fine_tune"), "fine_tuned"),
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
