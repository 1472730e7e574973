"""A finished audit is asked the same questions in memory and read back, and answers the same."""

import json
from pathlib import Path

import pandas as pd
import pytest
from finished_runs import KINDS, explained, plain, protocol
from rehashed import rehashed

from trusteq import OptionError, RunError, load_run
from trusteq.auditing.verify import verify_run
from trusteq.comparing.agreement_scores import SCORES
from trusteq.report.markdown import markdown
from trusteq.report.page.page import page
from trusteq.report.wording import MARKS


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    return {
        kind: load_run(KINDS[kind]().save(folder / kind)) for kind in ("plain", "explained", "unlabelled", "hostile")
    }


@pytest.fixture(params=["plain", "explained", "unlabelled", "hostile"])
def both(request, saved):
    return KINDS[request.param](), saved[request.param]


def test_candidates_are_found_by_name(both):
    audit, run = both
    assert list(run) == list(audit)
    assert len(run) == len(audit) == len(list(audit))
    for name in audit:
        assert name in run
        assert run[name].name == audit[name].name == name
        assert run[name].verdict == audit[name].verdict
        assert run[name].advice == audit[name].advice
        assert [(s.column, s.value, s.n) for s in run[name].slices] == [
            (s.column, s.value, s.n) for s in audit[name].slices
        ]
        assert run[name].flat.keys() == audit[name].flat.keys()
    assert "nobody" not in run
    for finished in both:
        with pytest.raises(KeyError, match="nobody"):
            finished["nobody"]


@pytest.mark.parametrize("table", ["estimates", "flips", "predictions"])
def test_tables_are_the_same(both, table):
    one, other = (getattr(finished, table)() for finished in both)
    pd.testing.assert_frame_equal(one, other, check_dtype=False)


@pytest.mark.parametrize("table", ["attributions", "agreement"])
def test_tables_of_explanations_are_the_same(both, table):
    audit, run = both
    if audit.explanation is None:
        for finished in both:
            with pytest.raises(OptionError, match="this audit has no explanations; audit again with explain=True"):
                getattr(finished, table)()
    else:
        pd.testing.assert_frame_equal(getattr(audit, table)(), getattr(run, table)(), check_dtype=False)


def test_what_a_caller_does_to_a_table_stays_with_the_caller(saved):
    table = saved["plain"].estimates()
    table["value"] = 0.0
    assert (saved["plain"].estimates()["value"] != 0).any()


def test_the_report_and_its_markdown_are_made_from_either(saved, tmp_path):
    audit, run = plain(), saved["plain"]
    assert run.to_markdown() == audit.to_markdown() == markdown(run.evidence)
    for finished in (audit, run):
        path = finished.report(tmp_path / "page.html")
        assert path.read_text("utf-8") == page(finished.evidence)
    assert run.report(str(run.directory / "report.html")).is_file()
    before = sorted(run.directory.rglob("*"))
    for name in ("items.parquet", "audit.json", "report.md", "report"):
        with pytest.raises(OptionError, match=r"give a path that ends in \.html, or use to_markdown\(\)"):
            run.report(run.directory / name)
    assert sorted(run.directory.rglob("*")) == before


def test_a_table_that_is_not_there_is_told_with_those_that_are(saved):
    run = saved["plain"]
    assert {"items", "estimates", "flips", "predictions/00-large"} <= set(run.tables)
    with pytest.raises(RunError, match=r"no table 'agreement'; it has estimates, flips, items, predictions/00-"):
        run.table("agreement")
    assert all(len(run.table(name)) for name in run.tables)
    assert "agreement" in saved["explained"].tables


def test_what_is_printed_of_a_run_is_short_and_holds_the_verdicts(saved):
    for kind, run in saved.items():
        for printed in (run, KINDS[kind](), run.document, run.evidence, *(run[name] for name in run)):
            assert len(repr(printed)) < 500, (kind, type(printed))
            assert "\x1b" not in repr(printed)
            assert any(str(run[name].verdict.outcome) in repr(printed) for name in run)


def test_items_figures_and_the_notebook_view_are_the_same(saved):
    audit, run = explained(), saved["explained"]
    assert str(run.item("review-3", "shortcut")) == str(audit.item("review-3", "shortcut"))
    for finished in (audit, run):
        assert type(finished.figure("reliability", "nearly")).__name__ == "ReliabilityDisplay"
        with pytest.raises(OptionError, match="reliability shows one candidate; choose from nearly, shortcut"):
            finished.figure("reliability")
    assert run.figure("intervals").rules == audit.figure("intervals").rules
    assert run._repr_html_() == audit._repr_html_()
    with pytest.raises(OptionError, match="this audit has no figure reliability, which needs labels"):
        saved["unlabelled"].figure("reliability")


def test_print_shows_what_the_command_does_in_the_words_of_python(saved):
    for audit, run in ((plain(), saved["plain"]), (explained(), saved["explained"])):
        printed = str(audit)
        assert printed == str(run)
        assert printed.startswith(f"May it replace {audit.reference.name}?")
        assert max(map(len, printed.split("\n"))) <= 120
        for name in audit:
            assert f"{name} is {MARKS[audit[name].verdict.outcome]} {audit[name].verdict.outcome}: " in printed
    assert "dimensions=['behaviour', 'calibration']" in " ".join(str(saved["plain"]).split())
    assert "--dimensions" not in str(saved["plain"])
    assert "\x1b" not in str(saved["hostile"])


def test_a_run_is_told_in_a_line(saved):
    assert repr(saved["plain"]) == (
        f"<Run {saved['plain'].directory} of 120 items against large; small: {plain()['small'].verdict.outcome}>"
    )


def test_agreement_is_kept_for_each_explained_item(saved):
    table = pd.read_parquet(saved["explained"].directory / "agreement.parquet")
    pd.testing.assert_frame_equal(table, explained().agreement(), check_dtype=False)
    assert len(table) == len(explained().explanation.positions) * 2 * 2
    assert set(SCORES) <= set(table)


def test_verify_recomputes_the_agreement(tmp_path):
    path = explained().save(tmp_path / "run")
    assert verify_run(load_run(path)).passed
    table = pd.read_parquet(path / "agreement.parquet")
    table.loc[7, "cosine"] -= 0.001
    table.to_parquet(path / "agreement.parquet")
    rehashed(path)
    (difference,) = verify_run(load_run(path)).differences
    assert difference.where == "agreement.parquet: cosine, row 8"


def test_a_run_without_it_is_incomplete(tmp_path):
    path = explained().save(tmp_path / "run")
    (path / "agreement.parquet").unlink()
    with pytest.raises(RunError, match=r"incomplete: no agreement\.parquet"):
        load_run(path)
    manifest = json.loads((path / "manifest.json").read_text("utf-8"))
    del manifest["files"]["agreement.parquet"]
    (path / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(RunError, match=r"it holds no hash of agreement\.parquet"):
        load_run(path)


def test_one_of_an_older_version_has_none():
    for stored in sorted((Path(__file__).parent / "golden").iterdir()):
        run = load_run(stored)
        with pytest.raises(OptionError, match=r"written by an older trusteq, without agreement\.parquet"):
            run.agreement()
        assert len(run.attributions())


def test_agreement_under_a_protocol_is_not_by_item():
    with pytest.raises(OptionError, match="no explanations"):
        protocol().agreement()
