"""GGUF files: dequantized by transformers, recognized as the same model as a folder with the same numbers."""

import numpy as np
import pytest
from oracles import tiny_language_models as tiny

pytest.importorskip("gguf", reason="needs the extra 'gguf'")
pytest.importorskip("accelerate", reason="needs the extra 'gguf'")

from oracles import tiny_gguf

from trusteq.data.items import Items
from trusteq.errors import MissingExtraError, ModelError
from trusteq.models.causal import loading
from trusteq.models.gguf_file import tensor_count
from trusteq.models.open import backend_of, default_name, open_model
from trusteq.models.traits import traits_of

TASK = {"task": "choices", "prompt": "Text: {{ text }}\nIt is", "choices": {"no": " bad", "yes": " good"}}
ITEMS = Items(["a", "b"], {"text": ["a good day", "so bad"]})


@pytest.fixture(scope="module")
def model():
    return tiny.model()


@pytest.fixture(scope="module")
def files(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gguf")
    return {
        kind: tiny_gguf.write(folder / f"{kind}.gguf", model, tiny.tokenizer(), kind=kind) for kind in ("F32", "Q8_0")
    }


def opened(location):
    return open_model(location, name="m", options={"task": TASK})


def test_a_file_is_the_folder_with_the_same_numbers(model, files, tmp_path):
    tiny.save(tmp_path)
    file, folder = opened(files["F32"]), opened(tmp_path)
    assert file.identity.content == folder.identity.content
    np.testing.assert_array_equal(file.predict(ITEMS).values, folder.predict(ITEMS).values)


def test_a_quantized_file_is_the_folder_with_its_dequantized_numbers(files, tmp_path):
    import gguf
    import torch

    made = tiny.model()
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim == 2:
                kind = gguf.GGMLQuantizationType.Q8_0
                rounded = gguf.quants.dequantize(gguf.quants.quantize(parameter.numpy(), kind), kind)
                parameter.copy_(torch.from_numpy(rounded))
    made.save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    assert opened(files["Q8_0"]).identity.content == opened(tmp_path).identity.content
    assert opened(files["Q8_0"]).identity.content != opened(files["F32"]).identity.content


def test_identity_says_in_which_types_weights_are_stored(model, files):
    details = opened(files["Q8_0"]).identity.details
    matrices = sum(p.numel() for p in model.parameters() if p.ndim == 2)
    assert details["quantization"]["types"]["Q8_0"] == matrices
    assert details["dtype"] == "float32"


def test_another_process_opens_it(files):
    first = opened(files["Q8_0"])
    again = traits_of(first).opening().open()
    np.testing.assert_array_equal(again.predict(ITEMS).values, first.predict(ITEMS).values)


def test_it_is_recognized_and_named_by_its_ending(files):
    assert backend_of(str(files["F32"]), "m").kind == "causal"
    assert default_name("x/Model.Q4_1.gguf") == "Model.Q4_1"


def test_missing_tensors_are_refused(model, tmp_path):
    file = tiny_gguf.write(tmp_path / "m.gguf", model, tiny.tokenizer(), leave_out=("blk.1.ffn_up.weight",))
    with pytest.raises(ModelError, match=r"does not hold 1 of the model's tensors .*up_proj"):
        opened(file)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"PK\x03\x04" + bytes(40), b"GGUF\x01\0\0\0" + bytes(40)])
def test_another_file_is_one_line(tmp_path, content):
    file = tmp_path / "m.gguf"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"m\.gguf cannot be read as a GGUF file"):
        opened(file)


def test_a_cut_file_is_one_line(files, tmp_path):
    file = tmp_path / "m.gguf"
    file.write_bytes(files["F32"].read_bytes()[:-1000])
    with pytest.raises(ModelError, match=r"^model m: [^\n]*$"):
        opened(file)


def test_the_count_of_tensors_is_that_of_the_file(model, files):
    assert tensor_count(files["F32"]) == len(model.state_dict())


def test_missing_packages_are_named(files, monkeypatch):
    monkeypatch.setattr(loading, "GGUF_PACKAGES", ("no-such-package",))
    with pytest.raises(MissingExtraError, match=r"trusteq\[gguf\]"):
        opened(files["F32"])


def test_a_file_is_parsed_once_and_again_when_it_is_opened_again(files, monkeypatch):
    import gguf

    parsed, parse = [], gguf.GGUFReader.__init__
    monkeypatch.setattr(
        gguf.GGUFReader, "__init__", lambda self, path, *rest: parsed.append(path) or parse(self, path, *rest)
    )
    before = gguf.GGUFReader, gguf.get_tensor_name_map
    for times in (1, 2):
        opened(files["F32"])
        assert len(parsed) == times
    assert before == (gguf.GGUFReader, gguf.get_tensor_name_map)


def test_gguf_is_left_as_it_was_if_a_file_cannot_be_opened(files, tmp_path):
    import gguf

    before = gguf.GGUFReader, gguf.get_tensor_name_map
    (tmp_path / "cut.gguf").write_bytes(files["F32"].read_bytes()[:200])
    with pytest.raises(ModelError):
        opened(tmp_path / "cut.gguf")
    assert before == (gguf.GGUFReader, gguf.get_tensor_name_map)
