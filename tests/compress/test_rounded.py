"""Which weights are rounded, and how far."""

import json

import pytest
import torch
from oracles import tiny_models
from safetensors.torch import load_file

import trusteq
from trusteq import ModelError
from trusteq.compress.encoder import linear_maps
from trusteq.compress.methods import METHODS
from trusteq.compress.packed import int4_weights
from trusteq.models.library_output import quiet_transformers
from trusteq.models.probe import probe
from trusteq.models.transformer import open_transformer


@pytest.mark.parametrize("method", ["int8-weights", "int8-dynamic"])
def test_every_linear_map_but_the_head_is_rounded(method, made, large):
    found = made(method)
    rounded = {key for key in load_file(found.directory / "model.safetensors") if key.endswith("_weight_qdata")}
    names = linear_maps(open_transformer(str(large), name="large"), method)
    assert rounded == {f"{name}._weight_qdata" for name in names}
    assert found.recipe["linear_maps"] == len(names)


def test_four_bits_are_packed_eight_to_a_word(made, large):
    tensors = load_file(made("int4-weights").directory / "model.safetensors")
    names = linear_maps(open_transformer(str(large), name="large"), "int4-weights")
    assert {key for key in tensors if key.endswith(".weight_packed")} == {f"{name}.weight_packed" for name in names}
    for name, module in names.items():
        assert tensors[f"{name}.weight_packed"].dtype == torch.int32
        assert 8 * tensors[f"{name}.weight_packed"].numel() == module.weight.numel()


def test_four_bits_miss_no_weight_by_more_than_half_a_step(large):
    pytest.importorskip("compressed_tensors")
    before = {key: module.weight for key, module in linear_maps(opened(large), "int4-weights").items()}
    source = opened(large)
    with quiet_transformers():
        made = int4_weights(source)
        source.answer(source.encode([("the man",)]))  # unpacks them
    assert made.facts["group"] == 32
    for name, weight in before.items():
        after = made.model.get_submodule(name).weight
        step = weight.unflatten(1, (-1, 32)).abs().amax(dim=2, keepdim=True) / 7.5
        missed = (after - weight).abs().unflatten(1, (-1, 32))
        assert (missed <= 0.5001 * step).all(), name
        assert (missed > 0.3 * step).any(), name


def opened(folder):
    return open_transformer(str(folder), name="large")


def test_rows_that_no_group_divides(tmp_path, one_line):
    pytest.importorskip("compressed_tensors")
    folder = tiny_models.save("bert", tmp_path / "odd", shape={"intermediate_size": 50})
    with pytest.raises(ModelError) as caught:
        int4_weights(opened(folder))
    one_line(caught, "int4-weights does not apply", "[32, 50]")


def test_only_one_scale_a_batch_makes_answers_depend_on_the_batch_much(made, pairs):
    """A scale for each token leaves what rounding does to near ties, which a random model magnifies."""

    def moved(method):
        return probe(trusteq.open_model(made(method).directory), pairs).batch_movement

    assert moved("int8-weights") < 1e-4
    assert moved("int8-dynamic") < 0.5 * moved("int8-onnx")


def test_the_graph_is_rounded_to_unsigned_bytes(made):
    """Signed ones overflow on processors without VNNI."""
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(made("int8-onnx").directory / "model.onnx").graph
    large = [tensor for tensor in graph.initializer if len(tensor.dims) == 2 and min(tensor.dims) > 1]
    kinds = {onnx.TensorProto.DataType.Name(tensor.data_type) for tensor in large}
    assert kinds == {"UINT8"}
    # One scale a column of a linear map.
    assert any(tensor.name.endswith("_scale") and list(tensor.dims) == [256] for tensor in graph.initializer)


def test_metadata_is_in_order(made):
    file = made("int8-weights").directory / "model.safetensors"
    with file.open("rb") as stream:
        keys = list(json.loads(stream.read(int.from_bytes(stream.read(8), "little")))["__metadata__"])
    assert len(keys) > 10
    assert keys == sorted(keys)


def test_every_method_names_packages_that_pip_knows():
    assert METHODS["int8-onnx"].packages == ("onnx", "onnxruntime")
