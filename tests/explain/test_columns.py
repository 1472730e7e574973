import numpy as np
import pandas as pd
import pytest

from trusteq.data.rows import Rows
from trusteq.explain.columns import ColumnUnits, column_groups, group_names, groups_of, single_columns


def frame(n=200, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n), rng.normal(size=n)
    kind = rng.integers(3, size=n)
    return pd.DataFrame(
        {
            "length": a,
            "weight": a + 0.05 * rng.normal(size=n),
            "negative": -a + 0.05 * rng.normal(size=n),
            "other": b,
            "job_clerk": kind == 0,
            "job_smith": (kind == 1).astype(int),
            "flag": rng.integers(2, size=n),
            "constant": 7.0,
            "town": np.array(["Ulm", "Bonn"])[rng.integers(2, size=n)],
        }
    )


def test_correlated_columns_and_those_of_one_variable_are_one_unit():
    rows = Rows.of_frame(frame())
    assert groups_of(rows.background, 0.9) == ((0, 1, 2), (3,), (4, 5), (6,), (7,), (8,))
    assert groups_of(rows.background, 1.0) == ((0,), (1,), (2,), (3,), (4, 5), (6,), (7,), (8,))
    names = column_groups((rows[0],)).names
    assert names == ("length + weight + negative", "other", "job_clerk + job_smith", "flag", "constant", "town")
    assert len(single_columns((rows[0],))) == 8


def test_zeros_and_ones_of_two_variables_stay_apart():
    rng = np.random.default_rng(0)
    many = pd.DataFrame(rng.integers(2, size=(100, 3)), columns=["has_car", "has_house", "has_dog"])  # several at once
    assert groups_of(Rows.of_frame(many).background, 1.0) == ((0,), (1,), (2,))


def test_groups_come_from_the_background_alone():
    rows = Rows.of_frame(frame(), background=frame(80, seed=1))
    shuffled = Rows.of_frame(frame().sample(frac=1, random_state=3), background=frame(80, seed=1))
    assert groups_of(rows.background, 0.9) == groups_of(shuffled.background, 0.9)


def test_gaps_do_not_break_the_grouping():
    data = frame()
    data.loc[::7, "weight"] = np.nan
    assert (0, 2) in groups_of(Rows.of_frame(data).background, 0.9) or (0, 1, 2) in groups_of(
        Rows.of_frame(data).background, 0.9
    )


def test_long_groups_have_short_names():
    assert group_names(tuple("abcdef"), ((0, 1, 2, 3, 4), (5,))) == ("a + b + c + 2 more", "f")


def test_what_is_left_out_comes_from_the_drawn_row_and_all_kept_is_the_row_itself():
    data = frame()
    rows = Rows.of_frame(data)
    units = column_groups((rows[11],))
    kept = np.ones((3, len(units)), dtype=bool)
    kept[1, [0, 2]] = False
    kept[2] = False
    (made,) = units.beside(np.array([5, 6, 7])).render(kept, "remove")
    read, background = made.inputs(), rows.background.inputs()
    pd.testing.assert_frame_equal(read.iloc[[0]], data.iloc[[11]].reset_index(drop=True))
    assert (read.dtypes == data.dtypes).all()
    left_out = ["length", "weight", "negative", "job_clerk", "job_smith"]
    assert read.loc[1, left_out].tolist() == background.loc[6, left_out].tolist()
    assert (
        read.loc[1, ["other", "flag", "constant", "town"]].tolist()
        == data.loc[11, ["other", "flag", "constant", "town"]].tolist()
    )
    assert read.loc[2].tolist() == background.loc[7].tolist()


def test_the_content_tells_row_groups_and_background_apart():
    rows = Rows.of_frame(frame())
    other = Rows.of_frame(frame(), background=frame(90, seed=5))
    contents = [
        repr(units.content())
        for units in (
            column_groups((rows[0],)),
            column_groups((rows[1],)),
            single_columns((rows[0],)),
            column_groups((other[0],)),
            ColumnUnits(rows[0], ((0,), tuple(range(1, 9)))),
        )
    ]
    assert len(set(contents)) == len(contents)
    assert repr(column_groups((Rows.of_frame(frame())[0],)).content()) == contents[0]


def test_a_single_column_is_a_unit():
    units = column_groups((Rows.of_frame(frame()[["other"]])[0],))
    assert len(units) == 1


@pytest.mark.parametrize("n", [1, 2])
def test_a_background_of_one_or_two_rows_groups_nothing(n):
    assert len(groups_of(Rows.of_frame(frame(n)).background, 0.9)) >= 7
