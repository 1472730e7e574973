"""YAML that people read: it says the same, in the order given, with line breaks where they are."""

import pytest
import yaml

from trusteq.data.yaml_file import as_yaml


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
    ],
)
def test_every_text_is_read_back_as_it_was(text):
    content = {"b": text, "a": [text, {"c": text}]}
    assert yaml.safe_load(as_yaml(content)) == content


def test_order_is_kept_lines_stay_lines_and_repeated_values_are_written_out():
    shared = {"text": "bad"}
    content = {"prompt": "Review: {{ text }}\nSentiment:", "choices": {"no": " bad"}, "shots": [shared, shared]}
    assert as_yaml(content) == (
        "prompt: |-\n  Review: {{ text }}\n  Sentiment:\nchoices:\n  'no': ' bad'\nshots:\n- text: bad\n- text: bad\n"
    )
