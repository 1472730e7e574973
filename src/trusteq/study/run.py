"""A study from its plan to its tables: models, audits, and the results over all of them.

    models/seed-N/NAME    the models
    runs/seed-N           the audit of the reference against all others: an ordinary run directory
    pairs/seed-N.json     every pair of models compared
    protocol/seed-N       the same models under the published protocol, if the study includes it
    study.json            the plan, and the hashes of its data and pretrained models
    work-seed-N           what models have answered so far, until the audits of that seed are done
    reliability/          the reliability diagram of every candidate and seed, with that of its reference: SVG and PDF
    tables.md, tables.tex the main results over all seeds that are done
    estimates.csv         every number, one per row

What exists is not made again, so the same command resumes where it was interrupted. Several processes may work on
different seeds of one study in one folder.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trusteq
from trusteq.data.atomic_file import refuse_links_out, write_atomically
from trusteq.errors import StudyError
from trusteq.explain.explanation import ExplainSettings
from trusteq.models.open import open_model
from trusteq.record.evidence import evidence
from trusteq.record.run import load_run
from trusteq.report.figures.file import rendered
from trusteq.report.figures.reliability import ReliabilityDisplay
from trusteq.study.estimates import estimates
from trusteq.study.inputs import base_location, make_model, read_texts
from trusteq.study.latex import latex_tables
from trusteq.study.markdown import repetition, tables
from trusteq.study.needs import refuse_unmet_needs
from trusteq.study.pairs import pair_measures
from trusteq.train.start import open_base
from trusteq.work.executor import executor
from trusteq.work.folder import LocalFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trusteq.progress import Tell
    from trusteq.study.inputs import Texts
    from trusteq.study.plan import Study

    Say = Callable[[str], None]

SCHEMA_VERSION = 1
AUDITS = ("runs", "pairs", "protocol", "reliability")
"""What of a study's folder depends on how its models are audited."""
DIAGRAMS = ("svg", "pdf")
"""The kinds of files that a diagram is drawn as."""


@dataclass(frozen=True)
class Finished:
    """A study's folder, the seeds that are done, and its tables as Markdown and as LaTeX."""

    directory: Path
    seeds: tuple[int, ...]
    tables: str
    latex: str


def run_study(
    study: Study,
    *,
    data: str | Path,
    out: str | Path,
    seeds: Sequence[int] | None = None,
    download: bool = False,
    anyway: bool = False,
    tell: Tell = lambda stage, done, total: None,
    say: Say = lambda line: None,
) -> Finished:
    """The finished study: these seeds, by default all, are completed, and the tables are written.

    anyway: run without the GPU that a study needs. tell: called with (stage, done, total); say: with a line.
    """
    selected = study.seeds if seeds is None else tuple(seeds)
    unknown = [seed for seed in selected if seed not in study.seeds]
    if unknown:
        raise StudyError(f"study {study.name}: seed {unknown[0]} is not one of its seeds {_listed(study.seeds)}")
    directory = Path(out)
    refuse_links_out(directory)
    refuse_unmet_needs(study, selected, download=download, anyway=anyway)
    texts = read_texts(study.data, Path(data), say)
    _claim(study, texts, directory, download=download, say=say)
    for seed in selected:
        _one_seed(study, seed, texts, directory, download=download, tell=tell, say=say)
    done = tuple(seed for seed in study.seeds if (directory / "runs" / f"seed-{seed}" / "audit.json").is_file())
    for seed in done:
        _diagrams(study, seed, directory)
    repetitions = [repetition(directory, seed) for seed in done]
    markdown, latex = tables(study, repetitions), latex_tables(study, repetitions)
    _write(directory / "tables.md", markdown)
    _write(directory / "tables.tex", latex)
    _write(directory / "estimates.csv", estimates(repetitions))
    return Finished(directory, done, markdown, latex)


def _claim(study: Study, texts: Texts, directory: Path, *, download: bool, say: Say) -> None:
    """Write study.json into an empty folder; an error if the folder holds anything but this study.

    One with models alone may get another plan of its audits, on which no model depends.
    """
    facts: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "study": study.model_dump(mode="json", by_alias=True, exclude={"seeds", "description", "needs"}),
        "items": {part: getattr(texts, part).content() for part in ("train", "dev", "test")},
        "bases": {
            location: open_base(base_location(location, say=say), name=location, download=download).content
            for location in study.bases()
        },
    }
    file = directory / "study.json"
    if not file.is_file():
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise StudyError(f"{directory}: already holds something other than a study; choose another --out")
        _write(file, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
        return
    try:
        stored = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"{file}: cannot be read ({error}); choose another --out") from None
    if stored != facts and _but_audit(stored) == _but_audit(facts):
        if audits := [part for part in AUDITS if (directory / part).exists()]:
            raise StudyError(
                f"{directory}: has audits by another plan ('audit' of the study differs); remove {', '.join(audits)} "
                "from it to audit its models anew, or choose another --out"
            )
        say("the audit is planned otherwise than before; models that are there stay")
        _write(file, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    elif stored != facts:
        key = next((key for key in facts if not isinstance(stored, dict) or stored.get(key) != facts[key]), "content")
        raise StudyError(f"{directory}: belongs to another study ({key!r} in study.json differs); choose another --out")


def _but_audit(facts: Any) -> Any:
    """What study.json says, without how the models are audited."""
    study = facts.get("study") if isinstance(facts, dict) else None
    return {**facts, "study": {**study, "audit": None}} if isinstance(study, dict) else facts


def _refuse_replanned(study: Study, directory: Path) -> None:
    """An error before an audit if another process has planned it otherwise since this one began."""
    stored = json.loads((directory / "study.json").read_text("utf-8"))
    if stored["study"]["audit"] != study.audit.model_dump(mode="json"):
        raise StudyError(f"{directory}: another process has changed the plan of its audits; run this study again")


def _one_seed(study: Study, seed: int, texts: Texts, directory: Path, *, download: bool, tell: Tell, say: Say) -> None:
    """Make the models, audits and pairs of one seed that do not exist yet."""
    name = f"seed-{seed}"
    models = directory / "models" / name
    say(f"study {study.name}, seed {seed} of {_listed(study.seeds)}")
    folders = {
        model: make_model(study, model, seed, texts, models, download=download, tell=tell, say=say)
        for model in study.in_order()
    }
    plan = study.audit
    run, pairs, protocol = (
        directory / "runs" / name,
        directory / "pairs" / f"{name}.json",
        directory / "protocol" / name,
    )
    work = directory / f"work-{name}"

    def open_(model: str) -> Any:
        return open_model(folders[model], name=model)

    if not run.exists():
        _refuse_replanned(study, directory)
        say(f"audit {plan.reference} against {', '.join(study.candidates())}")
        with executor(keep=work, say=say) as runner:
            audit = trusteq.audit(
                open_(plan.reference),
                [open_(model) for model in study.candidates()],
                texts.test,
                policy=plan.policy,
                explain=ExplainSettings(items=plan.explain_items, masks=plan.masks, k=plan.k, target=plan.target),
                peer=None if plan.peer is None else open_(plan.peer),
                resamples=plan.resamples,
                seed=seed,
                executor=runner,
                progress=tell,
            )
        peer = None if plan.peer is None else (plan.peer, open_(plan.peer).predict(audit.items))
        measures = [asdict(pair) for pair in pair_measures(audit, peer)]
        _write(pairs, json.dumps(measures, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        audit.save(run)
    load_run(run)
    if plan.protocol_items is not None and not protocol.exists():
        say(f"the published protocol on {plan.protocol_items:,} items")
        with executor(keep=work, say=say) as runner:
            trusteq.audit(
                open_(plan.reference),
                [open_(model) for model in study.candidates()],
                texts.test,
                policy="paper",
                protocol="paper",
                explain=ExplainSettings(items=plan.protocol_items),
                resamples=plan.resamples,
                seed=1_000 * seed,  # its runs use the seeds that follow, none of which belongs to another repetition
                costs="none",
                executor=runner,
                progress=tell,
            ).save(protocol)
    LocalFolder(work).remove()


def _diagrams(study: Study, seed: int, directory: Path) -> None:
    """Draw the reliability diagrams of one seed that do not exist yet."""
    folder = directory / "reliability"
    paths = {(name, kind): folder / f"seed-{seed}-{name}.{kind}" for name in study.candidates() for kind in DIAGRAMS}
    missing = [key for key, path in paths.items() if not path.is_file()]
    if not missing:
        return
    finished = evidence(load_run(directory / "runs" / f"seed-{seed}"))
    for name, kind in missing:
        display = ReliabilityDisplay.from_evidence(finished, candidate=name)
        if display is not None:  # never None: the items have labels
            _write(paths[name, kind], rendered(display, kind))


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))


def _write(path: Path, text: str | bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"{path.parent}: cannot be created: {error.strerror or error}") from None
    write_atomically(path, text)
