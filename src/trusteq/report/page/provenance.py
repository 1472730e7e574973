"""Where a report comes from: hashes, versions, settings, and what was not measured."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from trusteq.data.yaml_file import as_yaml
from trusteq.explain.unit_names import plural
from trusteq.record.plain import plain
from trusteq.report.page.html_table import Table
from trusteq.report.wording import unit_of

if TYPE_CHECKING:
    from trusteq.record.evidence import Evidence


def models(evidence: Evidence) -> Table:
    """What every model is, and the hash of everything that determines its answers."""
    rows = []
    peer = evidence.manifest.get("peer")
    for model in [*evidence.manifest["models"], *([peer] if peer else [])]:
        details = model["details"]
        facts = [
            str(details[name]) for name in ("architecture", "dtype", "quantization", "device") if details.get(name)
        ]
        content = model["content"] or "none: a Python object"
        rows.append((model["name"], model["role"], model["kind"], model["location"], ", ".join(facts) or "–", content))
    heads = ("model", "role", "runs as", "location", "details", "SHA-256 of its content")
    return Table("Models", heads, rows, words=frozenset(range(len(heads))))


def facts(evidence: Evidence) -> Table:
    """What was compared, with which versions and settings."""
    manifest = evidence.manifest
    data, settings = manifest["data"], manifest["settings"]
    rows: list[tuple[str, str]] = [
        ("items", f"{data['items']:,} from {data['source']}"),
        ("SHA-256 of the items", data["content"]),
        ("SHA-256 of their ids", data["ids"]),
    ]
    rows.append(("SHA-256 of audit.json", run_hash(evidence)))
    rows.append(("SHA-256 of the policy", evidence.document.policy.content()))
    if manifest["plan"] is not None:
        rows.append(("SHA-256 of the mask plan", manifest["plan"]))
    rows += [(name.replace("_", " "), _setting(settings[name])) for name in _SETTINGS if name in settings]
    for part in ("explain", "protocol"):
        if settings.get(part) is not None:
            rows += [(f"{part}: {name}", _setting(value)) for name, value in settings[part].items()]
    rows += [("trusteq", manifest["trusteq"]), ("Python", manifest["python"]), ("platform", manifest["platform"])]
    rows += list(manifest["versions"].items())
    return Table("Data, settings and versions", ("", ""), rows, words=frozenset({0, 1}))


def run_hash(evidence: Evidence) -> str:
    """The SHA-256 of the run's audit.json, which names the run; of an audit in memory, of what would be written."""
    stored: str | None = evidence.manifest.get("files", {}).get("audit.json")
    if stored is not None:
        return stored
    text = json.dumps(plain(evidence.document), indent=1, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(f"{text}\n".encode("utf-8", "surrogatepass")).hexdigest()


def task_file(evidence: Evidence) -> str | None:
    """The task file by which language models were asked; None if they were not."""
    asking = evidence.document.settings.get("asking")
    return None if asking is None else as_yaml(asking)


_SETTINGS = ("seed", "resamples", "batch", "with_slices", "allow_same")


def _setting(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "default" if value is None else str(value)


class Gap(str):
    """A sentence about what an audit says nothing about."""

    __slots__ = ()

    @property
    def short(self) -> str:
        """What that is, without the reason."""
        return re.split(r"[.:;](?:\s|$)", self)[0]


def not_measured(evidence: Evidence) -> list[Gap]:
    """What this audit says nothing about; the most important first."""
    document = evidence.document
    gaps: list[str] = []
    unit = unit_of(document)
    required, units = set(document.policy.required), plural(unit)
    if not document.items.labelled and evidence.outcomes[0].right is None:
        gaps.append(
            "Whether the answers are right: the items have no labels, so accuracy, flips by right and wrong, and "
            "every score of calibration are missing."
        )
    explained, n = document.explained, document.items.n
    if explained is None:
        gaps.append(f"Which {units} the models look at: nothing was explained.")
    else:
        if explained < n:
            gaps.append(
                f"Which {units} the models look at in {n - explained:,} of {n:,} items: only {explained:,} were "
                "explained, drawn at random."
            )
        if document.explanation is not None:
            kept = "punctuation and word order were never changed" if unit == "word" else f"only {units} were left out"
            gaps.append(f"Anything but {units}: {kept}.")
    optional = [dimension for dimension in document.dimensions if dimension not in required]
    if optional:
        gaps.append(f"The policy does not require {' or '.join(optional)}; the verdict does not depend on it.")
    if evidence.costs is None:
        gaps.append("Size, speed and memory of the models: not measured in this run.")
    elif all(model.get("peak_bytes") is None for model in evidence.costs["models"]):
        gaps.append("Memory of the models: not measured in this run (--costs full does).")
    gaps += _always(clustered=document.items.clusters is not None)
    return [Gap(gap) for gap in gaps]


def _always(*, clustered: bool) -> list[str]:
    return [
        "Other data. The verdict holds for items like these; how the models behave on other languages, topics or times "
        "is unknown.",
        *(
            ()
            if clustered
            else (
                "Dependence between items: they were treated as independent. If several come from one source, "
                "name it with --cluster; otherwise intervals are too narrow.",
            )
        ),
        "Attacks: how easily an answer can be changed on purpose.",
        "Fairness beyond the slices shown: a group that no column names cannot be seen.",
        "Whether the reference is good enough for its task: here it is taken as the standard.",
    ]
