"""ONNX Runtime, with its telemetry turned off."""

from __future__ import annotations

import os
from typing import Any


def onnx_runtime() -> Any:
    """The library; an ImportError if it is not installed.

    From version 1.29 on, it sends telemetry as soon as it is imported, with an identifier that it stores in the home
    directory, unless an environment variable forbids it.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime
