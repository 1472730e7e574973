"""Models that people have in hand answer as those opened from files, say what they are, or say why they are none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trusteq import Items, LabelError, ModelError, OptionError, audit, open_model
from trusteq.auditing.models import identify
from trusteq.models.in_hand import as_model, is_pair, kind_of
from trusteq.models.traits import traits_of

pytestmark = pytest.mark.usefixtures("python_words")

LABELS = ["no", "yes"]


@pytest.fixture(scope="module")
def loaded(bert):
    transformers = pytest.importorskip("transformers")
    from trusteq.models.library_output import quiet_transformers

    with quiet_transformers():
        model = transformers.AutoModelForSequenceClassification.from_pretrained(bert)
        return model, transformers.AutoTokenizer.from_pretrained(bert)


@pytest.fixture(scope="module")
def rows():
    values = np.random.default_rng(3).normal(size=(20, 2))
    return Items(ids=[f"r{i}" for i in range(20)], segments={"rows": values})


def net(seed=0, *, softmax=False):
    torch = pytest.importorskip("torch")

    torch.manual_seed(seed)
    layers = [torch.nn.Linear(2, 2), *([torch.nn.Softmax(dim=1)] if softmax else [])]
    return torch.nn.Sequential(*layers).eval()


def tensor(values):
    import torch

    return torch.tensor(np.asarray(values), dtype=torch.float32)


def refused(given, error=ModelError, **options):
    with pytest.raises(error) as caught:
        open_model(given, name="m", **options)
    return caught


# A model of transformers and its tokenizer.


def test_a_pair_answers_to_the_bit_as_its_folder(bert, loaded, pairs):
    model, folder = open_model(loaded), open_model(bert)
    assert np.array_equal(model.predict(pairs), folder.predict(pairs))
    assert model.labels == folder.labels
    assert model.name == "BertForSequenceClassification"
    rows = model.encode([("the film was good",), ("bad",)])
    assert np.array_equal(model.answer(rows), folder.answer(rows))


def test_a_pair_is_known_by_its_weights_configuration_and_tokenizer(loaded):
    import copy

    import torch

    model, tokenizer = loaded
    content = open_model(loaded).identity.content
    same, other, renamed = (copy.deepcopy(model) for _ in range(3))
    with torch.no_grad():
        next(iter(other.parameters())).flatten()[0] += 1e-6
    renamed.config.id2label = {0: "a", 1: "b", 2: "c"}
    reread = copy.deepcopy(tokenizer)
    reread.add_tokens(["unheard"])
    assert open_model((same, tokenizer)).identity.content == content
    others = [(other, tokenizer), (renamed, tokenizer), (model, reread)]
    assert len({content, *(open_model(pair).identity.content for pair in others)}) == 4


def test_a_pair_cannot_be_opened_elsewhere_and_has_no_files(loaded):
    traits = traits_of(open_model(loaded))
    assert traits.opening() is None
    assert traits.size().disk_bytes is None
    assert traits.size().parameters > 1000
    assert traits.changeable
    assert traits.tokens is not None


def test_a_pipeline_is_its_model_and_tokenizer(loaded, items):
    transformers = pytest.importorskip("transformers")
    pipeline = transformers.pipeline("text-classification", model=loaded[0], tokenizer=loaded[1])
    model = open_model(pipeline)
    assert np.array_equal(model.predict(items), open_model(loaded).predict(items))
    assert model.identity.content == open_model(loaded).identity.content
    text = items.segments["text"][4]
    told = {one["label"]: one["score"] for one in pipeline(text, top_k=None)}
    answer = model.predict(items)[4]
    assert all(told[label] == pytest.approx(p, abs=1e-6) for label, p in zip(model.labels, answer, strict=True))


def test_a_pipeline_of_another_task_is_refused(loaded, one_line):
    transformers = pytest.importorskip("transformers")
    pipeline = transformers.pipeline("text-classification", model=loaded[0], tokenizer=loaded[1])
    for task, way in (
        ("text-generation", "a language model is opened from its folder, with a task file"),
        ("zero-shot-classification", "open the folder of its model with trusteq.open_model"),
    ):
        pipeline.task = task
        one_line(refused(pipeline), f"model m: a pipeline of {task}; of pipelines, only", way)


def test_what_a_pair_cannot_be(loaded, one_line):
    import copy

    import torch
    from transformers import BertConfig, BertForMaskedLM

    model, tokenizer = loaded
    training, multi, empty = (copy.deepcopy(model) for _ in range(3))
    multi.config.problem_type = "multi_label_classification"
    with torch.device("meta"):
        empty.classifier = torch.nn.Linear(32, 3)
    one_line(refused((training.train(), tokenizer)), "model m: it is in training mode", "call .eval()")
    one_line(refused((multi, tokenizer)), "problem_type is 'multi_label_classification'")
    one_line(refused((empty.eval(), tokenizer)), "classifier.bias is on the meta device")
    masked = BertForMaskedLM(BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1)).eval()
    one_line(refused((masked, tokenizer)), "BertForMaskedLM does not classify texts", "ForSequenceClassification")
    one_line(refused(model), "does not say how items become its inputs", "(model, tokenizer)")
    one_line(refused(loaded, OptionError, scores="logits"), "scores has no effect on a model in memory")


# A torch module and the function that makes its inputs.


def test_a_module_answers_with_the_softmax_of_its_logits(rows):
    import torch

    module = net()
    model = open_model((module, tensor), labels=LABELS)
    with torch.inference_mode():
        expected = torch.softmax(module(tensor(rows.segments["rows"])).double(), dim=1).numpy()
    assert np.allclose(model.predict(rows), expected, atol=1e-12)
    by_name = open_model((Named(module), lambda values: {"x": tensor(values)}), labels=LABELS)
    assert np.array_equal(by_name.predict(rows), model.predict(rows))
    in_a_tuple = open_model((module, lambda values: (tensor(values),)), labels=LABELS)
    assert np.array_equal(in_a_tuple.predict(rows), model.predict(rows))


def Named(module):  # noqa: N802 - it makes one
    import torch

    class ByName(torch.nn.Module):
        def forward(self, x):
            return type("Output", (), {"logits": module(x)})()

    return ByName().eval()


def test_a_module_that_returns_probabilities_says_so(rows, one_line):
    module = net(softmax=True)
    with pytest.raises(ModelError) as caught:
        open_model((module, tensor), labels=LABELS, name="m").predict(rows)
    one_line(caught, "model m: output 'logits' looks like probabilities", "give scores='probabilities'")
    model = open_model((module, tensor), labels=LABELS, scores="probabilities")
    assert np.allclose(model.predict(rows).sum(axis=1), 1)


def test_a_module_is_known_by_its_weights_and_by_what_makes_its_inputs():
    def other(values):
        return tensor(values)

    contents = [
        open_model((net(seed), make), labels=LABELS).identity.content for seed in (0, 1) for make in (tensor, other)
    ]
    assert len(set(contents)) == 4
    assert open_model((net(0), tensor), labels=LABELS).identity.content == contents[0]


def test_what_a_module_does_wrong_is_one_line(rows, one_line):
    import torch

    one_line(refused((net(), tensor), LabelError), "model m: Sequential does not name its labels", "labels=[...]")
    one_line(refused((net().train(), tensor), labels=LABELS), "training mode")
    for make, says in (
        (lambda values: torch.zeros(len(values), 5), "mat1 and mat2"),
        (lambda values: torch.zeros(1, 2), "it returned [1, 2] for 20 items"),
        (lambda values: 1 / 0 if not len(values) else "text", "failed while answering"),
    ):
        with pytest.raises(ModelError) as caught:
            open_model((net(), make), labels=LABELS, name="m").predict(rows)
        one_line(caught, "model m: ", says)


def test_the_pairs_that_are_one_model(loaded):
    model, tokenizer = loaded
    assert is_pair((model, tokenizer))
    assert is_pair((net(), tensor))
    for candidates in ((model, model), (net(), net()), (tensor, tensor), [model, tokenizer], (model,), "ab"):
        assert not is_pair(candidates)


# A session of ONNX Runtime.


def session(made):
    pytest.importorskip("onnx")
    from trusteq.models.onnx_runtime import onnx_runtime

    return onnx_runtime().InferenceSession(made, providers=["CPUExecutionProvider"])


def test_a_session_of_a_file_answers_as_the_file(onnx_bert, loaded, items):
    file = onnx_bert / "model.onnx"
    opened, folder = session(file), open_model(onnx_bert)
    model = open_model(opened)
    assert model.session is opened
    assert np.array_equal(model.predict(items), folder.predict(items))
    assert model.identity.content == folder.identity.content
    assert model.identity.kind == "onnx in memory"
    assert traits_of(model).opening() is None
    assert traits_of(model).size() == traits_of(folder).size()


@pytest.mark.parametrize("kind", ["transformers", "tokenizers", "folder"])
def test_a_session_of_bytes_reads_texts_by_the_tokenizer_beside_it(onnx_bert, loaded, items, kind):
    made = session((onnx_bert / "model.onnx").read_bytes())
    tokenizer = {"transformers": loaded[1], "tokenizers": loaded[1].backend_tokenizer, "folder": onnx_bert}[kind]
    folder = open_model(onnx_bert)
    model = open_model((made, tokenizer), labels=list(folder.labels))
    again = open_model((made, tokenizer), labels=list(folder.labels))
    assert np.allclose(model.predict(items), folder.predict(items), atol=1e-6)
    assert model.identity == again.identity
    assert model.identity.details["tokenizer"] == (
        str(onnx_bert) if kind == "folder" else f"{type(tokenizer).__name__} in memory"
    )
    assert traits_of(model).size().parameters == traits_of(folder).size().parameters


@pytest.mark.parametrize("kind", ["bytes", "pair"])
@pytest.mark.parametrize("reference", ["folder", "in memory"])
def test_a_session_takes_what_it_lacks_from_the_reference(onnx_bert, bert, loaded, kind, reference):
    made = session((onnx_bert / "model.onnx").read_bytes())
    base = open_model(bert) if reference == "folder" else open_model(loaded, name="large")
    given = made if kind == "bytes" else (made, loaded[1])
    model = identify(base, {"small": given}, allow_same=False).candidates[0]
    assert model.labels == base.labels
    texts = Items(ids=["a"], segments={"text": ["a good film"]})
    by_hand = open_model((made, loaded[1]), labels=list(base.labels))
    assert np.array_equal(model.predict(texts), by_hand.predict(texts))
    (finding,) = [one for one in model.findings() if one.kind == "taken from the reference"]
    what = "labels" if kind == "pair" else "tokenizer and labels"
    assert finding.message.startswith(f"{what} taken from {base.name}, ")
    assert finding.message.endswith("if its outputs have another, name them with labels=[...]")


def test_models_may_be_the_names_of_files_and_folders(onnx_bert, bert, tmp_path):
    lone = tmp_path / "small.onnx"
    lone.write_bytes((onnx_bert / "model.onnx").read_bytes())
    models = identify(bert, [str(lone), onnx_bert], peer=None, allow_same=True)
    assert [model.name for model in models.audited] == [bert.name, "small", onnx_bert.name]
    assert models.reference.identity.content == open_model(bert).identity.content
    (finding,) = [one for one in models.candidates[0].findings() if one.kind == "taken from the reference"]
    assert finding.message.startswith(f"tokenizer and labels taken from {bert.name}, ")
    assert identify(bert, {"ours": lone}, allow_same=False).candidates[0].name == "ours"
    with pytest.raises(ModelError, match="'nowhere' is not a file or folder here"):
        identify(bert, "nowhere", allow_same=False)


def test_what_a_session_cannot_be(onnx_bert, tmp_path, one_line):
    import shutil

    made = session((onnx_bert / "model.onnx").read_bytes())
    one_line(refused(made, LabelError), "name the labels", "labels=['first', 'second']")
    one_line(refused(made, OptionError, device="cuda"), "device has no effect on a session")
    shutil.copy(onnx_bert / "model.onnx", tmp_path / "gone.onnx")
    gone = session(tmp_path / "gone.onnx")
    (tmp_path / "gone.onnx").unlink()
    one_line(refused(gone), "gone.onnx is gone, and so its content is unknown")


# Predictions.


def test_predictions_are_a_model_of_their_items():
    frame = pd.DataFrame({"id": ["b", "a"], "no": [0.25, 0.5], "yes": [0.75, 0.5]})
    items = Items(ids=["a", "b"], id_column="id")
    model = open_model(frame)
    assert model.predict(items).tolist() == [[0.5, 0.5], [0.25, 0.75]]
    assert (model.name, model.labels) == ("predictions", ("no", "yes"))
    assert not traits_of(model).changeable
    array = open_model(frame[LABELS].to_numpy(), labels=LABELS, name="large")
    assert array.predict(items).tolist() == [[0.25, 0.75], [0.5, 0.5]]
    assert repr(array).count("\n") == 0
    assert len(repr(array)) < 500


def test_frames_are_audited_on_the_items_of_a_frame(one_line):
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1], size=60)
    large = pd.DataFrame(p, columns=LABELS).assign(id=range(60), gold=np.array(LABELS)[p.argmax(axis=1)])
    small = pd.DataFrame(0.9 * p + 0.05, columns=LABELS).assign(id=range(60)).sample(frac=1, random_state=0)
    result = audit(large, {"small": small}, large, label="gold", resamples=100, with_slices=False)
    assert result["small"].measures["behaviour"]["disagreement"].value == 0
    explanation = result["small"].verdict.dimensions[-1]
    assert (explanation.dimension, explanation.outcome) == ("explanation", "NOT MEASURED")
    with pytest.raises(OptionError) as caught:
        audit(large, small, result.items, label="gold")
    one_line(caught, "label has no effect: the items are read already")
    with pytest.raises(TypeError, match="unexpected keyword argument 'polcy'"):
        audit(large, small, result.items, polcy="default")


def test_a_dataset_is_read_like_a_frame(loaded):
    datasets = pytest.importorskip("datasets")
    texts = {"sentence": ["the film was good", "bad", "the dog runs"], "label": ["yes", "no", "maybe"]}
    made = datasets.Dataset.from_dict(texts)
    settings = {"text": "sentence", "label": "label", "resamples": 100, "explain": False, "allow_same": True}
    settings |= {"with_slices": False, "costs": "none"}
    of_frame = audit(loaded, [loaded], pd.DataFrame(texts), **settings)
    of_dataset = audit(loaded, loaded, made, **settings)
    pd.testing.assert_frame_equal(of_frame.estimates(), of_dataset.estimates(), check_exact=True)
    with pytest.raises(Exception, match="dataset: has the splits test, train; choose one with split="):
        audit(loaded, loaded, datasets.DatasetDict(test=made, train=made), **settings)
    of_split = audit(loaded, loaded, datasets.DatasetDict(test=made, train=made), split="test", **settings)
    assert of_split.items.ids == of_dataset.items.ids


def test_frames_of_polars_hold_items():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": [1.0, None, 3.0], "b": ["x", "y", None], "label": ["no", "yes", "no"]})
    import trusteq

    items = trusteq.read_items(frame, columns=["a", "b"], label="label")
    rows = items.segments["row"]
    assert [(column.name, column.is_number) for column in rows.columns] == [("a", True), ("b", False)]
    values = [column.values(array) for column, array in zip(rows.columns, rows.arrays, strict=True)]
    assert values == [[1.0, None, 3.0], ["x", "y", None]]
    assert (items.label_names, items.labels.tolist()) == (("no", "yes"), [0, 1, 0])
    lists = trusteq.read_items(frame.with_columns(c=polars.Series([[1.0, 2.0]] * 3)), text="c")
    assert lists.segments["c"].values.shape == (3, 2)


def test_other_things_are_no_models(one_line):
    for thing in (object(), len, {"a": 1}):
        one_line(refused(thing), "model m: ", "is neither a trusteq model nor", "from_callable")
    assert kind_of(np.zeros((1, 2))) == "predictions"
    for name in ("models/large", Path("models/large")):
        with pytest.raises(ModelError) as caught:
            as_model(name, name="m")
        one_line(caught, "'models/large' is a name, not a model; open it with trusteq.open_model('models/large')")
    with pytest.raises(ModelError, match="pickle file, which could execute code"):
        as_model("large.pkl", name="m")
    model = as_model((net(), tensor), name="m", labels=LABELS)
    assert as_model(model, name="other") is model
