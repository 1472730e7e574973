"""Tiny tokenizers of the three usual kinds, built on the spot, and a model that only tokenizes."""

from __future__ import annotations

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from trusteq.models.token_rows import token_rows

WORDS = ("the", "a", "man", "is", "playing", "guitar", "outside", "woman", "sleeps", "film", "was", "good", "bad")
WORDS += ("not", "very", "dog", "runs", "mask", "sep", "york", "new")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SINGLE = [*LETTERS, *"0123456789.,:;!?'-_/@#()[]*&%$+<>", "’", "…", "中", "文", "é", "ü", "€", "¬", "i̇", "ß", "😀"]


def word_pieces(**normalizer):
    """BERT's kind. What it cannot spell is one [UNK], so that a word cut elsewhere looks different."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    upper = [letter.upper() for letter in LETTERS]
    pieces = [*WORDS, *SINGLE, *upper, *("##" + x for x in [*SINGLE[:-6], *upper, "ing", "s"])]
    vocab = {token: code for code, token in enumerate(dict.fromkeys([*special, *pieces]))}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token=special[1]))
    tokenizer.normalizer = normalizers.BertNormalizer(**normalizer)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.add_special_tokens(special)
    return tokenizer


def byte_pairs():
    """RoBERTa's kind: bytes with a few merges, <s> a </s></s> b </s>, no segment ids."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    merges = [("Ġ", "g"), ("o", "o"), ("Ġg", "oo"), ("Ġgoo", "d"), ("t", "h"), ("Ġ", "th"), ("Ġth", "e")]
    tokens = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet()), *(a + b for a, b in merges)]
    vocab = {token: code for code, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    tokenizer.add_special_tokens(special)
    return tokenizer


def sentence_pieces():
    """XLM-R's kind: Unigram over blanks written as ▁, <s> a </s></s> b </s>."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    scored = [(token, 0.0) for token in special]
    scored += [("▁", -2.0), *(("▁" + word, -3.0) for word in WORDS), *((x, -5.0) for x in SINGLE)]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens(special)
    return tokenizer


class Reader:
    """A model that can only tokenize; it remembers how many texts it was asked to."""

    name = "reader"
    labels = ("no", "yes")
    mask_token = "[MASK]"

    def __init__(self, tokenizer, limit=None):
        self.tokenizer, self.limit, self.encoded = tokenizer, limit, 0

    def tokenizer_json(self):
        return self.tokenizer.to_str()

    def encode(self, texts):
        self.encoded += len(texts)
        self.tokenizer.no_truncation()
        if self.limit is not None:
            self.tokenizer.enable_truncation(self.limit)
        rows = self.tokenizer.encode_batch([text[0] if len(text) == 1 else text for text in texts])
        return token_rows([row.ids for row in rows], [row.type_ids for row in rows])


def one_by_one(reader, units, masks, replacement=None):
    """The ids and types of each perturbed text, tokenized by itself."""
    texts = [units.write(mask, replacement) for mask in masks]
    return [reader.encode([text]).row(0) for text in texts]


def some_masks(units, seed=0, most=24):
    """All masks of up to four units, else some of all sizes; the first keeps all, the second none."""
    every = 2**units
    if every <= most:
        masks = np.array([[code >> unit & 1 for unit in range(units)] for code in range(every)], dtype=bool)
        return np.concatenate([masks[-1:], masks[:-1]])
    rng = np.random.default_rng(seed)
    masks = rng.random((most, units)) < rng.random((most, 1))
    masks[0], masks[1] = True, False
    return masks
