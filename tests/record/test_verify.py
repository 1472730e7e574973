"""A run computed once more from the answers in it: the same to the bit, or what was changed is named."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cases import case
from command import one_line, trusteq
from finished_runs import FAST, HONEST, KINDS, NEARLY, equivalent, pairs, peered, plain, reader
from rehashed import rehashed

import trusteq as package
from trusteq import ExplainSettings, load_run
from trusteq.auditing import compute as computing
from trusteq.auditing import moved_by_rounding, perturbed_training, row_findings
from trusteq.auditing.compute import FINDINGS, compute_audit
from trusteq.auditing.verify import verify_run
from trusteq.comparing import chance
from trusteq.record.stored_responses import read_items, read_responses


def audited(**options):
    items = replace(pairs(60), clusters=None)
    return package.audit(reader(HONEST, "honest"), reader(NEARLY, "nearly"), items, **{**FAST, **options})


def with_arrays(dtype=np.float64):
    large, small, items = case(60)
    return package.audit(large, small, replace(items, segments={"x": np.ones((60, 3), dtype)}), **FAST)


MORE = {
    "until stable": lambda: audited(explain=ExplainSettings(items=8, until="stable", k=2)),
    "until decided": lambda: audited(explain=ExplainSettings(items=60, until="decided")),
    "own answers": lambda: audited(explain=ExplainSettings(items=20, target="own", scale="log-odds")),
    "merged words": lambda: audited(explain=ExplainSettings(items=20, units="words-merged", perturb="it")),
    "gold answers": lambda: audited(explain=ExplainSettings(items=20, target="gold", units="sentences")),
    "scripts": lambda: audited(protocol="paper-scripts", policy="paper", explain=ExplainSettings(items=3)),
    "questions": lambda: audited(protocol="paper-scripts-qqp", policy="paper", explain=ExplainSettings(items=3)),
    "arrays": with_arrays,
    "objects": lambda: with_arrays(object),
    "all slices": lambda: package.audit(*case(400), resamples=100, costs="none"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*KINDS, *MORE])
def test_every_kind_of_run_comes_to_the_same_to_the_bit(kind, tmp_path):
    made = {**KINDS, **MORE}[kind]()
    found = verify_run(load_run(made.save(tmp_path / "run")))
    assert found.differences == ()
    assert (found.rounded, found.largest) == (0, 0.0)
    assert found.models == len(made.everybody)
    assert found.values > 100
    assert (found.perturbations > 0) == (made.explanation is not None)
    assert ("the arrays that models read" in " ".join(found.unchecked)) == (kind == "objects")


def test_many_labels_come_to_the_same_to_the_bit(tmp_path):
    """Sums over ten labels depend on the order in which memory holds them."""
    rng = np.random.default_rng(0)
    labels, shares = [f"l{i}" for i in range(10)], rng.dirichlet(np.ones(10), size=(2, 120))
    items = package.Items([f"{i:03}" for i in range(120)], {"x": np.arange(120)}, rng.integers(10, size=120), labels)
    models = [
        package.from_callable(lambda x, p=p: p[x], labels=labels, name=name)
        for name, p in zip(("large", "small"), shares, strict=True)
    ]
    found = verify_run(load_run(package.audit(*models, items, explain=False, **FAST).save(tmp_path / "run")))
    assert (found.differences, found.rounded) == ((), 0)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return peered().save(tmp_path_factory.mktemp("saved") / "run")


@pytest.fixture
def run(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "run")


def edit(run, file, change):
    path = run / file
    table = pq.read_table(path)
    frame = change(table.to_pandas())
    pq.write_table(pa.Table.from_pandas(frame, table.schema, preserve_index=False), path)
    rehashed(run)


def differing(run):
    done = trusteq("verify", run, "--json")
    assert done.returncode == 1, (done.stdout, done.stderr)
    found = json.loads(done.stdout)
    assert not found["passed"]
    return [one["where"] for one in found["differences"]]


def test_swapped_predictions(run):
    first, second = sorted((run / "predictions").iterdir())[:2]
    a, b = first.read_bytes(), second.read_bytes()
    first.write_bytes(b)
    second.write_bytes(a)
    rehashed(run)
    where = differing(run)
    assert any("accuracy_reference" in one for one in where)


def moved(*columns, by=1e-3, row=3):
    """A change of a row's numbers, by default the fourth's."""

    def change(frame):
        frame.loc[row, list(columns)] -= by
        return frame

    return change


ANSWERS = ("negative", "positive")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "change", "found_in"),
    [
        ("predictions/01-nearly.parquet", "p", "audit.json: candidates.0.measures"),
        ("predictions/02-peer.parquet", "p", "audit.json: peer.measures"),
        ("values/01-nearly.parquet", moved(*ANSWERS), "attributions.parquet: shapley"),
        ("values/02-peer.parquet", moved(*ANSWERS), "audit.json: peer.measures.explanation"),
        ("removed/01-nearly.parquet", moved(*ANSWERS, row=1), "audit.json: candidates.0.measures.explanation.transfer"),
        ("attributions.parquet", moved("lime"), "attributions.parquet: lime, row 4"),
        ("estimates.parquet", moved("low"), "estimates.parquet: low, row 4"),
        ("plan.parquet", "mask", "plan.parquet: mask"),
        ("items.parquet", "text", "manifest.json: data.content"),
        ("items.parquet", "label", "audit.json: candidates.0.measures"),
    ],
)
def test_a_value_that_was_changed(file, change, found_in, run):
    def swap(frame):
        """Two rows' answers are exchanged, so that all stay probabilities."""
        frame.loc[[3, 4], ["negative", "positive"]] = frame.loc[[4, 3], ["negative", "positive"]].to_numpy()
        frame.loc[[3, 4], ["negative", "positive"]] = frame.loc[[3, 4], ["positive", "negative"]].to_numpy()
        return frame

    def mask(frame):
        own = frame.loc[3, "mask"]
        frame.loc[3, "mask"] = own[1:] + own[0]
        return frame

    def text(frame):
        frame.loc[3, "segment first"] = " ".join("film" for _ in frame.loc[3, "segment first"].split())
        return frame

    def label(frame):
        frame.loc[3, "label"] = "positive" if frame.loc[3, "label"] == "negative" else "negative"
        return frame

    named = {"p": swap, "mask": mask, "text": text, "label": label}
    edit(run, file, named.get(change, change))
    assert any(one.startswith(found_in) for one in differing(run))


def document(run, change):
    path = run / "audit.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    rehashed(run)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: d["candidates"][0]["remedies"].clear(), "audit.json: candidates.0.remedies"),
        (lambda d: d["candidates"][0].update(flipped=77), "audit.json: candidates.0.flipped"),
        (lambda d: d["candidates"][0]["advice"].clear(), "audit.json: candidates.0.advice"),
        (lambda d: d["reference"]["saturation"].update(certain=0.5), "audit.json: reference.saturation.certain"),
        (lambda d: d["items"].update(ignored=1), None),
    ],
)
def test_a_number_that_no_verdict_rests_on(change, where, run):
    document(run, change)
    if where is None:  # what the items' file held besides cannot be computed
        assert trusteq("verify", run).returncode == 0
    else:
        assert any(one.startswith(where) for one in differing(run))


@pytest.mark.parametrize("name", ["attributions", "words", "top_words", "plan", "values/00-large"])
def test_a_table_that_the_answers_do_not_come_to(name, tmp_path):
    """Words that nobody explained were shown on the page, and all was as the run said."""
    run = plain().save(tmp_path / "run")
    (run / name).parent.mkdir(exist_ok=True)
    (run / f"{name}.parquet").write_bytes((run / "flips.parquet").read_bytes())
    rehashed(run)
    assert differing(run) == [f"{name}.parquet"]


def test_another_seed_is_another_plan(run):
    document(run, lambda d: d["settings"].update(seed=1))
    path = run / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "settings": {**manifest["settings"], "seed": 1}}))
    assert trusteq("verify", run).returncode in {1, 2}


@pytest.mark.slow
@pytest.mark.parametrize("until", ["end", "decided"])
def test_items_that_were_explained_and_left_out(until, tmp_path):
    """Nothing was made up: the items on which the models part ways were gone, and their plan with them."""
    made = audited(explain=ExplainSettings(items=40, until=until), allow_same=True)
    kept = np.arange(len(made.explanation.positions) - 3)
    few = {name: tuple(getattr(made.explanation, name)[i] for i in kept) for name in ("units", "plans")}
    for name in ("tables", "removed"):
        few[name] = tuple(tuple(table[i] for i in kept) for table in getattr(made.explanation, name))
    positions, targets = made.explanation.positions[kept], made.explanation.targets[:, kept]
    explanation = replace(made.explanation, positions=positions, targets=targets, **few)
    run = load_run(made.save(tmp_path / "run"))
    items = read_items(run)
    said = replace(read_responses(run, items), explanation=explanation)
    picked = compute_audit(said, items, run.policy, run.audit["settings"]).save(tmp_path / "picked")
    assert trusteq("verify", tmp_path / "run", "--quiet").returncode == 0
    if until == "end":  # which items are drawn depends on the answers, so another choice is a difference like any other
        assert "plan.parquet: id" in differing(picked)
        return
    one_line(
        trusteq("verify", picked, "--quiet"), "these are not the items that the seed and the settings would choose"
    )


@pytest.mark.slow
def test_a_warning_that_was_taken_out_or_put_in(tmp_path):
    """What is noticed of the answers follows from them; what asking tells does not, and stays as it is."""
    run = equivalent().save(tmp_path / "run")
    content = json.loads((run / "audit.json").read_text())
    (told,) = content["items"]["findings"]
    assert told["kind"] == "repeated items"
    document(run, lambda d: d["items"].update(findings=[]))
    assert differing(run) == ["audit.json: items.findings"]
    document(run, lambda d: d["items"].update(findings=[told, {**told, "kind": "not sliced"}]))
    assert differing(run) == ["audit.json: items.findings"]
    document(run, lambda d: d["items"].update(findings=[{**told, "message": "1 of 120 repeat"}]))
    assert differing(run) == ["audit.json: items.findings.0.message"]
    document(run, lambda d: d["items"].update(findings=[told, {**told, "kind": "truncated"}]))
    assert trusteq("verify", run, "--quiet").returncode == 0


def test_all_kinds_of_findings_that_are_computed_are_known():
    """By the source: one that is not in the list would not be compared."""
    modules = (computing, moved_by_rounding, row_findings)
    source = "".join(Path(module.__file__).read_text("utf-8") for module in modules)
    made = set(re.findall(r'Finding\([^()]*?, "([a-z- ]+)", ', source)) | set(
        re.findall(r'kind, count = "(.*?)"', source)
    )
    assert made | set(misfit_kinds()) | {perturbed_training.KIND} == FINDINGS


def misfit_kinds():
    source = Path(chance.__file__).read_text("utf-8")
    return re.findall(r'return \(?\s*"([a-z ]+)",\s', source)


@pytest.mark.parametrize(("name", "value"), [("asked", "0" * 64), ("ids", "0" * 64), ("content", "0" * 64)])
def test_a_hash_of_the_items(name, value, run):
    """With another one the run was no longer known to those beside it."""
    path = run / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "data": {**manifest["data"], name: value}}))
    assert differing(run) == [f"manifest.json: data.{name}"]


def printed(run, code):
    """What the command prints, in one line."""
    done = trusteq("verify", run, "--quiet")
    assert (done.returncode, done.stderr) == (code, "")
    return " ".join(done.stdout.split())


def test_what_it_prints(run, saved):
    said = printed(saved, 0)
    assert "estimates, " in said
    assert "recomputed from the predictions of 3 models and their answers to " in said
    assert "all match the run, to the bit" in said
    assert "not compared: findings from opening and running the models" in said
    document(run, lambda d: d["candidates"][0].update(flipped=77))
    said = printed(run, 1)
    assert "1 value does not match the run" in said
    assert "audit.json: candidates.0.flipped: run has 77, recomputed " in said


def test_rounding_is_told_and_passes(run):
    edit(run, "estimates.parquet", lambda frame: frame.assign(low=frame["low"] * (1 + 1e-14)))
    done = trusteq("verify", run, "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["rounded"] > 10
    assert 0 < found["largest"] < 1e-13
    assert "differ only by rounding, by at most 1e-14" in printed(run, 0)


def test_a_difference_that_no_rounding_makes_is_none(run):
    edit(run, "estimates.parquet", lambda frame: frame.assign(low=frame["low"] * (1 + 1e-6)))
    assert "estimates.parquet: low, row 1" in differing(run)


def test_what_is_nothing_but_rounding_may_be_any_such_nothing(run):
    def change(frame):
        shapley = frame["shapley"].to_numpy()
        small = np.abs(shapley) < 1e-14
        assert small.any()
        return frame.assign(shapley=np.where(small, -3e-15, shapley))

    edit(run, "attributions.parquet", change)
    assert "differ only by rounding" in printed(run, 0)


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="is told to be another processor of its kind")
def test_another_processor_comes_to_the_same_but_for_rounding(run):
    other = {**os.environ, "OPENBLAS_CORETYPE": "Nehalem"}
    words = [sys.executable, "-m", "trusteq", "verify", str(run), "--json"]
    done = subprocess.run(words, env=other, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["differences"] == []


def test_a_table_of_another_length(run):
    edit(run, "estimates.parquet", lambda frame: frame.iloc[:-1])
    assert "estimates.parquet: candidate" in differing(run)


@pytest.mark.parametrize("file", ["plan.parquet", "values/00-honest.parquet", "removed/00-honest.parquet"])
def test_answers_that_do_not_belong_to_the_plan(file, run):
    edit(run, file, lambda frame: frame.iloc[:-1])
    one_line(trusteq("verify", run), "audit again")


def test_top_words_of_fewer_items(tmp_path):
    run = KINDS["protocol"]().save(tmp_path / "run")
    frame = pd.read_parquet(run / "top_words.parquet")
    some = frame[frame["id"] != frame["id"].iloc[0]]
    schema = pq.read_schema(run / "top_words.parquet")
    pq.write_table(pa.Table.from_pandas(some, schema, preserve_index=False), run / "top_words.parquet")
    rehashed(run)
    one_line(trusteq("verify", run), "top_words.parquet: words of 3 items, but the items and the seed give 4")


@pytest.mark.slow
def test_another_version_may_word_it_otherwise(run):
    document(run, lambda d: d["candidates"][0]["verdict"].update(reason="said otherwise"))
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "trusteq": "0.0.9"}))
    assert "sentences, which trusteq 0.0.9 may have worded differently" in printed(run, 0)
    document(run, lambda d: d["candidates"][0].update(flipped=77))
    assert differing(run) == ["audit.json: candidates.0.flipped"]


def test_a_run_without_its_hashes(tmp_path):
    from trusteq.errors import RunError

    run = load_run(plain().save(tmp_path / "run"))
    with pytest.raises(RunError, match="written by an older trusteq"):
        verify_run(replace(run, manifest={**run.manifest, "files": {}}))
