"""Every file that is opened of a model of pictures is in its hash; nothing else in its folder is."""

import json
import sys

import numpy as np
import pytest

from trusteq import Items, ModelError, open_model
from trusteq.data.pictures import Pictures

pytest.importorskip("PIL", reason="needs the extra 'pictures'")

from opened import opened_below
from oracles import tiny_litert

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files are watched on Linux")

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
ITEMS = Items(["1", "2"], {"photo": Pictures.of_arrays(PIXELS)})
STATED = "size: [4, 4]\nresize: box\nlayout: NHWC\nlabels: [a, b, c]\nscores: probabilities\n"


def company(folder):
    """What people keep beside a model, and what might be opened by mistake."""
    for name in ("model.py", "labels.txt", "processor_config.json", "pytorch_model.bin"):
        (folder / name).write_text("{}")


def test_a_litert_file_and_the_yaml_beside_it(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="needs the extra 'litert'")
    company(tmp_path)
    file = tiny_litert.write(tmp_path / "m.tflite", np.random.default_rng(1).normal(0, 0.01, (3, 48)))
    (tmp_path / "m.yaml").write_text(STATED)
    with opened_below(tmp_path) as opened:
        model = open_model(file)
        model.predict(ITEMS)
        model.traits.size()
    assert {path.name for path in opened} == {"m.tflite", "m.yaml"}
    (tmp_path / "m.yaml").write_text(STATED.replace("box", "bicubic"))
    assert open_model(file).identity.content != model.identity.content
    (tmp_path / "m.yaml").write_text("# a remark\n" + STATED)
    assert open_model(file).identity.content == model.identity.content
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        changed = open_model(file)
    except ModelError:
        return
    assert changed.identity.content != model.identity.content


def test_a_custom_operator_of_a_litert_file_is_refused(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="needs the extra 'litert'")
    file = tiny_litert.write(tmp_path / "m.tflite", np.ones((3, 48)), custom="evil")
    (tmp_path / "m.yaml").write_text(STATED)
    with pytest.raises(ModelError, match=r"LiteRT cannot load .*: .*evil"):
        open_model(file)


def test_a_transformers_folder_and_its_processor(tmp_path):
    transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    pytest.importorskip("torch", reason="needs the extra 'transformers'")
    config = transformers.ViTConfig(
        image_size=8, patch_size=4, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        id2label={0: "a", 1: "b"}, label2id={"a": 0, "b": 1},
    )  # fmt: skip
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path)
    transformers.ViTImageProcessorPil(size={"height": 8, "width": 8}).save_pretrained(tmp_path)
    company(tmp_path)
    with opened_below(tmp_path) as opened:
        model = open_model(tmp_path, name="m")
        model.predict(ITEMS)
    held = {path.resolve() for path in model.loaded.files.values()}
    assert {path.name for path in opened} == {"config.json", "model.safetensors", "preprocessor_config.json"}
    assert opened <= held
    stated = tmp_path / "preprocessor_config.json"
    stated.write_text(json.dumps({**json.loads(stated.read_text()), "do_normalize": False}))
    assert open_model(tmp_path, name="m").identity.content != model.identity.content
