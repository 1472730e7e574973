"""Parameters and bytes, held against what torch and onnx count."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trusteq import from_callable
from trusteq.models.base import Model
from trusteq.models.cost_initialisers import Initialisers, initialisers
from trusteq.models.cost_size import Size, memory_bytes
from trusteq.models.onnx_session import open_onnx
from trusteq.models.traits import traits_of
from trusteq.models.transformer import open_transformer

LABELS = ("no", "maybe", "yes")


def bytes_in(folder):
    return sum(file.stat().st_size for file in folder.iterdir())


# transformers


def test_a_transformer(bert):
    opened = open_transformer(str(bert), name="m")
    weights = [*opened.model.parameters(), *opened.model.buffers()]
    assert traits_of(opened).size() == Size(
        parameters=sum(p.numel() for p in opened.model.parameters()),
        disk_bytes=bytes_in(bert),
        weights_bytes=sum(w.numel() * w.element_size() for w in weights),
    )


def test_files_that_are_no_part_of_the_model_do_not_count(bert, tmp_path):
    folder = shutil.copytree(bert, tmp_path / "copy")
    (folder / "training.log").write_bytes(b"x" * 10_000)
    assert traits_of(open_transformer(str(folder), name="m")).size().disk_bytes == bytes_in(bert)


def test_half_the_precision_is_half_the_bytes(bert):
    opened = open_transformer(str(bert), name="m")
    whole = sum(p.numel() * 4 for p in opened.model.parameters())
    rest = memory_bytes(opened.model) - whole
    assert memory_bytes(opened.model.half()) == whole // 2 + rest


def test_what_is_shared_counts_once():
    torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
    module = torch.nn.ModuleList([torch.nn.Linear(8, 8, bias=False), torch.nn.Linear(8, 8, bias=False)])
    assert memory_bytes(module) == 2 * 8 * 8 * 4
    module[1].weight = module[0].weight
    assert memory_bytes(module) == 8 * 8 * 4
    # Another view of the same numbers holds nothing of its own.
    module[0].register_buffer("turned", module[0].weight.detach().T)
    assert memory_bytes(module) == 8 * 8 * 4


def test_a_quantized_weight_counts_as_it_is_held():
    torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
    quantization = pytest.importorskip("torchao.quantization", reason="needs torchao to quantize")
    module = torch.nn.Sequential(torch.nn.Linear(512, 256, bias=False))
    quantization.quantize_(module, quantization.Int8WeightOnlyConfig())
    assert 512 * 256 < memory_bytes(module) <= 512 * 256 + 256 * 4 + 256 * 8


def test_scales_beside_packed_values_count():
    torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
    module = torch.nn.Linear(8, 4, bias=False)
    state = type("State", (), {"absmax": torch.zeros(5), "code": torch.zeros(16), "state2": None})()
    module.weight.quant_state = state
    assert memory_bytes(module) == (32 + 5 + 16) * 4
    module.weight.SCB = torch.zeros(4)
    assert memory_bytes(module) == (32 + 5 + 16 + 4) * 4


# ONNX


def counted(file):
    """Elements of the initialisers that are weights, and the bytes of all, by the onnx package."""
    onnx = pytest.importorskip("onnx", reason="needs onnx to count")
    arrays = [onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(file).graph.initializer]
    floats = sum(a.size for a in arrays if a.size > 1 and a.dtype.kind == "f")
    return floats, sum(a.nbytes for a in arrays)


def test_an_onnx_model(onnx_bert):
    floats, all_bytes = counted(onnx_bert / "model.onnx")
    found = traits_of(open_onnx(str(onnx_bert), name="m")).size()
    assert found.parameters == floats
    assert found.disk_bytes == bytes_in(onnx_bert)
    # Shapes may stand among the nodes.
    assert all_bytes <= found.weights_bytes <= all_bytes + 2_000


def test_an_onnx_model_has_the_parameters_of_what_it_was_exported_from(onnx_bert, bert):
    models = open_onnx(str(onnx_bert), name="m"), open_transformer(str(bert), name="m")
    exported, original = (model.traits.size() for model in models)
    assert exported.parameters == pytest.approx(original.parameters, rel=0.05)


def test_weights_outside_the_file_count(onnx_bert, tmp_path):
    onnx = pytest.importorskip("onnx", reason="needs onnx to save")
    folder = shutil.copytree(onnx_bert, tmp_path / "copy")
    file = folder / "model.onnx"
    before = traits_of(open_onnx(str(folder), name="m")).size()
    onnx.save(onnx.load(file), file, save_as_external_data=True, location="weights.bin", size_threshold=0)
    after = traits_of(open_onnx(str(folder), name="m")).size()
    assert file.stat().st_size < (folder / "weights.bin").stat().st_size
    assert (after.parameters, after.weights_bytes) == (before.parameters, before.weights_bytes)
    assert after.disk_bytes == bytes_in(folder)


def test_a_tokenizer_elsewhere_counts(onnx_bert, bert, tmp_path):
    folder = shutil.copytree(onnx_bert, tmp_path / "copy")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (folder / file).unlink()
    opened = open_onnx(str(folder), name="m", tokenizer=str(bert))
    tokenizer = sum((bert / file).stat().st_size for file in ("tokenizer.json", "tokenizer_config.json"))
    assert traits_of(opened).size().disk_bytes == bytes_in(folder) + tokenizer


def save(path, tensors, nodes=(), sparse=()):
    """A graph that holds these tensors; it need not run."""
    onnx = pytest.importorskip("onnx", reason="needs onnx to build graphs")
    graph = onnx.helper.make_graph(list(nodes), "g", [], [], tensors, sparse_initializer=sparse)
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())
    return path


def tensor(kind, shape, *, raw=None):
    """An initialiser of this type; its values do not matter."""
    onnx = pytest.importorskip("onnx", reason="needs onnx to build graphs")
    made = onnx.TensorProto(name=f"{kind}{shape}", data_type=getattr(onnx.TensorProto, kind), dims=shape)
    made.raw_data = raw or b""
    return made


@pytest.mark.parametrize(
    ("kind", "parameters", "size_in_bytes"),
    [
        ("FLOAT", 15, 60),
        ("FLOAT16", 15, 30),
        ("BFLOAT16", 15, 30),
        ("DOUBLE", 15, 120),
        ("INT8", 15, 15),
        ("UINT8", 15, 15),
        ("FLOAT8E4M3FN", 15, 15),
        ("INT4", 15, 8),
        ("UINT4", 15, 8),
    ],
)
def test_every_type_of_weight_has_its_size(tmp_path, kind, parameters, size_in_bytes):
    assert initialisers(save(tmp_path / "g.onnx", [tensor(kind, (3, 5))])) == Initialisers(parameters, size_in_bytes)


def test_shapes_and_scales_are_no_parameters_but_take_room(tmp_path):
    tensors = [tensor("FLOAT", (10, 10)), tensor("INT64", (4,)), tensor("FLOAT", ()), tensor("UINT8", (1,))]
    assert initialisers(save(tmp_path / "g.onnx", tensors)) == Initialisers(100, 400 + 32 + 4 + 1)


def test_weights_that_stand_in_a_node_count(tmp_path):
    onnx = pytest.importorskip("onnx", reason="needs onnx to build graphs")
    node = onnx.helper.make_node("Constant", [], ["w"], value=tensor("FLOAT", (6, 7)))
    assert initialisers(save(tmp_path / "g.onnx", [], [node])) == Initialisers(42, 168)


def test_how_many_weights_are_packed_in_a_byte_is_not_guessed(tmp_path):
    onnx = pytest.importorskip("onnx", reason="needs onnx to build graphs")
    node = onnx.helper.make_node("MatMulNBits", ["x", "w"], ["y"], domain="com.microsoft", K=32, N=4)
    assert initialisers(save(tmp_path / "g.onnx", [tensor("UINT8", (4, 1, 16))], [node])) == Initialisers(None, 64)


def test_what_has_no_size_is_not_counted(tmp_path):
    tensors = [tensor("FLOAT", (10,)), tensor("UNDEFINED", (3,))]
    assert initialisers(save(tmp_path / "g.onnx", tensors)) == Initialisers(None, None)


def test_names_of_labels_are_no_weights(tmp_path):
    tensors = [tensor("FLOAT", (10,)), tensor("STRING", (3,))]
    assert initialisers(save(tmp_path / "g.onnx", tensors)) == Initialisers(10, 40)


def test_sparse_weights_are_not_counted(tmp_path):
    onnx = pytest.importorskip("onnx", reason="needs onnx to build graphs")
    sparse = onnx.SparseTensorProto(dims=[4])
    sparse.values.CopyFrom(tensor("FLOAT", (2,)))
    assert initialisers(save(tmp_path / "g.onnx", [tensor("FLOAT", (10,))], sparse=[sparse])).parameters is None


def test_a_graph_without_weights_has_none_that_can_be_counted(tmp_path):
    assert initialisers(save(tmp_path / "g.onnx", [])) == Initialisers(None, None)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=60))
def test_any_bytes_are_read_without_an_error(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "any.onnx"
    file.write_bytes(content)
    assert isinstance(initialisers(file), Initialisers)


def test_a_file_that_was_cut_off_is_not_counted(onnx_bert, tmp_path):
    content = (onnx_bert / "model.onnx").read_bytes()
    for end in (0, 1, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "cut.onnx").write_bytes(content[:end])
        assert initialisers(tmp_path / "cut.onnx").bytes is None


# others


def test_of_a_function_nothing_is_known(bert):
    assert traits_of(from_callable(len, labels=LABELS, name="f")).size() == Size()


def test_of_somebody_s_own_model_nothing_is_guessed(bert):
    opened = open_transformer(str(bert), name="m")

    class Own:
        name, labels, identity = "own", opened.labels, opened.identity
        predict, findings = opened.predict, opened.findings

    assert isinstance(Own(), Model)
    assert traits_of(Own()).size() == Size()


def test_sizes_are_whole_numbers_of_python(onnx_bert, bert):
    for opened in (open_onnx(str(onnx_bert), name="m"), open_transformer(str(bert), name="m")):
        json.dumps(vars(traits_of(opened).size()))
        assert not isinstance(traits_of(opened).size().parameters, np.integer)
