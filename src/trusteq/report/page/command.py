"""The command that would repeat a run, as far as the run stores it, and what is missing."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trusteq.comparing.measures import needs_of
from trusteq.policy import PRESETS, Policy, read_policy
from trusteq.report.wording import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trusteq.data.segment import Segment
    from trusteq.record.evidence import Evidence

RUN_KINDS = frozenset(
    {
        "transformers",
        "transformers pictures",
        "transformers sounds",
        "onnx",
        "litert",
        "predictions",
        "lm-eval",
        "lighteval",
        "inspect_ai",
        "llama.cpp",
    }
)
"""Kinds of models that the command line opens."""

_EXPLAIN = {
    "items": "--explain-items",
    "masks": "--masks",
    "units": "--units",
    "perturb": "--perturb",
    "target": "--explain-label",
    "scale": "--scale",
    "until": "--until",
    "precision": "--precision",
    "k": "-k",
    "draw": "--explain-draw",
    "per_unit": "--masks-per-unit",
}

_READ_AS = {
    "text": "--text",
    "array": "--text",
    "picture": "--picture",
    "sound": "--sound",
    "features": "--features",
    "row": "--columns",
}
"""By kind of segment, the option that names its columns."""


@dataclass(frozen=True)
class Command:
    """The command line; None where no command can repeat the run.

    unknown: what else one must know to repeat the run, in sentences.
    """

    text: str | None
    unknown: tuple[str, ...]


def command(evidence: Evidence) -> Command:
    """The command of a run: as typed if the run stores that, else rebuilt from its settings."""
    if (typed := evidence.manifest.get("command")) is not None:
        return Command(_wrapped(["trusteq", *map(str, typed)]), ())
    models, settings = evidence.manifest["models"], evidence.manifest["settings"]
    from_python = [model["name"] for model in models if model["kind"] not in RUN_KINDS]
    if from_python:
        reason = (
            f"No command repeats this run: {listed(from_python)} came from Python code, which the run does not store."
        )
        return Command(None, (reason, "In Python, trusteq.audit takes the settings listed below."))
    lines = ["trusteq audit", *(_model(model) for model in models)]
    lines += [_option("--data", evidence.manifest["data"]["source"])]
    unknown: list[str] = []
    items = evidence.document.items
    lines += _segments(evidence.segments)
    if items.labelled:
        lines.append("--label LABEL")
        unknown.append("LABEL: the column that holds the labels.")
    if items.ignored:
        lines.append("--ignore-label IGNORED")
        unknown.append(f"IGNORED: the labels of the {items.ignored:,} items that were left out.")
    columns = [str(name).removeprefix("column ") for name in evidence.items.columns if str(name).startswith("column ")]
    lines += [_option("--slice", column) for column in columns]
    if "cluster" in evidence.items.columns:
        lines.append("--cluster CLUSTER")
        unknown.append("CLUSTER: the column that says which items belong together.")
    if settings.get("asking") is not None:
        lines.append("--task TASK")
        unknown.append("TASK: the task file, whose content is shown in this report.")
    lines += _policy(evidence.document.policy)
    lines += _settings(settings)
    if (settings.get("explain") or {}).get("ids") is not None:
        unknown.append("IDS: a file with the ids of the explained items, one a line (plan.parquet has them).")
    if any("peer" in needs_of(name) for c in evidence.document.candidates for name in c.flat):
        lines.append("--peer PEER")
        unknown.append("PEER: where the retrained reference is stored.")
    unknown.append(
        "How files were read and models opened (ids, label names, logits, tokenizer, device) is not stored as options; "
        "use the hashes below to check that you read the same content."
    )
    return Command(" \\\n    ".join(lines), tuple(unknown))


def _wrapped(words: list[str]) -> str:
    """The words of a command, a new line before each option."""
    lines: list[list[str]] = [[]]
    for word in words:
        if re.match(r"--?[a-z]", word):
            lines.append([])
        lines[-1].append(shlex.quote(word))
    return " \\\n    ".join(" ".join(line) for line in lines)


def _model(model: Mapping[str, Any]) -> str:
    name, location = model["name"], model["location"]
    # A name with a separator cannot be given; it comes from the location itself.
    return shlex.quote(location if set(name) & set("/\\=") else f"{name}={location}")


def _segments(segments: Mapping[str, Segment]) -> list[str]:
    """Which columns models read as what, how recordings are heard, and whether they are withheld."""
    columns: dict[str, list[str]] = {}
    others: dict[str, None] = {}
    for name, segment in segments.items():
        if option := _READ_AS.get(segment.kind):
            columns.setdefault(option, []).extend(segment.named() or [name])
        about = segment.about()
        if about.get("stated"):
            others[f"--rate {about['rate']}"] = None
        if about.get("channels") == "mean":
            others["--channels mean"] = None
        if about.get("withheld"):
            others["--no-pictures"] = None
    return [*(_option(flag, ",".join(names)) for flag, names in columns.items()), *others]


def _option(flag: str, value: object) -> str:
    return f"{flag} {shlex.quote(str(value))}"


def _policy(policy: Policy) -> list[str]:
    preset = read_policy(policy.name) if policy.name in PRESETS else None
    if preset == policy:
        return [f"--policy {policy.name}"]
    if preset is not None and preset.requiring(policy.required) == policy:
        return [f"--policy {policy.name}", _option("--dimensions", ",".join(policy.required))]
    return ["--policy policy.yaml"]


def _settings(settings: Mapping[str, Any]) -> list[str]:
    lines = [f"--seed {settings['seed']}", f"--resamples {settings['resamples']}"]
    if settings["batch"] != 1:
        lines.append(f"--batch {settings['batch']}")
    if not settings["with_slices"]:
        lines.append("--no-slices")
    if settings["allow_same"]:
        lines.append("--allow-same")
    explain, protocol = settings.get("explain"), settings.get("protocol")
    if protocol is not None:
        lines += [f"--protocol {protocol['name']}", f"--explain-items {protocol['items'] or 'all'}"]
    elif explain is None:
        lines.append("--no-explain")
    else:
        values = {**explain, "items": explain["items"] or "all"}
        if explain.get("ids") is not None:
            lines.append("--explain-ids IDS")
            del values["items"]
        lines += [_option(flag, values[name]) for name, flag in _EXPLAIN.items() if values.get(name) is not None]
    return lines
