import pytest

from trusteq.models.token_limit import token_limit, truncation


@pytest.mark.parametrize(
    ("config", "tokenizer_limit", "expected"),
    [
        ({"max_position_embeddings": 512, "model_type": "bert"}, 128, 128),
        ({"max_position_embeddings": 40, "model_type": "bert"}, 512, 40),
        ({"max_position_embeddings": 512, "model_type": "bert"}, 1e30, 512),
        ({"n_positions": 1024, "model_type": "gpt2"}, None, 1024),
        ({"model_type": "xlnet"}, 10**30, None),
        ({}, None, None),
    ],
)
def test_the_limit_is_what_tokenizer_and_positions_both_allow(config, tokenizer_limit, expected):
    assert token_limit(config, tokenizer_limit) == expected


def test_roberta_does_not_use_the_positions_up_to_padding():
    config = {"max_position_embeddings": 514, "model_type": "roberta", "pad_token_id": 1}
    assert token_limit(config, None) == 512


def test_the_finding_counts_the_items():
    finding = truncation({"a": 40, "b": 77}, limit=32, name="m")
    assert (finding.kind, finding.value) == ("truncated", 2)
    assert "2 items are longer than its limit of 32 tokens" in finding.message
    assert "1 item is longer than" in truncation({"a": 40}, limit=32, name="m").message
    assert "77" in finding.message
