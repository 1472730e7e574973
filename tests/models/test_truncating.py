"""Rows are cut as the tokenizers library cuts them, whatever their texts, limit, side and added tokens."""

import itertools
import json
import resource

import pytest

from trusteq import ModelError
from trusteq.models.truncating import kept_positions

tokenizers = pytest.importorskip("tokenizers", reason="needs the extra 'transformers' or 'onnx'")

from oracles.tokenizers import byte_pairs, sentence_pieces, word_pieces  # noqa: E402
from tokenizers import Tokenizer, models, pre_tokenizers, processors  # noqa: E402

from trusteq.models.tokenizer_file import TokenizerFile, read_tokenizer  # noqa: E402

P = processors
ENDS = [("<s>", 0), ("</s>", 2)]
AROUND = {
    "nothing": None,
    "BERT": P.BertProcessing(("</s>", 2), ("<s>", 0)),
    "RoBERTa": P.RobertaProcessing(("</s>", 2), ("<s>", 0)),
    "GPT-2": P.ByteLevel(trim_offsets=False),
    "T5": P.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=ENDS),
    "XLNet": P.TemplateProcessing(
        single="$A:0 </s>:0 <s>:2", pair="$A:0 </s>:0 $B:1 </s>:1 <s>:2", special_tokens=ENDS
    ),
    "Llama 2": P.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=ENDS),
    "Llama 3": P.Sequence(
        [P.ByteLevel(), P.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=ENDS)]
    ),
    "the second first": P.TemplateProcessing(single="$A </s>", pair="<s> $B $A:1 </s>", special_tokens=ENDS),
}


def with_processor(processor):
    made = byte_pairs()
    made.post_processor = processor
    if processor is None:  # a tokenizer's processor can be replaced, but not taken away
        made = Tokenizer(models.WordLevel({"<s>": 0, "a": 1, "</s>": 2, "?": 3}, unk_token="?"))  # noqa: S106
        made.pre_tokenizer = pre_tokenizers.Whitespace()
        made.add_special_tokens(["<s>", "</s>"])
    return made


MADE = {
    "word pieces": word_pieces,
    "byte pairs": byte_pairs,
    "sentence pieces": sentence_pieces,
    **{f"as {name}": lambda processor=processor: with_processor(processor) for name, processor in AROUND.items()},
}
SOME = ("", "a", "a man", "the film was good, a man is playing", "a man </s> [SEP] outside <s> good", "the 電影 was é")
ROWS = [*((text,) for text in SOME), *itertools.product(SOME, SOME)]


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("kind", MADE)
def test_rows_are_cut_as_the_library_cuts_them(kind, side):
    tokenizer = MADE[kind]()
    cut = 0
    for text in ROWS:
        tokenizer.no_truncation()
        added = tokenizer.num_special_tokens_to_add(len(text) > 1)
        whole = tokenizer.encode(*text)
        for limit in range(max(1, added), len(whole.ids)):
            tokenizer.enable_truncation(limit, direction=side)
            expected = tokenizer.encode(*text)
            places = kept_positions(whole.sequence_ids, limit, added=added, name="m", left=side == "left")
            assert [whole.ids[i] for i in places] == expected.ids, (text, limit)
            assert [whole.type_ids[i] for i in places] == expected.type_ids, (text, limit)
            assert len(places) == limit
            cut += 1
    assert cut > 200


@pytest.mark.parametrize("settings", [{"truncation_side": "left"}, {}])
def test_a_file_is_cut_on_the_side_that_its_settings_name(settings, tmp_path):
    tokenizer = word_pieces()
    tokenizer.enable_truncation(6, direction="right" if settings else "left")
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 6, **settings}))
    tokenizer.enable_truncation(6, direction="left")
    text = "the film was good, a man is playing"
    read = read_tokenizer(tmp_path, {}, name="m")
    found, _ = read.encode([(text,)], limit=read.limit, name="m")
    assert list(found.row(0)[0]) == tokenizer.encode(text).ids


@pytest.mark.parametrize("kind", MADE)
def test_a_file_s_tokens_are_the_library_s(kind):
    tokenizer = MADE[kind]()
    rows = [row for row in ROWS if len(row) == 2]
    file = TokenizerFile(tokenizer, None, None, 0, pad_left=False, mask_token=None)
    found, cut = file.encode(rows, limit=5, name="m")
    tokenizer.no_truncation()
    lengths = [len(tokenizer.encode(*row).ids) for row in rows]
    tokenizer.enable_truncation(5)
    expected = [tokenizer.encode(*row) for row in rows]
    assert [list(found.row(i)[0]) for i in range(len(rows))] == [row.ids for row in expected]
    assert [list(found.row(i)[1]) for i in range(len(rows))] == [row.type_ids for row in expected]
    assert cut == {i: n for i, n in enumerate(lengths) if n > 5}


@pytest.mark.slow
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta", "llama"])
def test_a_checkpoint_s_tokens_are_the_library_s(kind, side, tmp_path):
    pytest.importorskip("torch", reason="needs the extra 'transformers'")
    from oracles.tiny_models import LIMIT, save

    from trusteq.models.open import open_model

    model = open_model(save(kind, tmp_path / kind), name="m")
    model.tokenizer.truncation_side = side
    texts = [text * repeats for text, repeats in itertools.product(SOME[1:], (1, 4, 40))]
    for rows in ([(text,) for text in texts], list(itertools.product(texts, texts))):
        found = model.encode(rows)
        for i, row in enumerate(rows):
            expected = model.tokenizer(*row, truncation=True, max_length=LIMIT)
            ids, types = (list(values) for values in found.row(i))
            assert ids == expected["input_ids"], row
            assert types == expected.get("token_type_ids", [0] * len(ids)), row
        assert max(found.lengths) == LIMIT


def test_a_limit_below_what_the_tokenizer_adds(one_line):
    """The library leaves such rows uncut."""
    with pytest.raises(ModelError) as caught:
        kept_positions([None, None, 0, 0, None], 2, added=3, name="m")
    one_line(caught, "model m: its tokenizer adds 3 tokens", "reads only 2 in all", "model_max_length")


def test_a_text_that_is_repeated(one_line):
    tokenizer = with_processor(P.TemplateProcessing(single="<s> $A </s> $A", pair="$A $B", special_tokens=ENDS))
    file = TokenizerFile(tokenizer, None, None, 0, pad_left=False, mask_token=None)
    with pytest.raises(ModelError) as caught:
        file.encode([("a man is playing",)], limit=7, name="m")
    one_line(caught, "model m: its tokenizer repeats a text", "to 7 tokens")


def test_pairs_of_long_texts_take_no_memory_for_what_is_cut_off():
    """All pieces of one with all of the other came to gigabytes."""
    file = TokenizerFile(word_pieces(), None, None, 0, pad_left=False, mask_token=None)
    text = "a man " * 700
    file.encode([(text, "a")], limit=16, name="m")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found, cut = file.encode([(text, text)], limit=16, name="m")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB
    assert (list(found.lengths), cut) == ([16], {0: 2803})
