"""YAML that people read: it says the same, in the order given, with line breaks where they are."""

import math

import pytest
import yaml

from trusteq import DataError
from trusteq.data.yaml_file import as_yaml, parse_yaml


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yes",
        "a: b",
        " before",
        "after ",
        "two\nlines",
        "two\n lines \n",
        "\n",
        "\ttab\nline",
        "é\u2028\x07\n",
        "x" * 300,
        "1e3",
        "0123",
        "2024_11_30",
        "0x1F",
        "1:30",
    ],
)
def test_every_text_is_read_back_as_it_was(text):
    content = {"b": text, "a": [text, {"c": text}]}
    assert yaml.safe_load(as_yaml(content)) == content
    assert _read(as_yaml(content)) == content


@pytest.mark.parametrize("text", ["2024_11_30", "0123", "0x1F", "0b1", "0o17", "1:30", "1:30.5", "1_0.5", "1e", "."])
def test_what_few_would_take_for_a_number_is_a_text(text):
    assert _read(f"a: {text}") == {"a": text}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *[("0", 0), ("-12", -12), ("+3", 3), ("0.05", 0.05), (".5", 0.5), ("1.", 1.0), ("-1.5e-3", -0.0015)],
        *[("1e-3", 0.001), ("1E3", 1000.0), ("00.5", 0.5), (".inf", math.inf), ("-.Inf", -math.inf)],
    ],
)
def test_numbers_are_read_as_numbers(text, number):
    found = _read(f"a: {text}")["a"]
    assert (found, type(found)) == (number, type(number))
    assert math.isnan(_read("a: .nan")["a"])


def _read(text):
    return parse_yaml(text, where="a file", error=DataError)


def test_order_is_kept_lines_stay_lines_and_repeated_values_are_written_out():
    shared = {"text": "bad"}
    content = {"prompt": "Review: {{ text }}\nSentiment:", "choices": {"no": " bad"}, "shots": [shared, shared]}
    assert as_yaml(content) == (
        "prompt: |-\n  Review: {{ text }}\n  Sentiment:\nchoices:\n  'no': ' bad'\nshots:\n- text: bad\n- text: bad\n"
    )
