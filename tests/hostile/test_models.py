"""Models that lie about their size, or whose files are somebody else's: one line, at once, and nothing is held."""

import json
import os
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from trusteq import ModelError, open_model

torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
pytest.importorskip("transformers", reason="needs the extra 'transformers'")
onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

from oracles.tiny_models import save  # noqa: E402

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save("bert", tmp_path_factory.mktemp("tiny") / "bert")


@pytest.fixture
def copy(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "copy")


def refused(path):
    with pytest.raises(ModelError) as caught:
        open_model(path, name="m")
    return caught


def header(folder):
    content = (folder / "model.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def write(folder, told, data, *, size=None):
    raw = told if isinstance(told, bytes) else json.dumps(told).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(raw) if size is None else size) + raw + data)


LIES = {
    "huge": {"shape": [2**40, 2**40]},
    "huge in all": {"shape": [2**62]},
    "beyond 64 bits": {"shape": [2**70]},
    "negative": {"shape": [-1, 32]},
    "fractional": {"shape": [1.5]},
    "no list": {"shape": "32"},
    "too deep": {"shape": [1] * 100_000},
    "of no type": {"dtype": "PICKLE"},
    "beyond the file": {"data_offsets": [0, 2**50]},
    "backwards": {"data_offsets": [400, 0]},
    "negative bytes": {"data_offsets": [-8, 0]},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_tensor_that_is_not_what_its_header_says(lie, copy, one_line):
    told, data = header(copy)
    told["classifier.weight"] |= LIES[lie]
    write(copy, told, data)
    one_line(refused(copy), "model m", "cannot load")


@pytest.mark.parametrize("size", [0, 7, 2**40, 2**63 - 1, 2**64 - 1])
def test_a_header_of_another_length(size, copy, one_line):
    told, data = header(copy)
    write(copy, told, data, size=size)
    one_line(refused(copy), "model m")


@pytest.mark.parametrize(
    "told", [b"", b"\xff" * 100, b"[" * 100_000, b'{"a":' * 100_000, b"null", b'{"__metadata__": 1}']
)
def test_a_header_that_is_no_header(told, copy, one_line):
    write(copy, told, header(copy)[1])
    one_line(refused(copy), "model m")


def test_two_tensors_in_the_same_bytes(copy, one_line):
    told, data = header(copy)
    told["twin"] = told["classifier.weight"]
    write(copy, told, data)
    one_line(refused(copy), "model m")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden_size", 1_000_000),
        ("hidden_size", 2**70),
        ("hidden_size", 0),
        ("intermediate_size", -5),
        ("vocab_size", 10**9),
        ("max_position_embeddings", 10**10),
        ("type_vocab_size", 10**14),
        ("num_hidden_layers", 10**8),
        ("num_hidden_layers", 1e300),
        ("num_labels", 10**9),
    ],
)
def test_a_configuration_that_claims_too_much(key, value, copy, one_line):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, key: value}))
    one_line(refused(copy), "model m")


def test_a_configuration_nested_without_end(copy, one_line):
    (copy / "config.json").write_text('{"a":' * 100_000)
    one_line(refused(copy), "model m", "config.json")


def test_a_configuration_that_claims_too_much_further_in(copy, one_line):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "text_config": {"num_hidden_layers": 10**8}}))
    one_line(refused(copy), "num_hidden_layers is 100000000, more than the 10,000 allowed")


# links and paths


def test_a_link_that_leads_out_of_a_model(copy, tmp_path, one_line):
    """Compressing such a model would copy somebody's secrets into what is then published."""
    (tmp_path / "secret").write_text("key")
    (copy / "vocab.txt").unlink(missing_ok=True)
    (copy / "vocab.txt").symlink_to(tmp_path / "secret")
    one_line(refused(copy), "vocab.txt: a link that leads out", str(tmp_path / "secret"), "copy the file there")


def test_links_inside_a_model_and_to_the_model_are_fine(copy, tmp_path):
    (copy / "weights").mkdir()
    (copy / "model.safetensors").rename(copy / "weights" / "w")
    (copy / "model.safetensors").symlink_to("weights/w")
    (tmp_path / "link").symlink_to(copy, target_is_directory=True)
    assert open_model(tmp_path / "link").identity.content == open_model(copy).identity.content


def test_a_device_or_a_pipe_is_no_file_of_a_model(copy, one_line):
    """Reading one would not end."""
    (copy / "vocab.txt").unlink(missing_ok=True)
    os.mkfifo(copy / "vocab.txt")
    assert open_model(copy).identity.content
    (copy / "config.json").unlink()
    (copy / "config.json").symlink_to("/dev/zero")
    one_line(refused(copy), "is not a model folder")


WEIGHTS = np.ones((2, 3), np.float32)


def linear(path, change=lambda tensor: None):
    weights = onnx.numpy_helper.from_array(WEIGHTS, "w")
    change(weights)
    float_ = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["logits"])],
        "g",
        [onnx.helper.make_tensor_value_info("x", float_, ["r", 2])],
        [onnx.helper.make_tensor_value_info("logits", float_, ["r", 3])],
        [weights],
    )
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9), path)
    (path.parent / "config.json").write_text(json.dumps({"id2label": {"0": "a", "1": "b", "2": "c"}}))
    return path


def dims(*values):
    def change(tensor):
        del tensor.dims[:]
        tensor.dims.extend(values)

    return change


def outside(location, **more):
    def change(tensor):
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in {"location": location, **more}.items():
            tensor.external_data.add(key=key, value=str(value))

    return change


def test_the_graph_that_is_spoilt_below_is_a_model(tmp_path):
    assert open_model(linear(tmp_path / "m.onnx")).labels == ("a", "b", "c")


@pytest.mark.parametrize("shape", [(2**40, 2**20), (2**62, 4), (-1, 3), (2, -3), (0, 3), (2, 4)])
def test_a_graph_whose_weights_are_not_what_it_says(shape, tmp_path, one_line):
    one_line(refused(linear(tmp_path / "m.onnx", dims(*shape))), "model m: ONNX Runtime cannot load")


@pytest.mark.parametrize(
    ("location", "more"),
    [
        ("../secret", {}),
        ("/etc/passwd", {}),
        ("sub/../../secret", {}),
        ("there", {"offset": 2**60}),
        ("there", {"length": 2**60}),
        ("there", {"offset": -8}),
        ("absent", {}),
    ],
)
def test_weights_outside_the_graph_that_are_not_the_models(location, more, tmp_path, one_line):
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    for name in ("secret", "model/there"):
        (tmp_path / name).write_bytes(WEIGHTS.tobytes())
    one_line(refused(linear(folder / "m.onnx", outside(location, **more))), "m.onnx")


def test_weights_beside_the_graph_that_are_a_link_out(tmp_path, one_line):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(WEIGHTS.tobytes())
    (folder / "weights").symlink_to(tmp_path / "secret")
    one_line(refused(linear(folder / "m.onnx", outside("weights"))), "weights")


def test_the_graph_itself_may_be_a_link(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    linear(tmp_path / "real.onnx")
    shutil.move(tmp_path / "config.json", folder)
    (folder / "m.onnx").symlink_to(tmp_path / "real.onnx")
    assert open_model(Path(folder / "m.onnx")).labels == ("a", "b", "c")
