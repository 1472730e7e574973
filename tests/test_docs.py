"""Every example in README and docs is run: commands must work and print what is shown, Python must run."""

import io
import re
import shlex
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest
import sample_files

from trusteq import read_task_file
from trusteq.cli.audit_file_schema import text as audit_file_schema_text
from trusteq.cli.main import main
from trusteq.comparing.measures import MEASURES, PREDICTED, names_of
from trusteq.models.preprocessing import preprocessing_of
from trusteq.policy import parse_policy, policy_schema
from trusteq.prompts.task_file import task_schema

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SLOW = [
    "README.md",
    "docs/how-to/audit-file.md",
    "docs/how-to/ci.md",
    "docs/how-to/compare-runs.md",
    "docs/how-to/compress.md",
    "docs/how-to/evidence.md",
    "docs/how-to/extend.md",
    "docs/how-to/figures.md",
    "docs/how-to/gate.md",
    "docs/how-to/history.md",
    "docs/how-to/in-python.md",
    "docs/how-to/language-models.md",
    "docs/how-to/models-and-data.md",
    "docs/how-to/paper-protocol.md",
    "docs/how-to/pictures.md",
    "docs/how-to/read-a-report.md",
    "docs/how-to/shrink.md",
    "docs/how-to/sounds.md",
    "docs/reference/python.md",
    "docs/reference/run-directory.md",
    "docs/tutorial/distilled.md",
    "docs/tutorial/paper.md",
    "docs/tutorial/quantized.md",
    "docs/tutorial/vendor.md",
]
"""Pages whose examples take seconds: most of them audit models."""

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
DONE = {0, 1, 3}


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    sample_files.write(folder)
    return folder


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=name, marks=[pytest.mark.slow] * (name in SLOW))
        for page in PAGES
        for name in [str(page.relative_to(ROOT))]
    ],
)
def test_the_examples_of_a_page_run_and_print_what_it_shows(page, samples, tmp_path):
    for file in samples.iterdir():
        (tmp_path / file.name).symlink_to(file)
    typed = {"__name__": "example"}  # one reader types all of a page's blocks
    with chdir(tmp_path):
        for kind, text in BLOCK.findall(page.read_text("utf-8")):
            if kind == "console":
                for command, shown in commands(text):
                    untold = shown in {"", "...\n"}
                    printed = run(command, quickly=untold)
                    if not untold:
                        assert tidy(printed) == tidy(shown), command
            elif kind == "python":
                if '"models/' in text:
                    pytest.importorskip("torch", reason="this example runs transformers models")
                    sample_files.write_models(Path("models"))
                exec(compile(text, str(page), "exec"), typed)  # noqa: S102
            elif kind == "yaml" and text.startswith("models:"):
                Path("audit.yaml").write_text(text, "utf-8")
            elif kind == "yaml" and "rules:" in text:
                import yaml

                assert parse_policy(yaml.safe_load(text), where=str(page)).name
                Path("policy.yaml").write_text(text, "utf-8")
            elif kind == "yaml" and "resize:" in text:
                Path("model.yaml").write_text(text, "utf-8")
                assert preprocessing_of(None, Path("model.onnx"), name="model")
            elif kind == "yaml" and text.startswith("task:"):
                import yaml

                assert read_task_file(yaml.safe_load(text)).task
                Path("tokens.yaml" if "task: tokens" in text else "reviews.yaml").write_text(text, "utf-8")


def commands(text: str) -> list[tuple[str, str]]:
    """Each ``$ command`` of a console block with the lines below it."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def run(command: str, *, quickly: bool = False) -> str:
    """What a trusteq command prints; it must not fail. ``quickly``: nobody sees how precise it is."""
    command, _, target = command.partition(" > ")
    words = shlex.split(command)
    assert words[0] == "trusteq", command
    if "llm/large" in words:
        pytest.importorskip("torch", reason="this example runs language models")
        sample_files.write_language_models(Path("llm"))
        if quickly:
            words += [
                "--resamples",
                "100",
                "--costs",
                "none",
                *([] if "tokens.yaml" in words else ["--explain-items", "10"]),
            ]
    if "models/large" in words:
        pytest.importorskip("torch", reason="this example runs transformers models")
        sample_files.write_models(Path("models"))
        if quickly and words[1] in ("audit", "shrink"):
            words += ["--resamples", "100", *([] if "--explain-items" in words else ["--explain-items", "10"])]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), patch("sys.argv", words), pytest.raises(SystemExit) as left:
        main()
    assert (left.value.code or 0) in DONE, (command, err.getvalue())
    if target:
        Path(target).write_text(out.getvalue(), "utf-8")
    return out.getvalue()


def tidy(text: str) -> list[str]:
    """Lines without trailing blanks, and without blank lines at the ends."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n").splitlines()


def test_links_between_pages_lead_somewhere():
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "CHANGELOG.md"]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), (page.name, target)


def test_the_tests_that_the_security_page_names_exist():
    for name in re.findall(r"`(tests/[\w/.]+)`", (ROOT / "SECURITY.md").read_text("utf-8")):
        assert (ROOT / name).is_file(), name


def test_the_published_schema_is_the_policy_s():
    import json

    published = json.loads((ROOT / "docs/reference/policy.schema.json").read_text("utf-8"))
    assert published == policy_schema()


def test_the_published_schema_of_audit_files_is_what_they_are_checked_by():
    assert (ROOT / "docs/reference/audit-file.schema.json").read_text("utf-8") == audit_file_schema_text()


def test_every_key_of_a_task_file_has_a_row_in_the_reference_and_an_example():
    page = (ROOT / "docs/reference/task-file.md").read_text("utf-8")
    examples = "".join(text for kind, text in BLOCK.findall(page) if kind == "yaml")
    rows = "".join(re.findall(r"^\| (`.*?) \|", page, re.MULTILINE))
    for name in task_schema()["properties"]:
        assert f"`{name}`" in rows, name
        assert re.search(rf"^{name}:", examples, re.MULTILINE), name


def test_every_measure_has_a_row_in_the_reference():
    page = (ROOT / "docs/reference/measures.md").read_text("utf-8")
    for dimension in ("behaviour", "calibration"):
        for name in names_of(dimension):
            stem = re.sub(r"_(reference|candidate|difference)$|_q[\d.]+$", "", name) if f"`{name}" not in page else name
            assert f"`{stem}" in page, name


def test_the_reference_marks_the_measures_that_need_no_labels():
    page = (ROOT / "docs/reference/measures.md").read_text("utf-8").partition("## Explanation")[0]
    starred = {name: star == "\\*" for name, star in re.findall(r"`([a-z_]+\*?)`(\\\*)?", page)}
    checked = 0
    for measure in MEASURES:
        written = measure.name if measure.name in starred else f"{measure.stem}_*"
        if PREDICTED.issuperset(measure.needs) and written in starred:
            assert starred[written] == ("labels" not in measure.needs), measure.name
            checked += 1
    assert checked > 60


def test_the_changelog_counts_the_measures():
    counted = sum(PREDICTED.issuperset(measure.needs) for measure in MEASURES)
    assert f"- {counted} measures" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_test_that_a_promise_names_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "SECURITY.md").read_text("utf-8"))
    assert len(named) > 30
    assert [path for path in named if not (ROOT / path).is_file()] == []
