"""ONNX graphs of models whose weights are rounded already: healed or not, they stay as small as they are."""

import numpy as np
import pytest

import trusteq
import trusteq.compress
from trusteq import ModelError

onnx = pytest.importorskip("onnx", reason="needs onnx to export")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

from onnx import numpy_helper  # noqa: E402


def weights_of(folder):
    model = onnx.load(folder / "model.onnx")
    return model, {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def export(source, out):
    return trusteq.compress.make(source, method="onnx", out=out)


@pytest.fixture(scope="module")
def rounded(large, tmp_path_factory):
    """A function from a method and options to the candidate of the large model."""
    found = {}

    def make(method, **options):
        for package in trusteq.compress.METHODS[method].packages:
            pytest.importorskip(package.replace("-", "_"), reason=f"needs {package}")
        key = method, *options.items()
        if key not in found:
            out = tmp_path_factory.mktemp("rounded") / method
            found[key] = trusteq.compress.make(large, method=method, out=out, **options).directory
        return found[key]

    return make


@pytest.mark.parametrize(("method", "group"), [("int4-weights", 32), ("int3-weights", 64)])
def test_weights_in_4_bits_are_those_of_the_candidate_to_the_bit(method, group, rounded, tmp_path, pairs):
    """MatMulNBits multiplies by (q - 8) * step, two q in a byte, the lower four bits first."""
    from trusteq.compress.parametrizations import on_grid
    from trusteq.compress.trainee import trainee

    candidate = rounded(method, group=group)
    made = export(candidate, tmp_path / "graph")
    model, weights = weights_of(made.directory)
    learner = trainee(trusteq.open_model(candidate))
    expected = {on_grid(whole, learner.tensors[place]).numpy().tobytes() for whole, place in learner.grids.values()}
    nodes = [node for node in model.graph.node if node.op_type == "MatMulNBits"]
    assert len(nodes) == len(learner.grids) == made.recipe["rounded_weights"]["4 bits"]
    found = set()
    for node in nodes:
        settings = {attribute.name: attribute.i for attribute in node.attribute}
        assert (settings["bits"], settings["block_size"], settings["accuracy_level"]) == (4, group, 1)
        bytes_, steps = (weights[name] for name in node.input[1:3])
        q = np.stack([bytes_ & 15, bytes_ >> 4], axis=-1).reshape(settings["N"], -1, group).astype(np.int32)
        values = (q - 8).astype(np.float32) * steps.reshape(settings["N"], -1, 1)
        found.add(values.reshape(settings["N"], settings["K"]).tobytes())
    assert found == expected
    moved = trusteq.open_model(made.directory).predict(pairs) - trusteq.open_model(candidate).predict(pairs)
    assert np.abs(moved).max() < 1e-4
    assert any("MatMulNBits" in note for note in made.notes)


@pytest.mark.parametrize(("method", "options"), [("int8-weights", {}), ("int4-weights", {"group": 8})])
def test_other_rounded_weights_are_held_in_8_bits(method, options, rounded, tmp_path, pairs):
    """ONNX Runtime would round activations, too, if DequantizeLinear said what these are."""
    candidate = rounded(method, **options)
    made = export(candidate, tmp_path / "graph")
    model, weights = weights_of(made.directory)
    held = [values for values in weights.values() if values.dtype == np.int8]
    assert len(held) == made.recipe["rounded_weights"]["8 bits"] == 25
    assert not {node.op_type for node in model.graph.node} & {"DequantizeLinear", "MatMulNBits"}
    moved = trusteq.open_model(made.directory).predict(pairs) - trusteq.open_model(candidate).predict(pairs)
    assert np.abs(moved).max() < 1e-4


def test_graphs_of_rounded_weights_are_smaller_by_what_rounding_saves(large, rounded, tmp_path):
    sizes = {
        method: (export(source, tmp_path / method).directory / "model.onnx").stat().st_size
        for method, source in (
            ("float32", large), ("8 bits", rounded("int8-weights")), ("4 bits", rounded("int4-weights", group=32))
        )
    }  # fmt: skip
    linear = 4 * (4 * 64 * 64 + 2 * 64 * 256) + 64 * 64
    # A step in 32 bits for each row of 64 or 256, or for each 32 weights; and up to 25 kB of names.
    assert sizes["float32"] - sizes["8 bits"] == pytest.approx(linear * 3, rel=0.15)
    assert sizes["float32"] - sizes["4 bits"] == pytest.approx(linear * (4 - 0.5 - 0.125), rel=0.15)


def test_activations_that_are_rounded_stay_so(rounded, tmp_path, pairs):
    candidate = rounded("int8-dynamic")
    made = export(candidate, tmp_path / "graph")
    assert "Round" in {node.op_type for node in onnx.load(made.directory / "model.onnx").graph.node}
    graph, own, plain = (
        trusteq.open_model(folder).predict(pairs) for folder in (made.directory, candidate, rounded("int8-weights"))
    )
    assert np.abs(graph - own).mean() < 0.5 * np.abs(plain - own).mean()
    assert any("audit it" in note for note in made.notes)


def test_a_healed_model_in_4_bits_becomes_a_graph_in_4_bits(large, rounded, tmp_path, texts):
    items = [
        trusteq.Items([f"{seed}-{i}" for i in range(count)], {"text": texts(count, seed)})
        for count, seed in ((96, 11), (40, 12), (100, 13))
    ]
    candidate = rounded("int4-weights", group=32)
    healed = trusteq.compress.make(
        candidate, method="heal", original=large, out=tmp_path / "healed", items=items[0], dev=items[1], rows=640,
        move="scales",
    ).directory  # fmt: skip
    graph = export(healed, tmp_path / "graph").directory
    answers = [trusteq.open_model(folder).predict(items[2]) for folder in (graph, healed, candidate, large)]
    assert np.abs(answers[0] - answers[1]).max() < 1e-4
    kl = [(answers[3] * np.log(answers[3] / ours)).sum() for ours in (answers[0], answers[2])]
    assert kl[0] < kl[1]
    assert (graph / "model.onnx").stat().st_size < 1.5 * (healed / "model.safetensors").stat().st_size


def test_rounded_models_are_still_no_input_of_other_methods(rounded, tmp_path, one_line):
    with pytest.raises(ModelError) as caught:
        trusteq.compress.make(rounded("int4-weights", group=32), method="int8-onnx", out=tmp_path / "int8")
    one_line(caught, "already quantized (compressed-tensors)")


def test_a_graph_opens_without_torch(rounded, tmp_path):
    import subprocess
    import sys

    made = export(rounded("int4-weights", group=32), tmp_path / "graph")
    code = (
        "import sys; sys.modules['torch'] = None; import trusteq; "
        f"m = trusteq.open_model({str(made.directory)!r}); "
        "print(m.predict(trusteq.Items(['a'], {'text': ['the man']})).sum())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(1)
