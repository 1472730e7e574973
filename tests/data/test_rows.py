import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from trusteq import DataError, Items, read_items
from trusteq.data.rows import BACKGROUND, Rows
from trusteq.data.segment import segment_of, stored_segment


def frame(n=6):
    rng = np.random.default_rng(0)
    made = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "income": np.where(np.arange(n) % 3 == 1, np.nan, rng.normal(size=n)),
            "small": rng.normal(size=n).astype(np.float32),
            "owns": np.arange(n) % 2 == 0,
            "job": pd.Series([["clerk", None, "smith"][i % 3] for i in range(n)], dtype=object),
            "size": pd.Categorical(
                [["S", "L", None][i % 3] for i in range(n)], categories=["S", "M", "L"], ordered=True
            ),
            "town": pd.Series([["Ulm", "Bonn"][i % 2] for i in range(n)], dtype="str"),
        }
    )
    made.index = np.arange(n) + 100
    return made


def same(one, other):
    pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True))


def test_a_frame_comes_back_with_its_types_and_gaps():
    data = frame()
    rows = segment_of(data, "rows")
    assert rows.kind == "row"
    same(rows.inputs(), data)
    assert rows.inputs()["job"].tolist()[1] is None
    same(rows.take(np.array([4, 1])).inputs(), data.iloc[[4, 1]])
    same(Rows.joined([rows.take(np.array([0])), rows.take(np.array([5, 2]))]).inputs(), data.iloc[[0, 5, 2]])


def test_one_row_has_python_values_and_none_for_gaps():
    row = Rows.of_frame(frame())[1]
    assert row.values[1] is None
    assert row.values[4] is None
    assert row.values[3] is False
    assert str(row).startswith(f"age {row.values[0]}, income missing, small ")
    assert str(row).endswith("owns False, job missing, size 'L', town 'Bonn'")


@pytest.mark.parametrize("n", [1, 6, 300])
def test_rows_are_stored_to_the_bit(n):
    rows = Rows.of_frame(frame(n))
    column, about = rows.column(), json.loads(json.dumps(rows.about()))
    back = stored_segment(pa.chunked_array([column]), about)
    same(back.inputs(), rows.inputs())
    same(back.background.inputs(), rows.background.inputs())
    assert back.digest == rows.digest
    assert (
        Items([str(i) for i in range(n)], {"row": back}).content()
        == Items([str(i) for i in range(n)], {"row": rows}).content()
    )


def test_a_column_that_holds_something_else_is_no_segment():
    rows = Rows.of_frame(frame())
    about = rows.about()
    with pytest.raises(ValueError, match="none of its categories"):
        stored_segment(pa.chunked_array([Rows.of_frame(frame().assign(size="XL")).column()]), about)
    with pytest.raises(ValueError, match="not rows of a table"):
        stored_segment(pa.chunked_array([pa.array([1, 2])]), about)


def test_any_change_of_a_value_a_name_a_type_or_the_background_changes_the_hash():
    data = frame()
    other = data.copy()
    other.loc[103, "age"] += 1
    variants = [
        data,
        other,
        data.rename(columns={"age": "years"}),
        data.astype({"age": "float64"}),
        data.assign(job=data["job"].astype("str")),
    ]
    digests = [Rows.of_frame(one).digest for one in variants] + [Rows.of_frame(data, other).digest]
    assert len(set(digests)) == len(digests)
    assert Rows.of_frame(data.copy()).digest == digests[0]


def test_the_background_is_some_of_the_rows_whatever_their_order():
    data = frame(500)
    rows = Rows.of_frame(data)
    assert len(rows.background) == BACKGROUND
    shuffled = Rows.of_frame(data.sample(frac=1, random_state=1))
    same(shuffled.background.inputs(), rows.background.inputs())
    assert rows.take(np.array([3])).background is rows.background
    everything = Rows.of_frame(frame(20))
    assert len(everything.background) == 20


def test_repeated_rows_do_not_crowd_the_background():
    data = pd.concat([frame(50)] * 40)
    chosen = Rows.of_frame(data).background.inputs()["small"]
    assert chosen.value_counts().max() < 12


def test_a_background_of_ones_own_has_the_same_columns_in_any_order():
    data = frame(300)
    own = data.iloc[:7][data.columns[::-1]].assign(extra=1)
    rows = Rows.of_frame(data, own)
    same(rows.background.inputs(), data.iloc[:7])
    with pytest.raises(DataError, match="background: no column 'age'"):
        Rows.of_frame(data, own.drop(columns="age"))
    with pytest.raises(DataError, match="background: column 'age' holds categories, but the items' numbers"):
        Rows.of_frame(data, own.assign(age="old"))
    with pytest.raises(DataError, match=r"background: column 'age' holds 1.5, but the items' whole numbers"):
        Rows.of_frame(data, own.assign(age=1.5))
    with pytest.raises(DataError, match="background: column 'owns' has gaps, but the items' none"):
        Rows.of_frame(data, own.assign(owns=np.nan))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.to_datetime(["2024-01-01"] * 6), "column 'new' is of type datetime64"),
        (
            pd.Series([1, "a", 2, 3, 4, 5], dtype=object).tolist(),
            "row 1: column 'new' holds 1 of type int where texts",
        ),
        (pd.Categorical([1, 2, 1, 2, 1, 2]), "column 'new' has categories that are not texts"),
        ([[1]] * 6, "row 1: column 'new' holds .1. of type list"),
    ],
)
def test_columns_of_other_kinds_are_refused(column, message):
    with pytest.raises(DataError, match=message):
        Rows.of_frame(frame().assign(new=column))


def test_pandas_own_types_become_numbers_with_gaps():
    data = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": pd.array([True, None], dtype="boolean")})
    rows = Rows.of_frame(data)
    assert [column.dtype for column in rows.columns] == ["<f8", "<f8"]
    np.testing.assert_array_equal(rows.matrix(), [[1, 1], [np.nan, np.nan]])


def test_columns_by_name_for_models_that_ask_for_each():
    rows = Rows.of_frame(frame())
    named = rows.named()
    assert list(named) == rows.names
    assert np.asarray(named["age"]).tolist() == rows.arrays[0].tolist()
    assert named["job"].texts() == ["clerk", "", "smith", "clerk", "", "smith"]
    assert rows.matrix() is None


# Reading -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    data = frame(40)
    data.insert(0, "id", [f"p{i}" for i in range(40)])
    data["zip"] = [f"{i:05}" for i in range(40)]
    data["label"] = np.where(data["age"] > 50, "old", "young")
    paths = {"csv": tmp_path / "t.csv", "parquet": tmp_path / "t.parquet", "jsonl": tmp_path / "t.jsonl"}
    data.to_csv(paths["csv"], index=False)
    data.to_parquet(paths["parquet"], index=False)
    data.to_json(paths["jsonl"], orient="records", lines=True)
    return data, paths


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_all_columns_but_id_and_label_are_read_and_numbers_told_from_categories(file, kind):
    data, paths = file
    items = read_items(paths[kind], columns="all", label="label")
    assert items.ids[3] == "p3"
    rows = items.segments["row"]
    assert rows.names == [name for name in data.columns if name not in ("id", "label")]
    is_number = {column.name: column.is_number for column in rows.columns}
    texts = {"job", "size", "town"} | ({"zip"} if kind != "csv" else set())
    assert {name for name, number in is_number.items() if not number} == texts
    read = rows.inputs()
    np.testing.assert_allclose(read["income"], data["income"], atol=1e-9)
    assert read["age"].tolist() == data["age"].tolist()
    assert read["owns"].dtype == np.bool_
    assert rows[1].values[4] is None


def test_pandas_and_this_read_a_csv_alike(file):
    _, paths = file
    rows = read_items(paths["csv"], columns="all", label="label").segments["row"].inputs()
    expected = pd.read_csv(paths["csv"]).drop(columns=["id", "label"])
    assert rows.dtypes.map(lambda kind: kind.kind).tolist() == expected.dtypes.map(lambda kind: kind.kind).tolist()
    pd.testing.assert_frame_equal(rows, expected, check_dtype=False)


def test_categories_that_look_like_numbers_are_named(file):
    _, paths = file
    rows = read_items(paths["csv"], columns=["age", "zip"], categories="zip", label="label").segments["row"]
    assert rows[7].values[1] == "00007"
    with pytest.raises(DataError, match="'job' is to hold categories, but is not among the columns"):
        read_items(paths["csv"], columns=["age", "zip"], categories="job")
    with pytest.raises(DataError, match="name these with --columns"):
        read_items(paths["csv"], text="job", categories="job")


def test_a_frame_a_background_and_slices(file):
    data, paths = file
    items = read_items(data, columns="all", label="label", slices="town", background=paths["csv"])
    rows = items.segments["row"]
    assert "town" in rows.names
    assert items.columns["town"][1] == "Bonn"
    assert len(rows.background) == 40
    assert read_items(data, columns=["age"], label="label").segments["row"].names == ["age"]


def test_a_missing_or_unfit_column_is_one_clear_line(file):
    data, paths = file
    with pytest.raises(DataError, match=r"no column 'agee'; .*did you mean 'age'"):
        read_items(paths["csv"], columns=["agee"])
    data["list"] = [[1, 2]] * len(data)
    with pytest.raises(DataError, match=r"row 1: column 'list' holds \[1, 2\] of type list"):
        read_items(data, columns=["list"])


def test_numbers_of_a_file_are_read_to_the_last_bit(tmp_path):
    """pandas 2 reads every third of them otherwise than they were written."""
    numbers = np.random.default_rng(0).random(500) * 10.0 ** np.arange(-250, 250)
    lines = "".join(f"{number!r},1\n" for number in numbers.tolist())
    (tmp_path / "t.csv").write_text(f"a,b\n{lines},2\n", "utf-8")
    rows = read_items(tmp_path / "t.csv", columns="all").segments["row"].inputs()
    assert rows["a"].tolist()[:-1] == numbers.tolist()
    assert np.isnan(rows["a"].iloc[-1])
    assert rows["b"].dtype.kind == "i"
