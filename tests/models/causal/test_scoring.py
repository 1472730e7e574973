"""Log-probabilities of continuations: those of the plain forward, whatever is shared."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import tiny_language_models as tiny

from trusteq.models.causal import scoring
from trusteq.models.causal.plain import plain_log_probabilities
from trusteq.models.causal.prefix import common
from trusteq.models.causal.rows import chains, tree
from trusteq.models.causal.scoring import Scorer
from trusteq.models.causal.tokenized import Prompt

KINDS = ("llama", "mistral", "gemma2", "gpt2", "gpt_neo", "bloom", "mpt", "mamba")


@pytest.fixture(scope="module")
def models():
    return {kind: tiny.model(kind) for kind in KINDS}


def prompts(rng, count=12, *, shared=9, vocabulary=200):
    """Prompts of many lengths that begin alike, with continuations that also begin alike."""
    start = tuple(rng.integers(0, vocabulary, shared).tolist())
    made = []
    for _ in range(count):
        own = tuple(rng.integers(0, vocabulary, rng.integers(1, 20)).tolist())
        first = tuple(rng.integers(0, vocabulary, rng.integers(1, 4)).tolist())
        others = [tuple(rng.integers(0, vocabulary, rng.integers(1, 6)).tolist()) for _ in range(3)]
        made.append(Prompt(start + own, (first, first + others[0], others[1], others[2])))
    return made


def equal(model, asked, found, tolerance=2e-5):
    for prompt, values in zip(asked, found, strict=True):
        np.testing.assert_allclose(values, plain_log_probabilities(model, prompt), atol=tolerance, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_log_probabilities_are_those_of_the_plain_forward(models, kind):
    asked = prompts(np.random.default_rng(1))
    equal(models[kind], asked, Scorer(models[kind], "m", 128).log_probabilities(asked))


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_shares_what_it_can(models, kind):
    scorer = Scorer(models[kind], "m", 128)
    scorer.log_probabilities(prompts(np.random.default_rng(1)))
    assert scorer.shares == (kind not in ("bloom", "mpt", "mamba"))
    assert (scorer.prefix is not None) == scorer.shares


def test_a_wrong_mask_would_be_noticed(models, monkeypatch):
    """The check that decides what is shared must be able to fail."""
    monkeypatch.setattr("trusteq.models.causal.rows.Row.visible", lambda row: np.tri(len(row.branches), dtype=bool))
    assert not Scorer(models["llama"], "m", 128).shares


def test_equal_prompts_are_asked_once_and_answered_each(models, monkeypatch):
    asked = prompts(np.random.default_rng(2), 3)
    seen = count_tokens(monkeypatch)
    once = Scorer(models["llama"], "m", 1).log_probabilities(asked)
    before = sum(seen)
    seen.clear()
    found = Scorer(models["llama"], "m", 1).log_probabilities([asked[i] for i in (2, 0, 1, 0, 2)])
    assert sum(seen) == before
    for i, values in zip((2, 0, 1, 0, 2), found, strict=True):
        np.testing.assert_array_equal(values, once[i])


def count_tokens(monkeypatch):
    """The number of tokens, with padding, of each forward for rows."""
    seen = []
    original = scoring.logits_at

    def counted(model, inputs, *at):
        seen.append(inputs["input_ids"].numel())
        return original(model, inputs, *at)

    monkeypatch.setattr(scoring, "logits_at", counted)
    return seen


def test_the_prefix_is_read_once_and_kept_between_calls(models, monkeypatch):
    rng = np.random.default_rng(3)
    computed = []
    original = scoring.computed_prefix
    monkeypatch.setattr(scoring, "computed_prefix", lambda m, tokens: computed.append(tokens) or original(m, tokens))
    scorer = Scorer(models["llama"], "m", 1)
    assert scorer.shares
    computed.clear()
    seen = count_tokens(monkeypatch)
    asked = prompts(rng, 6, shared=40)
    equal(models["llama"], asked, scorer.log_probabilities(asked))
    assert [len(tokens) for tokens in computed] == [common([prompt.tokens for prompt in asked])]
    assert sum(seen) == sum(len(tree(prompt).tokens) - 40 for prompt in asked)
    equal(models["llama"], asked[:1], scorer.log_probabilities(asked[:1]))
    assert len(computed) == 1
    assert len(seen) == 7


def test_a_prompt_that_is_the_prefix_itself_is_answered(models):
    long, short = Prompt((5, 6, 7, 8, 9), ((3,), (4,))), Prompt((5, 6, 7), ((8, 9), (1,)))
    scorer = Scorer(models["llama"], "m", 128)
    equal(models["llama"], [long, short], scorer.log_probabilities([long, short], shared=(5, 6, 7, 8)))


def test_prompts_with_another_beginning_do_not_use_the_prefix(models):
    asked = [Prompt((5, 6, 7, 8), ((3,),)), Prompt((1, 2, 3), ((3,),)), Prompt((5, 6, 1), ((3, 4),))]
    equal(models["llama"], asked, Scorer(models["llama"], "m", 64).log_probabilities(asked, shared=(5, 6, 7)))


@given(seed=st.integers(0, 2**32), budget=st.integers(1, 300))
@settings(max_examples=25, deadline=None)
def test_the_order_of_prompts_and_the_budget_change_only_rounding(models, seed, budget):
    rng = np.random.default_rng(seed)
    asked = prompts(rng, 8, shared=int(rng.integers(0, 12)))
    order = rng.permutation(len(asked))
    found = Scorer(models["llama"], "m", budget).log_probabilities([asked[i] for i in order])
    equal(models["llama"], [asked[i] for i in order], found)


def test_one_token_continuations_add_nothing_to_a_prompt():
    row = tree(Prompt((1, 2, 3), ((7,), (8,), (9,))))
    assert (row.tokens, row.predicting) == ((1, 2, 3), [2])


def test_continuations_share_what_they_begin_with():
    row = tree(Prompt((1, 2), ((5, 6, 7), (5, 6, 8), (5, 9))))
    assert row.tokens == (1, 2, 5, 6)
    assert row.positions.tolist() == [0, 1, 2, 3]
    forked = tree(Prompt((1, 2), ((5, 6, 7), (4, 6, 8))))
    assert forked.tokens == (1, 2, 5, 6, 4, 6)
    assert forked.positions.tolist() == [0, 1, 2, 3, 2, 3]
    assert forked.visible().astype(int).tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]


def test_without_trees_continuations_of_one_token_are_still_one_row():
    rows = chains(Prompt((1, 2), ((5,), (6, 7), (8,))))
    assert [(row.tokens, row.owners) for row in rows] == [((1, 2), (0, 2)), ((1, 2, 6), (1,))]


def test_logits_are_computed_only_where_something_is_predicted(models, monkeypatch):
    shapes = []
    original = scoring.logits_at

    def seen(*given):
        logits = original(*given)
        shapes.append(tuple(logits.shape))
        return logits

    monkeypatch.setattr(scoring, "logits_at", seen)
    asked = [Prompt((1, 2, 3, 4, end), ((7,), (8,))) for end in range(10, 16)]
    Scorer(models["llama"], "m", 1024).log_probabilities(asked)
    assert shapes[-1] == (6, models["llama"].config.vocab_size)


def test_few_logits_fit_into_a_batch(models, monkeypatch):
    vocabulary = models["llama"].config.vocab_size
    monkeypatch.setattr(scoring, "LOGITS", 2 * vocabulary)
    seen = count_tokens(monkeypatch)
    asked = [Prompt((1, 2, 3, 4, end), ((7,), (8,))) for end in range(10, 16)]
    scorer = Scorer(models["llama"], "m", 1024)
    assert scorer.shares
    seen.clear()
    equal(models["llama"], asked, scorer.log_probabilities(asked))
    assert seen == [2, 2, 2]


@pytest.mark.parametrize(
    ("name", "window", "shared"),
    [
        ("mistral", 24, 20),  # a prefix and trees would be seen through a sliding window by other distances
        ("gpt_neo", 16, 3),  # it masks by places in a row, whatever positions it is told
    ],
)
def test_rows_that_a_window_cuts_are_read_plainly(name, window, shared, models):
    asked = prompts(np.random.default_rng(5), 6, shared=shared)
    scorer = Scorer(models[name], "m", 256)
    assert scorer.longest == window
    equal(models[name], asked, scorer.log_probabilities(asked))
    scorer.longest = None
    with pytest.raises(AssertionError):
        equal(models[name], asked, scorer.log_probabilities(asked))


def test_prompts_that_fit_the_context_are_answered_though_all_their_continuations_do_not():
    model = tiny.model("gpt_neo", max_position_embeddings=32, window_size=64)
    rng = np.random.default_rng(5)
    ends = tuple(tuple(rng.integers(0, 200, 6).tolist()) for _ in range(4))
    asked = [Prompt(tuple(rng.integers(0, 200, 24).tolist()), ends)]
    equal(model, asked, Scorer(model, "m", 256).log_probabilities(asked))


def test_windows_are_found_wherever_a_configuration_names_them(models):
    config = {
        "attn_config": {"window_size": 9},
        "attention_window": [512, 64],
        "max_window_layers": 2,
        "n_positions": 70,
    }
    assert sorted(scoring._limits(config)) == [9, 64, 70, 512]
    rope = {"original_max_position_embeddings": 8, "rope_type": "llama3"}
    assert not [*scoring._limits({"rope_parameters": rope, "sliding_window": None, "id2label": {0: "a"}})]
    assert [*scoring._limits({"rope_parameters": {**rope, "rope_type": "longrope"}})] == [8]


def test_models_that_are_not_told_positions_share_nothing_in_16_bits_either():
    import torch

    rng = np.random.default_rng(1)
    half = tiny.model("mpt", scale=0.08).to(torch.bfloat16)
    scorer = Scorer(half, "m", 128)
    asked = prompts(rng, 4)
    equal(half, asked, scorer.log_probabilities(asked), tolerance=0.1)
    assert not scorer.shares


def test_out_of_memory_halves_the_batch(models, monkeypatch):
    import torch

    original = scoring.logits_at

    def small(model, inputs, *at):
        if len(inputs["input_ids"]) > 2:
            raise torch.OutOfMemoryError("no")
        return original(model, inputs, *at)

    monkeypatch.setattr(scoring, "logits_at", small)
    asked = prompts(np.random.default_rng(6), 7)
    equal(models["llama"], asked, Scorer(models["llama"], "m", 4096).log_probabilities(asked))


def test_half_precision_is_normalized_in_full(models):
    import torch

    half = tiny.model("llama").to(torch.bfloat16)
    asked = prompts(np.random.default_rng(7), 4)
    found = Scorer(half, "m", 128).log_probabilities(asked)
    equal(half, asked, found, tolerance=0.5)
    assert found[0].dtype == np.float64
