import json
import shutil

import numpy as np
import pandas as pd
import pytest

import trusteq
from trusteq import ExplainSettings, Items, LabelError, MissingExtraError, ModelError, from_callable
from trusteq.data.predictions import checked, softmax

onnx = pytest.importorskip("onnx", reason="needs onnx to build graphs")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

from command import trusteq as trusteq_command  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from trusteq.models.onnx_session import open_onnx  # noqa: E402
from trusteq.models.taken import Taken, offered_by  # noqa: E402

WEIGHTS = np.array([[1.0, -1.0, 0.5], [0.2, 0.3, -0.4]], dtype=np.float32)


def graph(path, nodes, inputs, outputs, weights=(), domains=()):
    """A small graph on disk; inputs and outputs as (name, type, shape)."""
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*entry) for entry in inputs],
        [helper.make_tensor_value_info(*entry) for entry in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights],
    )
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(domain, 1) for domain in domains)]
    onnx.save(helper.make_model(made, opset_imports=opsets, ir_version=9), path)
    return path


def linear(path, *, rows="rows", output="logits", softmaxed=False, weights=WEIGHTS):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z" if softmaxed else output])]
    if softmaxed:
        nodes.append(helper.make_node("Softmax", ["z"], [output], axis=-1))
    float_ = TensorProto.FLOAT
    return graph(path, nodes, [("x", float_, [rows, 2])], [(output, float_, [rows, 3])], [("w", weights)])


@pytest.fixture
def rows():
    return Items(
        ids=[f"r{i}" for i in range(300)],
        segments={"x": np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)},
    )


@pytest.fixture
def copy(onnx_bert, tmp_path):
    """A copy of the exported BERT to spoil."""
    return shutil.copytree(onnx_bert, tmp_path / "copy")


class Recorder:
    """A session that remembers what it is fed."""

    def __init__(self, session):
        self.session, self.fed = session, []

    def run(self, outputs, feed):
        self.fed.append(feed)
        return self.session.run(outputs, feed)


def refused(location, error=ModelError, **options):
    with pytest.raises(error) as caught:
        open_onnx(str(location), name="m", **options)
    return caught


# texts


def test_the_exported_model_answers_as_the_original(bert, onnx_bert, items, pairs):
    from trusteq.models.transformer import open_transformer

    original, exported = open_transformer(str(bert), name="t"), open_onnx(str(onnx_bert), name="o")
    assert exported.labels == original.labels
    for some in (items, pairs):
        np.testing.assert_allclose(exported.predict(some), original.predict(some), atol=1e-5)


def test_a_pair_reaches_the_graph_as_transformers_would_encode_it(bert, onnx_bert, pairs):
    transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    model = open_onnx(str(onnx_bert), name="m", budget=1)
    model.session = Recorder(model.session)
    model.predict(pairs)
    expected = tokenizer(*map(list, pairs.segments.values()), truncation=True, max_length=32)
    fed = [{key: values[0].tolist() for key, values in feed.items()} for feed in model.session.fed]
    wanted = [{key: expected[key][i] for key in expected} for i in range(len(pairs))]
    by_ids = lambda row: row["input_ids"]  # noqa: E731
    assert sorted(fed, key=by_ids) == sorted(wanted, key=by_ids)
    assert any(1 in row["token_type_ids"] for row in fed)


def test_padding_is_that_of_transformers(bert, onnx_bert, items):
    transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    model = open_onnx(str(onnx_bert), name="m")
    model.session = Recorder(model.session)
    model.predict(items)
    order = np.argsort([len(text.split()) for text in items.segments["text"]], kind="stable")
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    expected = tokenizer([items.segments["text"][i] for i in order], padding=True, return_tensors="np")
    (feed,) = model.session.fed
    assert np.array_equal(feed["attention_mask"].sum(axis=1), expected["attention_mask"].sum(axis=1))
    for key, values in feed.items():
        np.testing.assert_array_equal(values, expected[key])


@pytest.mark.parametrize("budget", [1, 20, 100])
def test_answers_do_not_depend_on_the_budget_or_the_order(onnx_bert, pairs, budget):
    ordinary = open_onnx(str(onnx_bert), name="m").predict(pairs)
    order = np.random.default_rng(0).permutation(len(pairs))
    shuffled = open_onnx(str(onnx_bert), name="m", budget=budget).predict(pairs.take(order))
    np.testing.assert_allclose(shuffled, ordinary[order], atol=1e-5)


def test_texts_longer_than_the_model_are_cut_and_reported(onnx_bert):
    items = Items(ids=["short", "long"], segments={"text": ["the man", "the man is " * 30]})
    model = open_onnx(str(onnx_bert), name="m")
    assert model.findings() == ()
    model.predict(items)
    (finding,) = model.findings()
    assert (finding.kind, finding.value) == ("truncated", 1)
    assert "its limit of 32 tokens" in finding.message
    assert "longest has 92" in finding.message


def counting(path, *, tokens="tokens", rows="rows", mask=True):
    """A graph whose logits are sums of token ids times mask; without a mask their mean, so that padding shows."""
    inputs = [("input_ids", TensorProto.INT32, [rows, tokens])]
    nodes = [helper.make_node("Cast", ["input_ids"], ["ids"], to=TensorProto.FLOAT)]
    if mask:
        inputs.append(("attention_mask", TensorProto.INT64, [rows, tokens]))
        nodes += [
            helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["ids", "mask"], ["real"]),
            helper.make_node("ReduceSum", ["real", "axes"], ["one"], keepdims=1),
        ]
    else:
        nodes.append(helper.make_node("ReduceMean", ["ids"], ["one"], axes=[1], keepdims=1))
    nodes.append(helper.make_node("MatMul", ["one", "w"], ["logits"]))
    weights = [("w", np.array([[0.01, -0.01]], dtype=np.float32)), ("axes", np.array([1], dtype=np.int64))]
    return graph(path, nodes, inputs, [("logits", TensorProto.FLOAT, [rows, 2])], weights)


def test_without_a_mask_rows_are_not_padded(onnx_bert, tmp_path, items):
    file = counting(tmp_path / "m.onnx", mask=False)
    model = open_onnx(str(file), name="m", labels=["a", "b"], tokenizer=str(onnx_bert))
    together = model.predict(items)
    alone = np.concatenate([model.predict(items.take([i])) for i in range(len(items))])
    np.testing.assert_array_equal(together, alone)


def test_a_graph_of_fixed_shape_is_filled_up(onnx_bert, tmp_path, items):
    dynamic = counting(tmp_path / "dynamic.onnx")
    fixed = counting(tmp_path / "fixed.onnx", rows=3, tokens=16)
    options = {"labels": ["a", "b"], "tokenizer": str(onnx_bert)}
    expected = open_onnx(str(dynamic), name="m", **options).predict(items)
    np.testing.assert_allclose(open_onnx(str(fixed), name="m", **options).predict(items), expected, atol=1e-6)


def test_more_than_two_segments(onnx_bert, one_line):
    items = Items(ids=["a"], segments={name: ["the"] for name in "xyz"})
    with pytest.raises(ModelError) as caught:
        open_onnx(str(onnx_bert), name="m").predict(items)
    one_line(caught, "3 text segments (x, y, z)")


def test_a_graph_that_reads_more_than_a_tokenizer_gives(onnx_bert, tmp_path, one_line):
    inputs = [(name, TensorProto.INT64, ["r", "t"]) for name in ("input_ids", "position_ids")]
    nodes = [helper.make_node("Add", ["input_ids", "position_ids"], ["s"]),
             helper.make_node("Cast", ["s"], ["logits"], to=TensorProto.FLOAT)]  # fmt: skip
    file = graph(tmp_path / "m.onnx", nodes, inputs, [("logits", TensorProto.FLOAT, ["r", "t"])])
    one_line(refused(file, labels=["a", "b"], tokenizer=str(onnx_bert)), "not position_ids", "token_type_ids")


def test_a_missing_tokenizer(copy, items, one_line):
    (copy / "tokenizer.json").unlink()
    model = open_onnx(str(copy), name="m")
    with pytest.raises(ModelError) as caught:
        model.predict(items)
    one_line(caught, "input_ids", "--tokenizer")
    one_line(refused(copy, tokenizer=str(copy)), "no tokenizer.json", "--tokenizer")


def test_a_tokenizer_s_folder_brings_the_labels_beside_it(onnx_bert, tmp_path, items):
    """Somebody else's export is one file; everything else is in the folder of the model that was exported."""
    alone = shutil.copy(onnx_bert / "model.onnx", tmp_path / "alone.onnx")
    expected = open_onnx(str(onnx_bert), name="m")
    model = open_onnx(str(alone), name="m", tokenizer=str(onnx_bert))
    assert model.labels == expected.labels
    np.testing.assert_array_equal(model.predict(items), expected.predict(items))
    assert "config.json" in model.identity.details["files"]
    assert open_onnx(str(alone), name="m", tokenizer=str(onnx_bert), labels=["a", "b", "c"]).labels == ("a", "b", "c")


def test_a_lone_graph_takes_tokenizer_and_labels_from_the_reference_and_says_so(bert, onnx_bert, tmp_path, items):
    from trusteq.models.transformer import open_transformer

    alone = shutil.copy(onnx_bert / "model.onnx", tmp_path / "alone.onnx")
    offered = offered_by(open_transformer(str(bert), name="large"))
    assert offered == Taken("large", bert, open_onnx(str(onnx_bert), name="m").labels)
    model = open_onnx(str(alone), name="small", taken=offered)
    np.testing.assert_array_equal(model.predict(items), open_onnx(str(onnx_bert), name="m").predict(items))
    (finding,) = model.findings()
    assert (finding.model, finding.kind, finding.value) == ("small", "taken from the reference", 2)
    assert finding.message.startswith("tokenizer and labels taken from large, since its own folder has none")
    given = open_onnx(str(alone), name="small", taken=offered, labels=["a", "b", "c"])
    assert given.labels == ("a", "b", "c")
    assert [finding.message for finding in given.findings()] == [
        "tokenizer taken from large, since its own folder has none"
    ]
    # What has its own takes nothing.
    assert open_onnx(str(onnx_bert), name="m", taken=Taken("large", tmp_path, ("x", "y", "z"))).findings() == ()


def test_a_graph_without_a_tokenizer_stops_the_audit_before_any_model_runs(onnx_bert, tmp_path, items, one_line):
    alone = open_onnx(
        str(shutil.copy(onnx_bert / "model.onnx", tmp_path / "alone.onnx")), name="m", labels=["a", "b", "c"]
    )
    first = from_callable(lambda texts: pytest.fail("the reference ran"), labels=["a", "b", "c"], name="large")
    with pytest.raises(ModelError) as caught:
        trusteq.audit(first, alone, items, explain=False, costs="none")
    one_line(caught, "model m: the graph reads tokens (input_ids, attention_mask", "with --tokenizer")


def test_a_lone_graph_that_has_nothing_to_take_says_at_once_what_it_lacks(onnx_bert, tmp_path, one_line):
    alone = shutil.copy(onnx_bert / "model.onnx", tmp_path / "alone.onnx")
    both = "neither tokenizer.json nor config.json with id2label beside alone.onnx; name a folder that has both with "
    one_line(refused(alone, LabelError), f"{both}--tokenizer m=FOLDER", "--labels m=first,second")
    # A tokenizer is there or can be taken: only the labels are missing.
    taken = Taken("large", onnx_bert, ())
    one_line(refused(alone, LabelError, taken=taken), "no config.json with id2label beside alone.onnx; name the labels")


@pytest.fixture
def lone(bert, onnx_bert, items, tmp_path):
    """Somebody's one file, and a table of texts."""
    shutil.copy(onnx_bert / "model.onnx", tmp_path / "alone.onnx")
    pd.DataFrame({"text": list(items.segments["text"])}).to_csv(tmp_path / "items.csv", index=False)
    return tmp_path


QUICK = ("--data", "items.csv", "--text", "text", "--no-explain", "--costs", "none", "--resamples", "100")


def test_a_lone_file_is_audited_at_the_first_attempt(bert, lone):
    done = trusteq_command("audit", f"large={bert}", "alone.onnx", *QUICK, cwd=lone)
    assert done.returncode in {0, 1, 3}, done.stderr
    assert "alone: tokenizer and labels taken from large" in " ".join(done.stdout.split())
    measures = json.loads((lone / "trusteq-run" / "audit.json").read_text())["candidates"][0]["measures"]
    assert measures["behaviour"]["disagreement"]["value"] == 0


def test_finished_work_is_only_spoken_of_where_there_is_some(bert, lone):
    (lone / "kept").mkdir()
    done = trusteq_command(
        "audit", "m=alone.onnx", str(bert), *QUICK, "--labels", "no,maybe,yes", "--work", "kept", cwd=lone
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: model m: the graph reads tokens")
    assert "finished work" not in done.stderr
    assert "predict" not in done.stderr


def test_a_broken_tokenizer(copy, one_line):
    (copy / "tokenizer.json").write_text("{}")
    one_line(refused(copy), "tokenizer.json cannot be read")


# arrays


def test_an_array_is_fed_in_the_type_and_rows_the_graph_wants(tmp_path, rows):
    expected = softmax(rows.segments["x"] @ WEIGHTS)
    for name, some in {
        "as named": rows,
        "the only one": Items(ids=rows.ids, segments={"pixels": rows.segments["x"]}),
        "doubles": Items(ids=rows.ids, segments={"x": rows.segments["x"].astype(np.float64)}),
    }.items():
        for size in ("rows", 7, 1):
            file = linear(tmp_path / "m.onnx", rows=size)
            model = open_onnx(str(file), name="m", labels=["a", "b", "c"])
            np.testing.assert_allclose(model.predict(some), expected, atol=1e-6, err_msg=f"{name}, {size}")


def test_several_inputs_take_the_segments_of_their_names(tmp_path):
    float_ = TensorProto.FLOAT
    file = graph(
        tmp_path / "m.onnx",
        [helper.make_node("Concat", ["a", "b"], ["logits"], axis=1)],
        [("a", float_, ["r", 1]), ("b", float_, ["r", 1])],
        [("logits", float_, ["r", 2])],
    )
    a, b = np.array([1.0, 2.0, 3.0]), np.array([0.0, 5.0, 1.0])
    items = Items(ids=["x", "y", "z"], segments={"b": b, "a": a})
    model = open_onnx(str(file), name="m", labels=["a", "b"])
    np.testing.assert_allclose(model.predict(items), softmax(np.stack([a, b], axis=1)), atol=1e-6)


def test_a_graph_may_read_strings(tmp_path):
    """As scikit-learn's text pipelines do."""
    node = helper.make_node(
        "TfIdfVectorizer", ["text"], ["logits"], max_gram_length=1, min_gram_length=1, max_skip_count=0, mode="TF",
        ngram_counts=[0], ngram_indexes=[0, 1], pool_strings=["good", "bad"],
    )  # fmt: skip
    file = graph(
        tmp_path / "m.onnx", [node], [("text", TensorProto.STRING, ["r", 1])], [("logits", TensorProto.FLOAT, ["r", 2])]
    )
    items = Items(ids=["x", "y"], segments={"text": ["good", "bad"]})
    model = open_onnx(str(file), name="m", labels=["plus", "minus"])
    np.testing.assert_allclose(model.predict(items), softmax(np.eye(2)), atol=1e-6)


@pytest.fixture
def table_graph(tmp_path):
    """A graph that reads a column of numbers and one of categories, as exports of pipelines do."""
    nodes = [
        helper.make_node("OneHotEncoder", ["job"], ["hot"], domain="ai.onnx.ml", cats_strings=["clerk", "smith"]),
        helper.make_node("Reshape", ["hot", "shape"], ["code"]),
        helper.make_node("Mul", ["age", "code"], ["logits"]),
    ]
    shape = [("shape", np.array([-1, 2]))]
    inputs = [("age", TensorProto.FLOAT, ["r", 1]), ("job", TensorProto.STRING, ["r", 1])]
    outputs = [("logits", TensorProto.FLOAT, ["r", 2])]
    file = graph(tmp_path / "t.onnx", nodes, inputs, outputs, shape, domains=["ai.onnx.ml"])
    return open_onnx(str(file), name="m", labels=["no", "yes"])


def table(**columns):
    frame = pd.DataFrame(columns)
    return Items([f"r{i}" for i in range(len(frame))], {"row": frame})


def test_graphs_that_read_categories_are_explained(table_graph):
    rng = np.random.default_rng(0)
    items = table(age=rng.uniform(1, 3, 80), job=rng.choice(["clerk", "smith"], 80))

    def answers(frame):
        return softmax(np.stack([frame["age"] * (frame["job"] == job) for job in ("clerk", "smith")], axis=1))

    other = from_callable(answers, labels=["no", "yes"], name="other")
    made = trusteq.audit(table_graph, other, items, explain=ExplainSettings(items=60), resamples=200, costs="none")
    assert made.explanation.plans[0].units == 2
    assert made["other"].measures["explanation"]["alignment_shapley"].value > 0.999


def test_a_column_that_is_missing_or_holds_words_is_named(table_graph, one_line):
    with pytest.raises(ModelError) as caught:
        table_graph.predict(table(age=[1.0, 2.0], town=["x", "y"]))
    one_line(caught, "reads 'job', but", "columns are 'age', 'town'")
    with pytest.raises(ModelError) as caught:
        table_graph.predict(table(age=["1", "old"], job=["clerk", "smith"]))
    one_line(caught, "column 'age'", "'old' in item 'r1'")


def test_fractions_are_not_cut_to_integers(tmp_path, rows, one_line):
    file = graph(
        tmp_path / "m.onnx",
        [helper.make_node("Cast", ["x"], ["logits"], to=TensorProto.FLOAT)],
        [("x", TensorProto.INT64, ["r", 2])],
        [("logits", TensorProto.FLOAT, ["r", 2])],
    )
    with pytest.raises(ModelError) as caught:
        open_onnx(str(file), name="m", labels=["a", "b"]).predict(rows)
    one_line(caught, "graph input 'x'", "int64")


def test_a_missing_segment(tmp_path, rows, one_line):
    model = open_onnx(str(linear(tmp_path / "m.onnx")), name="m", labels=["a", "b", "c"])
    with pytest.raises(ModelError) as caught:
        model.predict(Items(ids=rows.ids, segments={"y": rows.segments["x"], "z": rows.segments["x"]}))
    one_line(caught, "the graph reads x", "y, z")


def test_the_item_at_which_a_batch_fails_is_named(tmp_path, one_line):
    nodes = [
        helper.make_node("Cast", ["x"], ["at"], to=TensorProto.INT64),
        helper.make_node("Gather", ["w", "at"], ["rows"]),
        helper.make_node("Reshape", ["rows", "shape"], ["logits"]),
    ]
    float_ = TensorProto.FLOAT
    weights = [("w", np.eye(2, dtype=np.float32)), ("shape", np.array([-1, 2]))]
    file = graph(tmp_path / "m.onnx", nodes, [("x", float_, ["r", 1])], [("logits", float_, ["r", 2])], weights)
    model = open_onnx(str(file), name="m", labels=["a", "b"])
    with pytest.raises(ModelError) as caught:
        model.predict(Items(ids=["p", "q", "r"], segments={"x": np.array([[0.0], [1.0], [9.0]])}))
    one_line(caught, "failed while answering item 'r'")


def test_a_failing_run_is_one_line_and_nothing_on_the_terminal(tmp_path, one_line, capfd):
    model = open_onnx(str(linear(tmp_path / "m.onnx")), name="m", labels=["a", "b", "c"])
    with pytest.raises(ModelError) as caught:
        model.predict(Items(ids=["r"], segments={"x": np.zeros((1, 5))}))
    one_line(caught, "failed while answering item 'r'")
    assert capfd.readouterr() == ("", "")


# outputs


def test_an_output_called_probabilities_is_not_put_through_softmax(tmp_path, rows):
    file = linear(tmp_path / "m.onnx", output="probabilities", softmaxed=True)
    answers = open_onnx(str(file), name="m", labels=["a", "b", "c"]).predict(rows)
    np.testing.assert_allclose(answers, softmax(rows.segments["x"] @ WEIGHTS), atol=1e-6)


@pytest.mark.parametrize("said", [None, "logits"])
def test_probabilities_are_not_taken_for_logits(tmp_path, rows, one_line, said):
    """Softmax over probabilities would give a flat, wrong answer that looks well."""
    file = str(linear(tmp_path / "m.onnx", output="out", softmaxed=True))
    with pytest.raises(ModelError) as caught:
        open_onnx(file, name="m", labels=["a", "b", "c"], scores=said).predict(rows)
    one_line(caught, "'out' looks like probabilities", "give --scores m=probabilities", "output their softmax")
    right = open_onnx(file, name="m", labels=["a", "b", "c"], scores="probabilities").predict(rows)
    np.testing.assert_allclose(right, softmax(rows.segments["x"] @ WEIGHTS), atol=1e-6)


def test_percentages_are_not_taken_for_logits(tmp_path, rows, one_line):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["z"]),
        helper.make_node("Softmax", ["z"], ["p"], axis=-1),
        helper.make_node("Mul", ["p", "hundred"], ["out"]),
    ]
    weights = [("w", WEIGHTS), ("hundred", np.float32(100))]
    float_ = TensorProto.FLOAT
    file = graph(tmp_path / "m.onnx", nodes, [("x", float_, ["r", 2])], [("out", float_, ["r", 3])], weights)
    with pytest.raises(ModelError) as caught:
        open_onnx(str(file), name="m", labels=["a", "b", "c"], scores="logits").predict(rows)
    one_line(caught, "'out' looks like percentages", "let the graph divide them by 100")


def test_so_few_rows_may_be_logits_by_accident(tmp_path, rows):
    file = str(linear(tmp_path / "m.onnx", output="out", softmaxed=True))
    open_onnx(file, name="m", labels=["a", "b", "c"]).predict(rows.take(range(7)))


def two_outputs(path):
    float_ = TensorProto.FLOAT
    nodes = [helper.make_node("MatMul", ["x", "w"], ["one"]), helper.make_node("Neg", ["one"], ["two"])]
    outputs = [("one", float_, ["r", 3]), ("two", float_, ["r", 3])]
    return graph(path, nodes, [("x", float_, ["r", 2])], outputs, [("w", WEIGHTS)])


def test_one_of_several_outputs_must_be_chosen(tmp_path, rows, one_line):
    file = two_outputs(tmp_path / "m.onnx")
    one_line(refused(file, labels=["a", "b", "c"]), "--output", "one: tensor(float)", "two: tensor(float)")
    one_line(refused(file, labels=["a", "b", "c"], output="three"), "no output 'three'", "one: tensor(float)")
    answers = open_onnx(str(file), name="m", labels=["a", "b", "c"], output="two").predict(rows)
    np.testing.assert_allclose(answers, softmax(-rows.segments["x"] @ WEIGHTS), atol=1e-6)


def test_nan_is_refused(tmp_path, rows, one_line):
    file = linear(tmp_path / "m.onnx", weights=np.full((2, 3), np.nan, dtype=np.float32))
    model = open_onnx(str(file), name="m", labels=["a", "b", "c"])
    with pytest.raises(ModelError) as caught:
        checked(model.predict(rows), labels=model.labels, ids=rows.ids, model="m")
    one_line(caught, "nan")


# opening


def test_labels_must_be_named_when_no_configuration_has_them(tmp_path, one_line):
    one_line(refused(linear(tmp_path / "m.onnx"), LabelError), "id2label", "--labels m=")


def test_the_number_of_labels_must_be_that_of_the_output(tmp_path, one_line):
    one_line(refused(linear(tmp_path / "m.onnx"), LabelError, labels=["a", "b"]), "3 columns", "2 label names")


def test_a_custom_operator_is_one_clear_line(tmp_path, one_line, capfd):
    float_ = TensorProto.FLOAT
    node = helper.make_node("Mystery", ["x"], ["logits"], domain="my.company")
    file = graph(
        tmp_path / "m.onnx", [node], [("x", float_, ["r", 2])], [("logits", float_, ["r", 2])], domains=["my.company"]
    )
    one_line(refused(file, labels=["a", "b"]), "cannot load", "my.company")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("content", [b"", b"not a graph"])
def test_a_broken_file(tmp_path, content, one_line):
    (tmp_path / "m.onnx").write_bytes(content)
    one_line(refused(tmp_path / "m.onnx", labels=["a", "b"]), "cannot load")


def test_a_folder_must_show_which_graph_is_meant(tmp_path, one_line):
    one_line(refused(tmp_path), "no .onnx file")
    one_line(refused(tmp_path / "absent"), "no such file or folder")
    linear(tmp_path / "a.onnx")
    linear(tmp_path / "b.onnx")
    one_line(refused(tmp_path), "a.onnx, b.onnx")
    (tmp_path / "a.onnx").rename(tmp_path / "model.onnx")  # as tools lay it out beside its quantized version
    one_line(refused(tmp_path), "b.onnx, model.onnx")
    (tmp_path / "b.onnx").unlink()
    assert open_onnx(str(tmp_path), name="m", labels=["a", "b", "c"]).identity.details["files"] == ["model.onnx"]


def test_without_onnxruntime_the_install_command_is_given(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'trusteq\[onnx\]'"):
        open_onnx(str(linear(tmp_path / "m.onnx")), name="m")


# identity


def test_the_content_covers_graph_configuration_and_tokenizer(copy, onnx_bert):
    first = open_onnx(str(onnx_bert), name="m").identity.content
    assert open_onnx(str(copy / "model.onnx"), name="m").identity.content == first
    text = (copy / "tokenizer.json").read_text()
    (copy / "tokenizer.json").write_text(text.replace('"guitar"', '"banjo"'))
    assert open_onnx(str(copy), name="m").identity.content != first


@pytest.mark.parametrize("name", ["weights.bin", "w" * 200])
def test_the_content_covers_weights_outside_the_graph(tmp_path, name):
    file = linear(tmp_path / "m.onnx", weights=WEIGHTS)
    onnx.save(onnx.load(file), file, save_as_external_data=True, location=name, size_threshold=0)
    options = {"name": "m", "labels": ["a", "b", "c"]}
    first = open_onnx(str(file), **options).identity
    assert name in first.details["files"]
    content = bytearray((tmp_path / name).read_bytes())
    content[2] ^= 1
    (tmp_path / name).write_bytes(content)
    assert open_onnx(str(file), **options).identity.content != first.content


def test_the_identity_tells_what_the_model_is(onnx_bert):
    identity = open_onnx(str(onnx_bert), name="m").identity
    assert identity.kind == "onnx"
    assert identity.details["providers"] == ["CPUExecutionProvider"]
    json.dumps(dict(identity.details))
