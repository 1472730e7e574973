"""The weights of a LiteRT file, counted in its tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from trusteq.models.cost_initialisers import Initialisers

if TYPE_CHECKING:
    from pathlib import Path


def litert_weights(file: Path) -> Initialisers:
    """How many weights the file holds, and their bytes; None where the runtime cannot read its own tables.

    A weight is a constant of floats, or of whole numbers with a scale; other constants are shapes and positions.
    """
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ImportError:
        return Initialisers(None, None)
    model = schema.Model.GetRootAs(file.read_bytes(), 0)
    floats = {schema.TensorType.FLOAT32, schema.TensorType.FLOAT16, schema.TensorType.FLOAT64}
    parameters = size = 0
    counted: set[int] = set()
    for graph in (model.Subgraphs(i) for i in range(model.SubgraphsLength())):
        for tensor in (graph.Tensors(i) for i in range(graph.TensorsLength())):
            length = model.Buffers(tensor.Buffer()).DataLength()
            if not length or tensor.Buffer() in counted or not (tensor.Type() in floats or _has_scale(tensor)):
                continue
            counted.add(tensor.Buffer())
            parameters += math.prod(tensor.Shape(i) for i in range(tensor.ShapeLength()))
            size += length
    return Initialisers(parameters or None, size or None)


def _has_scale(tensor: Any) -> bool:
    return tensor.Quantization() is not None and tensor.Quantization().ScaleLength() > 0
