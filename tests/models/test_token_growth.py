"""How much longer a tokenizer can make a text: never less than it does, and never so much more that people notice."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trusteq import ModelError
from trusteq.models import token_growth as module
from trusteq.models.token_growth import Growth, portions, token_growth

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
    assert len(part.normalize_str(text)) <= module.growth_of(json.loads(part.__getstate__()))(len(text))


@pytest.mark.parametrize("kind", PRE_TOKENIZERS)
@given(text=st.text(st.sampled_from("abcx ﷺİ中é"), max_size=30))
def test_a_pre_tokenizer_makes_no_more_than_is_said(kind, text):
    part = PRE_TOKENIZERS[kind]
    made = sum(len(piece) for piece, _ in part.pre_tokenize_str(text))
    assert made <= module.growth_of(json.loads(part.__getstate__()))(len(text))


@pytest.mark.parametrize("normalizer", NORMALIZERS)
@given(text=st.text(st.sampled_from("abcx ﷺ"), max_size=30))
def test_a_whole_tokenizer_makes_no_more_tokens_than_is_said(normalizer, text):
    made = tokenizer(NORMALIZERS[normalizer], P.Metaspace(), AROUND)
    assert len(made.encode(text).ids) <= token_growth(made)([text])


@pytest.mark.parametrize("normalizer", NORMALIZERS)
@given(text=st.text(st.sampled_from("abcx ﷺ[C]"), max_size=30))
def test_one_text_is_measured_and_no_more_tokens_come_of_it(normalizer, text):
    """With the added token [C], between which each piece is normalized by itself."""
    made = tokenizer(NORMALIZERS[normalizer], P.Metaspace(), AROUND)
    made.add_special_tokens(["[C]"])
    measured = token_growth(made)
    assert len(made.encode(text).ids) <= measured.after(measured._normalized(text))


def test_a_text_is_measured_where_its_parts_could_do_more():
    """ALBERT's normalizer could make hundreds of characters of one: texts of some thousand were refused."""
    albert = N.Sequence([N.Replace("``", '"'), N.NFKD(), N.StripAccents(), N.Lowercase(), N.NFKC()])
    made = tokenizer(albert, P.Metaspace())
    made.add_special_tokens(["[MASK]"])
    text = "a film [MASK] that was good " * 10_000
    assert token_growth(made)([text]) <= 2 * len(text)
    assert list(portions([(text,)], token_growth(made), name="m")) == [[(text,)]]


@pytest.mark.slow
def test_a_long_text_may_come_to_as_many_tokens_as_it_has_bytes(one_line):
    made = tokenizer(None, P.ByteLevel())
    assert len(list(portions([("a" * 10**6,)], token_growth(made), name="m"))) == 1
    with pytest.raises(ModelError) as caught:
        list(portions([("a" * 10**7,)], token_growth(made), name="m"))
    one_line(caught, "50,000,000 tokens of a text of 10,000,000 characters", "more than 33,554,432")


def test_a_growth_beyond_all_numbers_is_refused(one_line):
    """Infinity times nothing was no number, which is not more than any."""
    whole = N.Sequence([N.Replace("a", "a" * 30_000)] * 200 + [N.NFC()])
    with pytest.raises(ModelError) as caught:
        list(portions([("a film",)], token_growth(tokenizer(whole)), name="m"))
    one_line(caught, "model m: its tokenizer can make 1e+300 tokens")


@pytest.mark.slow
def test_every_character_of_unicode_stays_within_its_factor():
    for kind, part in (
        ("NFKD", N.NFKD()),
        ("NFKC", N.NFKC()),
        ("NFD", N.NFD()),
        ("Lowercase", N.Lowercase()),
        ("BertNormalizer", N.BertNormalizer()),
    ):
        longest = max(len(part.normalize_str(chr(i))) for i in range(0x110000) if not 0xD800 <= i < 0xE000)
        assert longest <= module.FACTORS[kind]
    assert module.FACTORS["NFKD"] == 18, "a larger one would refuse texts without need"


def test_a_map_of_characters_is_measured_by_its_longest_entry():
    charsmap = (4).to_bytes(4, "little") + bytes(4) + b"a\0bcdefg\0hi\0"
    part = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode()}
    assert module.growth_of(part) == Growth(6.0)


def test_a_tokenizer_multiplies_by_bytes_where_it_has_tokens_for_them():
    assert token_growth(tokenizer()).after == Growth(1.0)
    spelt = Tokenizer(models.BPE({f"<0x{i:02X}>": i for i in range(256)}, [], byte_fallback=True))
    assert len(spelt.encode("電").ids) == 3
    assert token_growth(spelt).after == Growth(4.0)


def test_growth_multiplies():
    bomb = N.Sequence([N.Replace("e", "e" * 1000)] * 4)
    assert token_growth(tokenizer(bomb)).before.a == 1e12


ROWS = [("a" * n,) for n in (5, 3, 9, 1, 8)]


@pytest.mark.parametrize("most", [9, 10, 17, 1000])
def test_portions_hold_all_rows_in_order_and_none_too_much(most, monkeypatch):
    monkeypatch.setattr(module, "MOST", most)
    made = list(portions(ROWS, lambda text: len(text[0]), name="m"))
    assert [row for portion in made for row in portion] == ROWS
    assert all(sum(len(a) for (a,) in portion) <= most for portion in made)
    assert len(made) == {9: 3, 10: 3, 17: 2, 1000: 1}[most]


def test_a_text_that_could_become_too_long_is_refused_before_it_is_read(one_line):
    bomb = tokenizer(N.Sequence([N.Replace("e", "e" * 1000)] * 4))
    with pytest.raises(ModelError) as caught:
        list(portions([("short",), ("a bee",)], token_growth(bomb), name="m"))
    one_line(caught, "model m: its tokenizer can make", "of a text of 5 characters ('a bee'...)", "shorten the text")


def test_no_rows_are_one_portion():
    assert list(portions([], len, name="m")) == [[]]


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
    spoil(folder, {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 400_000}, count=1)
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
    longest = max(model_growth(model)(text) for text in texts)
    monkeypatch.setattr(module, "MOST", longest)
    parts = model.encode(texts)
    assert len(list(portions(texts, model_growth(model), name="m"))) > 2
    assert (parts.ids == whole.ids).all()
    assert (parts.starts == whole.starts).all()


def model_growth(model):
    return model._growth if hasattr(model, "_growth") else model.tokenizer._growth
