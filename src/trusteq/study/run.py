"""A study from its plan to its tables: models, audits, and what all of them together say.

    models/seed-N/NAME    the models
    runs/seed-N           the audit of the reference against all others: an ordinary run directory
    pairs/seed-N.json     every two models beside each other
    protocol/seed-N       the same models under the published protocol, where the study asks for it
    study.json            what was asked for, and the hashes of what it was asked of
    work-seed-N           what models have answered so far, until the audits of that seed are done
    reliability/          the reliability diagram of every candidate and seed, beside its reference
    tables.md             everything over all seeds that are done
    estimates.csv         the same and all the rest, a row a number

What is there is not made again, so the same command goes on where it was interrupted. Several processes may work on
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
from trusteq.record.directory import evidence, load_run
from trusteq.report.figures.file import rendered
from trusteq.report.figures.reliability import ReliabilityDisplay
from trusteq.study.estimates import estimates
from trusteq.study.inputs import base_location, make_model, read_texts
from trusteq.study.markdown import repetition, tables
from trusteq.study.needs import refuse_what_is_missing
from trusteq.study.pairs import pair_measures
from trusteq.train.start import open_base
from trusteq.work.executor import executor
from trusteq.work.folder import LocalFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trusteq.study.inputs import Texts
    from trusteq.study.plan import Study

    Tell = Callable[[str, int, int], None]
    Say = Callable[[str], None]

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Finished:
    """Where a study lies, which seeds are done, and its tables as Markdown."""

    directory: Path
    seeds: tuple[int, ...]
    tables: str


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
    """Do what is not done yet of these seeds, by default all of the study's, and write the tables.

    ``anyway`` goes on without the GPU that a study needs.
    """
    wanted = study.seeds if seeds is None else tuple(seeds)
    strange = [seed for seed in wanted if seed not in study.seeds]
    if strange:
        raise StudyError(f"study {study.name}: seed {strange[0]} is none of its seeds {_listed(study.seeds)}")
    directory = Path(out)
    refuse_links_out(directory)
    refuse_what_is_missing(study, wanted, download=download, anyway=anyway)
    texts = read_texts(study.data, Path(data), say)
    _claim(study, texts, directory, download=download, say=say)
    for seed in wanted:
        _one_seed(study, seed, texts, directory, download=download, tell=tell, say=say)
    done = tuple(seed for seed in study.seeds if (directory / "runs" / f"seed-{seed}" / "audit.json").is_file())
    for seed in done:
        _diagrams(study, seed, directory)
    found = [repetition(directory, seed) for seed in done]
    made = tables(study, found)
    _write(directory / "tables.md", made)
    _write(directory / "estimates.csv", estimates(found))
    return Finished(directory, done, made)


def _claim(study: Study, texts: Texts, directory: Path, *, download: bool, say: Say) -> None:
    """The folder is this study's, or empty, or refused."""
    asked = study.model_dump(mode="json", by_alias=True, exclude={"seeds", "description", "needs"})
    told: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "study": asked,
        "items": {part: getattr(texts, part).content() for part in ("train", "dev", "test")},
        "bases": {
            location: open_base(base_location(location, say=say), name=location, download=download).content
            for location in study.bases()
        },
    }
    file = directory / "study.json"
    if not file.is_file():
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise StudyError(f"{directory}: holds something else; choose another --out")
        _write(file, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
        return
    try:
        before = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"{file}: cannot be read ({error}); choose another --out") from None
    if before != told:
        what = next((key for key in told if not isinstance(before, dict) or before.get(key) != told[key]), "content")
        raise StudyError(f"{directory}: belongs to a study with another {what}; choose another --out")


def _one_seed(study: Study, seed: int, texts: Texts, directory: Path, *, download: bool, tell: Tell, say: Say) -> None:
    """The models, audits and pairs of one seed, where they are not there yet."""
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

    def opened(model: str) -> Any:
        return open_model(folders[model], name=model)

    if not run.exists():
        say(f"audit {plan.reference} against {', '.join(study.candidates())}")
        with executor(keep=work, say=say) as asking:
            audit = trusteq.audit(
                opened(plan.reference),
                [opened(model) for model in study.candidates()],
                texts.test,
                policy=plan.policy,
                explain=ExplainSettings(items=plan.explain_items, masks=plan.masks, k=plan.k, target=plan.target),
                peer=None if plan.peer is None else opened(plan.peer),
                resamples=plan.resamples,
                seed=seed,
                executor=asking,
                progress=tell,
            )
        peer = None if plan.peer is None else (plan.peer, opened(plan.peer).predict(audit.items))
        found = [asdict(pair) for pair in pair_measures(audit, peer)]
        _write(pairs, json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        audit.save(run)
    load_run(run)
    if plan.protocol_items is not None and not protocol.exists():
        say(f"the published protocol on {plan.protocol_items:,} items")
        with executor(keep=work, say=say) as asking:
            trusteq.audit(
                opened(plan.reference),
                [opened(model) for model in study.candidates()],
                texts.test,
                policy="paper",
                protocol="paper",
                explain=ExplainSettings(items=plan.protocol_items),
                resamples=plan.resamples,
                seed=1_000 * seed,  # its runs have seeds from here on, and none of another seed's
                costs="none",
                executor=asking,
                progress=tell,
            ).save(protocol)
    LocalFolder(work).remove()


def _diagrams(study: Study, seed: int, directory: Path) -> None:
    """The reliability diagrams of one seed that are not there yet."""
    folder = directory / "reliability"
    paths = {name: folder / f"seed-{seed}-{name}.svg" for name in study.candidates()}
    missing = [name for name, path in paths.items() if not path.is_file()]
    if not missing:
        return
    found = evidence(load_run(directory / "runs" / f"seed-{seed}"))
    for name in missing:
        display = ReliabilityDisplay.from_evidence(found, candidate=name)
        if display is not None:  # labelled items, so there is one
            _write(paths[name], rendered(display, "svg").decode("utf-8"))


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"{path.parent}: cannot be made: {error.strerror or error}") from None
    write_atomically(path, text)
