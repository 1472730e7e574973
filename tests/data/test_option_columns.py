import json

import pandas as pd
import pytest

import trusteq
from trusteq import DataError

ROWS = [
    {"question": "red or blue?", "endings": ["red", "blue"], "answer": 1},
    {"question": "which?", "endings": ["one", "two", "three"], "answer": 0},
]


def read(path, rows):
    if path.suffix == ".csv":
        rows = [{**row, "endings": json.dumps(row["endings"])} for row in rows]
        pd.DataFrame(rows).to_csv(path, index=False)
    elif path.suffix == ".parquet":
        pd.DataFrame(rows).to_parquet(path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return trusteq.read_items(path, text="question", label="answer", options="endings")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_options_and_the_right_one_are_the_same_from_every_kind_of_file(tmp_path, suffix):
    items = read(tmp_path / f"items{suffix}", ROWS)
    assert items.options == [("red", "blue"), ("one", "two", "three")]
    assert items.labels.tolist() == [1, 0]
    assert items.label_names == ("0", "1", "2")


def test_the_right_option_may_be_its_text(tmp_path):
    items = read(tmp_path / "items.jsonl", [{**row, "answer": row["endings"][-1]} for row in ROWS])
    assert items.labels.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"endings": ["red"]}, "line 2: column 'endings' has 1 options"),
        ({"endings": ["red", ""]}, "empty option"),
        ({"endings": ["red", "red"]}, "the option 'red' twice"),
        ({"endings": ["red", 2]}, "is not a list of options"),
        ({"endings": "red, blue"}, "is not a list of options: 'red, blue'"),
        ({"answer": 2}, "is '2', which is not a position from 0 to 1 nor one of the options"),
        ({"answer": "green"}, "is 'green', which is not a position"),
        ({"answer": -1}, "is '-1', which is not a position"),
        ({"endings": ["1", "0"], "answer": "1"}, "is an option and also the position of another one"),
    ],
)
def test_what_cannot_be_chosen_from_is_one_line(tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path / "items.jsonl", [ROWS[1], {**ROWS[0], **change}])


def test_label_names_have_no_effect_on_options(tmp_path):
    with pytest.raises(DataError, match="have no effect on options"):
        trusteq.read_items(tmp_path / "x.csv", text="a", label="b", label_names=["x", "y"], options="c")


def test_a_number_is_always_a_position(tmp_path):
    items = read(tmp_path / "items.jsonl", [{**ROWS[0], "endings": ["1", "0"], "answer": 1}, ROWS[1]])
    assert items.labels.tolist() == [1, 0]
