"""Healing language models: a candidate's distributions of the next token come nearer to its original's."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from oracles import language_models
from safetensors.torch import load_file, save_file

import trusteq.compress
from trusteq import DataError, Items, ModelError, OptionError, TrusteqError
from trusteq.compress import heal_language
from trusteq.compress.before_and_after import before_and_after
from trusteq.compress.heal_language import OfTokens
from trusteq.compress.language_source import open_language_source
from trusteq.compress.original import open_original
from trusteq.models.library_output import quiet_transformers
from trusteq.models.token_rows import token_rows


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return language_models.save(tmp_path_factory.mktemp("language") / "large", "tied")


@pytest.fixture(scope="module")
def reading(texts):
    return Items(ids=[str(i) for i in range(120)], segments={"text": texts(120, 31)})


@pytest.fixture(scope="module")
def unseen(texts):
    return Items(ids=[str(i) for i in range(30)], segments={"text": texts(30, 32)})


@pytest.fixture(scope="module")
def scaled(original, tmp_path_factory):
    """The original with the weights of its norms wrong, and nothing else."""
    folder = tmp_path_factory.mktemp("language") / "scaled"
    shutil.copytree(original, folder)
    weights = tensors(folder)
    for name in weights:
        if "norm" in name:
            weights[name] *= 1.5 if "input" in name else 0.6
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def rounded(original, tmp_path_factory):
    pytest.importorskip("compressed_tensors", reason="needs compressed-tensors")
    out = tmp_path_factory.mktemp("language") / "int3"
    return trusteq.compress.make(original, method="int3-weights", group=32, out=out).directory


def tensors(folder):
    return load_file(folder / "model.safetensors")


def heal(candidate, original, items, out, **options):
    chosen = {"rows": 160, "rate": 1e-2, "audit": False, **options}
    return trusteq.compress.make(candidate, method="heal", original=original, items=items, out=out, **chosen)


def loaded(folder):
    with quiet_transformers(), torch.inference_mode():
        model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
        model(input_ids=torch.tensor([[5]]))
    return model


def distance(folder, original, items, limit=256):
    """KL a token and the share of equal top tokens, text by text, with transformers alone."""
    models = [loaded(place) for place in (original, folder)]
    tokenizer = transformers.AutoTokenizer.from_pretrained(original)
    total, equal, tokens = 0.0, 0, 0
    for parts in zip(*items.texts(), strict=True):
        ids = tokenizer("\n".join(parts), return_tensors="pt").input_ids[:, :limit]
        with torch.inference_mode():
            p, q = (model(input_ids=ids).logits[0].double().log_softmax(-1) for model in models)
        total += float((p.exp() * (p - q)).sum())
        equal += int((p.argmax(-1) == q.argmax(-1)).sum())
        tokens += ids.shape[1]
    return total / tokens, equal / tokens


def pupil(candidate, original):
    source = open_language_source(str(candidate), name="candidate")
    return OfTokens(source, source.model, open_original(str(original), source, "cpu", download=False))


# known answers


def test_norms_that_were_scaled_are_mended(scaled, original, reading, unseen, tmp_path):
    before, _ = distance(scaled, original, unseen)
    made = heal(scaled, original, reading, tmp_path / "healed", move="small", rows=1600, rate=3e-2)
    after, same = distance(made.directory, original, unseen)
    assert before > 0.2
    assert after < 0.03 * before
    assert same > 0.9
    assert made.audit is None
    right, wrong, mended = (tensors(folder) for folder in (original, scaled, made.directory))
    for name in right:
        if "norm" in name:
            assert (mended[name] - right[name]).abs().mean() < 0.5 * (wrong[name] - right[name]).abs().mean(), name
        else:
            assert torch.equal(mended[name], right[name]), name


def test_how_far_it_is_equals_text_by_text(rounded, original, unseen, monkeypatch):
    whole = pupil(rounded, original).compared(unseen)
    np.testing.assert_allclose(whole, distance(rounded, original, unseen), rtol=1e-5)
    monkeypatch.setattr(heal_language, "MOST", 1)
    np.testing.assert_allclose(pupil(rounded, original).compared(unseen), whole, rtol=1e-6)
    assert pupil(original, original).compared(unseen) == (0, 1)


def test_the_segments_of_a_row_are_read_as_lines_and_long_texts_are_cut(rounded, original, texts, monkeypatch):
    pairs = Items(ids=list("abcd"), segments={"one": texts(4, 1), "two": [" ".join(["film"] * 60), *texts(3, 2)]})
    for limit in (7, 256):
        monkeypatch.setattr(heal_language, "LONGEST", limit)
        expected = distance(rounded, original, pairs, limit=min(limit, 64))  # the model reads 64
        np.testing.assert_allclose(pupil(rounded, original).compared(pairs), expected, rtol=1e-5)


def test_rows_in_parts_teach_what_they_teach_together(scaled, original, reading, tmp_path, monkeypatch):
    together = heal(scaled, original, reading, tmp_path / "together", move="small", rows=64)
    monkeypatch.setattr(heal_language, "MOST", 1)
    apart = heal(scaled, original, reading, tmp_path / "apart", move="small", rows=64)
    first, second = (tensors(made.directory) for made in (together, apart))
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=1e-3)
    losses = [[epoch["loss"] for epoch in made.recipe["curve"]] for made in (together, apart)]
    np.testing.assert_allclose(*losses, rtol=1e-3)


def test_each_part_of_a_step_counts_by_its_tokens(rounded, original, monkeypatch):
    rows = Items(ids=list("abc"), segments={"text": ["film", "the film was good", "a man sleeps"]})
    monkeypatch.setattr(heal_language, "MOST", 1)
    lessons = pupil(rounded, original).lessons(rows, np.arange(3), 1)
    parts = lessons.parts(np.arange(3))
    assert [part.tolist() for part, _ in parts] == [[0], [1], [2]]
    shares = [share for _, share in parts]
    np.testing.assert_allclose(shares, lessons.lengths / lessons.lengths.sum())
    with torch.inference_mode():
        assert [len(lessons.logits(part)) for part, _ in parts] == lessons.lengths.tolist()


# before and after


def test_it_is_audited_by_each_next_token_of_texts_that_it_did_not_read(scaled, original, reading, unseen, tmp_path):
    made = heal(scaled, original, reading, tmp_path / "healed", move="small", rate=3e-2, test=unseen, audit=True)
    assert made.audit.policy.name == "generative"
    assert made.recipe["audit"]["asked"] == {"task": "tokens"}
    assert made.recipe["audit"]["items"] == {
        "source": unseen.source,
        "items": 30,
        "content": unseen.content(),
        "set aside": False,
    }
    for side, folder in (("before", scaled), ("after", made.directory)):
        kl = made.audit[side].measures["distribution"]["token_kl"].value
        own = own_kl(folder, original, unseen)
        np.testing.assert_allclose(kl, own, rtol=1e-4)
    change = next(one for one in made.change.changes if one.measure == "token_kl_excess")
    assert change.paired
    assert change.direction == "better"


def own_kl(folder, original, items):
    """The mean KL over the tokens of texts, without the one that ends a text, with transformers alone."""
    p, q = (loaded(place) for place in (original, folder))
    tokenizer = transformers.AutoTokenizer.from_pretrained(original)
    total, tokens = 0.0, 0
    for (text,) in zip(*items.texts(), strict=True):
        ids = tokenizer(text, return_tensors="pt").input_ids[:, :-1]
        with torch.inference_mode():
            logs = [model(input_ids=ids).logits[0, :-1].double().log_softmax(-1) for model in (p, q)]
        total += float((logs[0].exp() * (logs[0] - logs[1])).sum())
        tokens += ids.shape[1] - 1
    return total / tokens


def test_texts_are_set_aside_and_columns_are_read_as_lines(scaled, original, texts, tmp_path):
    pairs = Items(ids=[str(i) for i in range(60)], segments={"one": texts(60, 5), "two": texts(60, 6)})
    made = heal(scaled, original, pairs, tmp_path / "healed", move="small", audit=True)
    assert made.recipe["audit"]["asked"] == {"task": "tokens", "text": "{{ one }}\n{{ two }}"}
    assert made.recipe["audit"]["items"]["set aside"] is True
    assert len(made.test) == 12
    assert made.recipe["items"]["items"] + made.recipe["dev"]["items"] == 48


def test_no_more_texts_are_set_aside_than_it_can_be_asked_about(scaled, original):
    source = open_language_source(str(scaled), name="candidate")
    reference = open_original(str(original), source, "cpu", download=False).model
    many = Items([str(i) for i in range(3000)], {"text": [f"text {i}" for i in range(3000)]})
    options = {"policy": None, "explain_items": 2, "seed": 0, "device": None, "task": None}
    plan, left = before_and_after(None, many, None, reference=reference, **options)
    assert (len(plan.test), len(left)) == (500, 2500)


def test_a_task_file_asks_otherwise(scaled, original, texts, tmp_path):
    task = {"task": "choices", "prompt": "{{ text }}", "choices": {"a": " good", "b": " bad"}}
    labelled = Items([str(i) for i in range(60)], {"text": texts(60, 5)}, labels=[0, 1] * 30, label_names=("a", "b"))
    made = heal(scaled, original, labelled, tmp_path / "healed", move="small", audit=True, task=task, explain_items=2)
    assert made.recipe["audit"]["asked"]["choices"] == task["choices"]
    assert "accuracy_difference" in made.audit["after"].measures["behaviour"]


# what stays


def test_rounded_weights_stay_on_their_grid_and_only_norms_move(rounded, original, reading, unseen, tmp_path):
    made = heal(rounded, original, reading, tmp_path / "healed")
    assert distance(made.directory, original, unseen)[0] < 0.98 * distance(rounded, original, unseen)[0]
    before, after = tensors(rounded), tensors(made.directory)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {name for name in before if "norm" in name}
    assert made.after == made.before
    assert made.recipe["moves"] == "small"
    assert (made.directory / "chat_template.jinja").read_bytes() == (original / "chat_template.jinja").read_bytes()


def test_scales_of_rounded_weights_may_move(rounded, original, reading, unseen, tmp_path):
    made = heal(rounded, original, reading, tmp_path / "healed", move="scales")
    assert distance(made.directory, original, unseen)[0] < 0.9 * distance(rounded, original, unseen)[0]
    before, after = tensors(rounded), tensors(made.directory)
    assert all(torch.equal(before[name], after[name]) for name in before if "packed" in name)
    assert any(not torch.equal(before[name], after[name]) for name in before if "scale" in name)


@pytest.mark.parametrize("kind", ["tied", "llama"])
def test_embeddings_and_head_stay_and_zeros_stay_zeros(kind, reading, unseen, tmp_path):
    large = language_models.save(tmp_path / "large", kind)
    pruned = trusteq.compress.make(large, method="prune-weights", share=0.3, out=tmp_path / "pruned").directory
    made = heal(pruned, large, reading, tmp_path / "healed", rate=1e-3)
    assert distance(made.directory, large, unseen)[0] < 0.8 * distance(pruned, large, unseen)[0]
    before, after = tensors(pruned), tensors(made.directory)
    assert ("lm_head.weight" in after) == (kind == "llama")
    still = {"model.embed_tokens.weight", "lm_head.weight"} & set(before)
    assert {name for name in before if torch.equal(before[name], after[name])} == still
    for name in before:
        assert not after[name][before[name] == 0].any()


# resuming


def test_an_interrupted_healing_ends_with_the_same_bytes(rounded, original, reading, tmp_path):
    whole = heal(rounded, original, reading, tmp_path / "a" / "healed").directory

    def stop(line):
        if "round 3 of" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        heal(rounded, original, reading, tmp_path / "b" / "healed", say=stop)
    said = []
    stored = load_file(tmp_path / "b" / ".healed.training" / "state.safetensors")
    assert all("norm" in key for key in stored if key.startswith(("weights", "best")))
    resumed = heal(rounded, original, reading, tmp_path / "b" / "healed", say=said.append).directory
    assert sum("after round" in line for line in said) == 5
    for file in whole.iterdir():
        if file.name == "trusteq-recipe.json":
            assert json.loads(file.read_text()) == json.loads((resumed / file.name).read_text())
        else:
            assert file.read_bytes() == (resumed / file.name).read_bytes(), file.name


# refused


def refusal(kind, *arguments, **options):
    with pytest.raises(kind) as caught:
        heal(*arguments, **options)
    return caught


def test_an_original_with_other_tokens(rounded, original, reading, tmp_path, one_line):
    larger = language_models.save(tmp_path / "larger", "tied")
    model = loaded(larger)
    model.resize_token_embeddings(300)
    with quiet_transformers():
        model.save_pretrained(larger)
    caught = refusal(ModelError, rounded, larger, reading, tmp_path / "out")
    one_line(caught, "model larger: chooses from 300 tokens, and int3 from 268", "same vocabulary")

    swapped = shutil.copytree(original, tmp_path / "swapped")
    tokenizer = json.loads((swapped / "tokenizer.json").read_text("utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    (swapped / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    caught = refusal(ModelError, rounded, swapped, reading, tmp_path / "out")
    one_line(caught, "model swapped: splits texts into other tokens than int3", "same vocabulary")
    assert not (tmp_path / "out").exists()


def test_labels_that_are_no_choices(scaled, original, texts, tmp_path, one_line):
    task = {"task": "choices", "prompt": "{{ text }}", "choices": {"a": " good", "b": " bad"}}
    labelled = Items([str(i) for i in range(60)], {"text": texts(60, 5)}, labels=[0, 1] * 30, label_names=("a", "c"))
    caught = refusal(TrusteqError, scaled, original, labelled, tmp_path / "out", audit=True, task=task)
    one_line(caught, "'c'")


def test_perturbed_texts(rounded, original, reading, tmp_path, one_line):
    caught = refusal(OptionError, rounded, original, reading, tmp_path / "out", perturb=0.5)
    one_line(caught, "perturb is for classifiers", "int3 is a language model")


def test_texts_without_tokens(rounded, original, monkeypatch, one_line):
    asked = pupil(rounded, original)
    monkeypatch.setattr(
        asked.source, "encode", lambda texts: token_rows([[5, 6][: len(text)] for (text,) in texts]), raising=False
    )
    empty = Items(ids=list("ab"), segments={"text": ["", ""]}, may_be_empty=True)
    with pytest.raises(DataError) as caught:
        asked.compared(empty)
    one_line(caught, "its texts have no tokens")
    some = Items(ids=list("abc"), segments={"text": ["", "film", ""]}, may_be_empty=True)
    assert asked.lessons(some, np.array([0, 1, 1, 2]), 1).lengths.tolist() == [2, 2]
    assert asked.compared(some) == asked.compared(some.take(np.array([1])))


def test_a_classifier_is_no_original_of_a_language_model(rounded, large, reading, tmp_path, one_line):
    caught = refusal(ModelError, rounded, large, reading, tmp_path / "out")
    one_line(caught, "model large")
