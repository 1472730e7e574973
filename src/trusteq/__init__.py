"""An audit of a compressed model: may it replace its large counterpart? It ends in a verdict.

    import trusteq

    items = trusteq.read_items("test.csv", text=["sentence"], label="label")
    result = trusteq.audit(
        trusteq.open_model("models/large"), trusteq.open_model("models/small"), items
    )
    print(result["small"].verdict.outcome)

Names are imported when first asked for, so that importing trusteq costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from trusteq.errors import (
    DataError,
    LabelError,
    MissingExtraError,
    ModelError,
    OptionError,
    PluginError,
    PolicyError,
    RunError,
    StudyError,
    TaskFileError,
    TrusteqError,
)

if TYPE_CHECKING:
    from trusteq.auditing.audit import audit
    from trusteq.auditing.in_memory import compare
    from trusteq.comparing.answers import Pair
    from trusteq.comparing.measures import Measure
    from trusteq.comparing.own_measures import measure
    from trusteq.data.items import Items
    from trusteq.data.pictures import Pictures
    from trusteq.data.read import read_items
    from trusteq.data.rows import Rows
    from trusteq.data.sounds import Sounds
    from trusteq.explain.exchange.agreement import compare_attributions
    from trusteq.explain.exchange.attribution_set import AttributionSet
    from trusteq.explain.exchange.reading import read_attributions
    from trusteq.explain.exchange.writing import to_shap
    from trusteq.explain.explanation import ExplainSettings
    from trusteq.models.function import from_callable, from_estimator
    from trusteq.models.open import ModelOptions, open_model
    from trusteq.policy import Policy, read_policy
    from trusteq.prompts.task_file import TaskFile, read_task_file
    from trusteq.record.audit import Audit
    from trusteq.record.run import load_run
    from trusteq.stats.estimate import Estimate
    from trusteq.verdict import Outcome
    from trusteq.work.executor import executor

__version__ = "0.2.0"

__all__ = [
    "AttributionSet",
    "Audit",
    "DataError",
    "Estimate",
    "ExplainSettings",
    "Items",
    "LabelError",
    "Measure",
    "MissingExtraError",
    "ModelError",
    "ModelOptions",
    "OptionError",
    "Outcome",
    "Pair",
    "Pictures",
    "PluginError",
    "Policy",
    "PolicyError",
    "Rows",
    "RunError",
    "Sounds",
    "StudyError",
    "TaskFile",
    "TaskFileError",
    "TrusteqError",
    "__version__",
    "audit",
    "compare",
    "compare_attributions",
    "executor",
    "from_callable",
    "from_estimator",
    "load_run",
    "measure",
    "open_model",
    "read_attributions",
    "read_items",
    "read_policy",
    "read_task_file",
    "to_shap",
]

_HOMES = {
    "AttributionSet": "trusteq.explain.exchange.attribution_set",
    "Audit": "trusteq.record.audit",
    "Estimate": "trusteq.stats.estimate",
    "ExplainSettings": "trusteq.explain.explanation",
    "Items": "trusteq.data.items",
    "Measure": "trusteq.comparing.measures",
    "ModelOptions": "trusteq.models.open",
    "Outcome": "trusteq.verdict",
    "Pair": "trusteq.comparing.answers",
    "Pictures": "trusteq.data.pictures",
    "Policy": "trusteq.policy",
    "Rows": "trusteq.data.rows",
    "Sounds": "trusteq.data.sounds",
    "TaskFile": "trusteq.prompts.task_file",
    "audit": "trusteq.auditing.audit",
    "compare": "trusteq.auditing.in_memory",
    "compare_attributions": "trusteq.explain.exchange.agreement",
    "from_callable": "trusteq.models.function",
    "from_estimator": "trusteq.models.function",
    "load_run": "trusteq.record.run",
    "measure": "trusteq.comparing.own_measures",
    "open_model": "trusteq.models.open",
    "read_attributions": "trusteq.explain.exchange.reading",
    "read_items": "trusteq.data.read",
    "read_policy": "trusteq.policy",
    "read_task_file": "trusteq.prompts.task_file",
    "to_shap": "trusteq.explain.exchange.writing",
    "executor": "trusteq.work.executor",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'trusteq' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
