"""Tokenizers over which the tokenizers library ends the process are refused; others are read as ever."""

import base64
import json
import subprocess
import sys

import pytest

from trusteq import ModelError
from trusteq.models.fatal_tokenizer import refuse_fatal

pytest.importorskip("tokenizers", reason="needs the extra 'transformers' or 'onnx'")

VOCABULARY = {"a": 0, "é": 1, "aé": 2, "##é": 3, "": 4, "b": 5, "##b": 6, "ab": 7}


def tokenizer(folder, prefix, *merges):
    model = {"type": "BPE", "vocab": VOCABULARY, "merges": merges, "continuing_subword_prefix": prefix}
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": model}), "utf-8")
    return folder / "tokenizer.json"


@pytest.mark.parametrize("merge", [["a", "é"], "a é"])
def test_a_prefix_that_ends_within_a_letter_ends_no_process(merge, tmp_path):
    file = tokenizer(tmp_path, "x", merge)
    code = (
        "import pathlib, sys, trusteq\nfrom trusteq.models.tokenizer_file import read_tokenizer\n"
        "try: read_tokenizer(pathlib.Path(sys.argv[1]), {}, name='m')\nexcept trusteq.TrusteqError as e: print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code, file.parent], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("model m: tokenizer.json: merge 1 has 'é'")


def test_the_merge_is_named(tmp_path, one_line):
    with pytest.raises(ModelError) as caught:
        refuse_fatal(tokenizer(tmp_path, "##", ["a", "##é"], ["a", "b"], ["a", "aé"]), name="m")
    one_line(caught, "merge 3 has 'aé'", "continuing_subword_prefix", "fix the tokenizer")


@pytest.mark.parametrize("nested", [False, True])
def test_a_map_of_characters_that_claims_too_much(nested, tmp_path, one_line):
    """The library asked for eight gigabytes."""
    charsmap = base64.b64encode(b"\xff\xff\xff\xff" + bytes(400)).decode()
    part = {"type": "Precompiled", "precompiled_charsmap": charsmap}
    told = {"normalizer": {"type": "Sequence", "normalizers": [part]} if nested else part}
    (tmp_path / "tokenizer.json").write_text(json.dumps(told))
    with pytest.raises(ModelError) as caught:
        refuse_fatal(tmp_path / "tokenizer.json", name="m")
    one_line(caught, "tokenizer.json: its precompiled_charsmap claims to be longer than it is", "fix the tokenizer")


@pytest.mark.parametrize("typed", [True, False])
def test_added_tokens_that_the_normalizer_makes_too_long(typed, tmp_path, one_line):
    """They are normalized when the file is read."""
    part = {"pattern": {"String": "e"}, "content": "e" * 1000, **({"type": "Replace"} if typed else {})}
    whole = {"normalizers": [part] * 4, **({"type": "Sequence"} if typed else {})}
    token = {"id": 0, "content": "e", "normalized": True}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"normalizer": whole, "added_tokens": [token]}))
    with pytest.raises(ModelError) as caught:
        refuse_fatal(tmp_path / "tokenizer.json", name="m")
    one_line(caught, "tokenizer.json: its normalizer can turn an added token into more than 33,554,432 characters")


@pytest.mark.parametrize("charsmap", [base64.b64encode(bytes([4]) + bytes(11)).decode(), ""])
def test_maps_of_characters_are_left_to_the_library(charsmap, tmp_path):
    told = {"normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(told))
    refuse_fatal(tmp_path / "tokenizer.json", name="m")


@pytest.mark.parametrize("merges", [[], [["a", "##b"]], [["a", "##é"]], ["a ##b"], [["a"]], [7], 7])
@pytest.mark.parametrize("prefix", ["##", "", None, 7])
def test_others_are_left_to_the_library(prefix, merges, tmp_path):
    refuse_fatal(tokenizer(tmp_path, prefix, *(merges if isinstance(merges, list) else ())), name="m")


MAP = b'{"normalizer": {"type": "Precompiled", "precompiled_charsmap": "x"}}'
TWICE = b'{"normalizer": {"type": "NFC"}, "normalizer": null}'


@pytest.mark.parametrize("content", [b"", b"[" * 9999, b"\xff", b"{} x", b"[]", b'{"added_tokens": 5}', MAP, TWICE])
def test_what_python_cannot_read_is_not_given_to_the_library(content, tmp_path, one_line):
    """It would read the parts that come first, and may not come to the end."""
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        refuse_fatal(tmp_path / "tokenizer.json", name="m")
    one_line(caught, "model m: ", "tokenizer.json cannot be read as a tokenizer: ")


@pytest.mark.parametrize("content", [b"{}", b'{"model": []}', b'{"model": {"vocab": {"a": 0, "a": 1}}}', None])
def test_what_is_no_tokenizer_is_left_to_the_library(content, tmp_path):
    if content is not None:
        (tmp_path / "tokenizer.json").write_bytes(content)
    refuse_fatal(tmp_path / "tokenizer.json", name="m")
