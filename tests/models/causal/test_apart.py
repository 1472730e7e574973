"""Language models that read one after the other: what is stored of the reference, and what is in memory."""

import gc
import json
import shutil
import weakref

import numpy as np
import pytest
from oracles import tiny_language_models as tiny

import trusteq
from trusteq import ModelError, OptionError
from trusteq.models.causal.apart import Apart, read_one_after_the_other
from trusteq.models.causal.beside import read_beside
from trusteq.models.causal.top_tokens import kept
from trusteq.models.open import open_model
from trusteq.models.traits import traits_of
from trusteq.tasks.tokens import TOKEN_COLUMNS

TASK = {"task": "tokens"}
TEXTS = [f"the film {i} was good and bad, {'very ' * i}good" for i in range(8)]
ITEMS = trusteq.Items([f"d{i}" for i in range(8)], {"text": TEXTS})
KL = [TOKEN_COLUMNS.index(name) for name in ("kl_from_reference", "kl_to_reference")]
TAIL = TOKEN_COLUMNS.index("tail")
EXACT = [i for i in range(len(TOKEN_COLUMNS)) if i not in (*KL, TAIL)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("models")
    return [tiny.save(base / name, seed=seed) for name, seed in (("large", 1), ("small", 2))]


def opened(folders, **options):
    return [open_model(folder, options={"task": TASK, **options}) for folder in folders]


def after(folders, **options):
    return read_one_after_the_other(opened(folders, **{"top_tokens": 20, **options}))


def networks():
    """How many networks are in memory."""
    gc.collect()
    return sum(type(thing).__name__ == "LlamaForCausalLM" for thing in gc.get_objects())


def test_divergence_is_never_overestimated_and_all_else_is_exact(folders):
    beside = [model.predict(ITEMS).values for model in read_beside(opened(folders))]
    apart = [model.predict(ITEMS).values for model in after(folders)]
    assert np.array_equal(apart[0], beside[0])
    assert np.array_equal(apart[1][:, EXACT], beside[1][:, EXACT])
    assert (apart[1][:, KL] <= beside[1][:, KL] + 1e-6).all()
    assert apart[1][:, KL].mean() > 0.3 * beside[1][:, KL].mean()
    assert 0.1 < apart[1][:, TAIL].mean() < 0.9


def test_with_all_tokens_divergence_is_that_of_the_whole_vocabulary(folders):
    reference, candidate = after(folders, top_tokens=10_000)
    reference.predict(ITEMS)
    rows = candidate.predict(ITEMS).values
    assert rows[:, KL] == pytest.approx(read_beside(opened(folders))[1].predict(ITEMS).values[:, KL], rel=1e-2)
    assert not rows[:, TAIL].any()


def test_never_are_two_in_memory(folders):
    before = networks()
    models = after(folders)
    for model in models:
        held = weakref.ref(model.own.model)
        model.predict(ITEMS)
        assert networks() == before + 1
        assert held() is not None
    del model, models
    assert networks() == before


def test_what_is_stored_is_at_most_a_tenth_of_two_bytes_a_token(folders, tmp_path):
    reference, _ = after(folders, top_tokens=None, crowded="they are many", stored_in=str(tmp_path))
    positions = len(reference.predict(ITEMS).values)
    sizes = [file.stat().st_size - 32 for file in tmp_path.glob("*.tokens")]
    assert len(sizes) == len(ITEMS)
    vocabulary = len(tiny.tokenizer())
    assert sum(sizes) <= positions * 2 * vocabulary / 10
    assert reference.stored.k == kept(vocabulary)
    assert reference.findings()[-1].message.startswith("they are many, so models read one after the other: only its ")


def test_a_temporary_folder_is_deleted(folders):
    reference, candidate = after(folders)
    folder = reference.stored.folder
    reference.predict(ITEMS)
    assert any(folder.iterdir())
    del reference, candidate
    gc.collect()
    assert not folder.exists()


@pytest.mark.parametrize("spoil", [lambda file: file.unlink(), lambda file: file.write_bytes(b"x" * 1000)])
def test_what_is_not_stored_any_more_is_read_again(folders, tmp_path, spoil):
    reference, candidate = after(folders, stored_in=str(tmp_path))
    reference.predict(ITEMS)
    expected = candidate.predict(ITEMS)
    written = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    for name in sorted(written)[::2]:
        spoil(tmp_path / name)
    assert candidate.predict(ITEMS).equals(expected)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == written


def test_it_can_be_opened_again_where_nothing_is_stored(folders, tmp_path):
    models = after(folders, stored_in=str(tmp_path / "work"))
    (tmp_path / "work").rmdir()  # as on another machine
    for model in models:
        again = traits_of(model).opening().anywhere().open()
        assert again.name == model.name
        rows = again.predict(ITEMS)
        assert not (tmp_path / "work").exists()
        (tmp_path / "work").mkdir()
        assert rows.equals(model.predict(ITEMS))
        shutil.rmtree(tmp_path / "work")


def test_other_processes_find_the_folder(folders, tmp_path):
    reference, candidate = after(folders, stored_in=str(tmp_path / "work"))
    reference.traits.opening().open().predict(ITEMS)
    assert len(list((tmp_path / "work").glob("*.tokens"))) == len(ITEMS)
    again = candidate.traits.opening().open()
    assert again.stored.folder == tmp_path / "work"


def test_what_decides_its_answers_includes_how_much_is_stored(folders):
    keys = [traits_of(model).opening().content() for k in (5, 6) for model in after(folders, top_tokens=k)]
    keys += [traits_of(model).opening().content() for model in read_beside(opened(folders))]
    assert len(set(keys)) == 6


def test_other_tokens_of_the_same_vocabulary_are_refused(folders, tmp_path):
    other = tiny.save(tmp_path / "other", seed=3)
    text = (other / "tokenizer.json").read_text("utf-8")
    assert '"normalizer": null' in text
    (other / "tokenizer.json").write_text(text.replace('"normalizer": null', '"normalizer": {"type": "Lowercase"}'))
    reference, candidate = after([folders[0], other])
    items = trusteq.Items(["a", "b"], {"text": ["a good film", "A GOOD film"]})
    reference.predict(items)
    with pytest.raises(ModelError, match=r"^model other: item 'b': it reads other tokens than large, although both"):
        candidate.predict(items)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_models_with_other_contexts_read_chunks_of_the_same_length(folders, tmp_path, order):
    short = shutil.copytree(folders[1], tmp_path / "short")
    config = json.loads((short / "config.json").read_text())
    (short / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 16}))
    reference, candidate = after([(folders[0], short)[i] for i in order])
    own = [model.predict(ITEMS).values[:, TOKEN_COLUMNS.index("own")] for model in (reference, candidate)]
    np.testing.assert_array_equal(*own)
    again = candidate.traits.opening().open()
    assert again.predict(ITEMS).equals(candidate.predict(ITEMS))
    assert again.context == 16


def test_models_with_other_vocabularies_read_whole_documents(folders, tmp_path):
    other = tiny.save(tmp_path / "other", seed=3)
    made = tiny.tokenizer()
    made.add_tokens(["guitar"])
    made.save_pretrained(other)
    assert [traits_of(model).task for model in after([folders[0], other])] == ["documents", "documents"]


def test_both_models_must_be_opened_so(folders):
    (reference,) = opened(folders[:1], top_tokens=20)
    (candidate,) = opened(folders[1:])
    assert isinstance(reference, Apart)
    with pytest.raises(ModelError, match=r"^model small: large stores its most probable tokens .* open both with top_"):
        read_one_after_the_other([reference, candidate])


def test_choices_have_no_use_for_it(folders):
    choices = {"task": "choices", "prompt": "{{ text }}", "choices": {"no": " bad", "yes": " good"}}
    with pytest.raises(OptionError, match=r"^model large: top_tokens has no effect, as its task file asks for choices"):
        opened(folders[:1], task=choices, top_tokens=20)
