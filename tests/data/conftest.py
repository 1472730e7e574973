from contextlib import contextmanager

import pytest

from trusteq import TrusteqError


@pytest.fixture
def refused():
    """A context that expects one line of error with these parts in it."""

    @contextmanager
    def expect(*parts, error=TrusteqError):
        with pytest.raises(error) as caught:
            yield
        message = str(caught.value)
        assert "\n" not in message
        for part in parts:
            assert part in message, f"{part!r} not in {message!r}"

    return expect
