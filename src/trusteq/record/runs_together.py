"""Several finished runs of the same models judged together, as each measures other dimensions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trusteq.errors import PolicyError, RunError
from trusteq.policy import PRESETS, read_policy
from trusteq.record.run import rejudge
from trusteq.verdict import Outcome, Verdict, together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.policy import Policy
    from trusteq.record.run import Run


def shared_policy(runs: Sequence[Run]) -> Policy:
    """The policy of all runs; of runs by one preset that require different dimensions of it, the preset."""
    first = runs[0].policy
    if all(run.policy == first for run in runs):
        return first
    names = {run.policy.name for run in runs}
    if len(names) == 1 and first.name in PRESETS:
        return read_policy(first.name)
    raise PolicyError(f"the runs were judged by different policies ({', '.join(sorted(names))}); choose with --policy")


def judged_together(runs: Sequence[Run], policy: Policy) -> dict[str, Verdict]:
    """Each candidate's verdict from all runs; an error if they are not of the same models."""
    if len(runs) == 1:
        return rejudge(runs[0], policy)
    for run in runs[1:]:
        refuse_other_models(runs[0], run)
    by_run = [rejudge(run, policy) for run in runs]
    return {name: together([verdicts[name] for verdicts in by_run], policy) for name in by_run[0]}


def measured_alone(run: Run, name: str, policy: Policy) -> Verdict:
    """The verdict on a candidate of one run, of the dimensions that this run measures."""
    verdict = rejudge(run, policy)[name]
    measured = tuple(d for d in verdict.dimensions if d.outcome is not Outcome.NOT_MEASURED)
    return replace(verdict, dimensions=measured)


def refuse_other_models(run: Run, other: Run) -> None:
    """Stop unless both runs are of the same models, by name and content."""
    references = [one.document.reference.name for one in (run, other)]
    if references[0] != references[1]:
        raise RunError(
            f"{other.directory}: the reference is {references[1]!r}, that of {run.directory} is {references[0]!r}; "
            "judge together only runs of the same models"
        )
    contents = [_contents(one) for one in (run, other)]
    for name in (*contents[0], *(name for name in contents[1] if name not in contents[0])):
        one, another = (content.get(name) for content in contents)
        if one is None or another is None:
            lacking = run.directory if one is None else other.directory
            raise RunError(f"{lacking}: no model {name!r}; judge together only runs of the same models")
        if one != another:
            raise RunError(
                f"{other.directory}: model {name!r} is not the one in {run.directory}; judge together only runs of the "
                "same models"
            )


def _contents(run: Run) -> Mapping[str, Any]:
    """What each model of a run is, by name: the hash of its content.

    Of a language model the hashes of its parts, since its content depends on how the task asks.
    """
    return {
        model["name"]: tuple(map(model["details"].get, PARTS))
        if "weights" in model["details"]
        else model["content"] or f"unknown content {run.directory}"
        for model in run.manifest["models"]
    }


PARTS = ("weights", "tokenizer", "chat_template", "dtype")
"""Details of a language model that two runs of the same model share, whatever it was asked."""
