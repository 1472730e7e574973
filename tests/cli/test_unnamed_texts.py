"""Who does not say in which columns the texts are is shown the columns that there are."""

import json

import pandas as pd
import pytest
from command import one_line, trusteq

ASKS = "error: model bert reads texts; name their columns with --text, in the model's order"


@pytest.fixture
def files(tmp_path):
    """A folder that looks like a model of texts: only its configuration is looked at."""
    (tmp_path / "bert").mkdir()
    config = {"model_type": "bert", "architectures": ["BertForSequenceClassification"]}
    (tmp_path / "bert" / "config.json").write_text(json.dumps(config), "utf-8")
    (tmp_path / "bert" / "model.safetensors").touch()
    pd.DataFrame({"sentence": ["good", "bad"], "mood": ["up", "down"]}).to_csv(tmp_path / "test.csv", index=False)
    (tmp_path / "empty.csv").touch()
    return tmp_path


@pytest.mark.parametrize(
    "command", [("audit", "bert", "bert"), ("selftest", "bert"), ("shrink", "bert", "--out", "smaller")]
)
def test_the_columns_of_the_file_are_listed(files, command):
    done = trusteq(*command, "--data", "test.csv", cwd=files)
    one_line(done, "test.csv has 'sentence', 'mood'")
    assert done.stderr == f"{ASKS}: test.csv has 'sentence', 'mood'\n"


@pytest.mark.parametrize("data", ["empty.csv", "nowhere.csv"])
def test_where_no_columns_can_be_seen_none_are_listed(files, data):
    assert trusteq("selftest", "bert", "--data", data, cwd=files).stderr == f"{ASKS}\n"
