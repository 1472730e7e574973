"""Language models: asked by a task file, opened again elsewhere, recognized by the weights that they compute with."""

import json
import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from oracles import tiny_language_models as tiny
from recipes import TRAININGS, mark

from trusteq.data.items import Items
from trusteq.errors import ModelError, OptionError
from trusteq.models.causal.chat_date import DATE
from trusteq.models.causal.plain import plain_log_probabilities
from trusteq.models.causal.tokenized import Prompt
from trusteq.models.open import backend_of, open_model
from trusteq.models.probe import answers_to, probe
from trusteq.models.traits import task_of, traits_of
from trusteq.work.plain_check import plain_check
from trusteq.work.shard import HERE

SENTENCES = ["a good day", "bad", "it was rather a bad one, was it not", "good good good", "so so"]
TASK = {
    "task": "choices",
    "prompt": "Text: {{ text }}\nIt is",
    "choices": {"no": " bad", "yes": " good"},
    "shots": [{"text": "a bad thing", "answer": "no"}, {"text": "a good thing", "answer": "yes"}],
}
OWN = {"task": "choices", "prompt": "Q: {{ text }}\nA:", "options": "answers"}
LETTERS = {
    **OWN,
    "prompt": "Q: {{ text }}\n{% for choice in choices %}{{ choice.letter }}. {{ choice.text }}\n{% endfor %}A:",
    "score": "letters",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("llama"))


def items(**fields):
    return Items([f"item {i}" for i in range(len(SENTENCES))], {"text": SENTENCES}, **fields)


def opened(folder, task=TASK, **options):
    return open_model(folder, name="m", options={"task": task, **options})


def test_a_choice_has_the_probability_of_its_continuation(folder):
    model = opened(folder)
    rows = answers_to(model, items())
    tokens, module = model.loaded.tokenizer, model.loaded.model
    shots = "Text: a bad thing\nIt is bad\n\nText: a good thing\nIt is good\n\n"
    for i, sentence in enumerate(SENTENCES):
        prompt = tuple(tokens(f"{shots}Text: {sentence}\nIt is")["input_ids"])
        ends = [tuple(tokens(text)["input_ids"]) for text in (" bad", " good")]
        raw = np.exp(plain_log_probabilities(module, Prompt(prompt, tuple(ends))))
        np.testing.assert_allclose(rows.take(np.array([i])).values[:, 0], raw / raw.sum(), atol=1e-5)
        np.testing.assert_allclose(rows.take(np.array([i])).values[:, 1], raw, rtol=1e-4)
    assert model.labels == ("no", "yes")


def test_items_may_have_options_of_their_own(folder):
    model = opened(folder, OWN)
    own = [("good", "bad"), ("x", "yy", "zzz"), ("good", "bad", "so", "la"), ("a", "b"), ("ho", "hum")]
    rows = answers_to(model, items(options=own))
    assert rows.counts.tolist() == [2, 3, 4, 2, 2]
    assert model.labels == ()
    turned = answers_to(model, items(options=[texts[::-1] for texts in own]))
    np.testing.assert_allclose(rows.take(np.array([1])).values[::-1], turned.take(np.array([1])).values, atol=1e-6)


def test_letters_are_asked_in_several_orders(folder):
    rows = answers_to(opened(folder, LETTERS), items(options=[("good", "bad", "so")] * len(SENTENCES)))
    assert (rows.values[:, 2] > 0).all()


def test_the_shots_are_the_prefix_that_is_read_once(folder):
    model = opened(folder)
    model.predict(items())
    start = "Text: a bad thing\nIt is bad\n\nText: a good thing\nIt is good\n\nText: "
    shared = model.loaded.tokenizer(start)["input_ids"]
    assert len(model._scorer.prefix.tokens) in (len(shared), len(shared) - 1)


def test_an_answer_hardly_depends_on_what_was_asked_before_or_with_it(folder):
    """The probe takes less than 1e-3 for rounding."""
    found = probe(opened(folder), items())
    assert found.batch_movement < 1e-5
    assert found.rerun_movement == 0
    alone = opened(folder).predict(items().take([2]))
    after = opened(folder)
    after.predict(items())
    np.testing.assert_array_equal(alone.values, after.predict(items().take([2])).values)


def test_without_a_task_file_it_says_what_to_give(folder):
    with pytest.raises(OptionError, match=r"model m: .* is a language model.*--task FILE"):
        open_model(folder, name="m")


def test_a_run_reports_how_near_it_is_to_the_plain_forward(folder):
    model = opened(folder)
    rows = answers_to(model, items())
    (finding,) = plain_check(HERE, model, items(), rows)
    assert finding.kind == "plain forward"
    assert 0 < finding.value < 1e-5
    assert "equal those of the plain forward" in finding.message
    assert "checked on 5 items" in finding.message


def test_a_forward_that_is_not_the_plain_one_is_reported(folder, monkeypatch):
    model = opened(folder)
    original = type(model._scorer).log_probabilities
    monkeypatch.setattr(
        type(model._scorer), "log_probabilities", lambda *args, **k: [x - 0.01 for x in original(*args, **k)]
    )
    (finding,) = plain_check(HERE, model, items(), answers_to(model, items()))
    assert finding.value == pytest.approx(0.01, rel=1e-3)
    assert "differ from those of the plain forward" in finding.message


def test_a_model_that_reads_the_tokens_that_it_predicts_is_refused(tmp_path):
    tiny.save(tmp_path / "m", "roberta")
    with pytest.raises(
        ModelError, match=r"^model m: RobertaForCausalLM reads the tokens that it is asked to predict: its"
    ):
        opened(tmp_path / "m")
    tiny.save(tmp_path / "m", "roberta", is_decoder=True)
    assert opened(tmp_path / "m").predict(items().take(np.arange(1)))


def test_a_chat_template_that_writes_the_date_makes_the_same_prompt_every_day(tmp_path, monkeypatch):
    from trusteq.models.library_output import quiet_transformers

    tiny.save(tmp_path / "m")
    dated = "\n  {% if true %}Today: {{ strftime_now('%d %b %Y, %-I %p, %A %-d.%-m.') }}\n{% endif %}" + tiny.TEMPLATE
    with quiet_transformers():
        tiny.tokenizer(template=dated).save_pretrained(tmp_path / "m")
    task = {**TASK, "chat": "model", "choices": {"no": "bad", "yes": "good"}}
    model = opened(tmp_path / "m", task)
    (prompt,) = model.prompts_of(items().take(np.arange(1)))
    assert prompt.startswith("\nToday: 26 Jul 2024, 12 AM, Friday 26.7.\n<s>user")

    class ThatDay(datetime):
        now = classmethod(lambda cls: DATE)

    monkeypatch.setattr("transformers.utils.chat_template_utils.datetime", ThatDay)
    monkeypatch.setattr("trusteq.models.causal.language_model.at_fixed_date", lambda template: template)
    assert model.prompts_of(items().take(np.arange(1))) == [prompt]


def test_a_model_that_reads_plainly_is_opened_as_one_elsewhere(folder):
    plain = traits_of(opened(folder)).plain()
    assert traits_of(plain).plain is None
    again = traits_of(plain).opening().open()
    assert again.plain
    np.testing.assert_array_equal(answers_to(again, items()).values, opened(folder).plainly(items()).values)


def test_the_plain_forward_is_asked_wherever_the_model_runs(folder):
    """So that a run is the same with several processes."""

    class Elsewhere:
        threads = 1

        def answers(self, model, shards, advance):
            assert traits_of(model).opening()
            for number, shard in enumerate(shards):
                yield number, shard.run(opened(folder), advance)

    model = opened(folder)
    rows = answers_to(model, items())
    assert plain_check(Elsewhere(), model, items(), rows) == plain_check(HERE, model, items(), rows)


def test_a_model_with_one_way_to_answer_is_not_checked():
    def model(texts):
        return [[0.5, 0.5]] * len(texts)

    from trusteq.models.function import from_callable

    assert plain_check(HERE, from_callable(model, labels=("a", "b"), name="m"), items(), None) == ()


def test_another_process_opens_the_same_model(folder):
    model = opened(folder)
    opening = traits_of(model).opening()
    json.dumps(opening.options)
    again = opening.open()
    np.testing.assert_array_equal(again.predict(items()).values, model.predict(items()).values)
    assert traits_of(again).opening() == opening
    assert traits_of(opened(folder, {**TASK, "prompt": "{{ text }}\nIt is"})).opening().content() != opening.content()


def test_its_task_is_choices(folder):
    assert task_of(opened(folder)).name == "choices"


def test_lowered_it_computes_in_16_bits(folder):
    model = opened(folder)
    lowered = model.lowered("bfloat16")
    assert lowered.lowered("bfloat16") is lowered
    difference = np.abs(lowered.predict(items()).values[:, 0] - model.predict(items()).values[:, 0]).max()
    assert 0 < difference < 0.1
    assert traits_of(lowered).opening().open().loaded.model.dtype == lowered.loaded.model.dtype


def test_a_chat_is_written_in_the_model_s_own_template(folder):
    model = opened(folder, {**TASK, "chat": "model", "system": "Say.", "choices": {"no": "bad", "yes": "good"}})
    (first, *_) = model.prompts_of(items())
    assert first.startswith("<s>system\nSay.</s>\n<s>user\nText: a bad thing\nIt is</s>\n<s>assistant\nbad</s>\n")
    assert first.endswith("<s>user\nText: a good day\nIt is</s>\n<s>assistant\n")
    answers_to(model, items())


def test_a_chat_template_that_drops_the_system_text_is_told(folder):
    choices = {"no": "bad", "yes": "good"}
    model = opened(folder, {**TASK, "chat": "model", "system": "Answer in one word.", "choices": choices})
    with_user = "{% for message in messages %}{% if message['role'] != 'system' %}"
    template = tiny.TEMPLATE.replace("{% for message in messages %}", with_user)
    model.loaded.tokenizer.chat_template = template.replace("{% endfor %}", "{% endif %}{% endfor %}")
    (found,) = model.findings()
    assert found.kind == "system left out"
    assert found.message.startswith("its chat template leaves out the task file's system text 'Answer in one word.'; ")
    kept = opened(folder, {**TASK, "chat": "model", "system": "Answer.", "choices": choices})
    assert kept.findings() == ()
    # A template that writes a system text of its own where none is given drops nothing, though it be the same text.
    own = "{% if messages[0]['role'] != 'system' %}<s>system\nAnswer.</s>\n{% endif %}"
    kept.loaded.tokenizer.chat_template = own + tiny.TEMPLATE
    assert kept.findings() == ()
    assert opened(folder, {**TASK, "chat": "model", "choices": choices}).findings() == ()


def test_a_failing_chat_template_is_one_line(folder):
    model = opened(folder, {**TASK, "chat": "model", "choices": {"no": "bad", "yes": "good"}})
    model.loaded.tokenizer.chat_template = "{{ raise_exception('no system') }}"
    with pytest.raises(ModelError, match="model m: its chat template cannot be used: no system"):
        model.predict(items())


def test_content_changes_with_the_chat_template_only_where_it_is_used(folder, tmp_path):
    import shutil

    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "chat_template.jinja").write_text("{{ messages }}")
    chat = {**TASK, "chat": "model", "choices": {"no": "bad", "yes": "good"}}
    assert opened(folder).identity.content == opened(other).identity.content
    assert opened(folder, chat).identity.content != opened(other, chat).identity.content


def test_content_is_that_of_the_numbers_however_they_are_stored(folder, tmp_path):
    """In 32 bits, sharded or with its head stored twice: the same; with one number changed, another."""
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    same, changed = tmp_path / "same", tmp_path / "changed"
    for to in (same, changed):
        model.save_pretrained(to, max_shard_size="20KB")
        tiny.tokenizer().save_pretrained(to)
        with torch.no_grad():
            model.model.layers[1].mlp.up_proj.weight[3, 3] += 1e-3
    content = opened(folder).identity.content
    assert len(list(same.glob("*.safetensors"))) > 1
    assert opened(same).identity.content == content
    assert opened(changed).identity.content != content


def test_a_prompt_longer_than_the_context_is_refused(folder):
    with pytest.raises(ModelError, match=r"of 1 item do not fit into its context of 256 tokens \(item 'a'"):
        opened(folder).predict(Items(["a"], {"text": ["x" * 300]}))


@pytest.mark.slow
def test_memory_is_measured_in_another_process(folder):
    from trusteq.models.cost_memory import peak_bytes

    model = opened(folder, OWN)
    assert peak_bytes(model, items(options=[("good", "bad")] * len(SENTENCES)), None) > 0


def test_costs_can_be_measured(folder):
    size = traits_of(opened(folder)).size()
    assert size.parameters == sum(p.numel() for p in opened(folder).loaded.model.parameters())
    assert size.weights_bytes >= 4 * size.parameters


def test_a_classifier_is_not_a_language_model(folder, tmp_path):
    from oracles import tiny_models

    assert backend_of(str(folder), "m").kind == "causal"
    assert backend_of(str(tiny_models.save("llama", tmp_path / "c")), "m").kind == "transformers"


def test_missing_weights_are_refused(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    tiny.save(broken)
    tensors = load_file(broken / "model.safetensors")
    tensors.pop("model.layers.0.mlp.up_proj.weight")
    save_file(tensors, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="refusing a partly random model"):
        opened(broken)


def test_identity_says_what_was_read(folder):
    details = opened(folder).identity.details
    assert details["architecture"] == "LlamaForCausalLM"
    assert details["quantization"] is None
    assert {len(details[name]) for name in ("vocabulary", "tokenizer", "chat_template", "asked")} == {64}


@pytest.mark.parametrize("options", [{}, {"task": {"task": "tokens"}}, {"task": {"task": "tokens"}, "top_tokens": 5}])
def test_the_recipe_beside_it_says_what_it_was_trained_on(options, folder, tmp_path):
    copy = mark(Path(shutil.copytree(folder, tmp_path / "copy")))
    assert [traits_of(opened(one, **options)).trained_on() for one in (folder, copy)] == [(), TRAININGS]
