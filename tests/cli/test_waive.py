"""``trusteq waive`` and ``trusteq gate --waivers``: a person's decision beside a run, honoured until its day."""

import json
import os
import shutil
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree as ET

import pytest
from cases import case
from command import one_line, trusteq
from finished_runs import EVIL, FAST, explained, plain

from trusteq import audit as trusteq_audit
from trusteq import load_run
from trusteq.cli import dates
from trusteq.record.evidence import evidence
from trusteq.record.waivers import FILE, LONGEST, MOST_BYTES, read_waivers
from trusteq.report.notebook import html

TODAY = date(2026, 5, 4)


@pytest.fixture(autouse=True)
def day(monkeypatch):
    """The day on which commands run; it can be set."""
    now = {"today": TODAY}
    monkeypatch.setattr(dates, "today", lambda: now["today"])
    return now


@pytest.fixture
def run(tmp_path):
    """A run without explanations, judged in behaviour and calibration alone."""
    return plain().save(tmp_path / "run")


JUDGED = ("--dimensions", "behaviour,calibration")


def failing(run):
    """The measures of the rules that gate asks for and that are not EQUIVALENT."""
    verdict = load_run(run).document.candidates[0].verdict
    return [
        r.measure
        for d in verdict.dimensions
        if d.dimension != "explanation"
        for r in d.rules
        if r.outcome != "EQUIVALENT"
    ]


def waive(run, *rules, until="2026-05-31", by="A. Lee", because="both reviewed", candidate="small", more=()):
    named = [word for rule in rules for word in ("--rule", rule)]
    ends = () if until is None else ("--until", until)
    return trusteq("waive", run, "--candidate", candidate, *named, "--by", by, "--because", because, *ends, *more)


def gate(run, *more):
    return trusteq("gate", run, *JUDGED, "--waivers", *more)


def test_a_waived_run_passes_and_its_verdict_stays(run):
    before = trusteq("gate", run, *JUDGED)
    assert before.returncode != 0
    assert len(failing(run)) > 1
    done = waive(run, *failing(run))
    assert (done.returncode, done.stdout.count(" is waived by A. Lee until 2026-05-31, because both reviewed; ")) == (
        0,
        len(failing(run)),
    )
    after = gate(run)
    assert after.returncode == 0
    assert after.stdout.count("is waived by A. Lee until 2026-05-31, because both") == len(failing(run))
    assert "so it passes this gate; the verdict stays what it is" in after.stdout
    told = [line for line in after.stdout.splitlines() if line.strip() and not line.lstrip().startswith("~")]
    for line in before.stdout.splitlines():
        assert not line.strip() or line in told  # everything that was said before
    assert trusteq("gate", run, *JUDGED).returncode == before.returncode  # it counts only where it is asked for
    assert trusteq("gate", run, *JUDGED).stdout == before.stdout


def test_what_is_left_decides_the_exit_code(run):
    rules = {r.measure: r.outcome for d in load_run(run).document.candidates[0].verdict.dimensions for r in d.rules}
    beyond = [name for name in failing(run) if rules[name] == "NOT EQUIVALENT"]
    open_ = [name for name in failing(run) if rules[name] == "UNDECIDED"]
    assert beyond
    assert open_
    waive(run, *open_)
    assert gate(run).returncode == 1
    waive(run, *open_, until=None, more=["--revoke"])
    waive(run, *beyond)
    assert gate(run).returncode == 3
    assert "passes this gate" not in gate(run).stdout


@pytest.mark.parametrize(("now", "code"), [("2026-05-30", 0), ("2026-05-31", 0), ("2026-06-01", 1)])
def test_its_last_day_is_included_and_the_next_is_not(run, day, now, code):
    waive(run, *failing(run))
    day["today"] = date.fromisoformat(now)
    done = gate(run)
    assert done.returncode == code
    assert ("is no longer waived: the waiver by A. Lee ended on 2026-05-31" in " ".join(done.stdout.split())) is (
        code == 1
    )


def test_today_is_a_last_day(run):
    assert waive(run, *failing(run), until=str(TODAY)).returncode == 0
    assert gate(run).returncode == 0


def test_the_newest_waiver_counts_and_the_older_one_is_kept(run, day):
    waive(run, *failing(run), until="2026-12-31")
    waive(run, *failing(run), until="2026-05-10", by="B. Ode")
    assert "B. Ode" in gate(run).stdout
    assert "A. Lee" not in gate(run).stdout
    assert len(read_waivers(load_run(run))) == 2 * len(failing(run))
    day["today"] = date(2026, 6, 1)
    assert gate(run).returncode == 1


def test_a_waiver_can_be_taken_back_and_is_kept(run):
    waive(run, *failing(run))
    done = waive(run, failing(run)[0], until=None, by="B. Ode", because="no longer true", more=["--revoke"])
    assert "the waiver is taken back by B. Ode, because no longer true" in done.stdout
    assert gate(run).returncode != 0
    assert len(read_waivers(load_run(run))) == len(failing(run)) + 1
    one_line(waive(run, failing(run)[0], until=None, more=["--revoke"]), "there is no waiver of it for small")


def test_a_required_dimension_that_was_not_measured_can_be_waived(run):
    assert trusteq("gate", run, "--dimensions", "explanation").returncode == 3
    done = waive(run, "alignment_lime", "alignment_shapley", because="the models are files")
    assert done.stdout.count("the rule stays NOT MEASURED") == 2
    assert trusteq("gate", run, "--dimensions", "explanation", "--waivers").returncode == 0
    assert "UNDECIDED" in trusteq("gate", run, "--dimensions", "explanation", "--waivers").stdout


def test_a_waiver_is_for_one_margin(run, tmp_path):
    waive(run, *failing(run))
    rules = {"behaviour": {"disagreement": {"at_most": 0.01}}}
    (tmp_path / "ours.yaml").write_text(json.dumps({"name": "ours", "required": ["behaviour"], "rules": rules}))
    ours = ("--policy", tmp_path / "ours.yaml")
    done = trusteq("gate", run, *ours, "--waivers")
    assert done.returncode == 1
    assert "disagreement at most 0.01 (NOT EQUIVALENT) is not waived: A. Lee waived another margin, at most 0.05" in (
        " ".join(done.stdout.split())
    )
    assert waive(run, "disagreement", more=ours).returncode == 0
    assert trusteq("gate", run, *ours, "--waivers").returncode == 0


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"rules": ["nothing"]}, "--rule nothing: policy default has no such rule here; these can be waived: "),
        ({"rules": ["recalibrated"], "candidate": "nobody"}, "--candidate nobody: "),
        ({"until": "2026-05-03"}, "--until 2026-05-03 is past (today is 2026-05-04, UTC)"),
        ({"until": "soon"}, "--until 'soon' is not a day; write it as 2027-01-31"),
        ({"until": "20270131"}, "--until '20270131' is not a day"),
        ({"until": "2027-02-30"}, "--until '2027-02-30' is not a day"),
        ({"until": None}, "name the last day on which the waiver counts"),
        ({"more": ["--revoke"]}, "--until has no effect with --revoke"),
        ({"because": " \n\u200b"}, "--because is empty; say why"),
        ({"by": "  "}, "--by is empty; say who decides"),
        ({"by": "x" * (LONGEST + 1)}, "--by has 1,001 characters; at most 1,000"),
    ],
)
def test_what_cannot_be_waived_is_refused_in_one_line(run, changed, says):
    rules = changed.pop("rules", ["alignment_lime"])
    one_line(waive(run, *rules, **changed), says)
    assert not (run / FILE).exists()


def test_a_rule_within_its_margin_needs_no_waiver(tmp_path):
    run = explained().save(tmp_path / "run")
    within = [
        (c.name, r)
        for c in load_run(run).document.candidates
        for d in c.verdict.dimensions
        for r in d.rules
        if r.outcome == "EQUIVALENT"
    ]
    for name, rule in within[:1]:
        one_line(waive(run, rule.measure, candidate=name), f"--rule {rule.measure}: ", "so there is nothing to waive")


def test_the_run_stays_what_it_was(run):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    waive(run, *failing(run))
    assert {path: path.read_bytes() for path in before} == before
    assert {path.name for path in run.iterdir()} - {path.name for path in before} == {"predictions", FILE}
    assert trusteq("verify", run, "--quiet").returncode == 0


def test_it_is_copied_with_its_run_and_never_taken_to_another(run, tmp_path):
    waive(run, *failing(run))
    shutil.copytree(run, tmp_path / "copy")
    assert gate(tmp_path / "copy").returncode == 0
    other = explained().save(tmp_path / "other")
    shutil.copy(run / FILE, other / FILE)
    for words in (("gate", other, "--waivers"), ("report", other, "--as", "junit"), ("show", other)):
        one_line(trusteq(*words), "other/waivers.json: given for another run", "remove it, and waive again")
    assert trusteq("gate", other).returncode in {1, 3}  # nobody asked for it
    assert trusteq("verify", other, "--quiet").returncode == 0


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: "[]", "waivers.json: damaged: content"),
        (lambda text: text[:-9], "waivers.json: cannot be read"),
        (lambda text: text.replace('"2026-05-31"', '"2026-13-31"'), "waivers.0.until"),
        (lambda text: text.replace('"2026-05-31"', "20260531"), "waivers.0.until"),
        (lambda text: text.replace('"A. Lee"', '"\u200b"'), "waivers.0.by"),
        (lambda text: text.replace('"A. Lee"', '""'), "waivers.0.by"),
        (lambda text: text.replace('"by"', '"from"'), "damaged: waivers.0"),
        (lambda text: text.replace('"at_least": null', '"at_least": "x"'), "rule.at_least"),
        (lambda text: text.replace('"schema_version": 1', '"schema_version": 2'), "damaged: schema_version"),
        (lambda text: text.replace(text[text.index('"run": "') + 8 :][:4], "zzzz", 1), "damaged: run"),
        (lambda text: text + " " * MOST_BYTES, "larger than 1,048,576 bytes"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(run, spoil, says):
    waive(run, *failing(run))
    (run / FILE).write_text(spoil((run / FILE).read_text("utf-8")), "utf-8")
    one_line(gate(run), says)
    one_line(trusteq("show", run), says)
    one_line(waive(run, *failing(run)), says)


@pytest.mark.skipif(os.name == "nt", reason="not everybody may make links there")
def test_a_link_is_neither_read_nor_followed(run, tmp_path):
    (tmp_path / "theirs").write_text("kept")
    (run / FILE).symlink_to(tmp_path / "theirs")
    one_line(gate(run), "waivers.json: a link")
    one_line(waive(run, *failing(run)), "waivers.json: a link")
    assert (tmp_path / "theirs").read_text() == "kept"


def test_a_run_at_an_address_is_waived_in_a_copy(run):
    one_line(waive("memory://bucket/run", "disagreement"), "a waiver is written into a folder; waive in a copy")


def test_every_report_shows_it(run):
    waive(run, *failing(run), by="<b>A</b>", because="|x| [l](http://e.com) **y**")
    text = " ".join(trusteq("show", run).stdout.split())
    assert text.count("is waived by <b>A</b> until 2026-05-31, because |x|") == len(failing(run))
    root = ET.fromstring(trusteq("report", run, "--as", "junit").stdout)  # noqa: S314 - our own
    for part in (root.find(".//testcase/failure"), root.find(".//system-out")):
        assert part.text.count("is waived by <b>A</b> until 2026-05-31, because |x| [l](http://e.com) **y**") == len(
            failing(run)
        )
    for form in ("markdown", "model-card"):
        text = trusteq("report", run, "--as", form).stdout
        assert text.count("until 2026-05-31") == len(failing(run))
        assert "[l](http" not in text
        assert "<b>A" not in text
    page = html(load_run(run))
    assert page.count("is waived by &lt;b&gt;A&lt;/b&gt; until 2026-05-31") == len(failing(run))


@pytest.mark.slow
def test_the_page_shows_it(run):
    waive(run, *failing(run), by=EVIL.replace("\x00", ""))
    trusteq("report", run)
    page = (run / "report.html").read_text("utf-8")
    assert "Waived by a person" in page
    assert page.count("until 2026-05-31") == len(failing(run))
    assert "<script>alert" not in page


def test_machines_are_told(run):
    waive(run, *failing(run))
    done = json.loads(gate(run, "--json").stdout)
    assert done["exit_code"] == 0
    assert done["candidates"]["small"]["outcome"] == "NOT EQUIVALENT"
    assert [(w["measure"], w["by"], w["honoured"]) for w in done["waivers"]] == [
        (name, "A. Lee", True) for name in failing(run)
    ]
    assert json.loads(trusteq("gate", run, "--json").stdout)["waivers"] == []


def test_one_that_counts_no_more_is_not_shown(run):
    waive(run, *failing(run))
    waive(run, *failing(run), until=None, more=["--revoke"])
    assert evidence(load_run(run)).waivers == ()
    assert "waived" not in trusteq("show", run).stdout


@pytest.fixture
def two(tmp_path):
    """Two runs of the same models, on 120 and on 200 items."""
    paths = []
    for n in (120, 200):
        large, small, items = case(n, noise=0.5)
        models = (replace(model, content=f"hash of {model.name}") for model in (large, small))
        paths.append(trusteq_audit(*models, items, **FAST).save(tmp_path / f"of-{n}"))
    return paths


def test_several_runs_are_counted_each(two):
    first, second = two
    done = trusteq("gate", first, second, *JUDGED)
    said = " ".join(done.stdout.split())
    assert f"May it replace large? 120 items in {first} and 200 items in {second}, policy default" in said
    assert "320 items" not in said


def test_a_rule_that_two_runs_measured_is_waived_in_each(two):
    first, second = two
    together = (first, second, *JUDGED, "--waivers")
    assert trusteq("gate", *together).returncode != 0
    waive(first, *failing(first))
    assert trusteq("gate", *together).returncode != 0
    waive(second, *failing(second))
    done = trusteq("gate", *together)
    assert done.returncode == 0
    assert done.stdout.count("~ ") == len(failing(first)) + len(failing(second)) + 1
    one, other = (load_run(path) for path in two)
    assert one.manifest["models"][0]["content"] == other.manifest["models"][0]["content"]


def test_what_no_run_measured_is_waived_in_any(two):
    words = ("gate", *two, "--dimensions", "explanation", "--waivers")
    assert trusteq(*words).returncode == 3
    waive(two[1], "alignment_lime", "alignment_shapley", until="2026-05-10")
    assert trusteq(*words).returncode == 0
    waive(two[0], "alignment_lime", "alignment_shapley", by="B. Ode", until="2026-12-31")
    done = trusteq(*words)
    assert done.stdout.count("waived by B. Ode") == 2
    assert "A. Lee" not in done.stdout  # the waiver that lasts longest is enough
