"""Output of third-party libraries: kept off the terminal, and reduced to one line."""

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
    """Whether a library failed: an exception, or a panic in Rust, which is not an `Exception` in Python."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


LOGGERS = ("transformers", "huggingface_hub", "torch", "torchao", "bitsandbytes", "compressed_tensors")
"""Loggers of transformers and of the libraries that it imports for quantized weights."""


class _Messages(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def offline() -> Iterator[None]:
    """Within the context nothing is fetched from a hub, whatever a model or the environment says."""
    from huggingface_hub import constants

    setting, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = setting


@contextmanager
def quiet_transformers() -> Iterator[list[str]]:
    """Within the context transformers and related libraries print nothing; yields their log messages."""
    from tqdm import tqdm
    from transformers.utils import logging as transformers_logging

    collector = _Messages()
    loggers = [logging.getLogger(name) for name in LOGGERS]
    settings = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    bars = transformers_logging.is_progress_bar_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.handlers, logger.propagate = [collector], False
            if logger.getEffectiveLevel() > logging.WARNING:  # changing a level slows down all loggers for a while
                logger.setLevel(logging.WARNING)
        transformers_logging.disable_progress_bar()  # the hub's as well
        original = tqdm.__init__

        def without_bar(bar: Any, *args: Any, **options: Any) -> None:
            original(bar, *args, **{**options, "disable": True})

        tqdm.__init__ = without_bar  # compressed-tensors has no option to disable its bars
        try:
            yield collector.messages
        finally:
            tqdm.__init__ = original
            for logger, (handlers, propagate, level) in zip(loggers, settings, strict=True):
                logger.handlers, logger.propagate = handlers, propagate
                if logger.level != level:
                    logger.setLevel(level)
            if bars:
                transformers_logging.enable_progress_bar()
