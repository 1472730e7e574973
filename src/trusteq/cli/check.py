"""``trusteq check``: whether files that people write for trusteq are right, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trusteq.cli.no_repeats import NoRepeats
from trusteq.cli.value_types import PLACE
from trusteq.data.clean import clean
from trusteq.errors import OptionError, TrusteqError

if TYPE_CHECKING:
    from collections.abc import Callable

DECISIVE = {
    "a study": {"audit", "seeds", "training", "needs"},
    "an audit file": {"policy", "dimensions", "explain", "run", "out", "costs", "resamples"},
    "a policy": {"rules", "required", "level", "min_items"},
    "a task file": {"prompt", "shots", "choices", "continuation", "chat"},
}
"""Keys by which each kind of file is recognised, where `_kind` does not see it otherwise."""


@click.command(cls=NoRepeats)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=PLACE)
def check(files: tuple[str, ...]) -> int:
    """Check each FILE: an audit file, a policy, a task file or a study, recognised by its keys.

    \b
    trusteq check audit.yaml policies/*.yaml

    Of a policy, its name and hash are printed, as reports show them. Of an audit file, the policy and the task file
    that it names are checked as well; models and data need not be there.

    Exit codes: 0 all are right, 2 some are not: one line for each on stderr.
    """  # noqa: D301
    wrong = False
    for file in files:
        try:
            kind = _checked(file)
        except TrusteqError as error:
            click.echo(f"error: {clean(str(error))}", err=True)
            wrong = True
        else:
            click.echo(f"{clean(file)}: {kind}")
    return 2 if wrong else 0


def _checked(file: str) -> str:
    """What kind of file this is; an error if it is not right."""
    from trusteq.data.yaml_file import read_yaml

    content = read_yaml(file, missing="no such file", error=OptionError)
    kind = _kind(content)
    if kind is None:
        if not content:
            raise OptionError(f"{file}: is empty; trusteq init writes an audit file")
        keys = f"it has {', '.join(map(str, content))}" if isinstance(content, dict) else "it has no keys at its top"
        raise OptionError(f"{file}: neither an audit file nor a policy, a task file or a study; {keys[:200]}")
    more = _READ[kind](file)
    return kind if more is None else f"{kind}, {more}"


def _kind(content: Any) -> str | None:
    """The kind of file that has such keys; None for none."""
    if not isinstance(content, dict) or not content:
        return None
    models = content.get("models")
    if isinstance(models, dict) and {"reference", "candidates"} & models.keys():
        return "an audit file"
    if isinstance(task := content.get("task"), str) and task in ("choices", "tokens"):
        return "a task file"
    shared = {kind: len(keys & content.keys()) for kind, keys in DECISIVE.items()}
    best = max(shared, key=lambda kind: shared[kind])
    return best if shared[best] else None


def _audit_file(file: str) -> None:
    from trusteq.cli.audit import audit
    from trusteq.cli.audit_file import read_audit_file
    from trusteq.policy import read_policy

    options = read_audit_file(file, audit).options
    if "policy" in options:
        policy = read_policy(options["policy"])
        if "dimensions" in options:
            policy.requiring(tuple(options["dimensions"].split(",")))
    if "task" in options:
        _task_file(options["task"])


def _policy(file: str) -> str:
    """Its name and its hash, as reports show them."""
    from trusteq.policy import read_policy

    policy = read_policy(Path(file))
    return f"{policy.name} ({policy.content()[:12]})"


def _task_file(file: str) -> None:
    from trusteq.prompts.task_file import read_task_file

    read_task_file(file)


def _study(file: str) -> None:
    from trusteq.study.plan import read_study

    read_study(Path(file))


_READ: dict[str, Callable[[str], str | None]] = {
    "an audit file": _audit_file,
    "a policy": _policy,
    "a task file": _task_file,
    "a study": _study,
}
"""What reads each kind of file, and stops where it is wrong."""
