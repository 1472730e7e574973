"""The machine, and how models use it."""

import os
from types import SimpleNamespace

import pytest

from trusteq import from_callable
from trusteq.models.cost_machine import machine
from trusteq.models.onnx_session import open_onnx
from trusteq.models.traits import Traits
from trusteq.models.transformer import open_transformer

FUNCTION = from_callable(len, labels=("a", "b"), name="f").traits


def test_a_transformer_runs_where_torch_put_it_with_torch_s_threads(bert):
    torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
    traits, before = open_transformer(str(bert), name="m", device="cpu").traits, torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert traits.threads() == 3
        assert machine([traits]).threads == 3
    finally:
        torch.set_num_threads(before)
    assert traits.device == machine([traits]).device == "cpu"


def test_onnx_runtime_chooses_its_threads_itself_unless_told(onnx_bert, monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert open_onnx(str(onnx_bert), name="m").traits.threads() == 1
    monkeypatch.delenv("OMP_NUM_THREADS")
    opened = open_onnx(str(onnx_bert), name="m")
    assert opened.traits.threads() is None
    told = onnxruntime.SessionOptions()
    told.intra_op_num_threads = 2
    opened.session = SimpleNamespace(get_session_options=lambda: told)
    assert opened.traits.threads() == 2


def test_of_a_function_it_is_not_known_where_it_runs():
    assert (FUNCTION.threads(), FUNCTION.device) == (None, None)
    assert machine([FUNCTION]).device == "unknown"


def test_threads_are_named_only_where_they_are_the_same():
    one, two = (Traits(device="cpu", threads=lambda n=n: n) for n in (1, 2))
    assert machine([one, one]).threads == 1
    assert machine([one, two]).threads is None


def test_several_devices_are_all_named():
    assert machine([Traits(device=name) for name in ("cpu", "meta", "cpu")]).device == "cpu, meta"


def test_the_processor_has_a_name_and_cores():
    found = machine([FUNCTION])
    assert found.processor
    assert 1 <= found.cores <= (os.cpu_count() or 1)
    assert found.platform
