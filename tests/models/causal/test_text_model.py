"""Language models whose task file asks for tokens: opened from a folder, asked here and in other processes."""

import numpy as np
import pytest
from oracles import tiny_language_models as tiny

import trusteq
from trusteq import ModelError
from trusteq.models.causal.beside import read_beside
from trusteq.models.causal.text_model import TextModel
from trusteq.models.open import open_model
from trusteq.tasks.tokens import TOKEN_COLUMNS

TASK = {"task": "tokens", "text": "{{ title }}: {{ body }}"}
TEXTS = [f"the film {i} was good and bad, {'very ' * i}good" for i in range(8)]
ITEMS = trusteq.Items([f"d{i}" for i in range(8)], {"title": ["a review"] * 8, "body": TEXTS})
AT = {name: i for i, name in enumerate(TOKEN_COLUMNS)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("models")
    return [tiny.save(base / name, seed=seed) for name, seed in (("large", 1), ("small", 2))]


def opened(folder, **options):
    return open_model(folder, options={"task": TASK, **options})


def test_it_reads_the_texts_that_the_task_file_makes(folders):
    model = opened(folders[0])
    assert isinstance(model, TextModel)
    assert model.documents(ITEMS)[1] == f"a review: {TEXTS[1]}"
    rows = model.predict(ITEMS)
    lengths = [len(tiny.tokenizer()(text)["input_ids"]) for text in model.documents(ITEMS)]
    assert rows.counts.tolist() == [length - 1 for length in lengths]
    assert not rows.values[:, AT["kl_from_reference"]].any()


def test_all_bytes_but_those_of_the_first_token_are_counted(folders):
    rows = opened(folders[0]).predict(ITEMS)
    size = np.bincount(rows.item, weights=rows.values[:, AT["bytes"]])
    assert size.tolist() == [len(f"a review: {text}".encode()) - 1 for text in TEXTS]


def test_beside_a_reference_it_can_be_opened_again(folders):
    large, small = (opened(folder) for folder in folders)
    for model in read_beside([large, small]):
        again = model.traits.opening().anywhere().open()
        assert again.name == model.name
        assert again.predict(ITEMS).equals(model.predict(ITEMS))


def test_what_decides_its_answers_includes_the_reference(folders):
    large, small = (opened(folder) for folder in folders)
    keys = [
        model.traits.opening().content() for pair in ([large, small], [small, large]) for model in read_beside(pair)
    ]
    assert len({*keys, small.traits.opening().content()}) == 5


def test_a_reference_that_has_changed_since_is_noticed(folders, tmp_path):
    folder = tiny.save(tmp_path / "large", seed=3)
    opening = read_beside([opened(folder), opened(folders[1])])[1].traits.opening()
    tiny.save(folder, seed=4)
    with pytest.raises(ModelError, match=r"model large: the files in .* have changed"):
        opening.open()


def test_what_16_bits_would_change_is_found_of_the_reference(folders):
    large, small = (opened(folder) for folder in folders)
    reference, candidate = read_beside([large, small])
    assert candidate.traits.noise is None
    (finding,) = reference.traits.noise(ITEMS)
    assert finding.model == "large"
    assert 1e-7 < finding.value < 0.1
    assert "in bfloat16 it differs from itself by a mean token KL of" in finding.message
    half = large.lowered("bfloat16")
    assert read_beside([half, small])[0].traits.noise(ITEMS) == ()


@pytest.mark.slow
def test_other_processes_give_the_same_bytes(folders):
    items = ITEMS.take(np.arange(8))
    policy = {"name": "p", "required": ["distribution"], "rules": {"distribution": {"same_top": {"at_least": 0.5}}}}
    options = {"policy": policy, "costs": "none", "resamples": 100}
    here = trusteq.audit(opened(folders[0]), [opened(folders[1])], items, **options)
    with trusteq.executor(workers=2) as executor:
        there = trusteq.audit(opened(folders[0]), [opened(folders[1])], items, executor=executor, **options)
    assert here["small"].measures == there["small"].measures
    assert all(a.rows.equals(b.rows) for a, b in zip(here.models, there.models, strict=True))
