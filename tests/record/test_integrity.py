"""A run that was changed after it was written is no run, however plausible the change."""

import json
import shutil

import pandas as pd
import pytest
import yaml
from command import one_line, trusteq
from finished_runs import costs_of, equivalent, explained, peered, plain
from rehashed import rehashed

from trusteq import RunError, load_run
from trusteq.record.plain import plain as as_json
from trusteq.record.run import rejudge


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return plain().save(tmp_path_factory.mktemp("saved") / "run")


@pytest.fixture
def run(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "run")


def edit(run, change, *, sealed=True):
    path = run / "audit.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    if sealed:
        rehashed(run)


def commands(run):
    """Whatever shows a verdict."""
    yield "gate", run
    yield "show", run
    for form in ("html", "junit", "markdown", "model-card", "latex"):
        yield "report", run, "--as", form, "--out", run.parent / "written"
    yield "diff", run, run
    yield "figure", run, "intervals", "--out", run.parent / "written.svg"


def test_every_file_is_in_the_manifest(saved):
    told = json.loads((saved / "manifest.json").read_text())["files"]
    there = {path.relative_to(saved).as_posix() for path in saved.rglob("*") if path.is_file()}
    assert set(told) == there - {"manifest.json"}
    assert all(len(sha256) == 64 for sha256 in told.values())


@pytest.mark.parametrize("explained_too", [False, True])
def test_a_byte_in_any_file(explained_too, tmp_path):
    run = (explained() if explained_too else plain()).save(tmp_path / "run")
    load_run(run)
    for file in json.loads((run / "manifest.json").read_text())["files"]:
        before = (run / file).read_bytes()
        # A blank at the end of JSON and YAML means nothing, and what is behind a Parquet file makes it none.
        (run / file).write_bytes(before + b" ")
        with pytest.raises(RunError, match=r"changed since the run was written|damaged or truncated"):
            load_run(run)
        (run / file).write_bytes(before)
    load_run(run)


def test_a_file_that_is_missing(run):
    (run / "flips.parquet").unlink()
    one_line(trusteq("gate", run), "incomplete: no flips.parquet")


def test_other_files_may_lie_beside(run):
    (run / "report.html").write_text("<p>")
    (run / "manifest.json.minisig").write_text("a signature")
    assert load_run(run).manifest["files"]


def test_a_file_that_is_a_link_out_of_the_run(run, tmp_path):
    shutil.move(run / "flips.parquet", tmp_path / "flips.parquet")
    (run / "flips.parquet").symlink_to("../flips.parquet")
    one_line(trusteq("gate", run), "incomplete: no flips.parquet")


def test_swapped_predictions(run):
    first, second = sorted((run / "predictions").iterdir())
    a, b = first.read_bytes(), second.read_bytes()
    first.write_bytes(b)
    second.write_bytes(a)
    one_line(trusteq("gate", run), "predictions/", "changed since the run was written")


def passing(document):
    """The verdict of a candidate that passed."""
    for candidate in document["candidates"]:
        candidate["verdict"]["outcome"] = "EQUIVALENT"
        for dimension in candidate["verdict"]["dimensions"]:
            dimension["outcome"] = "EQUIVALENT"
            for rule in dimension["rules"]:
                rule["outcome"] = "EQUIVALENT"
    document["exit_code"] = 0


def only_the_whole(document):
    document["candidates"][0]["verdict"]["outcome"] = "EQUIVALENT"


def only_a_reason(document):
    document["candidates"][0]["verdict"]["reason"] = "all within margins"


def another_margin(document):
    rule = document["candidates"][0]["verdict"]["dimensions"][0]["rules"][0]["rule"]
    rule["at_least"] = -0.9


def only_the_code(document):
    document["exit_code"] = 0


@pytest.mark.parametrize("forge", [passing, only_the_whole, only_a_reason, another_margin, only_the_code])
def test_a_flipped_verdict_is_shown_nowhere(forge, run):
    """Even where the forger wrote all hashes anew."""
    assert trusteq("gate", run).returncode == 1
    edit(run, forge)
    for words in commands(run):
        done = trusteq(*words)
        one_line(done, "audit.json: damaged: its ")
    assert not (run.parent / "written").exists()


def test_a_verdict_in_other_words_of_another_version_is_read(run):
    edit(run, only_a_reason)
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "trusteq": "0.0.9"}))
    assert trusteq("gate", run).returncode == 1
    edit(run, passing)
    one_line(trusteq("gate", run), "does not follow from its estimates and policy (NOT EQUIVALENT)")


def test_a_widened_policy_is_not_judged_by(run):
    policy = yaml.safe_load((run / "policy.yaml").read_text())
    policy["rules"] = {"behaviour": {"disagreement": {"at_most": 0.99}}}
    policy["required"] = ["behaviour"]
    (run / "policy.yaml").write_text(yaml.safe_dump(policy))
    one_line(trusteq("gate", run), "policy.yaml: changed since the run was written")
    rehashed(run)
    one_line(trusteq("gate", run), "policy.yaml: not the policy in audit.json", "trusteq gate --policy")


def test_a_policy_that_is_widened_in_both_files_is_another_verdict(run):
    policy = yaml.safe_load((run / "policy.yaml").read_text())
    policy["rules"]["behaviour"]["disagreement"]["at_most"] = 0.99
    (run / "policy.yaml").write_text(yaml.safe_dump(policy))
    edit(run, lambda document: document["policy"]["rules"]["behaviour"]["disagreement"].update(at_most=0.99))
    one_line(trusteq("gate", run), "its verdict on 'small' (NOT EQUIVALENT) does not follow from its estimates")


def test_what_was_saved_is_judged_as_it_was(saved):
    run = load_run(saved)
    (verdict,) = rejudge(run, plain().policy).values()
    assert as_json(verdict) == run.audit["candidates"][0]["verdict"]


def test_runs_without_hashes_are_read(run):
    """Those of schema version 1."""
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["files"], manifest["data"]["asked"], manifest["data"]["arrays"]
    (run / "manifest.json").write_text(json.dumps({**manifest, "schema_version": 1}))
    frame = pd.read_parquet(run / "flips.parquet")
    frame.to_parquet(run / "flips.parquet", index=False)
    assert load_run(run).manifest["schema_version"] == 1
    for command in ("gate", "show"):
        said = " ".join(trusteq(command, run).stdout.split())
        assert (
            "! run: written by an older trusteq, without hashes of its files: changes to them cannot be detected"
            in said
        )


@pytest.mark.parametrize("left", ["files", "asked", "arrays"])
def test_a_run_that_says_it_is_of_a_version_without_hashes_and_is_not(left, run):
    manifest = json.loads((run / "manifest.json").read_text())
    for name, of in (("files", manifest), ("asked", manifest["data"]), ("arrays", manifest["data"])):
        if name != left:
            del of[name]
    (run / "manifest.json").write_text(json.dumps({**manifest, "schema_version": 1}))
    one_line(trusteq("gate", run), f"damaged: schema version 1 has no '{left}'")


def change_manifest(run, change):
    manifest = json.loads((run / "manifest.json").read_text())
    change(manifest)
    (run / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("file", ["audit.json", "policy.yaml", "items.parquet", "estimates.parquet", "flips.parquet"])
def test_a_hash_of_what_every_run_has_is_missing(file, run):
    """A manifest with one hash was signed, and all else exchanged."""
    change_manifest(run, lambda manifest: manifest["files"].pop(file))
    one_line(trusteq("gate", run), f"damaged: it holds no hash of {file}")


def test_a_hash_of_predictions_or_values_is_missing(tmp_path):
    run = explained().save(tmp_path / "run")
    manifest = json.loads((run / "manifest.json").read_text())
    files = manifest["files"]
    for file in files:
        if file.startswith(("predictions/", "values/")) or file in {"plan.parquet", "words.parquet"}:
            left = {name: sha256 for name, sha256 in files.items() if name != file}
            (run / "manifest.json").write_text(json.dumps({**manifest, "files": left}))
            with pytest.raises(RunError, match=f"damaged: it holds no hash of {file}"):
                load_run(run)


@pytest.mark.slow
def test_files_that_the_manifest_does_not_name_are_not_read(run):
    """They were shown, and no signature covers them."""
    before = [trusteq(*map(str, words)).stdout for words in (("show", run), ("report", run, "--as", "markdown"))]
    (run / "costs.json").write_text(json.dumps(costs_of(("large", "small"))))
    (run / "work.json").write_text(json.dumps({"schema_version": 1, "taken_up": 3, "shards": 9, "others": []}))
    for name in ("attributions", "words", "plan", "top_words"):
        (run / f"{name}.parquet").write_bytes((run / "flips.parquet").read_bytes())
    assert [
        trusteq(*map(str, words)).stdout for words in (("show", run), ("report", run, "--as", "markdown"))
    ] == before
    assert trusteq("report", run).returncode == 0
    assert trusteq("verify", run, "--quiet").returncode == 0
    (run / "report.html").unlink()
    for name in ("attributions", "words", "plan", "top_words"):
        (run / f"{name}.parquet").unlink()
    rehashed(run)
    assert "12.3 ms" in trusteq("show", run).stdout


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda m: m["settings"].update(seed=99), "settings"),
        (lambda m: m.update(policy="paper"), "policies"),
        (lambda m: m["models"][1].update(role="reference"), "roles"),
    ],
)
def test_what_the_manifest_says_twice(change, what, run):
    change_manifest(run, change)
    one_line(trusteq("gate", run), f"damaged: {what} differ: manifest.json has ")


@pytest.mark.parametrize(
    "file", ["huge.bin", "a\x00b.parquet", "../out.parquet", "x" * 5000, "predictions/../a.parquet"]
)
def test_a_hash_of_what_is_no_file_of_a_run(file, run):
    """It was opened, and of a huge one nobody saw the end."""
    change_manifest(run, lambda manifest: manifest["files"].update({file: "0" * 64}))
    one_line(trusteq("gate", run), "is not a file of a run")


@pytest.mark.parametrize("name", ["policy.yaml", "audit.json", "items.parquet"])
def test_a_report_does_not_take_the_place_of_a_file_of_the_run(name, run):
    done = trusteq("report", run, "--as", "markdown", "--out", run / name)
    one_line(done, "names like this are reserved for the run's own files")
    assert load_run(run).manifest["files"]


@pytest.mark.parametrize("data", [5, [], None, {}])
def test_a_manifest_of_a_former_version_with_no_data(data, run):
    change_manifest(run, lambda manifest: manifest.update(schema_version=1, data=data))
    one_line(trusteq("gate", run), "damaged: data: should be an object")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"resamples": 2}, "resamples must be a whole number from 100 to 100,000, found 2"),
        ({"batch": 0}, "batch must be a whole number from 1 to 1,000,000, found 0"),
    ],
)
def test_settings_that_no_audit_takes(settings, said, run):
    """With two resamples an interval is as short as luck has it, and the same whenever it is computed."""
    edit(run, lambda document: document["settings"].update(settings))
    change_manifest(run, lambda manifest: manifest["settings"].update(settings))
    one_line(trusteq("gate", run), f"damaged: settings: {said}")


def test_a_peer_that_the_manifest_does_not_know(run):
    edit(run, lambda document: document.update(peer=document["candidates"][0]))
    one_line(trusteq("show", run), "damaged: peers differ: manifest.json has None, audit.json has small")


def test_a_policy_that_took_a_preset_s_name(run):
    """``audit`` refuses it; a run that was made by hand had it."""

    def name(document):
        document["policy"]["name"] = "default"
        document["policy"]["min_items"] = 99

    change_manifest(run, lambda manifest: manifest.update(policy="default"))
    edit(run, name)
    (run / "policy.yaml").write_text(yaml.safe_dump(json.loads((run / "audit.json").read_text())["policy"]))
    rehashed(run)
    said = " ".join(trusteq("gate", run).stdout.split())
    assert "! policy default: differs from the preset of the same name in this trusteq; it " in said


def test_a_flipped_verdict_on_the_peer(tmp_path):
    run = peered().save(tmp_path / "run")

    def flip(document):
        document["peer"]["verdict"]["outcome"] = "EQUIVALENT"

    edit(run, flip)
    one_line(trusteq("show", run), "damaged: its verdict on 'peer' (EQUIVALENT) does not follow from its estimates")


def test_reasons_are_those_of_the_estimates_whatever_version_wrote_them(run):
    """Of another version's run they were shown as they stood."""
    before = trusteq("show", run).stdout

    def forge(document):
        verdict = document["candidates"][0]["verdict"]
        verdict["reason"] = "everything is fine"
        for dimension in verdict["dimensions"]:
            for rule in dimension["rules"]:
                rule.update(reason="everything is fine")

    edit(run, forge)
    one_line(trusteq("show", run), "damaged: its verdict on 'small'")
    change_manifest(run, lambda manifest: manifest.update(trusteq="0.0.9"))
    assert trusteq("show", run).stdout == before
    assert "fine" not in trusteq("report", run, "--as", "junit").stdout


def test_the_gate_says_what_must_be_read_first(tmp_path):
    """A pass on items that repeat each other, which only show and the page said."""
    run = equivalent().save(tmp_path / "run")
    done = trusteq("gate", run)
    assert done.returncode == 0
    assert "! items: 10 of 120 repeat the text of another item" in " ".join(done.stdout.split())
    told = json.loads(trusteq("gate", run, "--json").stdout)["notices"]
    assert "repeated items" in [one["kind"] for one in told]
