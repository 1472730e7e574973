"""Memory of a model opened in a process of its own."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest

from trusteq import Items, ModelError, from_callable
from trusteq.data.arrays import Arrays
from trusteq.data.texts import Texts
from trusteq.models import cost_memory
from trusteq.models.cost_child import as_json, from_json
from trusteq.models.cost_memory import can_be_reopened, peak_bytes
from trusteq.models.onnx_session import open_onnx
from trusteq.models.transformer import open_transformer

MB = 1_000_000
ROWS = Items(ids=["a", "b", "c"], segments={"x": np.ones((3, 2), dtype=np.float32)})

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="resident memory is read from /proc")


def hungry(path, megabytes):
    """A graph that makes an array of this size while it answers."""
    onnx = pytest.importorskip("onnx", reason="needs onnx to build graphs")
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    helper, kind = onnx.helper, onnx.TensorProto
    shape = onnx.numpy_helper.from_array(np.array([megabytes * MB // 4], dtype=np.int64), "shape")
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Expand", ["sum", "shape"], ["array"]),
        helper.make_node("ReduceMax", ["array"], ["largest"], keepdims=0),
        helper.make_node("Add", ["x", "largest"], ["logits"]),
    ]
    inputs = [helper.make_tensor_value_info("x", kind.FLOAT, ["rows", 2])]
    outputs = [helper.make_tensor_value_info("logits", kind.FLOAT, ["rows", 2])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [shape])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return open_onnx(str(path), name=path.stem, labels=("no", "yes"))


@pytest.mark.slow
@linux
def test_an_array_that_the_model_makes_is_seen(tmp_path):
    large, small = hungry(tmp_path / "large.onnx", 300), hungry(tmp_path / "small.onnx", 1)
    more = peak_bytes(large, ROWS, None) - peak_bytes(small, ROWS, None)
    assert 295 * MB < more < 330 * MB


@pytest.mark.slow
@linux
@pytest.mark.long
def test_a_tiny_transformer_takes_next_to_nothing_beside_what_runs_it(bert, items):
    opened = open_transformer(str(bert), name="m", labels=("x", "y", "z"), budget=100)
    assert 0 < peak_bytes(opened, items, None) < 60 * MB


def asked_of(model, items, shape, monkeypatch, answer=b'{"before": 10, "peak": 17}', code=0, said=b""):
    """What the process is asked, and how it is started; it answers this."""
    seen = []

    def run(command, **how):
        seen.extend((command, json.loads(how["input"]), how))
        return subprocess.CompletedProcess(command, code, answer, said)

    monkeypatch.setattr(cost_memory.subprocess, "run", run)
    return peak_bytes(model, items, shape), *seen


def test_the_process_opens_the_model_as_it_was_opened(onnx_bert, bert, items, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    opened = open_onnx(str(onnx_bert), name="m", labels=("x", "y", "z"), tokenizer=str(bert), scores="logits", budget=9)
    grown, command, question, how = asked_of(opened, items, 4, monkeypatch)
    assert grown == 7
    assert command == [sys.executable, "-P", "-m", "trusteq.models.cost_child"]
    assert how["env"]["HF_HUB_OFFLINE"] == "1"
    assert question["location"] == str(onnx_bert)
    assert question["options"] == {
        "labels": ["x", "y", "z"],
        "tokenizer": str(bert),
        "scores": "logits",
        "output": "logits",
        "budget": 9,
    }
    assert question["shape"] == 4
    assert from_json(question["segments"]["text"]) == items.segments["text"]


def test_whether_scores_are_probabilities_is_left_open_where_nobody_said_so(onnx_bert, items, monkeypatch):
    opened = open_onnx(str(onnx_bert), name="m")
    assert asked_of(opened, items, None, monkeypatch)[2]["options"]["scores"] is None


def test_a_module_in_the_working_directory_is_not_run(onnx_bert, items, tmp_path, monkeypatch):
    for module in ("json.py", "trusteq.py", "onnxruntime.py"):
        (tmp_path / module).write_text("raise SystemExit('mine')", "utf-8")
    monkeypatch.chdir(tmp_path)
    assert peak_bytes(open_onnx(str(onnx_bert), name="m"), items, None) > 0


# what can go wrong


def test_a_model_that_is_gone_is_one_line(onnx_bert, items):
    opened = open_onnx(str(onnx_bert), name="m")
    opened.identity = replace(opened.identity, location="/no/such/model.onnx")
    with pytest.raises(ModelError, match=r"its process failed with code 2: .*/no/such/model.onnx") as caught:
        peak_bytes(opened, items, None)
    assert "\n" not in str(caught.value)


def test_a_process_that_was_killed_says_so(onnx_bert, items, monkeypatch):
    opened = open_onnx(str(onnx_bert), name="m")
    with pytest.raises(ModelError, match=r"killed by signal 9, perhaps because memory ran out: the last line$"):
        asked_of(opened, items, None, monkeypatch, code=-9, said=b"\xff\nTraceback\n  the last line\n\n")


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b"hello", b'{"before": "x", "peak": 1}'])
def test_an_answer_that_is_none_is_one_line(onnx_bert, items, monkeypatch, answer):
    opened = open_onnx(str(onnx_bert), name="m")
    with pytest.raises(ModelError, match="its process gave an unexpected answer"):
        asked_of(opened, items, None, monkeypatch, answer=answer)


def test_a_system_that_does_not_tell_is_one_line(onnx_bert, items, monkeypatch):
    opened = open_onnx(str(onnx_bert), name="m")
    with pytest.raises(ModelError, match="does not report"):
        asked_of(opened, items, None, monkeypatch, answer=b'{"before": null, "peak": null}')


def test_a_process_that_takes_too_long_is_ended(onnx_bert, items):
    with pytest.raises(ModelError, match=r"had not answered after 0\.05 s"):
        peak_bytes(open_onnx(str(onnx_bert), name="m"), items, None, seconds=0.05)


def test_no_python_to_start_is_one_line(onnx_bert, items, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ModelError, match="no process could be started"):
        peak_bytes(open_onnx(str(onnx_bert), name="m"), items, None)


def test_arrays_of_objects_are_not_pickled(onnx_bert):
    odd = Items(ids=["a"], segments={"x": np.array([{}], dtype=object)})
    with pytest.raises(ModelError, match="cannot be passed to another process"):
        peak_bytes(open_onnx(str(onnx_bert), name="m"), odd, None)


def test_memory_of_an_accelerator_is_not_confused_with_the_processor_s(bert, items, monkeypatch):
    monkeypatch.setattr(cost_memory, "traits_of", lambda model: replace(model.traits, device="cuda:0"))
    with pytest.raises(ModelError, match="runs on cuda:0"):
        peak_bytes(open_transformer(str(bert), name="m"), items, None)


# the parts


@pytest.mark.parametrize(
    "array",
    [np.arange(6, dtype=np.int8).reshape(2, 3), np.ones((2, 2, 2), dtype=np.float16), np.array(["ä", "b"])],
)
def test_arrays_arrive_as_they_were(array):
    back = from_json(json.loads(json.dumps(as_json(Arrays(array)))))
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_texts_arrive_as_they_were():
    texts = ("größer 世界", "\x00\x1b[2J", "</script>")
    assert from_json(json.loads(json.dumps(as_json(Texts(texts))))) == list(texts)


@linux
def test_the_peak_can_begin_anew():
    """In a process of its own, as it is used: the command line, tried here in other tests, keeps what it has freed."""
    code = f"""
import numpy as np
from trusteq.models.cost_child import forget_peak, peak

np.ones({100 * MB}, dtype=np.uint8).sum()
before = peak()
forget_peak()
print(before, peak())
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    before, after = map(int, done.stdout.split())
    if after == before:
        pytest.skip("this system does not let a process forget its peak")
    assert before - after > 50 * MB


def test_what_is_no_file_cannot_be_opened_again(bert, onnx_bert):
    assert not can_be_reopened(from_callable(len, labels=("a", "b"), name="f"))
    assert can_be_reopened(open_transformer(str(bert), name="m"))
    assert can_be_reopened(open_onnx(str(onnx_bert), name="m"))


def test_the_child_prints_nothing_but_its_answer(onnx_bert, items):
    """Whatever else is written on stdout, by Python or below it, goes to stderr."""
    opened = open_onnx(str(onnx_bert), name="m")
    question = {**asdict(opened.traits.opening()), **cost_memory._as_json(items), "shape": None}
    loud = "import os, sys; os.write(1, b'below'); print('above', flush=True)"
    code = f"import trusteq.models.cost_child as c, sys\nc.prepare = lambda *_: exec({loud!r})\nsys.exit(c.main())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(question).encode(),
        capture_output=True,
        check=True,
        env=dict(os.environ),
    )
    assert set(json.loads(done.stdout)) == {"before", "peak"}
    assert b"below" in done.stderr
    assert b"above" in done.stderr
