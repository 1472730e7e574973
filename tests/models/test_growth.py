"""How much longer a tokenizer can make a text: never less than it does, and never so much more that people notice."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trusteq.errors import ModelError
from trusteq.models import growth as module
from trusteq.models.growth import Growth, growth, portions

tokenizers = pytest.importorskip("tokenizers", reason="needs the extra 'transformers' or 'onnx'")

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: E402

LETTERS = list("abcdefghijklmnopqrstuvwxyz ▁Ġ")


def tokenizer(normalizer=None, pre_tokenizer=None, post_processor=None):
    made = Tokenizer(models.BPE({letter: i for i, letter in enumerate(LETTERS)}, []))
    for name, part in (
        ("normalizer", normalizer),
        ("pre_tokenizer", pre_tokenizer),
        ("post_processor", post_processor),
    ):
        if part is not None:
            setattr(made, name, part)
    return made


N, P = normalizers, pre_tokenizers
NORMALIZERS = {
    "none": N.Sequence([]),
    "longer": N.Replace("a", "bbbb"),
    "shorter": N.Replace("aaa", "b"),
    "two for three": N.Replace("abc", "xyxyxy"),
    "a pattern": N.Replace(Regex("[ab]"), "xyz"),
    "a pattern that finds nothing": N.Replace(Regex("x*"), "yy"),
    "before": N.Prepend("▁▁▁"),
    "compatible": N.NFKD(),
    "composed": N.NFKC(),
    "apart": N.NFD(),
    "small": N.Lowercase(),
    "bert": N.BertNormalizer(),
    "bytes": N.ByteLevel(),
    "several": N.Sequence([N.Replace("a", "bb"), N.Replace("b", "ccc"), N.Prepend("aa"), N.NFKD()]),
}
PRE_TOKENIZERS = {
    "bytes": P.ByteLevel(),
    "bytes of bytes": P.Sequence([P.ByteLevel(), P.ByteLevel(), P.ByteLevel()]),
    "metaspace": P.Metaspace(),
    "words": P.Whitespace(),
}
AROUND = processors.TemplateProcessing(
    single="[C] $A [S] $A", pair="[C] $A [S] $B [S]", special_tokens=[("[C]", 1), ("[S]", 2)]
)


@pytest.mark.parametrize("kind", NORMALIZERS)
@given(text=st.text(st.sampled_from("abcx ﷺİΐ中é⑳"), max_size=30))
def test_a_normalizer_makes_no_more_than_is_said(kind, text):
    part = NORMALIZERS[kind]
    assert len(part.normalize_str(text)) <= module._of(json.loads(part.__getstate__()))(len(text))


@pytest.mark.parametrize("kind", PRE_TOKENIZERS)
@given(text=st.text(st.sampled_from("abcx ﷺİ中é"), max_size=30))
def test_a_pre_tokenizer_makes_no_more_than_is_said(kind, text):
    part = PRE_TOKENIZERS[kind]
    made = sum(len(piece) for piece, _ in part.pre_tokenize_str(text))
    assert made <= module._of(json.loads(part.__getstate__()))(len(text))


@pytest.mark.parametrize("normalizer", NORMALIZERS)
@given(text=st.text(st.sampled_from("abcx ﷺ"), max_size=30))
def test_a_whole_tokenizer_makes_no_more_tokens_than_is_said(normalizer, text):
    made = tokenizer(NORMALIZERS[normalizer], P.Metaspace(), AROUND)
    assert len(made.encode(text).ids) <= growth(made)(len(text))


def test_every_character_of_unicode_stays_within_its_factor():
    for kind, part in (("NFKD", N.NFKD()), ("NFKC", N.NFKC()), ("NFD", N.NFD()), ("Lowercase", N.Lowercase())):
        longest = max(len(part.normalize_str(chr(i))) for i in range(0x110000) if not 0xD800 <= i < 0xE000)
        assert longest <= module.FACTORS[kind]
    assert module.FACTORS["NFKD"] == 18, "a larger one would refuse texts without need"


def test_a_map_of_characters_is_measured_by_its_longest_entry():
    charsmap = (4).to_bytes(4, "little") + bytes(4) + b"a\0bcdefg\0hi\0"
    part = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode()}
    assert module._of(part) == Growth(6.0)


def test_a_tokenizer_that_says_nothing_multiplies_by_bytes_alone():
    assert growth(tokenizer()) == Growth(4.0)


def test_growth_multiplies():
    bomb = N.Sequence([N.Replace("e", "e" * 1000)] * 4)
    assert growth(tokenizer(bomb)).a == 4e12


ROWS = [("a" * n,) for n in (5, 3, 9, 1, 8)]


@pytest.mark.parametrize("most", [9, 10, 17, 1000])
def test_portions_hold_all_rows_in_order_and_none_too_much(most, monkeypatch):
    monkeypatch.setattr(module, "MOST", most)
    made = list(portions(ROWS, Growth(1.0), name="m"))
    assert [row for portion in made for row in portion] == ROWS
    assert all(sum(len(a) for (a,) in portion) <= most for portion in made)
    assert len(made) == {9: 3, 10: 3, 17: 2, 1000: 1}[most]


def test_a_text_that_could_become_too_long_is_refused_before_it_is_read(one_line):
    bomb = tokenizer(N.Sequence([N.Replace("e", "e" * 1000)] * 4))
    with pytest.raises(ModelError) as caught:
        list(portions([("short",), ("a bee",)], growth(bomb), name="m"))
    one_line(caught, "model m: its tokenizer can make", "of a text of 5 characters ('short'...)", "shorten the text")


def test_no_rows_are_one_portion():
    assert list(portions([], Growth(), name="m")) == [[]]


def spoil(folder, normalizers_, count=4):
    path = folder / "tokenizer.json"
    told = json.loads(path.read_text())
    told["normalizer"] = {"type": "Sequence", "normalizers": [normalizers_] * count}
    path.write_text(json.dumps(told))


@pytest.mark.parametrize("kind", ["transformers", "onnx"])
def test_a_tokenizer_that_would_take_all_memory(kind, request, tmp_path, items, one_line):
    """It aborted the process."""
    import shutil

    from trusteq.models.open import open_model

    pytest.importorskip("torch", reason="needs the extra 'transformers'")
    from oracles.tiny_models import save

    folder = tmp_path / "m"
    if kind == "transformers":
        save("bert", folder)
    else:
        shutil.copytree(request.getfixturevalue("onnx_bert"), folder)
    spoil(folder, {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 1000})
    model = open_model(folder, name="m")
    with pytest.raises(ModelError) as caught:
        model.predict(items)
    one_line(caught, "model m: its tokenizer can make")


@pytest.mark.parametrize("kind", ["transformers", "onnx"])
def test_portions_change_no_token(kind, request, items, monkeypatch):
    from trusteq.models.open import open_model

    pytest.importorskip("torch", reason="needs the extra 'transformers'")
    folder = request.getfixturevalue("bert" if kind == "transformers" else "onnx_bert")
    texts = [(text * 40,) for text in items.segments["text"]]  # some are cut
    whole = open_model(folder, name="m").encode(texts)
    model = open_model(folder, name="m")
    longest = max(model_growth(model)(len(text)) for (text,) in texts)
    monkeypatch.setattr(module, "MOST", longest)
    parts = model.encode(texts)
    assert len(list(portions(texts, model_growth(model), name="m"))) > 2
    assert (parts.ids == whole.ids).all()
    assert (parts.starts == whole.starts).all()


def model_growth(model):
    return model._growth if hasattr(model, "_growth") else model.tokenizer._growth
