"""What other people's libraries say while they work: kept off the terminal, and cut to one line."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def one_line(error: BaseException, *, limit: int = 300) -> str:
    """An error's message without line breaks, at most ``limit`` characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"


def is_failure(error: BaseException) -> bool:
    """Whether a library failed: an exception, or a panic of one written in Rust, which Python counts as none."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


TALKERS = ("transformers", "huggingface_hub", "torch", "torchao", "bitsandbytes", "compressed_tensors")
"""Loggers of transformers and of what it imports for quantized weights."""


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def offline() -> Iterator[None]:
    """Nothing is fetched from a hub meanwhile, whatever a model or the environment says."""
    from huggingface_hub import constants

    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextmanager
def quiet_transformers() -> Iterator[list[str]]:
    """What transformers and its companions would have printed meanwhile; warnings and progress bars are off."""
    from tqdm import tqdm
    from transformers.utils import logging as transformers_logging

    kept = _Kept()
    loggers = [logging.getLogger(name) for name in TALKERS]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    bars = transformers_logging.is_progress_bar_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.handlers, logger.propagate = [kept], False
            if logger.getEffectiveLevel() > logging.WARNING:  # every change of level makes all loggers slow for a while
                logger.setLevel(logging.WARNING)
        transformers_logging.disable_progress_bar()  # the hub's own, too
        draw = tqdm.__init__

        def without_bar(bar: Any, *args: Any, **options: Any) -> None:
            draw(bar, *args, **{**options, "disable": True})

        tqdm.__init__ = without_bar  # compressed-tensors has no switch for its bars
        try:
            yield kept.messages
        finally:
            tqdm.__init__ = draw
            for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
                logger.handlers, logger.propagate = handlers, propagate
                if logger.level != level:
                    logger.setLevel(level)
            if bars:
                transformers_logging.enable_progress_bar()
