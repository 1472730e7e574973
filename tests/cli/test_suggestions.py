"""What an error suggests to type works as typed."""

import re
import shlex

import numpy as np
import pandas as pd
import pytest
from command import one_line, trusteq

N = 120
QUICK = ("--dimensions", "behaviour,calibration", "--costs", "none", "--no-slices", "--quiet", "--label", "gold")


def table(folder, name, **columns):
    p = np.random.default_rng(0).uniform(0.01, 0.99, N)
    frame = pd.DataFrame({key: p if i == 0 else 1 - p for i, key in enumerate(columns.pop("labels"))})
    frame.assign(id=[f"i{i}" for i in range(N)], **columns).to_csv(folder / name, index=False)


def suggested(done):
    """The options that an error says to type."""
    (found,) = re.findall(r"--[a-z-]+ (?:'[^']*'|\S+)", done.stderr)
    return shlex.split(found)


@pytest.mark.parametrize("second", ["no", "not so"])
def test_labels_that_are_named_as_suggested_are_read(tmp_path, second):
    gold = ["yes", second] * (N // 2)
    table(tmp_path, "large.csv", labels=("yes", second), gold=gold, length=7)
    table(tmp_path, "small.csv", labels=("yes", second), gold=gold)
    done = trusteq("audit", "large.csv", "small.csv", *QUICK, "--allow-same", cwd=tmp_path)
    one_line(done, "'length' would be read as a label")
    done = trusteq("audit", "large.csv", "small.csv", *QUICK, "--allow-same", *suggested(done), cwd=tmp_path)
    assert done.returncode in {0, 1, 3}, done.stderr


def test_a_single_label_is_not_suggested_where_two_are_needed(tmp_path):
    table(tmp_path, "big.csv", labels=("same", "different"), gold="same", length=7)
    done = trusteq("audit", "big.csv", "small=big.csv", *QUICK, "--allow-same", cwd=tmp_path)
    one_line(done, "name its labels, 'same' and at least one other column: --labels big=...")


def test_labels_that_are_dropped_as_suggested_are_dropped(tmp_path):
    gold = ["yes", "no", "oh no", "perhaps"] * (N // 4)
    table(tmp_path, "large.csv", labels=("yes", "no"), gold=gold)
    table(tmp_path, "small.csv", labels=("yes", "no"))
    done = trusteq("audit", "large.csv", "small.csv", *QUICK, "--allow-same", cwd=tmp_path)
    one_line(done, "choices in a task file, columns of predictions, or --labels for other models")
    options = shlex.split(done.stderr[done.stderr.index("--ignore-label") :])
    assert options == ["--ignore-label", "oh no,perhaps"]
    done = trusteq("audit", "large.csv", "small.csv", *QUICK, "--allow-same", *options, cwd=tmp_path)
    assert done.returncode in {0, 1, 3}, done.stderr
    assert "excluded by label" in done.stdout
