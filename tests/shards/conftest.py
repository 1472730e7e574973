"""A tiny classifier in a folder, and items it can read."""

import os
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="needs the extra 'transformers'")

from oracles import tiny_models

from trusteq import Items, open_model

TEXTS = ("the film was not very good", "a man is outside", "the dog runs", "york york a film", "bad bad day")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tiny_models.save("bert", tmp_path_factory.mktemp("work") / "tiny")


@pytest.fixture
def model(folder):
    return open_model(folder, name="tiny")


@pytest.fixture(scope="session")
def items():
    texts = [f"{TEXTS[i % 5]} {' '.join(['good'] * (i % 90))}" for i in range(600)]
    return Items([f"i{i}" for i in range(600)], {"text": texts})


@pytest.fixture
def wayward(monkeypatch):
    """Worker processes that can import `wayward_shards`."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]), prepend=os.pathsep)


@pytest.fixture(scope="session")
def onnx(folder, tmp_path_factory):
    """The same as an ONNX graph, which a process opens in a second."""
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    from trusteq.compress import make

    return make(folder, method="onnx", out=tmp_path_factory.mktemp("graph") / "tiny").directory


@pytest.fixture
def light(onnx):
    return open_model(onnx, name="tiny")
