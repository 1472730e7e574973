"""The pytest plugin, in test suites of its own: what fails, what it says, and what it keeps."""

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import sample_files
from cases import case

import trusteq
from trusteq.errors import RunError
from trusteq.testing import assert_equivalent, assert_passes, keep

pytest_plugins = ["pytester"]

# A development install may be older than the entry point.
LOADED = [] if entry_points(group="pytest11", name="trusteq") else ["-p", "trusteq.pytest_plugin"]
FAST = {"resamples": 100, "with_slices": False}
WIDE = {"name": "wide", "required": ["behaviour"], "rules": {"behaviour": {"disagreement": {"at_most": 0.15}}}}

SUITE = """
import sys
sys.path.insert(0, {tests!r})
import pytest
from cases import case
from test_pytest_plugin import FAST, WIDE
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder where a finished audit was kept; and all is loaded that each suite would otherwise load anew."""
    folder = tmp_path_factory.mktemp("kept") / "run"
    assert_equivalent(*case(120, noise=0.01), policy=WIDE, report=folder, **FAST)
    return folder


@pytest.fixture
def suite(kept, pytester):
    """A function that runs a test file under the plugin."""

    def run(code, *options, **how):
        pytester.makepyfile(SUITE.format(tests=str(Path(__file__).parent)) + code)
        arguments = [*LOADED, "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--strict-markers", *options]
        return pytester.runpytest_inprocess(*arguments, **how)

    return run


def test_a_candidate_that_may_replace_the_reference_passes_and_the_audit_comes_back(suite):
    suite("""
def test_it(assert_equivalent):
    result = assert_equivalent(*case(120, noise=0.01), policy=WIDE, **FAST)
    assert result["small"].verdict.outcome == "EQUIVALENT"
    assert result.costs is None
""").assert_outcomes(passed=1)


def test_a_failure_says_the_verdict_s_reason_and_shows_none_of_our_code(suite):
    done = suite("""
def test_it(assert_equivalent):
    assert_equivalent(*case(120, noise=9), policy=WIDE, **FAST)
""")
    done.assert_outcomes(failed=1)
    reason = trusteq.audit(*case(120, noise=9), policy=WIDE, costs="none", **FAST)["small"].verdict.reason
    done.stdout.fnmatch_lines(["E * AssertionError: small is NOT EQUIVALENT: *"])
    assert f"small is NOT EQUIVALENT: {reason}" in done.stdout.str()
    assert "testing.py" not in done.stdout.str()
    assert "pytest_plugin.py" not in done.stdout.str()


def test_outside_a_fixture_the_evidence_is_kept_where_one_says(kept):
    assert trusteq.load_run(kept)["small"].verdict.outcome == "EQUIVALENT"
    assert (kept / "report.html").read_text("utf-8").startswith("<!doctype html>")


def test_undecided_fails_with_what_would_decide_it_unless_it_is_allowed(suite):
    suite("""
def test_it(assert_equivalent):
    assert_equivalent(*case(120, noise=2), policy=WIDE, allow_undecided=True, **FAST)
""").assert_outcomes(passed=1)
    with pytest.raises(AssertionError) as caught:
        assert_equivalent(*case(120, noise=2), policy=WIDE, **FAST)
    assert re.fullmatch(
        r"small is UNDECIDED: disagreement .* may or may not be at most 0.15 .*: about [\d,]+ items would decide\n"
        r"to let UNDECIDED pass on purpose: allow_undecided=True",
        str(caught.value),
    )


def test_not_equivalent_is_never_allowed():
    with pytest.raises(AssertionError, match="small is NOT EQUIVALENT"):
        assert_equivalent(*case(120, noise=9), policy=WIDE, allow_undecided=True, **FAST)


def test_what_was_not_measured_can_be_left_out_as_the_message_says():
    policy = {**WIDE, "required": ["behaviour", "explanation"]}
    policy["rules"] = {**WIDE["rules"], "explanation": {"alignment_shapley": {"at_least": 0.7}}}
    with pytest.raises(AssertionError, match="explanation was not measured") as caught:
        assert_equivalent(*case(120, noise=0.01), policy=policy, **FAST)
    (advised,) = re.findall(r"dimensions=(\[.*\])", str(caught.value))
    assert_equivalent(*case(120, noise=0.01), policy=policy, dimensions=eval(advised), **FAST)  # noqa: S307


def test_of_several_candidates_those_that_fail_are_named():
    large, good, items = case(120, noise=0.01)
    _, bad, _ = case(120, noise=9)
    with pytest.raises(AssertionError) as caught:
        assert_equivalent(large, {"good": good, "bad": bad}, items, policy=WIDE, **FAST)
    assert re.findall(r"^(\w+) is ", str(caught.value), re.MULTILINE) == ["bad"]


MARKED = """
@pytest.mark.trusteq(report="int8")
def test_marked(assert_equivalent):
    assert_equivalent(*case(120, noise=9), policy=WIDE, **FAST)

def test_unmarked(assert_equivalent):
    assert_equivalent(*case(120, noise=0.01), policy=WIDE, **FAST)
"""


def test_the_marker_keeps_the_run_and_the_page_where_the_message_says(suite, pytester):
    done = suite(MARKED, "--junitxml=junit.xml")
    done.assert_outcomes(failed=1, passed=1)
    page = pytester.path / "trusteq-artifacts/int8/report.html"
    assert f"report: {page}" in done.stdout.str()
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert trusteq.load_run(page.parent)["small"].verdict.outcome == "NOT EQUIVALENT"
    assert [path.name for path in page.parent.parent.iterdir()] == ["int8"]
    (kept,) = ET.parse(pytester.path / "junit.xml").iter("property")  # noqa: S314 - our own
    assert (kept.get("name"), kept.get("value")) == ("trusteq_report", str(page))


@pytest.fixture
def plain_page(monkeypatch):
    """A page that takes no time to draw."""
    monkeypatch.setattr("trusteq.report.page.page.page", lambda evidence: "<!doctype html>")


@pytest.mark.usefixtures("plain_page")
def test_the_option_keeps_every_test_s_under_its_name_and_replaces_what_the_last_session_kept(suite, pytester):
    for _ in range(2):
        suite(MARKED, "--trusteq-artifacts=kept").assert_outcomes(failed=1, passed=1)
    names = {path.parent.name for path in pytester.path.glob("kept/*/report.html")}
    (module,) = pytester.path.glob("*.py")
    assert names == {"int8", f"{module.name}-test_unmarked"}
    assert not (pytester.path / "trusteq-artifacts").exists()


@pytest.mark.usefixtures("plain_page")
def test_each_audit_of_a_test_and_each_case_of_a_parametrized_one_has_its_folder(suite, pytester):
    suite("""
@pytest.mark.trusteq(report="r")
@pytest.mark.parametrize("noise", [0.01, 0.02])
def test_it(assert_equivalent, noise):
    for _ in range(2):
        assert_equivalent(*case(120, noise=noise), policy=WIDE, **FAST)
""").assert_outcomes(passed=2)
    names = sorted(path.name for path in (pytester.path / "trusteq-artifacts").iterdir())
    assert names == ["r-0.01", "r-0.01+2", "r-0.02", "r-0.02+2"]


def test_two_tests_that_would_keep_their_reports_under_one_name_fail(suite):
    done = suite(MARKED.replace("def test_unmarked", '@pytest.mark.trusteq(report="int8")\ndef test_unmarked'))
    done.assert_outcomes(errors=2)
    done.stdout.fnmatch_lines(["*two tests keep their report as 'int8': *test_marked and *test_unmarked; rename one"])


@pytest.mark.parametrize("wrong", ['"int8"', 'reprot="int8"'])
def test_a_marker_with_anything_else_is_refused(suite, wrong):
    done = suite(MARKED.replace('report="int8"', wrong))
    done.assert_outcomes(errors=1, passed=1)
    done.stdout.fnmatch_lines(["*the marker trusteq takes report=NAME and nothing else, found *"])


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine", "utf-8")
    result = trusteq.audit(*case(120, noise=0.01), policy=WIDE, costs="none", **FAST)
    with pytest.raises(RunError, match="holds something other than a run"):
        keep(result, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("manifest", ["{}", '{"files": ["src"]}', '{"files": {"audit.json": "0"}}', "not JSON"])
def test_a_manifest_alone_makes_no_run_of_a_folder(tmp_path, manifest):
    """Other programs have a manifest.json, too."""
    (tmp_path / "manifest.json").write_text(manifest, "utf-8")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/app.js").write_text("mine", "utf-8")
    result = trusteq.audit(*case(120, noise=0.01), policy=WIDE, costs="none", **FAST)
    with pytest.raises(RunError, match="holds something other than a run"):
        keep(result, tmp_path)
    assert (tmp_path / "src/app.js").read_text("utf-8") == "mine"


@pytest.mark.usefixtures("plain_page")
def test_what_lies_in_a_run_s_folder_is_not_deleted_with_it(tmp_path):
    result = trusteq.audit(*case(120, noise=0.01), policy=WIDE, costs="none", **FAST)
    for _ in range(2):
        keep(result, tmp_path / "run")
    (tmp_path / "run/notes.txt").write_text("mine", "utf-8")
    with pytest.raises(RunError, match="holds something other than a run"):
        keep(result, tmp_path / "run")
    (tmp_path / "file").write_text("mine", "utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "run")
    for name in ("file", "link"):
        with pytest.raises(RunError, match="is no folder"):
            keep(result, tmp_path / name)


def test_a_finished_run_is_asserted_like_an_audit(tmp_path):
    result = trusteq.audit(*case(120, noise=9), policy=WIDE, costs="none", **FAST)
    result.save(tmp_path / "run")
    for finished in (result, trusteq.load_run(tmp_path / "run")):
        with pytest.raises(AssertionError, match="small is NOT EQUIVALENT"):
            assert_passes(finished)


def test_a_test_suite_that_does_not_use_it_loads_nothing(pytester):
    pytester.makepyfile("""
import sys
def test_it():
    assert not {"numpy", "pandas", "scipy", "pyarrow", "pydantic", "click", "trusteq.verdict"} & set(sys.modules)
""")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "trusteq.pytest_plugin"]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run([*words, pytester.path], capture_output=True, text=True, check=False, env=alone)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_under_xdist_the_same_is_kept(pytester):
    pytest.importorskip("xdist")
    pytester.makepyfile(SUITE.format(tests=str(Path(__file__).parent)) + MARKED)
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *LOADED, "-n1", "--junitxml=junit.xml"]
    done = subprocess.run([*words, pytester.path], capture_output=True, text=True, check=False, cwd=pytester.path)
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    (kept,) = ET.parse(pytester.path / "junit.xml").iter("property")  # noqa: S314 - our own
    assert kept.get("value") == str(pytester.path / "trusteq-artifacts/int8/report.html")
    assert Path(kept.get("value")).is_file()


@pytest.mark.slow
def test_the_guide_s_test_file_runs_and_fails_as_shown(pytester):
    guide = (Path(__file__).parents[1] / "docs/how-to/pytest.md").read_text("utf-8")
    sample_files.write(pytester.path)
    pytester.makepyfile(*re.findall(r"^```python\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)[:1])
    done = pytester.runpytest_inprocess(*LOADED, "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    done.assert_outcomes(failed=1)
    (shown,) = re.findall(r"^```text\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    lines = [line for line in done.outlines if line.startswith("E ")]
    assert lines == [line.replace("/home/me/project", str(pytester.path)) for line in shown.splitlines()]
