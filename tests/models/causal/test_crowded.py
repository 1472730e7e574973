import pytest
from oracles import tiny_language_models as tiny

from trusteq.models.causal import crowded as module
from trusteq.models.causal.crowded import available_bytes, crowded, weights_bytes


@pytest.fixture
def available(tmp_path, monkeypatch):
    def say(kilobytes):
        file = tmp_path / "meminfo"
        file.write_text(f"MemTotal:       99999999 kB\nMemAvailable:   {kilobytes} kB\nBuffers: 1 kB\n")
        monkeypatch.setattr(module, "available_bytes", lambda: available_bytes(file))

    return say


def test_models_are_crowded_if_their_weights_exceed_the_memory(tmp_path, available):
    folders = [str(tiny.save(tmp_path / name)) for name in ("a", "b")]
    both = sum(weights_bytes(folder) for folder in folders)
    assert both == sum(file.stat().st_size for file in tmp_path.glob("*/model.safetensors"))
    available(both // 1024 + 1)
    assert crowded(folders, "cpu") == ""
    available(both // 1024 - 1)
    assert crowded(folders, "cpu").startswith("the weights of all 2 models take 0.000")
    assert crowded(folders, "cpu").endswith("GB of memory are available")
    assert crowded(folders, "cuda") == ""


def test_where_nothing_says_how_much_memory_there_is_models_are_not_crowded(tmp_path, monkeypatch):
    assert available_bytes(tmp_path / "none") is None
    monkeypatch.setattr(module, "available_bytes", lambda: None)
    assert crowded([str(tiny.save(tmp_path / "a"))], "cpu") == ""


def test_what_cannot_be_opened_counts_as_nothing(tmp_path):
    (tmp_path / "x.gguf").write_bytes(b"GGUF" * 100)
    assert weights_bytes(str(tmp_path / "x.gguf")) == 0
    assert weights_bytes("nobody/nothing") == 0
