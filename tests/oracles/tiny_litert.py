"""Small LiteRT files written by hand: a picture's or an array's numbers times weights, then softmax if wanted."""

import numpy as np


def write(path, weights, *, shape=(4, 4, 3), quantized=False, softmax=True, step=1.0, zero=-128, outputs=1, custom=""):
    """A graph of one dense layer from inputs [1, *shape] to scores [1, labels], in int8 if quantized.

    weights [labels, numbers of an item]. step and zero: of the quantized input. custom: the name of an
    operator that no runtime has, in place of the last one.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    weights = np.asarray(weights, np.float32)
    labels, size = weights.shape
    kinds = schema.TensorType
    buffers, tensors, operators, codes = [schema.BufferT()], [], [], []

    def tensor(name, shape, kind, data=None, scale=None, zero_point=0):
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name, list(shape), kind, 0
        if data is not None:
            made.buffer = len(buffers)
            buffers.append(schema.BufferT())
            buffers[-1].data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
        if scale is not None:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = [scale], [zero_point]
        tensors.append(made)
        return len(tensors) - 1

    def operator(code, inputs, output, options=None, kind=None):
        codes.append(schema.OperatorCodeT())
        codes[-1].builtinCode = codes[-1].deprecatedBuiltinCode = code
        codes[-1].version = 4 if code == schema.BuiltinOperator.FULLY_CONNECTED and quantized else 1
        if code == schema.BuiltinOperator.SOFTMAX and quantized:
            codes[-1].version = 2
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = len(codes) - 1, inputs, [output]
        if options is not None:
            made.builtinOptions, made.builtinOptionsType = options, kind
        operators.append(made)

    real = kinds.INT8 if quantized else kinds.FLOAT32
    of_weights = float(np.abs(weights).max() / 127) or 1.0
    of_sums = 0.25
    given = tensor("pixels", (1, *shape), real, scale=step if quantized else None, zero_point=zero)
    flat_shape = tensor("flat shape", (2,), kinds.INT32, np.array([1, size], np.int32))
    flat = tensor("flat", (1, size), real, scale=step if quantized else None, zero_point=zero)
    stored = np.round(weights / of_weights).astype(np.int8) if quantized else weights
    dense = tensor("weights", weights.shape, real, stored, of_weights if quantized else None)
    bias = tensor(
        "bias",
        (labels,),
        kinds.INT32 if quantized else kinds.FLOAT32,
        np.zeros(labels, np.int32 if quantized else np.float32),
        step * of_weights if quantized else None,
    )
    sums = tensor("logits", (1, labels), real, scale=of_sums if quantized else None)
    reshape, layer, last = schema.ReshapeOptionsT(), schema.FullyConnectedOptionsT(), schema.SoftmaxOptionsT()
    reshape.newShape, last.beta = [1, size], 1.0
    options = schema.BuiltinOptions
    operator(schema.BuiltinOperator.RESHAPE, [given, flat_shape], flat, reshape, options.ReshapeOptions)
    operator(schema.BuiltinOperator.FULLY_CONNECTED, [flat, dense, bias], sums, layer, options.FullyConnectedOptions)
    answer = sums
    if softmax:
        answer = tensor("scores", (1, labels), real, scale=1 / 256 if quantized else None, zero_point=-128)
        operator(schema.BuiltinOperator.SOFTMAX, [sums], answer, last, options.SoftmaxOptions)
    if custom:
        codes[-1].builtinCode = schema.BuiltinOperator.CUSTOM
        codes[-1].deprecatedBuiltinCode, codes[-1].customCode = schema.BuiltinOperator.CUSTOM, custom
    graph, model = schema.SubGraphT(), schema.ModelT()
    graph.tensors, graph.operators, graph.inputs = tensors, operators, [given]
    graph.outputs = [answer] if outputs == 1 else [sums, answer]
    model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], buffers, codes
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path
