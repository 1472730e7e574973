"""How a run came about: finished work that was taken up, and other audits of the same models and items."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from command import one_line, trusteq
from finished_runs import FAST, HONEST, KINDS, NEARLY, pairs, reader

import trusteq as package
from trusteq import ExplainSettings, executor, load_run
from trusteq.models.prediction_file import open_predictions
from trusteq.record.evidence import notices_of
from trusteq.record.history import MOST_NAMED, attempt_of

pytest.importorskip("transformers", reason="needs the extra 'transformers'")

from oracles.tiny_models import LABELS, save


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, seed in (("large", 1), ("small", 2), ("other", 3)):
        save("bert", folder / name, seed=seed)
    rows = [{"id": f"r{i}", "text": f"the film was good {i}", "label": LABELS[i % 3]} for i in range(40)]
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rows = [{**row, "text": f"{row['text']} indeed"} for row in rows]
    (folder / "u.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


ASK = ("--text", "text", "--label", "label", "--quiet", "--resamples", "100", "--no-explain", "--costs", "none")


def audit(models, folder, *words, out, small="small", data="t.jsonl"):
    done = trusteq(
        "audit", models / "large", models / small, "--data", models / data, *ASK, *words, "--out", out, cwd=folder
    )
    assert done.returncode in {0, 1, 3}, done.stderr
    return done


# other audits


def others(folder):
    return [f.message for f in notices_of(load_run(folder)) if f.kind == "other runs"]


def test_a_run_by_itself_has_nothing_to_tell(models, tmp_path):
    done = audit(models, tmp_path, out="one")
    assert others(tmp_path / "one") == []
    assert "other audit" not in done.stdout
    assert not (tmp_path / "one" / "work.json").exists()


def test_the_same_again_is_no_other(models, tmp_path):
    audit(models, tmp_path, out="one")
    audit(models, tmp_path, out="two")
    assert others(tmp_path / "two") == []


@pytest.mark.slow
@pytest.mark.parametrize("words", [("--seed", "1"), ("--resamples", "200"), ("--dimensions", "behaviour")])
def test_another_seed_or_setting_or_policy_is_told_wherever_the_verdict_is(words, models, tmp_path):
    audit(models, tmp_path, out="one")
    words = words if words[0] != "--resamples" else ()
    more = ("--no-slices",) if not words else ()
    done = audit(models, tmp_path, *words, *more, out="two")
    said = "1 other audit of these models and items with other seeds or settings: one (policy default, "
    assert said in " ".join(done.stdout.split())
    for folder, other in (("one", "two"), ("two", "one")):
        (message,) = others(tmp_path / folder)
        assert f"settings: {other} (policy default, " in message
        assert "picked from several is right less often than its intervals say" in message
    for command in (("gate", "two"), ("show", "two"), ("report", "two", "--as", "markdown")):
        shown = trusteq(*command, cwd=tmp_path).stdout
        assert "1 other audit of these models and items" in " ".join(shown.split()), command
    trusteq("report", "two", cwd=tmp_path)
    assert "1 other audit of these models and items" in (tmp_path / "two" / "report.html").read_text()
    assert "1 other audit" in trusteq("report", "two", "--as", "junit", cwd=tmp_path).stdout
    told = json.loads(trusteq("gate", "two", "--json", cwd=tmp_path).stdout)["notices"]
    assert [one["kind"] for one in told if one["kind"] == "other runs"] == ["other runs"]


@pytest.mark.slow
def test_the_same_items_with_other_labels_or_clusters_are_asked_about_in_another_way(models, tmp_path):
    """Without its clusters a run was EQUIVALENT that was UNDECIDED with them, and nobody heard of it."""
    rows = [json.loads(line) for line in (models / "t.jsonl").read_text().splitlines()]
    rows = [{**row, "doc": f"d{i // 2}", "second": LABELS[(i + 1) % 3]} for i, row in enumerate(rows)]
    (models / "v.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    audit(models, tmp_path, out="one", data="v.jsonl")
    assert others(tmp_path / "one") == []
    audit(models, tmp_path, "--cluster", "doc", out="two", data="v.jsonl")
    (message,) = others(tmp_path / "two")
    assert "1 other audit of these models and items" in message
    done = trusteq(
        "audit",
        models / "large",
        models / "small",
        "--data",
        models / "v.jsonl",
        *(word if word != "label" else "second" for word in ASK),
        "--out",
        "three",
        cwd=tmp_path,
    )
    assert "2 other audits of these models and items" in " ".join(done.stdout.split())


def test_predictions_that_were_read_as_other_scores_are_asked_about_in_another_way(tmp_path):
    pd.DataFrame({"id": range(60), "no": 1.5, "yes": -2.5}).to_csv(tmp_path / "p.csv", index=False)
    run = load_run(KINDS["plain"]().save(tmp_path / "run"))
    attempts = []
    for scores in ("probabilities", "logits"):
        details = open_predictions(str(tmp_path / "p.csv"), name="p", scores=scores).identity.details
        assert details == {"scores": scores}
        models = [{**model, "content": "same", "details": details} for model in run.manifest["models"]]
        attempts.append(attempt_of({**run.manifest, "models": models}, run.audit))
    assert attempts[0].rivals(attempts[1])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x\ud800", "A" * 3_000_000])
def test_a_strange_name_of_a_policy_beside_a_run(name, models, tmp_path):
    """One ended every command beside it in a traceback, one filled every output."""
    audit(models, tmp_path, out="one")
    audit(models, tmp_path, "--seed", "1", out="two")
    content = json.loads((tmp_path / "two" / "audit.json").read_text())
    content["policy"]["name"] = name
    (tmp_path / "two" / "audit.json").write_text(json.dumps(content))
    done = trusteq("gate", tmp_path / "one")
    assert done.returncode in {1, 3}
    shown = "x\ufffd" if len(name) == 2 else "A" * 80
    assert f"two (policy {shown}, " in "".join(others(tmp_path / "one"))
    assert len(done.stdout) < 10_000
    audit(models, tmp_path, "--seed", "2", out="three")


@pytest.mark.slow
def test_an_outcome_that_is_none_beside_a_run(models, tmp_path):
    audit(models, tmp_path, out="one")
    audit(models, tmp_path, "--seed", "1", out="two")
    content = json.loads((tmp_path / "two" / "audit.json").read_text())
    content["candidates"][0]["verdict"]["outcome"] = "EQUIVALENT! " * 1000
    (tmp_path / "two" / "audit.json").write_text(json.dumps(content))
    assert others(tmp_path / "one") == []


@pytest.mark.slow
@pytest.mark.parametrize("other", [{"small": "other"}, {"data": "u.jsonl"}])
def test_other_models_or_items_are_none_of_its_business(other, models, tmp_path):
    audit(models, tmp_path, out="one")
    audit(models, tmp_path, "--seed", "1", out="two", **other)
    assert others(tmp_path / "one") == others(tmp_path / "two") == []


def test_what_lies_beside_a_run_and_is_none_is_passed_over(models, tmp_path):
    audit(models, tmp_path, out="one")
    for name, content in (("a", "{"), ("b", "[]"), ("c", '{"data": 3}'), ("d", "[" * 100_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(content)
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "manifest.json").symlink_to("/dev/zero")
    assert others(tmp_path / "one") == []


def test_many_are_counted_and_some_named(models, tmp_path):
    audit(models, tmp_path, out="run")
    manifest = json.loads((tmp_path / "run" / "audit.json").read_text())
    for seed in range(1, MOST_NAMED + 3):
        copy = shutil.copytree(tmp_path / "run", tmp_path / f"run-{seed}")
        settings = {**manifest["settings"], "seed": seed}
        (copy / "audit.json").write_text(json.dumps({**manifest, "settings": settings}))
    (message,) = others(tmp_path / "run")
    assert message.startswith(f"{MOST_NAMED + 2} other audits")
    assert "run-5 (policy default, " in message
    assert " and 2 more;" in message


@pytest.mark.slow
def test_a_folder_of_work_remembers_audits_whose_runs_are_gone(models, tmp_path):
    for seed, verdicts in ((0, 0), (1, 1), (2, 2), (2, 2)):
        done = audit(models, tmp_path, "--seed", str(seed), "--work", "w", out="run")
        told = json.loads((tmp_path / "run" / "work.json").read_text())["others"] if verdicts else []
        assert len(told) == verdicts
        assert {one["seed"] for one in told} == set(range(seed))
        shutil.rmtree(tmp_path / "run")
    assert "2 other audits of these models and items with other seeds or settings: seed 0 (" in " ".join(
        done.stdout.split()
    )
    assert len(list((tmp_path / "w").glob("audit-*.json"))) == 3


def test_a_record_that_is_none_is_passed_over(models, tmp_path):
    audit(models, tmp_path, "--work", "w", out="run")
    (tmp_path / "w" / f"audit-{'0' * 64}.json").write_text("{}")
    audit(models, tmp_path, "--seed", "1", "--work", "w", out="two")
    assert len(json.loads((tmp_path / "two" / "work.json").read_text())["others"]) == 1


def test_models_without_a_hash_are_known_by_nothing(tmp_path):
    table = package.from_callable(lambda texts: np.full((len(texts), 2), 0.5), labels=("no", "yes"), name="a")
    other = package.from_callable(lambda texts: np.full((len(texts), 2), [0.4, 0.6]), labels=("no", "yes"), name="b")
    items = package.Items([str(i) for i in range(40)], {"text": ["a word"] * 40})
    for seed in (0, 1):
        package.audit(table, other, items, seed=seed, explain=False, **FAST).save(tmp_path / str(seed))
    assert notices_of(load_run(tmp_path / "1")) == ()


@pytest.mark.slow
def test_an_audit_that_stops_early_sees_the_same_items_whatever_the_seed():
    """Else it could be repeated with other seeds until items come first that decide it as wished."""
    items = replace(pairs(120), clusters=None)
    order = []
    for seed in (0, 1, 2):
        made = package.audit(
            reader(HONEST, "honest"),
            reader(NEARLY, "nearly"),
            items,
            seed=seed,
            explain=ExplainSettings(items=40, until="decided"),
            **FAST,
        )
        order.append(made.explanation.positions.tolist())
    assert order[0] == order[1] == order[2]
    ends = [
        package.audit(
            reader(HONEST, "honest"),
            reader(NEARLY, "nearly"),
            items,
            seed=seed,
            explain=ExplainSettings(items=40),
            **FAST,
        ).explanation.positions.tolist()
        for seed in (0, 1)
    ]
    assert ends[0] != ends[1]


# finished work


def test_work_that_was_taken_up_is_said_and_recorded(models, tmp_path):
    first = audit(models, tmp_path, "--work", "w", out="one")
    assert "reused" not in first.stderr
    assert not (tmp_path / "one" / "work.json").exists()
    again = audit(models, tmp_path, "--work", "w", out="two")
    told = json.loads((tmp_path / "two" / "work.json").read_text())
    assert told["taken_up"] == told["shards"] > 2
    said = f"trusteq: {told['shards']} of {told['shards']} shards of work were reused, not computed again\n"
    assert again.stderr == f"{said}run directory: two\n"
    assert said.removeprefix("trusteq: ").strip() in " ".join(trusteq("show", tmp_path / "two").stdout.split())
    for file in ("audit.json", "estimates.parquet"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_work_can_be_asked_for_anew(models, tmp_path):
    audit(models, tmp_path, "--work", "w", out="one")
    done = audit(models, tmp_path, "--work", "w", "--no-resume", out="two")
    assert "reused" not in done.stderr
    assert not (tmp_path / "two" / "work.json").exists()


def forged(folder, large):
    """Every shard about the reference says what it says of the candidate: whoever writes there can."""
    from trusteq.work.shard_files import ShardFiles

    files = ShardFiles(folder)
    for path in list(folder.glob("*.parquet")):
        import pyarrow.parquet as pq

        answer = files.read(path.stem, pq.read_metadata(path).num_rows, 3)
        files.write(path.stem, replace(answer, rows=answer.rows[:, ::-1]))


@pytest.mark.slow
def test_forged_work_is_taken_up_and_told_and_no_resume_is_the_way_out(models, tmp_path):
    """What SECURITY.md says of a folder of work that others can write to."""
    audit(models, tmp_path, "--work", "w", out="honest")
    forged(tmp_path / "w", "large")
    told = audit(models, tmp_path, "--work", "w", out="forged")
    assert "reused" in told.stderr
    audit(models, tmp_path, "--work", "w", "--no-resume", out="anew")
    honest, fooled, anew = (
        pd.read_parquet(tmp_path / run / "predictions" / "00-large.parquet") for run in ("honest", "forged", "anew")
    )
    assert not honest.equals(fooled)
    assert honest.equals(anew)


@pytest.mark.slow
def test_in_python_it_is_an_argument_of_the_executor(models, tmp_path):
    asked = []
    for resume in (True, True, False):
        with executor(keep=tmp_path / "w", resume=resume) as asking:
            package.audit(
                package.open_model(models / "large", name="large"),
                package.open_model(models / "small", name="small"),
                package.read_items(models / "t.jsonl", text="text", label="label"),
                explain=False,
                executor=asking,
                **FAST,
            )
            asked.append((asking.files.taken_up, asking.files.requested))
    (first, all_), (second, _), (third, _) = asked
    assert (first, second, third) == (0, all_, 0)


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", "[]", '{"taken_up": -1}', '{"others": 3}', '{"schema_version": 9}'])
def test_a_history_that_is_none_is_one_line(content, models, tmp_path):
    audit(models, tmp_path, "--work", "w", out="one")
    audit(models, tmp_path, "--work", "w", out="two")
    (tmp_path / "two" / "work.json").write_text(content)
    one_line(trusteq("gate", tmp_path / "two"), "work.json")


def test_no_resume_without_work_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("id,no,yes\n1,0.5,0.5\n2,0.4,0.6\n")
    (tmp_path / "b.csv").write_text("id,no,yes\n1,0.5,0.5\n2,0.3,0.7\n")
    done = trusteq("audit", "a.csv", "b.csv", "--no-resume", cwd=tmp_path)
    one_line(done, "--no-resume has no effect: all models here are files of predictions")
