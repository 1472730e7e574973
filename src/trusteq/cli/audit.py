"""``trusteq audit``: from models and a data file to a verdict and a run directory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from trusteq.cli.audit_command import AUDIT_FILE, GIVEN, AuditCommand
from trusteq.cli.lists import comma_separated
from trusteq.cli.model_names import names_and_locations
from trusteq.cli.model_options import ModelCommand, model_backends, no_effect, options_for, refuse_unused
from trusteq.cli.pickled_estimators import refuse_estimators
from trusteq.cli.screen import print_json, show, show_progress
from trusteq.cli.streams import print_or_warn
from trusteq.cli.unnamed_texts import unnamed_texts
from trusteq.cli.value_types import ITEMS, MODEL, NAMES, PLACE, POLICY
from trusteq.cli.work_options import WORK, chosen_executor, work_folder, work_options
from trusteq.data.clean import clean
from trusteq.stats.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.data.items import Items
    from trusteq.explain.explanation import ExplainSettings
    from trusteq.models.backend import Backend
    from trusteq.models.base import Model
    from trusteq.policy import Policy
    from trusteq.progress import Tell

MANY_EXPLAINED = 200
"""So many items take minutes, and nobody asked for that many."""

GROUPS = {
    "Models": (
        "--labels",
        "--scores",
        "--tokenizer",
        "--peer",
        "--task",
        "--download",
        "--preprocessing",
        "--output",
        "--score",
        "--top-tokens",
        "--allow-same",
    ),
    "Data": (
        "--data",
        "--text",
        "--label",
        "--id",
        "--slice",
        "--cluster",
        "--picture",
        "--sound",
        "--columns",
        "--label-names",
        "--ignore-label",
        "--by-row",
        "--split",
        "--no-slices",
        "--skip-unreadable",
        "--features",
        "--rate",
        "--channels",
        "--categories",
        "--background",
    ),
    "What to require": ("--policy", "--dimensions", "--resamples", "--seed"),
    "Explanations": (
        "--no-explain",
        "--explain-items",
        "--units",
        "--masks",
        "-k",
        "--until",
        "--explain-label",
        "--perturb",
        "--scale",
        "--protocol",
        "--explain-ids",
        "--explain-draw",
        "--masks-per-unit",
        "--precision",
    ),
    "Where it runs": (
        "--workers",
        "--device",
        "--batch",
        "--work",
        "--no-resume",
        "--token-budget",
        "--ray",
        "--ray-address",
        "--gpus",
        "--deadline",
    ),
    "Output": ("--out", "--json", "--quiet", "--costs", "--no-pictures", "--progress-json"),
}
"""The options by what they are about, the most used first; also the sections of an audit file."""


@click.command(cls=AuditCommand, groups=GROUPS)
@click.argument("reference", type=MODEL, metavar="REFERENCE")
@click.argument("candidates", type=MODEL, metavar="CANDIDATE...", nargs=-1)
@click.option(
    "--data",
    type=ITEMS,
    help="Items: Parquet, CSV, TSV or JSONL (.gz), a folder of pictures or sounds, a dataset folder or hub id.  "
    "[default: REFERENCE]",
)
@click.option("--text", type=NAMES, help="Columns that the models read, in order: --text premise,hypothesis.")
@click.option(
    "--sound", type=NAMES, help="Columns of recordings, as files' bytes, paths, or both; a folder of sounds needs none."
)
@click.option("--features", type=NAMES, help="Columns with features of sounds, e.g. MFCC: lists [time, coefficients].")
@click.option("--rate", type=click.IntRange(min=1), help="Resample all recordings to so many Hz.  [default: refuse]")
@click.option(
    "--channels",
    type=click.Choice(["one", "mean"]),
    default="one",
    show_default=True,
    help="Recordings of several channels: one refuses them, mean averages them.",
)
@click.option(
    "--picture",
    type=NAMES,
    help="Columns of pictures, as image files' bytes, paths, or both; a folder of pictures needs none.",
)
@click.option("--skip-unreadable", is_flag=True, help="Leave out items whose pictures or sounds cannot be decoded.")
@click.option(
    "--no-pictures",
    is_flag=True,
    help="Keep only hashes and measures of pictures and sounds in the run: nobody can see or hear them there.",
)
@click.option(
    "--columns",
    type=NAMES,
    help="Columns of a table whose rows the models read: age,job, or all for all that have no other part.",
)
@click.option(
    "--categories", type=NAMES, help="Columns of --columns that hold categories even where they look like numbers."
)
@click.option(
    "--background",
    type=PLACE,
    help="A file with rows of the same columns, whose values stand in for columns left out.  [default: 100 items]",
)
@click.option("--label", help="Column with the gold label; without it, measures that need labels are skipped.")
@click.option("--label-names", type=NAMES, help="Names of the codes 0, 1, 2, ... in the label column.")
@click.option(
    "--ignore-label", type=NAMES, help="Exclude items with these labels, e.g. -1 for SNLI's items without a gold label."
)
@click.option(
    "--id",
    "id_column",
    help="Column with item ids.  [default: a column named id, uid, item_id, ..., else row numbers]",
)
@click.option("--by-row", is_flag=True, help="Match prediction files by row number, ignoring ids.")
@click.option("--slice", "slices", type=NAMES, multiple=True, help="Column to slice by; may be repeated.")
@click.option(
    "--cluster", help="Column that says which items belong together, e.g. the premise; of results, e.g. doc.passage."
)
@click.option("--split", help="Split of a Hugging Face dataset.")
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    help="Batch size for models whose answers depend on the batch.  [default: 1]",
)
@click.option(
    "--policy",
    type=POLICY,
    help="Preset (default, generative, paper) or YAML file.  [default: default; for language models, generative as far "
    "as their task measures it]",
)
@click.option(
    "--dimensions", type=NAMES, help="Dimensions that EQUIVALENT requires: behaviour,calibration[,explanation]."
)
@click.option(
    "--resamples",
    type=click.IntRange(*LIMITS["resamples"]),
    default=2000,
    show_default=True,
    help="Bootstrap resamples.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Random seed.")
@click.option("--no-explain", is_flag=True, help="Skip the explanations, the slowest part.")
@click.option(
    "--explain-items",
    default="500",
    show_default=True,
    help="Number of items to explain, or all. They are drawn at random, more often those whose prediction a candidate "
    "has moved, which every estimate allows for.",
)
@click.option(
    "--explain-draw",
    type=click.Choice(["by-change", "evenly"]),
    default="by-change",
    show_default=True,
    help="evenly: all items have equal chances to be explained.",
)
@click.option(
    "--explain-ids",
    type=click.Path(exists=True, dir_okay=False),
    help="A file with the ids of the items to explain, one a line: to look at them. They are no random sample, so "
    "explanations are not judged.",
)
@click.option(
    "--masks",
    type=click.IntRange(10, 100_000),
    help="Perturbations per item.  [default: 4 per word, 32 to 256; 8 per column, tile or stretch, 32 to 512]",
)
@click.option(
    "--masks-per-unit",
    type=click.IntRange(1, 1000),
    help="The same for each unit of an item.  [default: 4 of words, 8 of columns, tiles and stretches]",
)
@click.option(
    "--units",
    help="What is left out: words, words-merged, sentences, sentences-then-words, re:PATTERN; of tables column-groups, "
    "columns; of pictures tiles, superpixels; of sounds stretches; of features frame-stretches.  [default: words of "
    "texts, sentences-then-words if they are long and asked about in prompts; groups of columns that say nearly the "
    "same; tiles; stretches]",
)
@click.option(
    "--perturb",
    default="remove",
    show_default=True,
    help="What replaces what is left out: remove (of texts nothing, of pictures a blur, of sounds silence), "
    "mask, or a text; of pictures also neighbours (colours from around) or mean (the mean colour).",
)
@click.option(
    "--explain-label",
    type=click.Choice(["reference", "gold", "own"]),
    default="reference",
    show_default=True,
    help="Which label is explained: the reference's answer, the gold label, or each model's own answer.",
)
@click.option(
    "--scale",
    type=click.Choice(["probability", "log-odds"]),
    help="Scale of the attributions.  [default: probability; log-odds for choices]",
)
@click.option(
    "--protocol",
    type=click.Choice(["paper", "paper-scripts", "paper-scripts-qqp", "paper-vit", "paper-vit-scripts"]),
    help="Explain as in arXiv 2508.13533: paper as it describes, paper-scripts as its scripts do (also measures their "
    "confidence bins), paper-scripts-qqp as its scripts for pairs of questions do; paper-vit: top patches of vision "
    "transformers by occlusion and integrated gradients, paper-vit-scripts to the letter.  [default: paper for "
    "--policy paper]",
)
@click.option(
    "--peer",
    type=MODEL,
    help="A retrained reference, e.g. with another seed: alignment is judged relative to what it reaches.",
)
@click.option(
    "--until",
    type=click.Choice(["end", "decided", "stable"]),
    default="end",
    show_default=True,
    help="end: explain all chosen items. decided: stop once the rules on alignment are decided. stable: add "
    "perturbations to each item until its top words are certified.",
)
@click.option(
    "--precision",
    type=click.Choice(["own", "bfloat16", "float16"]),
    default="own",
    show_default=True,
    help="Run perturbed texts in 16 bits, faster where the processor supports it; the effect is reported.",
)
@click.option(
    "-k",
    "top",
    type=click.IntRange(min=1),
    help="Number of words, or other units, in the top sets.  [default: 10 words, or a quarter of the other units]",
)
@click.option("--no-slices", is_flag=True, help="Skip slices and what changed items have in common.")
@click.option(
    "--costs",
    type=click.Choice(["none", "quick", "full"]),
    default="quick",
    show_default=True,
    help="Measure each model's cost. quick: size, and speed on some of the items (at most about 3 s per model). full: "
    "also memory, in a separate process that opens the model again.",
)
@click.option("--allow-same", is_flag=True, help="Allow comparing a model with itself.")
@click.option(
    "--out",
    type=PLACE,
    help="Run directory, or an address for it (s3://...).  [default: trusteq-run, trusteq-run-2, ...]",
)
@work_options
@click.option("--json", "as_json", is_flag=True, help="Print audit.json on stdout instead of the table.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@click.option("--progress-json", is_flag=True, help="Progress on stderr as JSON, one object per line.")
def audit(reference: str, candidates: tuple[str, ...], **options: Any) -> int:
    """Check whether each CANDIDATE may replace the REFERENCE.

    \b
    trusteq audit large.csv small.csv --label label
    trusteq audit bert/ bert-int8/ --data test.csv --text review --label label
    trusteq audit audit.yaml --out run-2        # a file that trusteq init writes

    A model is a transformers folder or hub id (safetensors), an .onnx, .tflite or .gguf file, a file of predictions
    with one column per label, or the results of an evaluation tool: samples of lm-evaluation-harness, details of
    lighteval, a log of inspect_ai, token probabilities stored by llama.cpp. NAME=LOCATION sets its name.

    An audit file (.yaml) takes the place of the models. Options given beside it override it.

    Exit codes: 0 EQUIVALENT, 1 NOT EQUIVALENT, 3 UNDECIDED, 2 error.
    """  # noqa: D301
    from trusteq.auditing.audit import audit as run_audit
    from trusteq.data.read import read_items
    from trusteq.data.readers import readers
    from trusteq.data.results import format_of
    from trusteq.models.open import open_model
    from trusteq.models.options import BUDGET
    from trusteq.models.taken import offered_by
    from trusteq.policy import read_policy
    from trusteq.prompts.task_file import read_task_file
    from trusteq.record.address import free_address, is_address, save_at
    from trusteq.record.document import document
    from trusteq.record.history import attempt_of, history_of, neighbouring_runs, notices
    from trusteq.record.manifest import manifest
    from trusteq.record.plain import plain
    from trusteq.record.saving import free_directory
    from trusteq.report.size_and_speed import size_and_speed
    from trusteq.report.terminal import render_evidence
    from trusteq.tasks.tokens import Tokens

    out = free_address(options["out"]) if is_address(options["out"]) else free_directory(options["out"])
    locations = names_and_locations([reference, *candidates, *([options["peer"]] if options["peer"] else [])])
    reference_name, reference_location = locations[0]
    are_results = [format_of(location) is not None for _, location in locations]
    are_files = [
        is_result or location.lower().endswith(tuple(readers()))
        for is_result, (_, location) in zip(are_results, locations, strict=True)
    ]
    # What the audit itself uses if none is named, for which the models must be open; its dimensions are its task's.
    usual = "generative" if options["task"] or any(are_results) else "default"
    policy = read_policy(options["policy"] or usual)
    if options["dimensions"]:
        policy = policy.requiring(comma_separated(options["dimensions"]))
    if options["data"] is None and not are_files[0]:
        raise click.UsageError(_why_no_items(reference_name, reference_location))
    context = click.get_current_context()
    written = {name for name in context.params if context.get_parameter_source(name) in GIVEN}
    refuse_estimators(locations, {name: value for name, value in context.params.items() if name in written})
    if all(are_files):
        _refuse_unused_work_options()
    slices = tuple(column for value in options["slices"] for column in comma_separated(value))
    if slices and options["no_slices"]:
        raise click.UsageError(f"--slice {slices[0]} and --no-slices exclude each other; give one of the two")
    backends = model_backends(locations, download=options["download"])
    refuse_unused(options, cast("ModelCommand", context.command).model_options, backends)
    # Only models that run in batches take a budget; files of predictions do not.
    if options["batch"] and not any(BUDGET in backend.options for backend in backends.values()):
        raise no_effect("--batch", backends)
    explain = _explain_settings(options, options["protocol"] or ("paper" if policy.needs_protocol else None))
    _warn_if_too_few(options, policy, explain)
    text_model = next((name for name, backend in backends.items() if backend.reads_texts), None)
    task_file = read_task_file(options["task"]) if options["task"] and text_model is not None else None
    texts = comma_separated(options["text"]) or (() if task_file is None else task_file.columns)
    if text_model is not None and not texts:
        raise unnamed_texts(text_model, options["data"])
    sounds, features = (comma_separated(options[name]) for name in ("sound", "features"))
    pictures = comma_separated(options["picture"])
    quiet = options["quiet"] or (options["as_json"] and not options["progress_json"])
    with (
        show_progress(quiet=quiet, as_json=options["progress_json"]) as progress,
        chosen_executor(options, out) as executor,
    ):
        progress("read items", 0, 1)
        items = read_items(
            options["data"] or reference_location,
            text=texts,
            sound=sounds,
            features=features,
            rate=options["rate"],
            channels=options["channels"],
            picture=pictures,
            label=options["label"],
            label_names=comma_separated(options["label_names"]) or None,
            id=options["id_column"],
            by_row=options["by_row"],
            slices=slices,
            cluster=options["cluster"],
            ignore_labels=comma_separated(options["ignore_label"]),
            split=options["split"],
            download=options["download"],
            options=None if task_file is None else task_file.options,
            columns=comma_separated(options["columns"])
            or (("all",) if reads_tables(options, locations, backends) else ()),
            categories=comma_separated(options["categories"]),
            background=options["background"],
            skip_unreadable=options["skip_unreadable"],
        )
        progress("read items", 1, 1)
        if not (all(are_files) or quiet):
            _warn_without_labels(items, policy)
            if context.get_parameter_source("explain_items") not in GIVEN and not options["progress_json"]:
                progress = _hint_at_fewer(progress)
        if options["no_pictures"]:
            _refuse_to_withhold_nothing(items)
        # A file of predictions may repeat the items' columns: these are not labels.
        columns = {*slices, *texts, *pictures, *sounds, *features}
        item_columns = {options["label"], options["cluster"], *columns} - {None}
        matching: dict[str, Any] = {
            "id": options["id_column"],
            "by_row": options["by_row"],
            "not_labels": tuple(sorted(item_columns)),
        }
        if task_file is not None and task_file.task == Tokens.name:
            matching |= _one_after_the_other(options, [location for _, location in locations], out)
        models: dict[str, Model] = {}
        for name, location in locations:
            of_reference = {"taken": offered_by(models[reference_name])} if models else {}
            chosen = options_for(name, backends, options, matching | of_reference)
            models[name] = open_model(location, name=name, options=chosen)
        peer = locations[len(candidates) + 1 :]
        result = run_audit(
            models.pop(reference_name),
            models,
            items,
            policy=policy if options["policy"] else None,
            dimensions=comma_separated(options["dimensions"]) or None,
            batch=options["batch"] or 1,
            resamples=options["resamples"],
            seed=options["seed"],
            with_slices=not options["no_slices"],
            allow_same=options["allow_same"],
            explain=explain,
            protocol=options["protocol"],
            peer=models.pop(peer[0][0]) if peer else None,
            costs=options["costs"],
            executor=executor,
            progress=progress,
        )
        attempt = attempt_of(manifest(result), plain(document(result)))
        result = replace(
            result,
            command=command_words(context),
            audit_file=context.meta.get(AUDIT_FILE),
            history=history_of(executor, attempt if options["work"] else None),
        )
        if options["no_pictures"]:
            result = result.without_pictures()
        path = result.save(out) if isinstance(out, Path) else save_at(result, out)
    other_runs = neighbouring_runs(path, attempt) if isinstance(path, Path) and attempt is not None else ()
    findings = notices(result.history, other_runs)
    notes = [*(result.costs.notes if result.costs else ()), *(f.message for f in findings if f.kind == "taken up")]
    for note in notes:
        click.echo(f"trusteq: {clean(note)}", err=True)
    with print_or_warn(result.exit_code, path):
        if options["as_json"]:
            print_json(plain(document(result)))
        else:
            show(render_evidence(replace(result.evidence, notices=findings)))
            if result.costs is not None:
                show(size_and_speed(result.costs.document(), result.models))
            click.echo(f"run directory: {clean(str(path))}", err=True)
    return result.exit_code


def reads_tables(
    options: dict[str, Any], locations: Sequence[tuple[str, str]], backends: Mapping[str, Backend]
) -> bool:
    """Whether the models read rows of a table, and nothing that they read was named."""
    if options["tokenizer"] or any(options.get(name) for name in ("text", "picture", "sound", "features")):
        return False
    if options["data"] is None or not Path(options["data"]).is_file():
        return False
    return any(backends[name].reads_tables(location, Path(location).expanduser()) for name, location in locations)


def _why_no_items(name: str, location: str) -> str:
    """Why the audit has no items; an error where there is no model either."""
    from trusteq.models.open import backend_of

    if not Path(location).expanduser().exists():
        return f"{location}: no such file or folder; correct the path, or for a hub id name an items file with --data"
    backend_of(location, name)
    return f"{name} is a model and contains no items; name an items file with --data"


def _refuse_to_withhold_nothing(items: Items) -> None:
    """Raise an error before any model runs if --no-pictures cannot do what it says."""
    from trusteq.data.withheld import without_content

    if all(held is items.segments[name] for name, held in without_content(items.segments).items()):
        raise click.UsageError("--no-pictures has no effect, as the items hold neither pictures nor sounds; remove it")


def _one_after_the_other(options: dict[str, Any], locations: Sequence[str], out: str | Path) -> dict[str, str]:
    """Where the reference's most probable tokens are stored if models read one after the other, and why they do."""
    from trusteq.models.causal.crowded import crowded
    from trusteq.record.address import is_address

    folder = work_folder(options["work"], out)
    place = {} if is_address(folder) else {"stored_in": folder}
    return {**place, "crowded": "" if options["top_tokens"] else crowded(locations, options["device"])}


def _warn_if_too_few(options: dict[str, Any], policy: Policy, explain: ExplainSettings | bool | None) -> None:
    """Warn before the audit that with so few explained items no candidate can be EQUIVALENT under this policy."""
    from trusteq.verdict import fewest_explained

    explained, fewest = getattr(explain, "items", None), fewest_explained(policy)
    if explained is not None and explained < fewest and "explanation" in policy.required and not options["quiet"]:
        click.echo(
            f"trusteq: {explained} explained items are fewer than the {fewest} that policy "
            f"{clean(policy.name)} requires, so no candidate can be EQUIVALENT; use --explain-items {fewest}",
            err=True,
        )


def _warn_without_labels(items: Items, policy: Policy) -> None:
    """Warn before models run that without gold labels no candidate can be EQUIVALENT under this policy."""
    from trusteq.comparing.measures import find_measure

    rules = [find_measure(rule) for name in policy.required for rule in policy.rules[name]]
    needing = [rule.title for rule in rules if rule is not None and "labels" in rule.needs]
    if items.labels is None and needing:
        click.echo(
            f"trusteq: no gold labels, which policy {clean(policy.name)} needs for {' and '.join(needing)}, so no "
            "candidate can be EQUIVALENT; name their column with --label",
            err=True,
        )


def _hint_at_fewer(progress: Tell) -> Tell:
    """The same progress, which says once, as many items begin to be explained, that fewer can be."""
    said = False

    def tell(stage: str, done: int, total: int) -> None:
        nonlocal said
        if not said and stage.startswith("explain ") and total >= MANY_EXPLAINED:
            said = True
            click.echo(
                "trusteq: explanations take longest; --explain-items 100 explains fewer items, --no-explain none",
                err=True,
            )
        progress(stage, done, total)

    return tell


def command_words(context: click.Context) -> tuple[str, ...]:
    """The command line in a fixed order, without the options that decide where results go and how they are shown."""
    words = ["audit"]
    options: list[str] = []
    for parameter in context.command.get_params(context):
        name, value = parameter.name or "", context.params.get(parameter.name or "")
        if context.get_parameter_source(name) not in GIVEN or name in _NOT_REPEATED:
            continue
        values = [_word(v) for v in (value if isinstance(value, tuple) else (value,))]
        if isinstance(parameter, click.Argument):
            words += values
        elif isinstance(parameter, click.Option) and parameter.is_flag:
            options.append(parameter.opts[0])
        else:
            options += [word for v in values for word in (parameter.opts[0], v)]
    return (*words, *options)


def _word(value: Any) -> str:
    """A value as a word of a command; the rules that an audit file holds are in the run as policy.yaml."""
    from trusteq.policy import Policy

    return "policy.yaml" if isinstance(value, Policy) else str(value)


def _refuse_unused_work_options() -> None:
    """Stop at an option about workers or finished work where no model runs: all are files of predictions."""
    context = click.get_current_context()
    for option in WORK:
        if context.get_parameter_source(option) in GIVEN:
            flag = f"--{option.replace('_', '-')}"
            raise click.UsageError(f"{flag} has no effect: all models here are files of predictions; remove it")


def _explain_settings(options: dict[str, Any], protocol: str | None) -> ExplainSettings | bool | None:
    """How to explain: False for not at all, or the settings; None without options, when all models that can be are."""
    from trusteq.explain.explanation import ExplainSettings

    context = click.get_current_context()
    given = [option for option in _EXPLAIN_OPTIONS if context.get_parameter_source(option) in GIVEN]
    if options["no_explain"]:
        given += [option for option in ("protocol", "peer") if options[option]]
        if given:
            flag = "-k" if given[0] == "top" else f"--{given[0].replace('_', '-')}"
            raise click.UsageError(f"{flag} and --no-explain exclude each other; give one of the two")
        return False
    if not given:
        return None
    if protocol and given != ["explain_items"]:
        flag = next("-k" if o == "top" else f"--{o.replace('_', '-')}" for o in given if o != "explain_items")
        raise click.UsageError(f"{flag} has no effect under protocol {protocol}, which fixes how to explain; remove it")
    if {"explain_ids", "explain_items"} <= set(given):
        raise click.UsageError("--explain-ids and --explain-items exclude each other; give one of the two")
    items = options["explain_items"]
    if items != "all" and not items.isdecimal():
        raise click.BadParameter(f"{items!r} is neither a number nor all", param_hint="--explain-items")
    return ExplainSettings(
        items=None if items == "all" else int(items),
        masks=options["masks"],
        per_unit=options["masks_per_unit"],
        units=options["units"],
        perturb=options["perturb"],
        target=options["explain_label"],
        scale=options["scale"],
        k=options["top"],
        until=options["until"],
        precision=options["precision"],
        draw=options["explain_draw"],
        ids=None if options["explain_ids"] is None else _read_ids(options["explain_ids"]),
    )


def _read_ids(path: str) -> tuple[str, ...]:
    """The ids in a file, one a line; blank lines are skipped."""
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{path}: not a text file in UTF-8 ({error})", param_hint="--explain-ids") from error
    ids = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if len(ids) < 2:
        raise click.BadParameter(f"{path}: {len(ids)} ids; give two or more, one a line", param_hint="--explain-ids")
    return ids


_NOT_REPEATED = ("out", "as_json", "quiet", "progress_json", *WORK)
"""Options that decide where work is done and results go, but not the results themselves."""

_EXPLAIN_OPTIONS = (
    "explain_items",
    "explain_draw",
    "explain_ids",
    "masks",
    "masks_per_unit",
    "units",
    "perturb",
    "explain_label",
    "scale",
    "top",
    "until",
    "precision",
)
