"""``trusteq init``: an audit file from two models and their data, with questions about what cannot be seen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trusteq.cli.lists import comma_separated
from trusteq.cli.no_repeats import NoRepeats
from trusteq.cli.value_types import ITEMS, MODEL, PLACE
from trusteq.data.clean import clean
from trusteq.data.label_sets import difference, enumerated
from trusteq.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trusteq.proposal.audit_file import Line
    from trusteq.proposal.columns import Column, Proposal
    from trusteq.proposal.models import SeenModel


@click.command(cls=NoRepeats)
@click.argument("reference", type=MODEL, metavar="LARGE")
@click.argument("candidate", type=MODEL, metavar="SMALL")
@click.argument("data", type=ITEMS, required=False)
@click.option("--yes", is_flag=True, help="Take what is proposed; stop where there is nothing to propose.")
@click.option(
    "--out",
    type=PLACE,
    default="audit.yaml",
    show_default=True,
    help="The file to write.",
)
@click.option("--force", is_flag=True, help="Overwrite the file.")
def init(reference: str, candidate: str, data: str | None, **options: Any) -> int:
    """Look at two models and their DATA, ask what cannot be seen, and write audit.yaml.

    \b
    trusteq init large.csv small.csv
    trusteq init models/bert models/bert-int8 test.csv
    trusteq init models/bert small=bert.onnx test.csv --yes

    The models are what trusteq audit takes; nothing is run. Every line of the file says why it is there.

    Exit codes: 0 written, 2 error.
    """  # noqa: D301
    from trusteq.cli.audit import audit
    from trusteq.cli.audit_file import checked
    from trusteq.cli.audit_file_schema import text as schema
    from trusteq.cli.model_names import names_and_locations
    from trusteq.data.atomic_file import write_atomically
    from trusteq.data.yaml_file import parse_yaml
    from trusteq.errors import OptionError
    from trusteq.proposal.audit_file import SCHEMA
    from trusteq.proposal.models import look_at_model

    out = Path(options["out"])
    if out.exists() and not options["force"]:
        raise click.UsageError(f"{out} is there already; choose another --out, or overwrite it with --force")
    named = names_and_locations([reference, candidate])
    models = [look_at_model(location, name) for name, location in named]
    for model in models:
        click.echo(f"{clean(model.name)}: {clean(_described(model))}", err=True)
    known = [model for model in models if model.labels]
    for model in known[1:]:
        if set(model.labels) != set(known[0].labels):
            said = difference(known[0].name, known[0].labels, model.name, model.labels)
            click.echo(f"warning: the audit will stop, as {clean(said)}", err=True)
    questions = Questions(yes=options["yes"])
    text = proposed(models, [reference, candidate], data, questions, out)
    checked(parse_yaml(text, where=str(out), error=OptionError), audit, where=str(out))
    write_atomically(out, text)
    beside = out.with_name(SCHEMA)
    if not beside.exists():
        write_atomically(beside, schema())
    click.echo(f"wrote {clean(str(out))}, and {clean(str(beside))} by which editors complete it", err=True)
    click.echo(f"next: trusteq audit {clean(str(out))}", err=True)
    return 0


class Questions:
    """Questions to the user; with ``yes``, what is proposed is the answer."""

    def __init__(self, *, yes: bool) -> None:
        self.yes = yes

    def ask(
        self, what: str, proposal: Proposal | None, check: Callable[[str], Any], *, unseen: str | None = None
    ) -> tuple[Any, str]:
        """The answer, and why it is this one; (None, "") for none. ``unseen`` says what to do if it must be given."""
        if self.yes:
            if proposal is None and unseen is not None:
                raise click.UsageError(f"{what}: cannot be seen; {unseen}")
            return (None, "") if proposal is None else (proposal.value, proposal.why)
        default = None if proposal is None else _typed(proposal.value)
        if proposal is not None:
            click.echo(f"  {clean(proposal.why)}", err=True)
        elif unseen is None:
            default = "none"

        def answer(text: str) -> Any:
            return None if text == "none" and unseen is None else check(text)

        try:
            found = click.prompt(what, default=default, value_proc=answer, err=True)
        except click.Abort as stop:
            if not isinstance(stop.__context__, EOFError):
                raise
            click.echo(err=True)
            raise click.UsageError(
                f"{what}: no answer; run init in a terminal, or take what is proposed: --yes"
            ) from None
        if found is None:
            return None, ""
        return found, proposal.why if proposal is not None and found == proposal.value else "as you said"


def proposed(
    models: Sequence[SeenModel], specs: Sequence[str], data: str | None, questions: Questions, out: Path
) -> str:
    """The audit file's text, after all questions are answered."""
    from trusteq.data.label_sets import enumerated
    from trusteq.proposal.audit_file import Line, ModelLines, audit_file
    from trusteq.proposal.models import own_options

    gold: set[str] = set()
    results = models[0].reads == "results"
    lines = _fields(models[0], questions) if results else _items(models, data, questions, out, gold)
    apart = [name for line in lines if line.key in _NOT_LABELS for name in _listed(line.value)]
    written = []
    for model, spec in zip(models, specs, strict=True):
        own = [] if spec == model.location else [Line("name", model.name)]
        for key, value, why in own_options(model, models[0], gold, apart):
            own.append(Line(key, _here(value, out) if key == "tokenizer" else value, why))
        written.append(ModelLines(_here(model.location, out), _described(model), own))
    rest = _rest(models, questions, out)
    if models[0].fields and not lines:
        fields = enumerated(models[0].fields)
        why = f"data: {{cluster: FIELD}} if questions share one, {{slice: [FIELD]}} to see each value; fields: {fields}"
        rest = [Line("data", None, why), *rest]
    return audit_file(written[0], written[1:], lines, rest, run=f"trusteq audit {out}")


_WHY = "stored answers cannot be explained; the policy would also require explanation"
STORED = ("dimensions", ["behaviour", "calibration"], _WHY)
SEED = ("seed", 0, "the same inputs and seed give the same run")
_NOT_LABELS = ("label", "slice", "cluster")
"""Keys of columns that hold no label's score."""


def _items(
    models: Sequence[SeenModel], data: str | None, questions: Questions, out: Path, gold: set[str]
) -> list[Line]:
    """The lines about the items; the values of the label column are added to ``gold``."""
    from trusteq.data.media_folder import medium_of
    from trusteq.proposal.audit_file import Line
    from trusteq.proposal.columns import cluster_of, label_of, look_at_columns, slices_of, texts_of

    reference = models[0]
    if data is None and reference.runs:
        data, _ = questions.ask("File or folder with the items", None, _existing, unseen="name it after the models")
    source = reference.location if data is None else data
    if medium_of(Path(source)) is not None:
        return [Line("location", _here(source, out), "its subfolders, or its metadata, say the labels")]
    columns = look_at_columns(source)
    names = [column.name for column in columns]

    def column(text: str) -> str:
        if text not in names:
            raise click.UsageError(f"no column {text!r}; the columns are {', '.join(names)}")
        return text

    def several(text: str) -> list[str]:
        return [column(name) for name in comma_separated(text)]

    about = f"{len(columns[0].values):,} items; columns: {', '.join(names)}"[:150]
    lines = [Line("location", _here(source, out), about)]
    labels = reference.labels or next((model.labels for model in models if model.labels), ())
    read: list[str] = []
    proposal = label_of(columns, labels)
    label, why = questions.ask("Column with the right label", proposal, column)
    scores = set(reference.labels) if source == reference.location else set()
    taken = {*scores, label} - {None}
    if any(model.reads == "text" for model in models):
        unseen = f"name it in the file: several columns may be ({', '.join(names)}); run init without --yes"
        read, said = questions.ask(
            "Columns that the models read, in order", texts_of(columns, taken), several, unseen=unseen
        )
        lines.append(Line("text", read if len(read) > 1 else read[0], said))
    elif reference.reads == "stored" and (shown := texts_of(columns, taken)) is not None:
        read = shown.value
        lines.append(Line("text", read if len(read) > 1 else read[0], f"shown with each item: {shown.why}"))
    if label is None:
        without = _without_label(columns, labels)
        lines.append(Line("label", None, f"no label: {without}"))
        click.echo(f"no label: {clean(without)}", err=True)
    else:
        lines.append(Line("label", label, why))
        gold.update(next(one for one in columns if one.name == label).distinct)
        lines += [Line(*more) for more in proposal.more] if proposal and proposal.value == label else []
    cluster, why = questions.ask("Column that several items share", cluster_of(columns, read, taken), column)
    if cluster is not None:
        lines.append(Line("cluster", cluster, why))
    if any(model.reads == "table" for model in models):  # the audit itself looks at the columns of a table by value
        return lines
    slices, why = questions.ask("Columns to look at by value", slices_of(columns, {*taken, *read, cluster}), several)
    return lines + ([Line("slice", slices, why)] if slices else [])


def _fields(reference: SeenModel, questions: Questions) -> list[Line]:
    """The lines about items that results contain: which fields of their records say what belongs together."""
    from trusteq.proposal.audit_file import Line

    def field(text: str) -> str:
        if text not in reference.fields:
            raise click.UsageError(f"no field {text!r}; the fields are {', '.join(reference.fields)}")
        return text

    def several(text: str) -> list[str]:
        return [field(name) for name in comma_separated(text)]

    if not reference.fields:
        return []
    cluster, why = questions.ask("Field that several questions share", None, field)
    slices, said = questions.ask("Fields to look at by value", None, several)
    return [Line(*line) for line in (("cluster", cluster, why), ("slice", slices, said)) if line[1] is not None]


def _without_label(columns: Sequence[Column], labels: Sequence[str]) -> str:
    """What follows if no column is the label, and what to do if one may be."""
    from trusteq.proposal.columns import possible_labels, unnamed_labels

    less = "measures that need the right labels are skipped, so nothing can be EQUIVALENT by the default policy"
    if possible := possible_labels(columns, labels):
        which = f"{enumerated(possible)} may hold the right label, or what a model answered"
        return f"{less}; {which}: write the right one as label: NAME under data"
    maybe = unnamed_labels(columns, labels)
    if maybe is None:
        return less
    names = ", ".join(sorted(maybe.distinct - {""}))
    return (
        f"{less}; if {maybe.name} has the names of {enumerated(labels)}, write label: {maybe.name} under data, and "
        f"labels: [{names}] under each model, in the order of its outputs"
    )


def _rest(models: Sequence[SeenModel], questions: Questions, out: Path) -> list[Line]:
    """The lines below models and data: what is required, and how it is done."""
    from trusteq.policy import PRESETS
    from trusteq.proposal.audit_file import Line
    from trusteq.proposal.columns import Proposal

    lines = []
    asked = any(model.reads == "question" for model in models)
    if asked:
        unseen = "write a task file and name it when init asks, see docs/reference/task-file.md"
        task, _ = questions.ask("Task file, which says how a language model is asked", None, _existing, unseen=unseen)
        lines.append(Line("task", _here(task, out), "how items become questions"))
    if asked or models[0].reads == "results":
        lines.append(
            Line("policy", None, "policy: generative, as far as the task measures it, unless one is named here")
        )
        return [*lines, *([Line(*STORED)] if models[0].fields else []), Line(*SEED)]
    preset = Proposal("default", "a start: trusteq policy show default prints its margins")
    policy, why = questions.ask("Policy (default, generative, paper or a file)", preset, _policy)
    lines.append(Line("policy", policy if policy in PRESETS else _here(policy, out), why))
    if models[0].reads == "stored" or not all(model.runs for model in models):
        lines.append(Line(*STORED))
    else:
        lines.append(Line("explain", None, "explain: false skips the slowest part; explain: {items: 500} is usual"))
    return [*lines, Line(*SEED)]


def _policy(text: str) -> str:
    from trusteq.policy import read_policy

    try:
        read_policy(text)
    except PolicyError as error:
        raise click.UsageError(str(error)) from None
    return text


def _existing(text: str) -> str:
    if not Path(text).expanduser().exists():
        raise click.UsageError(f"{text}: no such file or folder")
    return text


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _here(location: str, out: Path) -> str:
    """A path as it is seen from the folder of the file that is written."""
    if not Path(location).exists() or Path(location).is_absolute() or out.parent == Path():
        return location
    return os.path.relpath(location, out.parent)


def _typed(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


def _described(model: SeenModel) -> str:
    labels = model.labels
    shown = f"{', '.join(labels[:6])}{', ...' if len(labels) > 6 else ''}"
    return model.words + (f"; labels: {shown}" if labels and model.runs else "")
