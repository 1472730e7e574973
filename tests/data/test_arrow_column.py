import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trusteq.data.arrow_column import arrow_column

CELLS = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.floats(),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
)
COLUMNS = st.one_of(*(st.lists(st.none() | cells, max_size=20) for cells in CELLS))


@settings(derandomize=True, deadline=None, max_examples=200)
@given(COLUMNS)
def test_a_column_is_the_one_that_pyarrow_makes(values):
    column, expected = arrow_column(values), pa.array(values)
    column.validate(full=True)
    assert column.type == expected.type
    assert column.null_count == expected.null_count
    assert repr(column.to_pylist()) == repr(expected.to_pylist())


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.5, np.nan, -0.0]),
        np.arange(6)[::2],
        np.array([1.0, 2.0], dtype=np.float32),
        np.array([True, False]),
        [1, 2.5],
        ["a", "ö", "\x00", ""],
        [None, None],
        [],
        [["a"], []],
        [-(2**63)],
        [np.float64(1.5)],
        ("a", None),
    ],
)
def test_so_is_that_of_arrays_and_of_rare_values(values):
    column, expected = arrow_column(values), pa.array(values)
    assert column.type == expected.type
    assert repr(column.to_pylist()) == repr(expected.to_pylist())


def test_a_text_that_is_no_unicode_is_refused_as_pyarrow_refuses_it():
    for make in (arrow_column, pa.array):
        with pytest.raises(UnicodeEncodeError):
            make(["\ud800"])


def test_an_audit_of_predictions_is_saved_without_pandas(tmp_path):
    script = (
        "import sys, numpy as np, trusteq\n"
        "p = np.random.default_rng(0).dirichlet([1, 1], 60)\n"
        "q = np.random.default_rng(1).dirichlet([1, 1], 60)\n"
        f"trusteq.compare(p, q, p.argmax(axis=1), resamples=100).save({str(tmp_path / 'run')!r})\n"
        "print('pandas' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
