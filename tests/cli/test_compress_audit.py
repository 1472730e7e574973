"""``trusteq compress --method heal``: the audit before and after, its table, its options, its run."""

import json

import command
import numpy as np
import pandas as pd
import pytest

pytest.importorskip("transformers", reason="needs the extra 'transformers'")

from oracles import tiny_models
from oracles.tokenizers import WORDS

import trusteq
import trusteq.compress
from trusteq.cli.before_and_after import GROUPS, how_far


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a large model, a candidate, data and items to test on."""
    folder = tmp_path_factory.mktemp("place")
    shape = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    tiny_models.save("bert", folder / "large", shape=shape)
    trusteq.compress.make(folder / "large", method="prune-heads", share=0.5, out=folder / "small")
    rng = np.random.default_rng(5)
    texts = [*dict.fromkeys(" ".join(rng.choice(WORDS, rng.integers(3, 12))) for _ in range(400))]
    frame = pd.DataFrame({"id": range(len(texts)), "text": texts})
    frame["gold"] = np.array(tiny_models.LABELS)[rng.integers(0, 3, len(frame))]
    frame[:240].to_csv(folder / "data.csv", index=False)
    frame[240:340].to_csv(folder / "test.csv", index=False)
    frame[200:340].to_csv(folder / "overlapping.csv", index=False)
    return folder


def heal(place, out, *arguments):
    said = ("--method", "heal", "--original", "large", "--data", "data.csv", "--text", "text", "--label", "gold")
    quick = ("--rows", "160", "--rate", "0.003")
    return command.trusteq("compress", "small", "--out", out, *said, *quick, *arguments, cwd=place)


def test_the_table_and_the_run(place, tmp_path):
    run = tmp_path / "run"
    done = heal(place, tmp_path / "healed", "--test", "test.csv", "--explain-items", "30", "--run", run)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    audited = trusteq.load_run(run)
    assert "May it replace large?   100 items, " in done.stdout
    for name in ("verdict", "behaviour", "calibration", "explanation"):
        (row,) = [line for line in lines if line.startswith(f"{name}  ")]
        assert row.split()[1] in "=≠?"
    assert any(line.split()[:2] == ["before", "after"] for line in lines)
    flips = next(line for line in lines if line.startswith("disagreement ≤ 0.05  "))
    for one in audited:
        e = audited[one].flat["disagreement"]
        assert f"{e.value:.4f} [{e.low:.4f}, {e.high:.4f}]" in flips
    assert any(line.startswith("KL from the original  ") for line in lines)
    assert f"before is ≠ NOT EQUIVALENT: {audited['before'].verdict.reason}"[:60] in done.stdout
    assert any(line.startswith("head ") and "classifier." in line for line in lines)
    assert "note: audited on the 100 items of test.csv (content " in done.stdout
    assert "trusteq: explain before (" in done.stderr
    assert f"run directory: {run}\n" in done.stderr
    assert command.trusteq("report", run, "--out", tmp_path / "page.html").returncode == 0


def test_json_has_the_whole_audit_and_the_change(place, tmp_path):
    done = heal(place, tmp_path / "healed", "--explain-items", "30", "--json")
    made = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert [one["name"] for one in made["audit"]["candidates"]] == ["before", "after"]
    assert (made["change"]["before"], made["change"]["name"]) == ("before", "after")
    assert made["recipe"]["audit"]["items"]["set aside"] is True
    found = {one["measure"]: one for one in made["change"]["changes"]}
    recipe = made["recipe"]["audit"]["measures"]["disagreement"]
    assert recipe["change"][0] == pytest.approx(found["disagreement"]["change"]["value"], rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--test", "overlapping.csv"],
            "overlapping.csv: 40 of 140 items are also among the items to learn from",
        ),
        (["--no-audit", "--run", "run"], "--run has no effect with --no-audit"),
        (["--no-audit", "--test", "test.csv"], "--test has no effect with --no-audit"),
        (["--policy", "nothing"], "nothing"),
        (["--test", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_made(place, tmp_path, arguments, says):
    command.one_line(heal(place, tmp_path / "healed", "--quiet", *arguments), says)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("run", "where"), [("models/healed/run", "is in"), ("models/healed", "is"), ("models", "holds")]
)
def test_a_run_and_the_candidate_in_one_folder(place, tmp_path, run, where):
    out = tmp_path / "models/healed"
    done = heal(place, out, "--quiet", "--run", tmp_path / run)
    command.one_line(done, f"{run} {where} the candidate's folder {out}; name another, e.g. {out}-audit")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("flags", [["--no-audit"], ["--test", "t.csv"], ["--run", "r"], ["--explain-items", "5"]])
def test_other_methods_audit_nothing(place, tmp_path, flags):
    done = command.trusteq("compress", place / "small", "--method", "fp16", "--out", tmp_path / "x", *flags)
    command.one_line(done, f"{flags[0]} has no effect on method fp16, which audits nothing; remove it")


def test_what_moved_is_told_by_group():
    from rich.console import Console

    moved = {
        "classifier.weight": 0.2,
        "classifier.bias": 0.1,
        "bert.encoder.layer.0.output.LayerNorm.bias": 0.03,
        "bert.encoder.layer.0.output.dense.bias": 0.05,
        "bert.encoder.layer.0.output.dense.weight_scale": 0.004,
        "bert.encoder.layer.0.attention.self.key.correction": 0.01,
        "bert.encoder.layer.0.attention.self.query.weight": 0.6,
    }
    console = Console(width=120)
    with console.capture() as captured:
        console.print(how_far(moved))
    rows = [line.split() for line in captured.get().splitlines()[1:]]
    assert [row[0] for row in rows] == [*GROUPS]
    assert rows[0] == ["head", "2", "15.00%", "20.00%", "classifier.weight"]
    assert rows[1] == ["norms", "1", "3.00%", "3.00%", "bert.encoder.layer.0.output.LayerNorm.bias"]
    assert rows[3][1:4] == ["1", "0.40%", "0.40%"]
    assert rows[4][1:4] == ["1", "1.00%", "1.00%"]
