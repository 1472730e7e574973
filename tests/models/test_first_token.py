"""Models that classify by their first token are asked for no more, and only those."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")

from oracles import tiny_models  # noqa: E402

from trusteq.models.encoder import layers, projections  # noqa: E402
from trusteq.models.first_token import first_token_only, reads_first_token_only  # noqa: E402
from trusteq.models.transformer import open_transformer  # noqa: E402

SHAPE = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "pad_token_id": 0,
}
FIRST = {
    "BERT": lambda: transformers.BertForSequenceClassification(transformers.BertConfig(**SHAPE)),
    "RoBERTa": lambda: transformers.RobertaForSequenceClassification(
        transformers.RobertaConfig(**{**SHAPE, "pad_token_id": 1})
    ),
    "ELECTRA": lambda: transformers.ElectraForSequenceClassification(transformers.ElectraConfig(**SHAPE)),
    "DistilBERT": lambda: transformers.DistilBertForSequenceClassification(
        transformers.DistilBertConfig(vocab_size=50, dim=32, n_layers=3, n_heads=4, hidden_dim=64)
    ),
}
OTHERS = {
    "GPT-2, the last token": lambda: transformers.GPT2ForSequenceClassification(
        transformers.GPT2Config(vocab_size=50, n_embd=32, n_layer=2, n_head=2, pad_token_id=0)
    ),
    "ALBERT, one layer shared by all": lambda: transformers.AlbertForSequenceClassification(
        transformers.AlbertConfig(**{**SHAPE, "embedding_size": 16})
    ),
}


def asked(model):
    """A function that asks the model about four rows of several lengths."""
    model.eval()
    ids = torch.randint(2, 50, (4, 12), generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(12) < torch.tensor([[12], [3], [7], [9]])).long()

    def answer():
        with torch.inference_mode():
            logits = model(input_ids=torch.where(mask == 1, ids, 0), attention_mask=mask).logits
        return logits.double().log_softmax(-1).numpy()

    return answer


def scattered(make, seed=1):
    torch.manual_seed(seed)
    model = make()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 or name.endswith("bias"):
                parameter.normal_(std=0.3)  # large, so that answers differ
    return model


@pytest.mark.parametrize("name", FIRST)
def test_a_shortened_last_layer_answers_the_same_and_computes_one_token(name):
    model = scattered(FIRST[name])
    answer = asked(model)
    assert reads_first_token_only(model, answer)
    ordinary, seen = answer(), []
    layers = (getattr(model.base_model, "encoder", None) or model.base_model.transformer).layer
    dense = layers[-1].ffn if name == "DistilBERT" else layers[-1].output
    handle = dense.register_forward_hook(lambda module, given, made: seen.append(tuple(made.shape)))
    with first_token_only(model) as possible:
        assert possible
        np.testing.assert_allclose(answer(), ordinary, atol=1e-5)
    assert seen == [(4, 1, 32)]
    answer()
    assert seen[1:] == [(4, 12, 32)]  # and is whole again afterwards
    handle.remove()


@pytest.mark.parametrize("name", FIRST)
def test_keys_and_values_that_are_no_plain_products_are_made_as_they_are(name):
    model = scattered(FIRST[name])
    answer = asked(model)
    ordinary, made = answer(), []
    last = layers(model)[-1]
    key, value = projections(last)[1:]
    handles = [linear.register_forward_hook(lambda *given: made.append(1)) for linear in (key, value)]
    with first_token_only(model):
        np.testing.assert_allclose(answer(), ordinary, atol=1e-5)
    assert len(made) == 2
    for handle in handles:
        handle.remove()
    with first_token_only(model):
        linear = value.forward
        value.forward = lambda given: made.append(1) or linear(given)
        np.testing.assert_allclose(answer(), ordinary, atol=1e-5)
        assert len(made) == 3
        del value.forward
        answer()
    assert len(made) == 3


@pytest.mark.parametrize("name", OTHERS)
def test_other_models_stay_whole(name):
    model = scattered(OTHERS[name])
    assert not reads_first_token_only(model, asked(model))


def test_a_model_that_reads_more_than_its_first_token_is_found_out():
    model = scattered(FIRST["BERT"])
    pooler = model.bert.pooler
    pooler.forward = lambda hidden: pooler.activation(pooler.dense(hidden.mean(dim=1)))
    with first_token_only(model) as possible:
        assert possible  # its last layer looks like one
    assert not reads_first_token_only(model, asked(model))


def test_a_model_built_otherwise_than_it_looks_stays_whole():
    model = scattered(FIRST["BERT"])
    del model.bert.encoder.layer[-1].attention.self.scaling
    assert not reads_first_token_only(model, lambda: np.zeros((4, 2)) if whole(model) else asked(model)())


def whole(model):
    return "forward" not in vars(model.bert.encoder.layer[-1])


def test_a_layer_that_somebody_listens_to_is_left_alone():
    model = scattered(FIRST["BERT"])
    handle = model.bert.encoder.layer[-1].register_forward_hook(lambda *given: None)
    assert not reads_first_token_only(model, asked(model))
    handle.remove()
    assert reads_first_token_only(model, asked(model))


@pytest.mark.parametrize(("kind", "shortened"), [("bert", True), ("roberta", True), ("llama", False)])
def test_perturbed_texts_are_asked_shortened_and_predictions_whole(kind, shortened, tmp_path, monkeypatch):
    model = open_transformer(str(tiny_models.save(kind, tmp_path)), name=kind)
    assert model.first_token_decides is shortened
    rows = model.encode([("the film was good",), ("a dog",), ("the man is playing guitar",)])
    ordinary = model._answer(rows, None)
    entered = []
    real = first_token_only
    monkeypatch.setattr(
        "trusteq.models.transformer.first_token_only", lambda given: entered.append(given) or real(given)
    )
    np.testing.assert_allclose(model.answer(rows), ordinary, atol=1e-5)
    assert bool(entered) is shortened
