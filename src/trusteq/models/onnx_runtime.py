"""ONNX Runtime, which here tells its makers nothing."""

from __future__ import annotations

import os
from typing import Any


def onnx_runtime() -> Any:
    """The library; an ImportError where it is not installed.

    From 1.29 on it reports as soon as it is imported, with an identifier that it leaves in the home directory, unless
    the environment says otherwise.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime
