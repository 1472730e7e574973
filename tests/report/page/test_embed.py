"""Data blocks."""

import base64
import json
import zlib

import pytest

from trusteq.report.page.embed import PLAIN, block


@pytest.mark.parametrize("text", ["</script>", "<!--", "]]>", "&lt;", "\u2028\u2029", "\x00\x1b", "\U0001f600", '"\\'])
def test_any_text_comes_back_and_cannot_end_its_element(text):
    made = block({"a": [text]})
    assert made.type == "application/json"
    assert not set(made.content) & set("<>&\u2028\u2029")
    assert json.loads(made.content) == {"a": [text]}


def test_what_is_long_is_packed():
    value = list(range(PLAIN))
    made = block(value)
    assert made.type == "application/zlib"
    assert json.loads(zlib.decompress(base64.b64decode(made.content))) == value
    assert len(made.content) < PLAIN * 3


def test_what_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        block([float("nan")])
