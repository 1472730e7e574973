import json

import pytest

from trusteq import ModelError
from trusteq.models.files import PICKLES, files_hash, matching, read_config, refuse_pickle


@pytest.mark.parametrize("suffix", PICKLES)
def test_pickles_are_refused_with_the_reason(tmp_path, suffix):
    with pytest.raises(ModelError, match="pickle file, which could execute code"):
        refuse_pickle(tmp_path / f"model{suffix}", name="m")


def test_the_hash_does_not_see_where_a_model_was_saved(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"a": 1, "_name_or_path": "x", "transformers_version": "4"}))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text(json.dumps({"transformers_version": "5", "a": 1}, indent=2))
    first = files_hash(matching(tmp_path, ["*.json"]), name="m")
    assert first == files_hash(matching(tmp_path / "other", ["*.json"]), name="m")
    (tmp_path / "config.json").write_text(json.dumps({"a": 2}))
    assert first != files_hash(matching(tmp_path, ["*.json"]), name="m")


def test_the_hash_sees_names_and_where_one_file_ends(tmp_path):
    for name, content in {"a": "xy", "b": "z", "c": "x", "d": "yz"}.items():
        (tmp_path / name).write_text(content)
    hashes = {files_hash(matching(tmp_path, names), name="m") for names in (["a", "b"], ["c", "d"], ["a"], ["b"])}
    assert len(hashes) == 4


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_broken_configuration_is_one_clear_line(tmp_path, text, one_line):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelError) as caught:
        read_config(tmp_path / "config.json", name="m")
    one_line(caught, "model m", "config.json")
