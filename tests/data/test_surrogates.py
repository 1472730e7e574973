import os

import pytest

from trusteq.data.surrogates import is_unicode, readable


@pytest.mark.parametrize("text", ["", "café", "世界", "\U0001f600"])
def test_text_that_utf8_can_write_stays(text):
    assert is_unicode(text)
    assert readable(text) == text


def test_a_name_of_other_bytes_becomes_readable():
    name = os.fsdecode(b"caf\xe9")
    assert not is_unicode(name)
    assert readable(name) == "caf\ufffd"
    readable(name).encode()
