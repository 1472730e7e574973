"""Runs of older schema versions, upgraded to the present one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.errors import RunError

if TYPE_CHECKING:
    from pathlib import Path

    from trusteq.record.advice import AdviceKind


def refuse_later_fields(where: Path, content: dict[str, Any]) -> None:
    """Stop if a file claims the first version, but has fields that only later versions have."""
    if content["schema_version"] > 1:
        return
    data = content.get("data", {})
    if not isinstance(data, dict) or (where.name == "manifest.json" and not data):
        raise RunError(f"{where}: damaged: data: should be an object; copy the run again or audit again")
    fields = {*content, *data}
    later = [name for name in ("files", "asked", "arrays") if name in fields]
    if later:
        raise RunError(
            f"{where}: damaged: schema version {content['schema_version']} has no {later[0]!r}; copy the run again"
        )


def upgraded(name: str, content: dict[str, Any]) -> dict[str, Any]:
    """The content of one of a run's two JSON files in the present schema version.

    Version 1 had no hashes of files, and of the retrained reference only its identity. In version 2, advice was
    sentences alone, all items had equal chances to be explained, slices had no judged measures, nothing was said of
    what more items would show of an undecided rule, and what changed items have in common was not looked for.
    Nothing but a temperature was tried on a candidate's confidence, and nothing was routed to the reference. Explained
    items were drawn cluster by cluster, and items that repeat others counted like all.
    """
    content = _drawn_evenly(content)
    if name == "audit.json":
        content = {**content, "schema_version": 3, "peer": content.get("peer")}
        if isinstance(items := content.get("items"), dict):
            content = {**content, "items": {**items, "copies": 1.0}}
        return _with_outlooks(_judged_nowhere(_with_kinds_of_advice(content)))
    if content["schema_version"] > 1:
        return content
    data = content.get("data")
    if isinstance(data, dict):
        data = {**data, "asked": "", "arrays": []}
    return {**content, "data": data, "files": {}, "peer": None}


_EXPLAINED_BEFORE: dict[str, Any] = {"draw": "evenly", "ids": None, "per_unit": None, "background": 0}
"""How items were explained before there was a choice."""


def _drawn_evenly(content: dict[str, Any]) -> dict[str, Any]:
    """The content with how items were drawn to be explained, if any were; what is not as expected stays as it is."""
    settings = content.get("settings")
    explain = settings.get("explain") if isinstance(settings, dict) else None
    if not isinstance(settings, dict) or not isinstance(explain, dict):
        return content
    return {**content, "settings": {**settings, "explain": {**explain, **_EXPLAINED_BEFORE}}}


_KINDS: tuple[tuple[str, AdviceKind], ...] = (
    ("corrected by T =", "temperature"),
    ("mended by T =", "temperature"),
    ("no single temperature", "calibration"),
    ("differently from the reference", "words"),
    ("leans unlike the reference", "words"),
    ("without gold labels", "labels"),
    ("alignment could not be measured", "explanations"),
    ("explanations need models", "explanations"),
    ("does worse than the rest", "slice"),
    ("suffers more than the rest", "slice"),
    ("a cut-off of", "cut-off"),
    ("answer changes", "changes"),
    ("answers change", "changes"),
    ("would decide", "measure more"),
)
"""By a phrase of the sentence, what it is about."""


def _with_kinds_of_advice(content: dict[str, Any]) -> dict[str, Any]:
    """The content with each sentence of advice as an object; what is not as expected stays so, to be refused."""

    def advised(model: Any) -> Any:
        said = model.get("advice") if isinstance(model, dict) else None
        if not isinstance(said, list):
            return model
        later: dict[str, Any] = {
            "recalibration": None,
            "cascade": None,
            "in_common": [],
            "explained_clusters": None,
            "explained_copies": 1.0,
        }
        return {**model, **later, "advice": [*map(_advice, said)]}

    candidates = content.get("candidates")
    if isinstance(candidates, list):
        content = {**content, "candidates": [*map(advised, candidates)]}
    return {**content, "peer": advised(content["peer"])}


def _judged_nowhere(content: dict[str, Any]) -> dict[str, Any]:
    """The content with slices in which no measure was judged."""

    def sliced(model: Any) -> Any:
        parts = {name: model.get(name) for name in ("slices", "strata")} if isinstance(model, dict) else {}
        if not parts or not all(isinstance(some, list) for some in parts.values()):
            return model
        added = {
            name: [{**part, "p_judged": {}} if isinstance(part, dict) else part for part in some or ()]
            for name, some in parts.items()
        }
        return {**model, **added}

    candidates = content.get("candidates")
    if isinstance(candidates, list):
        content = {**content, "candidates": [*map(sliced, candidates)]}
    return {**content, "peer": sliced(content["peer"])}


def _with_outlooks(content: dict[str, Any]) -> dict[str, Any]:
    """The content with room for the outlook of every rule; it is filled in when verdicts are derived again."""

    def judged(model: Any) -> Any:
        try:
            dimensions = [
                {**dimension, "rules": [{**rule, "outlook": None} for rule in dimension["rules"]]}
                for dimension in model["verdict"]["dimensions"]
            ]
            return {**model, "verdict": {**model["verdict"], "dimensions": dimensions}}
        except (KeyError, TypeError):
            return model

    candidates = content.get("candidates")
    if isinstance(candidates, list):
        content = {**content, "candidates": [*map(judged, candidates)]}
    return {**content, "peer": judged(content["peer"])}


def _advice(sentence: Any) -> Any:
    if not isinstance(sentence, str):
        return sentence
    kind = next((kind for phrase, kind in _KINDS if phrase in sentence), "other")
    return {"kind": kind, "sentence": sentence, "mends": [], "item": None}
