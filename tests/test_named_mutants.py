"""The changes by which bench/mutants.py breaks the program are still possible, each in one place."""

import importlib.util
from pathlib import Path

import pytest

import trusteq

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("mutants_named", ROOT / "bench" / "mutants_named.py")
named = importlib.util.module_from_spec(spec)
spec.loader.exec_module(named)


@pytest.mark.parametrize(("words", "file", "stands", "put", "tests"), [(*m[:4], m[4:]) for m in named.NAMED])
def test_what_a_mutant_changes_stands_once_and_its_tests_are_there(words, file, stands, put, tests):
    assert (Path(trusteq.__file__).parent / file).read_text("utf-8").count(stands) == 1
    assert stands != put
    assert tests
    assert all((ROOT / "tests" / f"{test}.py").is_file() for test in tests)
