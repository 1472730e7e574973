"""The training loop: its batches, its loss, its rate, and which epoch it keeps."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import tiny_models

from trusteq import ModelError
from trusteq.models.transformer import open_transformer
from trusteq.train import loop as training
from trusteq.train.lessons import Examples, TokenLessons
from trusteq.train.loop import batches, loss, rate_share, train
from trusteq.train.settings import TrainingSettings


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_models.save("bert", tmp_path_factory.mktemp("student") / "student", seed=4)


def fresh(folder):
    """A classifier with small weights, as they are before any training."""
    opened = open_transformer(str(folder), name="student")
    with torch.no_grad():
        for parameter in opened.model.parameters():
            if parameter.ndim == 2:
                parameter *= 0.1
    return opened


@pytest.fixture
def student(folder):
    return fresh(folder)


@pytest.fixture(scope="module")
def examples(folder):
    """Texts that hold "good" or "bad", labelled by it."""
    reader = open_transformer(str(folder), name="reader")
    words = ["the film was", "a man is", "not very", "the dog runs outside", "york"]
    texts = [f"{words[i % 5]} {('good', 'bad')[i % 2]}" for i in range(40)]
    return Examples(reader.encode([(text,) for text in texts]), np.arange(40) % 2)


QUICK = TrainingSettings(epochs=3, batch=8, rate=3e-3)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=300), st.integers(1, 20), st.integers(0, 5))
def test_every_row_is_in_one_batch_of_the_size_asked_for(lengths, size, seed):
    made = batches(np.array(lengths), size, np.random.default_rng(seed))
    assert sorted(np.concatenate(made).tolist()) == list(range(len(lengths)))
    assert sorted(map(len, made), reverse=True)[: len(lengths) // size] == [size] * (len(lengths) // size)


def test_batches_hold_rows_of_like_length_in_random_order():
    lengths = np.random.default_rng(0).integers(1, 100, 1000)
    made = batches(lengths, 10, np.random.default_rng(1))
    assert max(np.ptp(lengths[at]) for at in made) < 15
    means = [lengths[at].mean() for at in made]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3
    other = batches(lengths, 10, np.random.default_rng(2))
    assert {tuple(sorted(at)) for at in made} != {tuple(sorted(at)) for at in other}


@pytest.mark.parametrize("hard", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_the_loss_is_that_of_the_formula(hard, temperature):
    rng = np.random.default_rng(0)
    logits, soft = rng.normal(size=(2, 5, 3)) * 3
    gold = rng.integers(0, 3, 5)

    def softmax(x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    p, q = softmax(soft / temperature), softmax(logits / temperature)
    kl = (p * np.log(p / q)).sum(axis=1).mean()
    cross = -np.log(softmax(logits)[np.arange(5), gold]).mean()
    settings = TrainingSettings(hard=hard, temperature=temperature)
    found = loss(torch.tensor(logits), torch.tensor(gold), torch.tensor(soft), settings)
    assert float(found) == pytest.approx(hard * cross + (1 - hard) * temperature**2 * kl, rel=1e-9)


def test_the_loss_is_0_for_a_student_that_answers_as_its_teacher():
    logits = torch.tensor([[3.0, -1.0, 0.0]])
    assert float(loss(logits, None, logits.log_softmax(1) + 7, TrainingSettings(hard=0.0, temperature=2.0))) < 1e-6


def test_the_rate_rises_to_its_full_height_and_falls_to_nothing():
    settings = TrainingSettings(warmup=0.1, decay=True)
    shares = [rate_share(step, 100, settings) for step in range(101)]
    assert shares[:10] == sorted(shares[:10])
    assert 0 < shares[0] < 0.2
    assert shares[10] == 1
    assert shares[10:] == sorted(shares[10:], reverse=True)
    assert shares[100] == 0
    assert [rate_share(step, 100, TrainingSettings()) for step in (0, 50, 99)] == [1, 1, 1]


def test_it_learns(student, examples):
    curve = train(student, examples, examples, replace(QUICK, epochs=6))
    assert [epoch.number for epoch in curve] == [1, 2, 3, 4, 5, 6]
    assert curve[-1].loss < 0.5 * curve[0].loss
    answers = student.answer(examples.rows).argmax(axis=1)
    assert (answers == examples.gold).mean() > 0.9


def test_mixed_training_learns_too_and_changes_nothing_where_bfloat16_is_no_faster(folder, examples, monkeypatch):
    def weights(faster, **settings):
        monkeypatch.setattr(training, "multiplies_bfloat16", lambda device: faster)
        opened = fresh(folder)
        curve = train(opened, examples, examples, replace(QUICK, epochs=6, **settings))
        assert opened.model.classifier.weight.dtype == torch.float32
        return opened.model.classifier.weight.detach(), curve[-1].dev_accuracy

    (lowered, accuracy), (elsewhere, _), (plain, _) = (
        weights(True, mixed=True),
        weights(False, mixed=True),
        weights(True),
    )
    assert accuracy > 0.9
    assert not torch.equal(lowered, plain)
    assert torch.equal(elsewhere, plain)


def test_it_learns_from_soft_answers_alone(student, examples):
    soft = np.log(np.where(np.arange(3) == examples.gold[:, None], 0.8, 0.1))
    settings = replace(QUICK, epochs=6, hard=0.0, temperature=2.0)
    train(student, Examples(examples.rows, soft=soft), Examples(examples.rows, soft=soft), settings)
    np.testing.assert_allclose(np.exp(student.answer(examples.rows)), np.exp(soft), atol=0.25)


def test_the_weights_of_the_best_epoch_stay(student, examples, monkeypatch):
    """Accuracy first, then loss, then the earliest."""
    reached = [(0.7, 1.0), (0.8, 0.9), (0.8, 0.5), (0.8, 0.5), (0.6, 0.1)]
    kept = []

    def tried(model, dev, settings, number, mean):
        kept.append(model.model.classifier.weight.detach().clone())
        accuracy, dev_loss = reached[number - 1]
        return training.Epoch(number, mean, dev_loss, accuracy)

    monkeypatch.setattr(training, "_evaluate", tried)
    train(student, examples, examples, replace(QUICK, epochs=5))
    same = [torch.equal(student.model.classifier.weight, weight) for weight in kept]
    assert same == [False, False, True, False, False]


def test_what_dev_reached_is_what_the_model_answers(student, examples):
    dev = Examples(examples.rows, (examples.gold + (np.arange(40) % 3 == 0)) % 3)
    curve = train(student, examples, dev, replace(QUICK, epochs=1))
    answers = student.answer(dev.rows)
    assert curve[0].dev_accuracy == (answers.argmax(axis=1) == dev.gold).mean()
    assert curve[0].dev_loss == pytest.approx(-answers[np.arange(40), dev.gold].mean(), rel=1e-5)


def test_the_seed_decides_everything(folder, examples):
    def weights(seed):
        model = open_transformer(str(folder), name="student")
        torch.rand(seed + 1)  # whatever was drawn before
        train(model, examples, examples, replace(QUICK, epochs=1, seed=seed))
        return model.model.classifier.weight

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_the_caller_s_random_numbers_are_untouched(student, examples):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    train(student, examples, examples, replace(QUICK, epochs=1))
    assert torch.rand(1) == expected


def test_dropout_is_on_while_it_learns_and_off_afterwards(student, examples):
    seen = []
    student.model.register_forward_hook(lambda module, inputs, output: seen.append(module.training))
    train(student, examples, examples, replace(QUICK, epochs=1))
    assert seen[:5] == [True] * 5
    assert not any(seen[5:])
    assert not student.model.training


def test_steps_and_epochs_are_told(student, examples):
    steps, epochs = [], []
    settings = replace(QUICK, epochs=2, batch=16)
    curve = train(student, examples, examples, settings, advance=lambda *told: steps.append(told), after=epochs.append)
    assert steps == [(1, 1, 3), (1, 2, 3), (1, 3, 3), (2, 1, 3), (2, 2, 3), (2, 3, 3)]
    assert epochs == curve


def test_gradients_are_clipped(student, examples, monkeypatch):
    norms = []
    real = torch.nn.utils.clip_grad_norm_

    def clip(parameters, largest):
        parameters = list(parameters)
        norms.append((largest, float(real(parameters, largest)), float(real(parameters, 1e9))))

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", clip)
    train(student, examples, examples, replace(QUICK, epochs=1, clip=0.25))
    assert {largest for largest, *_ in norms} == {0.25}
    assert max(before for _, before, _ in norms) > 0.25
    assert max(after for *_, after in norms) <= 0.2501


def test_a_loss_that_is_no_number_stops(student, examples, one_line):
    with pytest.raises(ModelError) as caught:
        train(student, examples, examples, replace(QUICK, rate=1e30))
    one_line(caught, "the loss is", "epoch", "lower --rate")


def test_out_of_memory_says_what_to_do(student, examples, one_line, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(student.model, "forward", full)
    with pytest.raises(ModelError) as caught:
        train(student, examples, examples, QUICK)
    one_line(caught, "model student", "8 items", "lower --batch")


def test_a_model_without_padding_learns_one_row_at_a_time(student, examples, one_line):
    student.can_pad = False
    with pytest.raises(ModelError) as caught:
        train(student, examples, examples, QUICK)
    one_line(caught, "no padding token", "--batch 1")
    train(student, examples, examples, replace(QUICK, epochs=1, batch=1))


def test_examples_that_teach_nothing(examples):
    with pytest.raises(ValueError, match="to learn from"):
        Examples(examples.rows).answers()


def reached(*losses):
    """An evaluation that finds these losses, epoch by epoch."""
    return lambda number, mean: training.Epoch(number, mean, losses[number - 1], 0.5)


def learned(student, examples, evaluate, epochs, **options):
    settings = replace(QUICK, epochs=epochs)
    return training.learn(
        student.model, lambda number: TokenLessons(student, examples), evaluate, settings, name="student", **options
    )


def test_it_stops_when_nothing_is_gained(student, examples):
    curve = learned(student, examples, reached(3, 1, 2, 2, 0), 5, patience=2)
    assert [epoch.dev_loss for epoch in curve] == [3, 1, 2, 2]
    assert [epoch.dev_loss for epoch in learned(student, examples, reached(3, 1, 2, 0, 5), 5, patience=2)][-1] == 5


def test_the_model_as_it_was_may_be_the_best(student, examples):
    before = {name: tensor.clone() for name, tensor in student.model.state_dict().items()}
    curve = learned(student, examples, reached(3, 4), 2, start=(training.Epoch(0, 2.0, 2.0, 0.5),))
    assert [epoch.number for epoch in curve] == [0, 1, 2]
    assert all(torch.equal(before[name], tensor) for name, tensor in student.model.state_dict().items())


def test_only_what_may_move_moves(student, examples):
    before = {name: tensor.clone() for name, tensor in student.model.state_dict().items()}
    for name, parameter in student.model.named_parameters():
        parameter.requires_grad_(name.endswith("bias"))
    learned(student, examples, reached(1), 1)
    after = student.model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all(name.endswith("bias") for name in moved)


def test_an_epoch_can_have_lessons_of_its_own(student, examples):
    numbers = []

    def of_epoch(number):
        numbers.append(number)
        return examples

    train(student, of_epoch, examples, replace(QUICK, epochs=3))
    assert numbers == [1, 2, 3]


def test_dropout_can_stay_off(student, examples):
    seen = []
    student.model.register_forward_hook(lambda module, inputs, output: seen.append(module.training))
    learned(student, examples, reached(1), 1, dropout=False)
    assert not any(seen)
