"""What libraries would have printed is kept, whatever level a user has set, and everything is put back."""

import logging

import pytest

pytest.importorskip("transformers")

from trusteq.models.library_output import LOGGERS, quiet_transformers


@pytest.mark.parametrize("level", [logging.NOTSET, logging.DEBUG, logging.WARNING, logging.ERROR])
def test_warnings_are_kept_and_less_is_not(level, caplog):
    logger = logging.getLogger("transformers")
    before = logger.level
    logger.setLevel(level)
    try:
        states = [(logging.getLogger(name).level, logging.getLogger(name).propagate) for name in LOGGERS]
        with quiet_transformers() as said:
            logger.info("a trifle")
            logger.warning("weights are missing")
        assert said == ["weights are missing"]
        assert [(logging.getLogger(name).level, logging.getLogger(name).propagate) for name in LOGGERS] == states
    finally:
        logger.setLevel(before)
    assert not caplog.records


def test_loggers_that_would_speak_anyway_keep_their_level():
    """A change of level empties the caches of all loggers."""
    logging.getLogger("transformers").isEnabledFor(logging.INFO)
    cache = logging.getLogger("transformers")._cache
    known = dict(cache)
    with quiet_transformers():
        assert dict(cache).items() >= known.items()
        assert known
