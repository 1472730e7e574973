"""Readers of finished runs, whose hashes and verdicts are mostly made anew, so that what is spoilt is read at all."""

from __future__ import annotations

import io
import json
import shutil
import zlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hostile.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable

OLDER = Path(__file__).parents[1] / "record" / "golden" / "schema-1"
ITEM = "review-1"


def runs_of_today(folder: Path) -> list[str]:
    """Two tiny runs, one with all that a run may hold but the other's protocol; the names of their files."""
    from finished_runs import FAST, HONEST, NEARLY, costs_of, pairs, reader
    from rehashed import rehashed

    import trusteq
    from trusteq.explain.explanation import ExplainSettings
    from trusteq.record.history import History, attempt_of
    from trusteq.record.manifest import manifest
    from trusteq.record.plain import plain

    models = reader(HONEST, "honest"), reader(NEARLY, "nearly")
    peer = reader({**HONEST, "film": -0.1}, "peer")
    settings = ExplainSettings(items=3, masks=32)
    explained = trusteq.audit(*models, pairs(8), peer=peer, explain=settings, **{**FAST, "with_slices": True})
    explained.save(folder / "explained")
    other = attempt_of(manifest(explained), plain(explained.evidence.document))
    assert other is not None
    history = History(taken_up=1, shards=2, others=(other.model_copy(update={"seed": 7, "settings": "x"}),))
    (folder / "explained" / "work.json").write_text(history.model_dump_json(), "utf-8")
    (folder / "explained" / "costs.json").write_text(json.dumps(costs_of(("honest", "nearly"))), "utf-8")
    rehashed(folder / "explained")
    protocol = trusteq.audit(
        *models, replace(pairs(8), clusters=None), policy="paper", explain=ExplainSettings(items=3), **FAST
    )
    protocol.save(folder / "protocol")
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def today(folder: Path, read: Callable[[Path, str], None], *, seconds: float = 5) -> Reader:
    """The reader of runs of today: ``read`` is given the run and the name of the file that is spoilt."""
    names = runs_of_today(folder)

    def sealed_and_read(name: str) -> None:
        run, file = folder / name.partition("/")[0], name.partition("/")[2]
        kept = {path: path.read_bytes() for path in (run / "manifest.json", run / "audit.json") if path.name != file}
        try:
            seal(run, file)
            read(run, file)
        finally:
            for path, content in kept.items():
                path.write_bytes(content)

    return Reader.of(folder, sealed_and_read, *names, seconds=seconds)


def seal(run: Path, spoilt: str) -> None:
    """Make the run fit its spoilt file, as who spoils it on purpose would; of some it is left undone in part."""
    how = zlib.crc32((run / spoilt).read_bytes()) % 16
    if how == 0:
        return
    manifest, audit = (_json(run / name) for name in ("manifest.json", "audit.json"))
    if spoilt == "policy.yaml" and isinstance(audit, dict):
        with suppress(Exception):
            from trusteq.policy import read_policy

            audit["policy"] = read_policy(run / "policy.yaml").model_dump(mode="json", exclude_none=True)
    if spoilt in {"policy.yaml", "audit.json"} and how > 2:
        with suppress(Exception):
            _judge(audit)
    if spoilt in {"manifest.json", "audit.json"} and how > 4:
        with suppress(Exception):
            _agree(*((manifest, audit) if spoilt == "manifest.json" else (audit, manifest)))
    if isinstance(audit, dict):
        _write(run / "audit.json", audit)
    if isinstance(manifest, dict):
        from trusteq.record.integrity import file_hashes

        _write(run / "manifest.json", {**manifest, "files": file_hashes(run)})


def _judge(audit: Any) -> None:
    from trusteq.record.document import AuditDocument
    from trusteq.record.plain import plain
    from trusteq.record.reading import read
    from trusteq.verdict import EXIT_CODES, judge

    document, codes = read(json.dumps(audit), AuditDocument, where="audit.json"), set()
    for candidate, told in zip(audit["candidates"], document.candidates, strict=True):
        verdict = judge(told.measures, document.policy, cluster_size=document.cluster_size)
        candidate["verdict"] = plain(verdict)
        codes.add(EXIT_CODES[verdict.outcome])
    audit["exit_code"] = next(code for code in (1, 3, 0) if code in codes)


def _agree(told: Any, other: Any) -> None:
    """Names, labels and counts as the first of a run's two files has them, in the other."""
    other["labels"] = told["labels"]
    if "models" in told:
        other["reference"]["name"] = told["models"][0]["name"]
        for candidate, model in zip(other["candidates"], told["models"][1:], strict=True):
            candidate["name"] = model["name"]
        other["items"]["n"] = told["data"]["items"]
        other["settings"] = told["settings"]
    else:
        for model, audited in zip(other["models"], (told["reference"], *told["candidates"]), strict=True):
            model["name"] = audited["name"]
        other["data"]["items"] = told["items"]["n"]
        other["settings"] = told["settings"]


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        return None


def _write(path: Path, content: Any) -> None:
    with suppress(ValueError, RecursionError):
        path.write_text(json.dumps(content), "utf-8")


def run_loaded(folder: Path) -> Reader:
    """A run opened, its tables read, and judged again."""
    return today(folder, loaded)


def loaded(run: Path, file: str) -> None:
    """Open the run and judge it again; read the table, if the file is one."""
    from trusteq.record.run import load_run, rejudge

    found = load_run(run)
    if file.endswith(".parquet"):
        found.table(file.removesuffix(".parquet"))
    rejudge(found, found.policy)


def older_run(folder: Path) -> Reader:
    """The same of a run of schema version 1, which has no hashes."""
    from finished_runs import costs_of

    shutil.copytree(OLDER, folder / "run")
    (folder / "run" / "costs.json").write_text(json.dumps(costs_of(("honest", "nearly", "shortcut"))), "utf-8")
    names = sorted(path.relative_to(folder / "run").as_posix() for path in folder.rglob("*") if path.is_file())
    return Reader.of(folder / "run", lambda name: loaded(folder / "run", name), *names)


def run_verified(folder: Path) -> Reader:
    """A run computed once more, as trusteq verify tells of it."""
    from dataclasses import asdict

    from trusteq.auditing.verify import verify_run
    from trusteq.cli.verify import _lines
    from trusteq.record.plain import plain
    from trusteq.record.run import load_run

    def read(run: Path, _: str) -> None:
        found = verify_run(load_run(run))
        printed(_lines(found, "run"))
        json.dumps(plain(asdict(found)))

    return today(folder, read, seconds=20)


def run_printed(folder: Path) -> Reader:
    """A run as trusteq show, diff and report print it, but for the page."""
    from trusteq.cli.report import FORMATS, maker
    from trusteq.record.evidence import evidence
    from trusteq.record.run import load_run
    from trusteq.report.difference import difference
    from trusteq.report.difference_terminal import render as render_difference
    from trusteq.report.item import item_document, item_view
    from trusteq.report.item_terminal import render
    from trusteq.report.size_and_speed import size_and_speed
    from trusteq.report.terminal import render_evidence

    sound = evidence(load_run(OLDER))

    def read(run: Path, _: str) -> None:
        found = evidence(load_run(run))
        printed([render_evidence(found)])
        if found.costs is not None:
            printed([size_and_speed(found.costs)])
        if run.name == "explained":
            views = [item_view(found, ITEM, candidate) for candidate in found.models[1:]]
            json.dumps(item_document(views))
            printed([render(view) for view in views])
        for form in FORMATS:
            if form != "html":
                maker(form)(found).encode()
        printed([render_difference(difference(sound, found), "a", "b")])

    return today(folder, read)


def run_page(folder: Path) -> Reader:
    """A run as the page of trusteq report."""
    from trusteq.cli.report import maker
    from trusteq.record.evidence import evidence
    from trusteq.record.run import load_run

    return today(folder, lambda run, _: maker("html")(evidence(load_run(run))).encode() and None, seconds=40)


def printed(parts: list[Any]) -> None:
    """What a terminal would show, thrown away."""
    from rich.console import Console

    Console(file=io.StringIO(), width=100).print(*parts)
