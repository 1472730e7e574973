"""Every file that is opened of a model is in its hash: watched, for every way to run a model."""

import contextlib
import json
import shutil
import sys

import numpy as np
import pytest

from trusteq import Items, ModelError, ModelOptions, TrusteqError, open_model
from trusteq.compress import make

torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")
onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

from opened import opened_below  # noqa: E402
from oracles.tiny_models import save  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files are watched on Linux")

TEXTS = Items(ids=["1", "2"], segments={"text": ["the film was good", "a man is playing guitar"]})


def vectors(count=2):
    return Items(ids=[str(i) for i in range(count)], segments={"x": np.eye(2, dtype=np.float32)[:count]})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save("bert", tmp_path_factory.mktemp("tiny") / "bert")


@pytest.fixture
def copy(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "copy")


def configure(path, **changes):
    config = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**config, **changes}))


def sharded(folder, names=("one.safetensors", "two.safetensors")):
    """The weights in two files beside an index, called so."""
    weights = load_file(folder / "model.safetensors")
    keys = sorted(weights)
    parts = {names[0]: keys[::2], names[1]: keys[1::2]}
    for name, some in parts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        save_file({key: weights[key] for key in some}, folder / name, metadata={"format": "pt"})
    (folder / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {key: name for name, some in parts.items() for key in some}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def linear(path, location=None, name="w"):
    """A graph of one product, its weights in the file or elsewhere."""
    weights = onnx.numpy_helper.from_array(np.array([[1.0, -1.0, 0.5], [0.2, 0.3, -0.4]], np.float32), name)
    if location is not None:
        raw = weights.raw_data
        weights.ClearField("raw_data")
        weights.data_location = onnx.TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=location)
        if not (path.parent / location).exists():
            (path.parent / location).parent.mkdir(parents=True, exist_ok=True)
            (path.parent / location).write_bytes(raw)
    float_ = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", name], ["logits"])],
        "g",
        [onnx.helper.make_tensor_value_info("x", float_, ["r", 2])],
        [onnx.helper.make_tensor_value_info("logits", float_, ["r", 3])],
        [weights],
    )
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9), path)
    (path.parent / "config.json").write_text(json.dumps({"id2label": {"0": "a", "1": "b", "2": "c"}}))
    return path


def with_slow_vocabulary(folder):
    """A tokenizer made of vocab.txt, as older checkpoints have it."""
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.get)) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    return folder


def in_hub_cache(folder):
    """The folder as the hub's cache keeps it: links to blobs."""
    cache = folder.with_name("models--o--m")
    snapshot = cache / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (cache / "blobs").mkdir()
    for path in list(folder.iterdir()):
        shutil.move(path, cache / "blobs" / path.name)
        (snapshot / path.name).symlink_to(f"../../blobs/{path.name}")
    return snapshot


def with_company(folder):
    """Beside the model, what people keep there, and what might be loaded by mistake."""
    for name in ("README.md", "generation_config.json", "chat_template.jinja", "pytorch_model.bin", "model.py"):
        (folder / name).write_text("{}")
    save_file({"x": torch.zeros(1)}, folder / "other.safetensors")
    return folder


def beside(folder):
    """Where a graph may stand in a folder of its own."""
    (folder.parent / "graph").mkdir()
    return folder.parent / "graph" / "m.onnx"


MODELS = {
    "one file": lambda folder: (folder, TEXTS),
    "shards": lambda folder: (sharded(folder), TEXTS),
    "vocab.txt": lambda folder: (with_slow_vocabulary(folder), TEXTS),
    "the hub's cache": lambda folder: (in_hub_cache(folder), TEXTS),
    "company": lambda folder: (with_company(folder), TEXTS),
    "a graph": lambda folder: (linear(beside(folder)), vectors()),
    "a graph with weights beside it": lambda folder: (linear(beside(folder), "sub/w"), vectors()),
    "a graph with weights called graph": lambda folder: (linear(beside(folder), "graph"), vectors()),
}


@pytest.mark.parametrize("kind", MODELS)
def test_whatever_is_opened_of_a_model_is_in_its_hash(kind, copy, tmp_path):
    """Each opened file, changed by a byte, gives another hash, or a refusal."""
    location, items = MODELS[kind](copy)
    with opened_below(tmp_path) as opened:
        model = open_model(location, name="m")
        model.predict(items)
        getattr(model, "findings", tuple)()
    held = {path.resolve() for path in model.files.values()}
    assert opened, "else this test could not fail"
    assert opened <= held
    for path in opened:
        before = path.read_bytes()
        path.write_bytes(before.replace(b"0", b"1", 1) if b"0" in before else before + b"0")
        with contextlib.suppress(TrusteqError):
            assert open_model(location, name="m").identity.content != model.identity.content, path
        path.write_bytes(before)
    assert open_model(location, name="m").identity.content == model.identity.content


def test_a_graph_with_a_tokenizer_elsewhere(copy, tmp_path):
    pytest.importorskip("onnxruntime.quantization", reason="needs the extra 'onnx'")
    make(copy, method="onnx", out=tmp_path / "graph")
    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.move(tmp_path / "graph" / name, tokenizer)
    options = ModelOptions(tokenizer=str(tokenizer))
    with opened_below(tmp_path) as opened:
        model = open_model(tmp_path / "graph", name="m", options=options)
        model.predict(TEXTS)
    assert {path.name for path in opened} >= {"model.onnx", "config.json", "tokenizer.json"}
    assert opened <= {path.resolve() for path in model.files.values()}
    configure(tokenizer / "tokenizer_config.json", model_max_length=7)
    assert open_model(tmp_path / "graph", name="m", options=options).identity.content != model.identity.content


def test_a_file_of_predictions(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("id,a,b\n1,0.5,0.5\n2,0.25,0.75\n")
    with opened_below(tmp_path) as opened:
        model = open_model(path, name="m")
        model.predict(TEXTS)
    assert opened == {path.resolve()}
    path.write_text("id,a,b\n1,0.5,0.5\n2,0.75,0.25\n")
    assert open_model(path, name="m").identity.content != model.identity.content


# weights elsewhere


def refused(location):
    with pytest.raises(ModelError) as caught:
        open_model(location, name="m")
    return caught


@pytest.mark.parametrize(
    "where", ["../secret.safetensors", "{folder}/secret.safetensors", "sub/two.safetensors", "two"]
)
def test_an_index_that_names_weights_elsewhere(where, copy, tmp_path, one_line):
    """With finished work kept, another model came out under the hash of this one."""
    named = where.format(folder=tmp_path)
    sharded(copy, ("one.safetensors", named))
    assert (copy / named).is_file()
    with opened_below(tmp_path) as opened:
        one_line(refused(copy), "model m: ", f"names {named!r}"[:60], "put all shards there")
    assert (copy / named).resolve() not in opened


@pytest.mark.parametrize("weight_map", [None, [], {}, {"w": 1}, {"w": None}, "one.safetensors"])
def test_an_index_that_is_none(weight_map, copy, one_line):
    sharded(copy)
    configure(copy / "model.safetensors.index.json", weight_map=weight_map)
    one_line(refused(copy), "model.safetensors.index.json has no weight_map")


def test_an_index_that_names_a_link_out(copy, tmp_path, one_line):
    sharded(copy)
    shutil.move(copy / "two.safetensors", tmp_path / "secret")
    (copy / "two.safetensors").symlink_to(tmp_path / "secret")
    one_line(refused(copy), "two.safetensors: a link that leads out")


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("config.json", "transformers_weights", "other.safetensors"),
        ("config.json", "transformers_weights", "../secret.safetensors"),
        ("config.json", "configuration_files", ["config.4.0.0.json"]),
        ("config.json", "fusion_config", {"mlp": True}),
        ("tokenizer_config.json", "fast_tokenizer_files", ["tokenizer.4.0.0.json"]),
        ("tokenizer_config.json", "init_inputs", ["../vocab.txt"]),
        ("tokenizer_config.json", "sp_model_kwargs", {"model": "../vocab.spm"}),
        ("tokenizer_config.json", "mecab_kwargs", {"mecab_option": "-r rc"}),
    ],
)
def test_a_configuration_that_names_other_files(file, key, value, copy, one_line):
    configure(copy / file, **{key: value})
    one_line(refused(copy), f"model m: {file} says {key} is ", "would be loaded as well; remove this entry")


def test_an_option_of_a_tokenizer_that_names_no_file_is_fine(copy):
    configure(copy / "tokenizer_config.json", mecab_kwargs={"mecab_dic": "unidic_lite"})
    assert open_model(copy, name="m").labels


@pytest.mark.parametrize("file", ["tokenizer_config.json", "special_tokens_map.json"])
@pytest.mark.parametrize("key", ["vocab_file", "tokenizer_file", "gguf_file"])
def test_a_file_that_a_tokenizer_names_is_not_opened(file, key, copy, tmp_path):
    """Old checkpoints tell where they were saved; transformers opens some of these, wherever they are."""
    with_slow_vocabulary(copy)
    plain = open_model(copy, name="m")
    other = tmp_path / "other.txt"
    other.write_text("\n".join(reversed((copy / "vocab.txt").read_text().split())) + "\n")
    configure(copy / file, **{key: str(other)})
    with opened_below(tmp_path) as opened:
        model = open_model(copy, name="m")
        answers = model.predict(TEXTS)
    assert other.resolve() not in opened
    assert np.array_equal(answers, plain.predict(TEXTS))


def test_where_and_by_which_version_a_model_was_saved_is_not_read(copy):
    before = open_model(copy, name="m")
    configure(copy / "config.json", _name_or_path="deepseek-ai/deepseek-coder-x", transformers_version="4.0.0")
    configure(copy / "tokenizer_config.json", name_or_path="/elsewhere", local_files_only=False)
    after = open_model(copy, name="m")
    assert after.identity.content == before.identity.content
    assert np.array_equal(after.predict(TEXTS), before.predict(TEXTS))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("attn_implementation", "kernels-community/x"),
        ("_attn_implementation", "kernels-community/x@v1:f"),
        ("attn_implementation", "paged|kernels-community/x"),
        ("attn_implementation", {"": "sdpa", "text_config": "kernels-community/x"}),
        ("attn_implementation", "flash_attention_2"),
        ("attn_implementation", "flex_attention"),  # runs a compiler, which leaves files
        ("experts_implementation", "deepgemm"),
        ("text_config", {"attn_implementation": "kernels-community/x"}),
        ("layers_of_others", [{"_attn_implementation": "kernels-community/x"}]),
    ],
)
def test_a_configuration_that_has_code_fetched_or_compiled(key, value, copy, one_line):
    configure(copy / "config.json", **{key: value})
    one_line(
        refused(copy), "model m: config.json says ", "which may have native code fetched or compiled", "one of eager, "
    )


@pytest.mark.parametrize("value", [None, "eager", "sdpa", {"": "eager"}])
def test_attention_of_torch_itself_is_fine(value, copy):
    configure(copy / "config.json", attn_implementation=value)
    assert open_model(copy, name="m").predict(TEXTS).shape == (2, 3)


def test_nothing_is_fetched_while_a_model_is_open(copy, monkeypatch):
    """Whatever it names: the hub counts as switched off."""
    from huggingface_hub import constants

    seen = []
    load = transformers.AutoTokenizer.from_pretrained

    def watched(*args, **options):
        seen.append(constants.is_offline_mode())
        return load(*args, **options)

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", watched)
    model = open_model(copy, name="m")
    model.model.register_forward_hook(lambda *_: seen.append(constants.is_offline_mode()))
    model.predict(TEXTS)
    assert len(seen) > 1
    assert all(seen)
    assert not constants.is_offline_mode()


# weights beside a graph


def field(number, content):
    """A field of a protocol buffer that holds bytes."""
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def entry(*parts):
    return field(13, b"".join(parts))


KEY, VALUE = field(1, b"location"), field(2, b"secret")
ORDERS = {
    "value first": entry(VALUE, KEY),
    "key twice": entry(field(1, b"other"), VALUE, KEY),
    "value twice": entry(KEY, field(2, b"other"), VALUE),
    "other fields between": entry(KEY, field(9, b"x"), VALUE),
    "a long length": b"\x6a\x92\x80\x00" + KEY + VALUE,
}


def spliced(path, written):
    """The graph with its entry of external data written in another way, where both have one length."""
    linear(path, "secret")
    data = path.read_bytes()
    usual = entry(KEY, VALUE)
    assert data.count(usual) == 1
    model = onnx.load(path, load_external_data=False)
    tensor = model.graph.initializer[0]
    del tensor.external_data[:]
    bare = tensor.SerializeToString()
    del model.graph.initializer[:]

    def long(number, content):
        size, length = len(content), b""
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + content

    graph = model.graph.SerializeToString() + long(5, bare + written)
    model.ClearField("graph")
    path.write_bytes(model.SerializeToString() + long(7, graph))


@pytest.mark.parametrize("order", ORDERS)
def test_weights_beside_a_graph_in_any_order_of_fields(order, tmp_path):
    path = tmp_path / "m.onnx"
    spliced(path, ORDERS[order])
    (tmp_path / "other").write_bytes((tmp_path / "secret").read_bytes())
    with opened_below(tmp_path) as opened:
        model = open_model(path, name="m")
    assert (tmp_path / "secret").resolve() in opened, "else this test could not fail"
    assert opened <= {file.resolve() for file in model.files.values()}


def test_a_field_whose_number_another_reader_would_cut(tmp_path, one_line):
    """Protobuf keeps 32 bits of a tag, so this is field 13 to it."""
    path = tmp_path / "m.onnx"
    spliced(path, b"\xea\x80\x80\x80\x10" + entry(KEY, VALUE)[1:])
    one_line(refused(path), "cannot load", "it is not an ONNX graph (field ")


def nested(path, place):
    """A graph whose weights beside it are told of in another place than among the initialisers."""
    helper, float_ = onnx.helper, onnx.TensorProto.FLOAT
    weights = onnx.numpy_helper.from_array(np.ones((2, 3), np.float32), "w")
    (path.parent / "secret").write_bytes(weights.raw_data)
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="secret")
    product = helper.make_node("MatMul", ["x", "w"], ["logits"])
    out = helper.make_tensor_value_info("logits", float_, ["r", 3])
    given = [helper.make_tensor_value_info("x", float_, ["r", 2])]
    initialisers, functions = [], []
    if place == "a constant":
        nodes = [helper.make_node("Constant", [], ["w"], value=weights), product]
    elif place == "a branch":
        inner = helper.make_node("MatMul", ["x", "w"], ["y"])
        value = helper.make_tensor_value_info("y", float_, ["r", 3])
        branch = helper.make_graph([inner], "b", [], [value], [weights])
        nodes = [helper.make_node("If", ["c"], ["logits"], then_branch=branch, else_branch=branch)]
        initialisers = [onnx.numpy_helper.from_array(np.array(True), "c")]
    else:
        body = [helper.make_node("Constant", [], ["w"], value=weights), product]
        opset = [helper.make_opsetid("", 17)]
        functions = [helper.make_function("own", "F", ["x"], ["logits"], body, opset)]
        nodes = [helper.make_node("F", ["x"], ["logits"], domain="own")]
    graph = helper.make_graph(nodes, "g", given, [out], initialisers)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9, functions=functions), path)
    (path.parent / "config.json").write_text(json.dumps({"id2label": {"0": "a", "1": "b", "2": "c"}}))


@pytest.mark.parametrize("place", ["a constant", "a branch", "a function"])
def test_weights_beside_a_graph_wherever_it_tells_of_them(place, tmp_path):
    nested(tmp_path / "m.onnx", place)
    with opened_below(tmp_path) as opened:
        try:
            model = open_model(tmp_path / "m.onnx", name="m")
        except ModelError:
            return  # ONNX Runtime may not read them there
    assert opened <= {file.resolve() for file in model.files.values()}
    assert model.files["weights/secret"].name == "secret"


@pytest.mark.parametrize("location", [None, "w" * 5000, "w\0"])
def test_weights_in_a_file_that_cannot_be_one(location, tmp_path, one_line):
    """Without a value the location is an empty text, and no name is as long as that of the second."""
    tensor = onnx.TensorProto(name="w", dims=[1], data_type=1, data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    made = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], [tensor]))
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(ModelError) as caught:
        open_model(tmp_path / "m.onnx", name="m", options=ModelOptions(labels=("a", "b")))
    one_line(caught, "model m: ", "takes weights from '", "there is no such file")


def test_weights_in_a_folder_that_is_a_link_out(tmp_path, one_line):
    folder = tmp_path / "model"
    folder.mkdir()
    linear(folder / "m.onnx", "sub/w")
    shutil.move(folder / "sub", tmp_path / "sub")
    (folder / "sub").symlink_to(tmp_path / "sub", target_is_directory=True)
    one_line(refused(folder / "m.onnx"), "a link that leads out of the model's folder")


def test_a_graph_that_is_a_link_to_one_beside_other_weights(tmp_path):
    """Whichever weights are read, they are those that are hashed."""
    (tmp_path / "real").mkdir()
    (tmp_path / "model").mkdir()
    linear(tmp_path / "real" / "m.onnx", "w")
    (tmp_path / "model" / "w").write_bytes(bytes(24))
    shutil.copy(tmp_path / "real" / "config.json", tmp_path / "model")
    (tmp_path / "model" / "m.onnx").symlink_to("../real/m.onnx")
    with opened_below(tmp_path) as opened:
        try:
            model = open_model(tmp_path / "model" / "m.onnx", name="m")
        except ModelError:
            return
    assert opened <= {file.resolve() for file in model.files.values()}


# weights that are not there


def test_a_shard_of_a_distributed_checkpoint(copy, one_line):
    """transformers reports nothing missing, and leaves random what no shard holds."""
    weights = load_file(copy / "model.safetensors")
    key = "bert.encoder.layer.0.attention.self.query.weight"
    half = {**weights, key: weights[key][16:].clone()}
    offsets = {name: {"saved_offsets": [0] * tensor.dim()} for name, tensor in weights.items()}
    offsets[key] = {"saved_offsets": [16, 0]}
    told = {"format": "pt", "DCP_SHARDING_INFO": json.dumps(offsets), "DCP_VERSION": "1.0"}
    name = "shard-00000-model-00001-of-00001.safetensors"
    save_file(half, copy / name, metadata=told)
    (copy / "model.safetensors").unlink()
    one_line(refused(copy), "is a distributed checkpoint; consolidate it to model.safetensors first")
    index = {"weight_map": dict.fromkeys(weights, name)}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    one_line(refused(copy), "is a shard of a distributed checkpoint")
    (copy / "model.safetensors.index.json").unlink()
    shutil.move(copy / name, copy / "model.safetensors")
    one_line(refused(copy), "is a shard of a distributed checkpoint")


def test_weights_under_a_name_that_nothing_tells_of(copy, one_line):
    shutil.move(copy / "model.safetensors", copy / "weights.safetensors")
    one_line(refused(copy), "has neither model.safetensors nor model.safetensors.index.json", "weights.safetensors")


def test_the_watch_sees_what_python_and_others_open(tmp_path):
    """Else the tests above could not fail."""
    (tmp_path / "sub").mkdir()
    save_file({"x": torch.zeros(1)}, tmp_path / "sub" / "a")
    (tmp_path / "b").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "b")
    with opened_below(tmp_path) as opened:
        load_file(tmp_path / "sub" / "a")
        (tmp_path / "link").read_text()
    assert opened == {(tmp_path / "sub" / "a").resolve(), (tmp_path / "b").resolve()}
