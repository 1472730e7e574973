import itertools
import warnings

import numpy as np
import pytest

from trusteq import Items, ModelError, ModelOptions, from_callable, open_model
from trusteq.data.predictions import softmax
from trusteq.models.base import Identity
from trusteq.models.prediction_file import open_predictions
from trusteq.models.probe import BATCH_TOLERANCE, ProbeResult, predict_all, predict_in_shape, probe

LABELS = ("no", "yes")


def certain(p):
    return np.stack([1 - p, p], axis=1)


def steady(texts):
    return certain(np.array([1 / (1 + len(text)) for text in texts]))


def company(texts):
    """Each answer is pulled towards the longest text of its batch, as one activation scale for all would."""
    return certain(np.array([len(text) for text in texts]) / (1 + max(len(text) for text in texts)))


def of(function):
    return from_callable(function, labels=LABELS, name="m")


@pytest.fixture
def texts():
    return Items(ids=[f"i{i}" for i in range(50)], segments={"text": ["x" * (1 + i % 9) for i in range(50)]})


def test_a_steady_function_does_not_move_at_all(texts):
    result = probe(of(steady), texts)
    assert result == ProbeResult(0.0, 0, 0.0, 0, 32)
    assert result.findings("m") == ()


def test_dependence_on_the_batch_is_found_with_its_size(texts):
    result = probe(of(company), texts)
    # The text of length 2: 2/3 alone, 2/10 beside one of length 9.
    assert result.batch_movement == pytest.approx(2 / 3 - 0.2)
    assert result.rerun_movement == 0
    (finding,) = result.findings("m")
    assert (finding.model, finding.kind) == ("m", "batch-dependent")
    assert finding.value == result.batch_movement
    assert "by up to 0.47" in finding.message
    assert f"{result.batch_flips} of 32 answers flipped" in finding.message


def test_flips_are_counted(texts):
    """Beside a text of 9, only those from 6 up are answered yes; alone, all those from 2 up."""
    seen = []

    def function(batch):
        seen.append([len(text) for text in batch])
        return company(batch)

    flips = probe(of(function), texts).batch_flips
    assert max(seen[0]) == 9
    assert flips == sum(2 <= length <= 5 for length in seen[0]) > 0


def test_a_function_that_answers_differently_again_is_found(texts):
    draw = np.random.default_rng(0)
    result = probe(of(lambda batch: certain(draw.uniform(0.3, 0.7, len(batch)))), texts)
    assert not result.deterministic
    assert result.rerun_flips > 0
    assert [finding.kind for finding in result.findings("m")] == ["not deterministic"]
    assert result.findings("m")[0].value == result.rerun_movement


def test_dependence_on_the_batch_is_found_behind_a_little_noise(texts):
    draw = np.random.default_rng(0)
    result = probe(of(lambda batch: np.clip(company(batch) + draw.uniform(0, 0.01) * np.array([1, -1]), 0, 1)), texts)
    assert [finding.kind for finding in result.findings("m")] == ["not deterministic", "batch-dependent"]


@pytest.mark.parametrize(("movement", "found"), [(BATCH_TOLERANCE * 0.99, 0), (BATCH_TOLERANCE * 1.01, 1)])
def test_the_tolerance_is_the_border(movement, found):
    assert len(ProbeResult(movement, 0, 0.0, 0, 8).findings("m")) == found
    assert len(ProbeResult(0.0, 0, movement, 0, 8).findings("m")) == found


def test_messages_are_one_line():
    for finding in ProbeResult(0.3, 2, 0.01, 1, 8).findings("m"):
        assert "\n" not in finding.message


def test_the_sample_does_not_depend_on_the_order_of_items(texts):
    seen = []

    def function(batch):
        seen.append(list(batch))
        return steady(batch)

    probe(of(function), texts, sample=10)
    probe(of(function), texts.take(np.random.default_rng(1).permutation(50)), sample=10)
    assert seen[0] == seen[12]
    assert len(seen[0]) == 10
    assert {len(text) for text in seen[0]} >= {1, 9}


def test_fewer_items_than_the_sample(texts):
    assert probe(of(steady), texts.take([3, 4])).n == 2
    assert probe(of(steady), texts.take([3])).n == 1


def test_arrays_are_probed_too():
    items = Items(ids=["a", "b", "c"], segments={"x": np.array([[1.0], [2.0], [3.0]])})
    assert probe(of(lambda x: certain(x[:, 0] / 10)), items).n == 3
    assert probe(of(lambda x: certain(x[:, 0] / x.sum() * 0.9)), items).batch_dependent


def test_nan_does_not_pass_for_no_movement(texts):
    with pytest.raises(ModelError, match="nan"):
        probe(of(lambda batch: np.full((len(batch), 2), np.nan)), texts)


def test_a_predictions_file_is_not_asked(tmp_path, texts):
    (tmp_path / "p.csv").write_text("id,no,yes\nelsewhere,0.1,0.9\n")
    assert probe(open_predictions(str(tmp_path / "p.csv"), name="p"), texts).n == 0


# the int8 trap, with the real thing


@pytest.fixture
def quantized_torch(bert, items):
    torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
    model = open_model(str(bert), name="int8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls its own quantization deprecated
        small = torch.ao.quantization.quantize_dynamic(model.model, {torch.nn.Linear}, dtype=torch.qint8)

    def function(texts):
        with torch.inference_mode():
            return softmax(small(**model.tokenizer(texts, padding=True, return_tensors="pt")).logits.numpy())

    return from_callable(function, labels=model.labels, name="int8")


@pytest.fixture
def quantized_onnx(onnx_bert, tmp_path):
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(onnx_bert / "model.onnx", tmp_path / "int8.onnx")
    options = ModelOptions(labels=("no", "maybe", "yes"), tokenizer=str(onnx_bert))
    return open_model(str(tmp_path / "int8.onnx"), name="int8", options=options)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize("kind", ["quantized_torch", "quantized_onnx"])
def test_dynamic_int8_is_found(request, kind, items):
    result = probe(request.getfixturevalue(kind), items)
    assert result.deterministic
    assert result.batch_movement > 10 * BATCH_TOLERANCE
    assert [finding.kind for finding in result.findings("int8")] == ["batch-dependent"]


@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt2", "onnx_bert"])
def test_float32_is_not(request, kind, items, pairs):
    model = open_model(str(request.getfixturevalue(kind)), name="fp32")
    for some in (items, pairs):
        result = probe(model, some)
        assert result.batch_movement < 1e-5
        assert result.findings("fp32") == ()


def test_dynamic_int8_answers_the_same_in_a_stated_shape(quantized_onnx, items):
    first, again = (predict_in_shape(quantized_onnx, items, 8).values for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - predict_in_shape(quantized_onnx, items, 1).values).max() > BATCH_TOLERANCE


# shapes


def test_every_call_has_the_stated_items_and_progress_is_told(texts):
    calls, told = [], []

    def function(batch):
        calls.append(list(batch))
        return steady(batch)

    answers = predict_in_shape(of(function), texts, 8, told.append).values
    assert [len(call) for call in calls] == told == [8] * 6 + [2]
    assert list(itertools.chain(*calls)) == texts.segments["text"]
    np.testing.assert_allclose(answers, steady(texts.segments["text"]))


def test_predict_all_gives_the_same_whatever_the_chunk(texts):
    told = []
    np.testing.assert_array_equal(
        predict_all(of(steady), texts, told.append, chunk=7).values, predict_all(of(steady), texts).values
    )
    assert sum(told) == 50


def test_a_bad_answer_is_one_clear_line_that_names_the_item(texts, one_line):
    def function(batch):
        answers = steady(batch)
        answers[0] = 7
        return answers

    with pytest.raises(ModelError) as caught:
        predict_in_shape(of(function), texts, 8)
    one_line(caught, "model m", "'i0'", "7")


def test_a_predictions_file_is_matched_to_all_its_items_at_once(tmp_path, texts):
    rows = "".join(f"0.{i:02}1,0.{99 - i:02}9\n" for i in range(50))
    (tmp_path / "p.csv").write_text("no,yes\n" + rows)
    model = open_predictions(str(tmp_path / "p.csv"), name="p", by_row=True)
    assert predict_all(model, texts, chunk=7).values.shape == (50, 2)


def test_the_identity_of_a_wrapped_function_has_no_content(texts):
    assert of(steady).identity == Identity("callable", f"{__name__}.steady", None)
