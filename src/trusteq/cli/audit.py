"""``trusteq audit``: from models and a data file to a verdict and a run directory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
from click.core import ParameterSource

from trusteq.cli.lists import listed
from trusteq.cli.model_options import OpensModels, model_backends, no_effect, options_for, refuse_unused
from trusteq.cli.screen import print_json, progress, show
from trusteq.cli.streams import told_anyway
from trusteq.cli.work_options import WORK, asked_executor, work_options
from trusteq.data.clean import clean
from trusteq.data.surrogates import readable
from trusteq.stats.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.explain.explanation import ExplainSettings
    from trusteq.policy import Policy


@click.command(cls=OpensModels)
@click.argument("reference", metavar="REFERENCE")
@click.argument("candidates", metavar="CANDIDATE...", nargs=-1, required=True)
@click.option(
    "--data", help="Items: Parquet, CSV, TSV or JSONL (.gz), a dataset folder or hub id.  [default: REFERENCE]"
)
@click.option("--text", help="Columns that the models read, in order: --text premise,hypothesis.")
@click.option("--label", help="Column with the gold label; without it, what needs labels is not measured.")
@click.option("--label-names", help="Names of the codes 0, 1, 2, ... in the label column.")
@click.option("--ignore-label", help="Leave out items with these labels, e.g. -1 for SNLI's undecided.")
@click.option(
    "--id",
    "id_column",
    help="Column with item ids.  [default: one called so (id, uid, item_id, ...), else row numbers]",
)
@click.option("--by-row", is_flag=True, help="Match predictions files by row number, whatever their ids.")
@click.option("--slice", "slices", multiple=True, help="Column to slice by; may be repeated.")
@click.option("--cluster", help="Column that says which items belong together, e.g. the premise.")
@click.option("--split", help="Split of a Hugging Face dataset.")
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    help="Items a call for models whose answers depend on their batch.  [default: 1]",
)
@click.option("--policy", default="default", show_default=True, help="Preset (default, paper) or YAML file.")
@click.option("--dimensions", help="What EQUIVALENT requires: behaviour,calibration[,explanation].")
@click.option(
    "--resamples",
    type=click.IntRange(*LIMITS["resamples"]),
    default=2000,
    show_default=True,
    help="Bootstrap resamples.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of everything random.")
@click.option("--no-explain", is_flag=True, help="Skip the explanations, the slowest part.")
@click.option("--explain-items", default="500", show_default=True, help="How many items to explain, at random; or all.")
@click.option(
    "--masks", type=click.IntRange(10, 100_000), help="Perturbations an item.  [default: 4 a word, 32 to 256]"
)
@click.option(
    "--units", help="What is left out: words, words-merged, sentences, re:PATTERN.  [default: words of texts]"
)
@click.option(
    "--perturb", default="remove", show_default=True, help="What a word left out becomes: remove, mask, or a text."
)
@click.option(
    "--explain-label",
    type=click.Choice(["reference", "gold", "own"]),
    default="reference",
    show_default=True,
    help="Which answer is explained: the reference's, the gold label, or each model's own.",
)
@click.option(
    "--scale",
    type=click.Choice(["probability", "log-odds"]),
    default="probability",
    show_default=True,
    help="What attributions add up to.",
)
@click.option(
    "--protocol",
    type=click.Choice(["paper", "paper-scripts", "paper-scripts-qqp"]),
    help="Explain as arXiv 2508.13533 does: as described, or as its scripts do, whose bins of confidence are measured, "
    "too; -qqp as those for pairs of questions.  [default: paper for --policy paper]",
)
@click.option("--peer", help="The reference trained once more: alignment is judged against what that reaches.")
@click.option(
    "--until",
    type=click.Choice(["end", "decided", "stable"]),
    default="end",
    show_default=True,
    help="Explain all chosen items; or stop once the rules on alignment are decided; or ask more about each item until "
    "its top words are certified.",
)
@click.option(
    "--precision",
    type=click.Choice(["own", "bfloat16", "float16"]),
    default="own",
    show_default=True,
    help="Ask about perturbed texts in 16 bits, faster where the processor has units for it; what that moves is said.",
)
@click.option("-k", "top", type=click.IntRange(min=1), default=10, show_default=True, help="Words in the top sets.")
@click.option("--no-slices", is_flag=True, help="Skip the slices, the slowest part for many items.")
@click.option(
    "--costs",
    type=click.Choice(["none", "quick", "full"]),
    default="quick",
    show_default=True,
    help="Measure what each model costs: size and speed on some of the items (quick, at most about 3 s a model), and "
    "memory in a process of its own (full, which opens each model once more).",
)
@click.option("--allow-same", is_flag=True, help="Compare a model even with itself.")
@click.option(
    "--out", help="Run directory, or an address for it (s3://...).  [default: trusteq-run, trusteq-run-2, ...]"
)
@work_options
@click.option("--json", "as_json", is_flag=True, help="Print audit.json on stdout instead of the table.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@click.option("--progress-json", is_flag=True, help="Progress on stderr as one JSON object a line.")
def audit(reference: str, candidates: tuple[str, ...], **asked: Any) -> int:
    """Tell whether each CANDIDATE may replace the REFERENCE.

    A model is a transformers folder or hub id (safetensors), an .onnx file or folder, or a file of predictions with
    one column a label; NAME=LOCATION names it.

    \b
    trusteq audit models/bert models/bert-int8 --data test.parquet --text sentence --label label
    trusteq audit bert.csv tiny.csv --label gold

    Exit codes: 0 EQUIVALENT, 1 NOT EQUIVALENT, 3 UNDECIDED, 2 error.
    """  # noqa: D301
    from trusteq.auditing.audit import audit as run_audit
    from trusteq.data.read import read_items
    from trusteq.data.readers import readers
    from trusteq.models.open import open_model
    from trusteq.models.options import BUDGET
    from trusteq.policy import read_policy
    from trusteq.record.address import free_address, is_address, save_at
    from trusteq.record.directory import free_directory, manifest
    from trusteq.record.document import document
    from trusteq.record.history import attempt_of, beside, history_of, notices
    from trusteq.record.plain import plain
    from trusteq.report.size_and_speed import size_and_speed
    from trusteq.report.terminal import render_evidence

    policy = read_policy(asked["policy"])
    if asked["dimensions"]:
        policy = policy.requiring(listed(asked["dimensions"]))
    out = free_address(asked["out"]) if is_address(asked["out"]) else free_directory(asked["out"])
    named = names_and_locations([reference, *candidates, *([asked["peer"]] if asked["peer"] else [])])
    data = asked["data"] or named[0][1]
    files = [location.lower().endswith(tuple(readers())) for _, location in named]
    if asked["data"] is None and not files[0]:
        raise click.UsageError(f"{named[0][0]} is a model and holds no items; name their file with --data")
    if all(files):
        _refuse_idle_work()
    slices = tuple(part for given in asked["slices"] for part in listed(given))
    if slices and asked["no_slices"]:
        raise click.UsageError(f"--slice {slices[0]} and --no-slices exclude each other; give one of the two")
    context = click.get_current_context()
    backends = model_backends(named)
    refuse_unused(asked, cast("OpensModels", context.command).model_options, backends)
    # Models that are run are run in batches; all of them take a budget.
    if asked["batch"] and not any(BUDGET in backend.options for backend in backends.values()):
        raise no_effect("--batch", backends)
    explain = _explain(asked, asked["protocol"] or ("paper" if policy.needs_protocol else None))
    _tell_too_few(asked, policy, explain)
    unread = next((name for name, backend in backends.items() if backend.reads_texts), None)
    if unread is not None and not asked["text"]:
        raise click.UsageError(f"model {unread} reads texts; name their columns with --text, in its order")
    telling = progress(
        quiet=asked["quiet"] or (asked["as_json"] and not asked["progress_json"]), as_json=asked["progress_json"]
    )
    with telling as tell, asked_executor(asked, out) as asking:
        tell("read items", 0, 1)
        items = read_items(
            data,
            text=listed(asked["text"]),
            label=asked["label"],
            label_names=listed(asked["label_names"]) or None,
            id=asked["id_column"],
            by_row=asked["by_row"],
            slices=slices,
            cluster=asked["cluster"],
            ignore_labels=listed(asked["ignore_label"]),
            split=asked["split"],
            download=asked["download"],
        )
        tell("read items", 1, 1)
        # A predictions file may hold the items' own columns beside its labels.
        own = {asked["label"], asked["cluster"], *slices, *listed(asked["text"])} - {None}
        of_items = {"id": asked["id_column"], "by_row": asked["by_row"], "not_labels": tuple(sorted(own))}
        models = {
            name: open_model(location, name=name, options=options_for(name, backends, asked, of_items))
            for name, location in named
        }
        peer = named[len(candidates) + 1 :]
        result = run_audit(
            models.pop(named[0][0]),
            models,
            items,
            policy=policy,
            batch=asked["batch"] or 1,
            resamples=asked["resamples"],
            seed=asked["seed"],
            with_slices=not asked["no_slices"],
            allow_same=asked["allow_same"],
            explain=explain,
            protocol=asked["protocol"],
            peer=models.pop(peer[0][0]) if peer else None,
            costs=asked["costs"],
            executor=asking,
            progress=tell,
        )
        attempt = attempt_of(manifest(result), document(result))
        result = replace(
            result,
            command=words_of(context),
            history=history_of(asking, attempt if asked["work"] else None),
        )
        path = result.save(out) if isinstance(out, Path) else save_at(result, out)
    rivals = beside(path, attempt) if isinstance(path, Path) and attempt is not None else ()
    known = notices(result.history, rivals)
    notes = [*(result.costs.notes if result.costs else ()), *(f.message for f in known if f.kind == "taken up")]
    for note in notes:
        click.echo(f"trusteq: {clean(note)}", err=True)
    with told_anyway(result.exit_code, path):
        if asked["as_json"]:
            print_json(plain(document(result)))
        else:
            show(render_evidence(replace(result.evidence, notices=known)))
            if result.costs is not None:
                show(size_and_speed(result.costs.document()))
            click.echo(f"run directory: {clean(str(path))}", err=True)
    return result.exit_code


def _tell_too_few(asked: dict[str, Any], policy: Policy, explain: ExplainSettings | bool | None) -> None:
    """Say beforehand that so few explained items can never be EQUIVALENT under this policy."""
    few = getattr(explain, "items", None)
    if few is not None and few < policy.min_items and "explanation" in policy.required and not asked["quiet"]:
        click.echo(
            f"trusteq: {few} explained items are fewer than the {policy.min_items} that policy {clean(policy.name)} "
            f"asks for, so nothing will be called EQUIVALENT; --explain-items {policy.min_items} is enough",
            err=True,
        )


def words_of(context: click.Context) -> tuple[str, ...]:
    """The command line as it was meant, in one order: what was given, but for where it went and how it was shown."""
    words = ["audit"]
    options: list[str] = []
    for parameter in context.command.get_params(context):
        name, value = parameter.name or "", context.params.get(parameter.name or "")
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE or name in _NOT_REPEATED:
            continue
        values = [str(v) for v in (value if isinstance(value, tuple) else (value,))]
        if isinstance(parameter, click.Argument):
            words += values
        elif isinstance(parameter, click.Option) and parameter.is_flag:
            options.append(parameter.opts[0])
        else:
            options += [word for v in values for word in (parameter.opts[0], v)]
    return (*words, *options)


def names_and_locations(specs: Sequence[str]) -> list[tuple[str, str]]:
    """Name and location of each model: NAME=LOCATION, or named after its file or folder, parents added until unique."""
    given: list[tuple[str | None, str]] = []
    for spec in specs:
        name, sign, location = spec.partition("=")
        explicit = sign and name and location and not Path(spec).exists() and not set(name) & set("/\\")
        given.append((readable(name), location) if explicit else (None, spec))
    chosen = [name for name, _ in given if name is not None]
    for name in chosen:
        if chosen.count(name) > 1:
            raise click.UsageError(f"two models are called {name!r}; name them apart, e.g. {name}-2=LOCATION")
    for depth in range(1, 1 + max(len(Path(location).parts) for _, location in given)):
        named = [(name or _name(location, depth), location) for name, location in given]
        if len({name for name, _ in named}) == len(named):
            return named
    # The same file twice: told apart by number, and refused later unless that is meant.
    taken = {name: location for name, location in given if name is not None}
    apart = []
    for (name, location), (own, _) in zip(named, given, strict=True):
        if own is None:
            if name in chosen:
                raise click.UsageError(
                    f"two models are called {name!r}: {location} after its file, {taken[name]} by NAME=LOCATION; "
                    "choose another name"
                )
            numbered = (name, *(f"{name}-{i}" for i in range(2, len(given) + 2)))
            own = next(free for free in numbered if free not in taken)
            taken[own] = location
        apart.append((own, location))
    return apart


def _name(location: str, depth: int) -> str:
    from trusteq.models.open import default_name

    return (
        "/".join((*Path(location).parts[:-1][-depth + 1 :], default_name(location)))
        if depth > 1
        else default_name(location)
    )


def _refuse_idle_work() -> None:
    """Stop where work is to be shared out or kept and there is none: predictions are read from files."""
    context = click.get_current_context()
    for option in WORK:
        if context.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            flag = f"--{option.replace('_', '-')}"
            raise click.UsageError(f"{flag} has no effect: no model here is asked, all are files; leave it out")


def _explain(asked: dict[str, Any], protocol: str | None) -> ExplainSettings | bool | None:
    """How to explain: not at all, as asked, or None where nothing was said and what can be explained is."""
    from trusteq.explain.explanation import ExplainSettings

    context = click.get_current_context()
    said = [
        option for option in _EXPLAIN_OPTIONS if context.get_parameter_source(option) is not ParameterSource.DEFAULT
    ]
    if asked["no_explain"]:
        said += [option for option in ("protocol", "peer") if asked[option]]
        if said:
            flag = "-k" if said[0] == "top" else f"--{said[0].replace('_', '-')}"
            raise click.UsageError(f"{flag} and --no-explain exclude each other; give one of the two")
        return False
    if not said:
        return None
    if protocol and said != ["explain_items"]:
        flag = next("-k" if o == "top" else f"--{o.replace('_', '-')}" for o in said if o != "explain_items")
        raise click.UsageError(f"{flag} has no effect under protocol {protocol}, which says how to explain")
    items = asked["explain_items"]
    if items != "all" and not items.isdecimal():
        raise click.BadParameter(f"{items!r} is neither a number nor all", param_hint="--explain-items")
    return ExplainSettings(
        items=None if items == "all" else int(items),
        masks=asked["masks"],
        units=asked["units"],
        perturb=asked["perturb"],
        target=asked["explain_label"],
        scale=asked["scale"],
        k=asked["top"],
        until=asked["until"],
        precision=asked["precision"],
    )


_NOT_REPEATED = ("out", "as_json", "quiet", "progress_json", *WORK)
"""Options that decide where work is done and results go, not what they are."""

_EXPLAIN_OPTIONS = ("explain_items", "masks", "units", "perturb", "explain_label", "scale", "top", "until", "precision")
