"""``audit.json``: an audit as plain JSON values, and back to what a verdict needs."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel

from trusteq.data.surrogates import readable
from trusteq.stats.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trusteq.record.audit import Audit, Comparison, ModelResult
    from trusteq.verdict import Verdict

SCHEMA_VERSION = 2


def document(audit: Audit) -> dict[str, Any]:
    """The whole audit but for predictions and the full table of slices, which are Parquet in the run directory."""
    return {
        "schema_version": SCHEMA_VERSION,
        "exit_code": audit.exit_code,
        "policy": plain(audit.policy),
        "items": {
            "n": len(audit.items),
            "ignored": audit.items.ignored,
            "clusters": None if audit.items.clusters is None else len(set(audit.items.clusters)),
            "labelled": audit.gold is not None,
            "findings": plain(audit.item_findings),
        },
        "labels": list(audit.labels),
        "settings": plain(audit.settings),
        "reference": _model(audit.reference),
        "candidates": [_comparison(c) for c in audit.comparisons],
        "peer": None if audit.peer is None else _comparison(audit.peer),
        "pies": plain(audit.pies),
        "explanation": _explained(audit),
        "protocol": _protocol(audit),
    }


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """A verdict with its reason."""
    return {**plain(verdict), "reason": verdict.reason}


def plain(value: Any) -> Any:
    """A value as JSON: dataclasses and models become objects, arrays lists, and what is not a number null.

    Names of files that are not UTF-8 get replacement characters.
    """
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return readable(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {readable(str(key)): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def measures_from(candidate: Mapping[str, Any]) -> dict[str, dict[str, Estimate]]:
    """The estimates of one candidate of a document, by dimension and measure."""
    return {
        dimension: {name: estimate_from(e) for name, e in measures.items()}
        for dimension, measures in candidate["measures"].items()
    }


def estimate_from(content: Mapping[str, Any]) -> Estimate:
    """An estimate of a document; null is what was not a number."""
    value, low, high = (math.nan if content[end] is None else content[end] for end in ("value", "low", "high"))
    return Estimate(value, low, high, content["n"], content["method"], content["level"])


def _explained(audit: Audit) -> dict[str, Any] | None:
    """How much was explained; the plans, values and attributions are Parquet in the run directory."""
    e = audit.explanation
    if e is None:
        return None
    masks = [len(plan) for plan in e.plans]
    return {
        "items": len(e.plans),
        "wordless": list(e.wordless),
        "units": {"mean": float(e.lengths.mean()), "most": int(e.lengths.max())},
        "masks": {"mean": float(np.mean(masks)), "most": max(masks), "all": sum(masks)},
        "exact": sum(plan.exact for plan in e.plans),
        "plan": e.content(),
    }


def _protocol(audit: Audit) -> dict[str, Any] | None:
    """What the published protocol explained, and every two models' agreement; the words themselves are Parquet."""
    p = audit.published
    if p is None:
        return None
    return {
        "name": p.settings.name,
        "items": len(p.positions),
        "wordless": list(p.wordless),
        "seeds": list(p.seeds),
        "pairs": plain(audit.pairs),
    }


def _words(comparison: Comparison) -> list[Any]:
    """The words that only one model leans on, at a false discovery rate of 5 %."""
    return [] if comparison.words is None else [row for row in comparison.words.rows if row.q_value < 0.05]


def _model(model: ModelResult) -> dict[str, Any]:
    return {
        "name": model.name,
        "identity": plain(model.identity),
        "batch": model.batch,
        "findings": plain(model.findings),
        "reliability": plain(model.reliability),
        "calibrated_null": plain(model.calibrated_null),
        "saturation": plain(model.saturation),
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        **_model(comparison.candidate),
        "verdict": verdict_document(comparison.verdict),
        "advice": list(comparison.advice),
        "measures": plain(comparison.measures),
        "remedies": plain(comparison.remedies),
        "tests": plain(comparison.tests),
        "thresholds": plain(comparison.thresholds),
        "skewsize": plain(comparison.skewsize),
        "slices": [
            {
                "column": s.column,
                "value": s.value,
                "n": s.n,
                "p_against_rest": plain(s.p_rest),
                "worse_than_rest": plain(s.worse_than_rest),
                "tests": plain(s.tests),
                "p_tests": plain(s.p_tests),
            }
            for s in comparison.slices
        ],
        "strata": plain(comparison.strata),
        "words": plain(_words(comparison)),
        "flipped": len(comparison.flips),
    }
