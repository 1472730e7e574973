"""Models of sounds: ONNX by a stated preprocessing, transformers by their feature extractors, LiteRT on features."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from oracles.linear_graph import write_graph
from oracles.tiny_litert import write as write_litert
from recipes import TRAININGS, mark
from recordings import RATE, tone, wav

import trusteq
from trusteq import Items, ModelError, open_model
from trusteq.data.features import Features
from trusteq.data.predictions import softmax
from trusteq.data.sounds import Sounds
from trusteq.explain.units import cutter
from trusteq.models.probe import probe
from trusteq.models.sound_extractor import preprocessing_by
from trusteq.models.sound_input import sound_input
from trusteq.models.sound_preprocessing import SoundPreprocessing
from trusteq.models.traits import traits_of

LABELS = ("low", "high")
PITCHES = np.linspace(200, 1500, 12)


def items_of(seconds=(0.5,), rate=RATE):
    files = [wav(tone(hz, seconds[i % len(seconds)], rate), rate=rate) for i, hz in enumerate(PITCHES)]
    return Items([f"s{i}" for i in range(len(files))], {"clip": Sounds.of(files)})


# Preprocessing -------------------------------------------------------------------------------------------------------

WAVE = tone(300, 0.01).astype(np.float32)  # 80 samples


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, WAVE),
        ({"length": 50}, WAVE[:50]),
        ({"length": 100}, np.concatenate([WAVE, np.zeros(20)])),
        ({"normalise": "peak"}, WAVE / np.abs(WAVE).max()),
        ({"normalise": "deviation", "length": 90}, np.append((WAVE - WAVE.mean()) / WAVE.std(), np.zeros(10))),
        ({"scale": 32768, "dtype": "int16"}, np.round(WAVE * 32768)),
        ({"scale": 100_000, "dtype": "int16"}, np.clip(np.round(WAVE * 100_000), -32768, 32767)),
    ],
    ids=str,
)
def test_a_sound_becomes_what_its_preprocessing_says(stated, expected):
    made = sound_input(WAVE, RATE, SoundPreprocessing(rate=RATE, **stated))
    assert made.dtype == stated.get("dtype", "float32")
    np.testing.assert_allclose(made, expected, rtol=2e-5, atol=1e-6)


def test_silence_is_not_divided_by_zero():
    for normalise in ("peak", "deviation"):
        made = sound_input(np.zeros(8, dtype=np.float32), RATE, SoundPreprocessing(rate=RATE, normalise=normalise))
        np.testing.assert_array_equal(made, 0)


def test_resampling_is_part_of_it_if_stated():
    made = sound_input(tone(300, 0.5).astype(np.float32), RATE, SoundPreprocessing(rate=16_000, resample=True))
    assert np.abs(made - tone(300, 0.5, 16_000))[400:-400].max() < 2e-3


# ONNX ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def graph(tmp_path):
    """A function that writes a graph of two scores, and returns its file and weights [samples, 2]."""
    pytest.importorskip("onnx", reason="needs onnx to build graphs")
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

    def write(shape=("n", 4000), weights=None, **stated):
        w = np.random.default_rng(0).normal(size=(4000, 2)).astype(np.float32) if weights is None else weights
        file = tmp_path / f"m{len(list(tmp_path.iterdir()))}.onnx"
        write_graph(file, w, shape)
        if stated:
            file.with_suffix(".yaml").write_text(json.dumps({"rate": RATE, "length": 4000, **stated}), "utf-8")
        return file, w

    return write


def test_the_recipe_beside_a_graph_says_what_it_was_trained_on(graph):
    file, _ = graph(labels=["low", "high"])
    assert traits_of(open_model(file)).trained_on() == ()
    mark(file.parent)
    assert traits_of(open_model(file)).trained_on() == TRAININGS


@pytest.mark.parametrize("shape", [("n", 4000), (1, 4000), (5, 4000), ("n", 1, 4000), ("n", 4000, 1), ("n", None)])
def test_a_graph_answers_by_the_yaml_beside_it(graph, shape):
    file, weights = graph(shape, labels=["low", "high"])
    model = open_model(file)
    assert model.labels == LABELS
    items = items_of()
    expected = softmax(np.stack(items.segments["clip"].inputs()).astype(np.float64) @ weights)
    np.testing.assert_allclose(model.predict(items), expected, atol=1e-5)
    assert traits_of(model).reads == {"sound"}


def test_sounds_of_any_length_are_filled_with_silence_or_cut(graph):
    file, weights = graph(labels=["low", "high"])
    items = items_of((0.3, 0.7))
    padded = [np.pad(x[:4000], (0, max(0, 4000 - len(x)))) for x in items.segments["clip"].inputs()]
    expected = softmax(np.stack(padded).astype(np.float64) @ weights)
    np.testing.assert_allclose(open_model(file).predict(items), expected, atol=1e-5)


def test_sounds_whose_end_is_not_heard_are_counted_once(graph):
    file, _ = graph(labels=["low", "high"])
    model = open_model(file, name="m")
    assert model.findings() == ()
    items = items_of((0.3, 0.7))
    model.predict(items)
    model.predict(items.take([1]))
    units = cutter(None, items)(1)
    model.predict(Items(["0", "1"], {"clip": units.render(np.eye(16, dtype=bool)[:2], "remove")[0]}))
    (finding,) = model.findings()
    assert (finding.kind, finding.value) == ("cut sounds", 6)
    assert finding.message.startswith("it hears only the first 0.5 s of 6 sounds, which are longer; what comes after")


def test_another_preparation_is_named_above_the_numbers(graph):
    large, _ = graph(labels=["low", "high"])
    small, _ = graph(labels=["low", "high"], normalise="peak", scale=2)
    models = [open_model(large, name="large"), open_model(small, name="small")]
    made = trusteq.audit(*models, items_of(), explain=False, resamples=100, costs="none", with_slices=False)
    (message,) = [f.message for f in made.findings if f.kind == "other input"]
    assert message == (
        "hears sounds in another form than large, as models may: normalise peak instead of none; scale 2.0 instead of "
        "1.0"
    )


def test_another_rate_is_refused_unless_it_is_resampled(graph):
    items = items_of(rate=16_000)
    file, _ = graph(labels=["low", "high"])
    with pytest.raises(ModelError, match=r"m0: it hears sounds of 8,000 Hz, .* have 16,000 Hz; .*--rate 8000"):
        open_model(file, name="m0").predict(items)
    file, _ = graph(labels=["low", "high"], resample=True)
    again = Items(items.ids, {"clip": Sounds.of([sound.encoded for sound in items.segments["clip"]], rate=RATE)})
    np.testing.assert_array_equal(open_model(file).predict(items), open_model(file).predict(again))


def test_its_preprocessing_is_part_of_what_a_model_is(graph):
    file, _ = graph(labels=["low", "high"])
    one = open_model(file).identity.content
    for change, same in (({"normalise": "peak"}, False), ({"labels": ["a", "b"]}, True)):
        stated = {"rate": RATE, "length": 4000, "labels": ["low", "high"], **change}
        model = open_model(file, options={"preprocessing": stated})
        assert (model.identity.content == one) is same
        assert traits_of(model).opening().open().identity == model.identity


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"lenght": 1}, "lenght"),
        ({"length": 3999}, r"input 'x' has 4,000 samples an item, but the preprocessing says length: 3999"),
        ({"rate": 5}, "rate"),
        ({"dtype": "int16"}, r"reads x: tensor\(float\); a model of sounds has one input, here of tensor\(int16\)"),
        ({"normalise": "loud"}, "normalise"),
    ],
)
def test_a_preprocessing_that_does_not_fit_is_one_line(graph, stated, said):
    file, _ = graph(labels=["low", "high"], **stated)
    with pytest.raises(ModelError, match=said) as error:
        open_model(file)
    assert "\n" not in str(error.value)


def test_sounds_need_a_preprocessing(graph):
    file, _ = graph()
    with pytest.raises(ModelError, match="sounds need a preprocessing"):
        open_model(file, options={"labels": LABELS}).predict(items_of())


def test_features_are_read_as_they_are(graph):
    file, weights = graph(("n", 40, 100))
    values = np.random.default_rng(0).normal(size=(20, 40, 100)).astype(np.float32)
    items = Items([str(i) for i in range(20)], {"mfcc": Features(values)})
    model = open_model(file, options={"labels": LABELS})
    expected = softmax(values.reshape(20, -1).astype(np.float64) @ weights)
    np.testing.assert_allclose(model.predict(items), expected, atol=1e-5)


def test_two_graphs_of_different_input_are_asked_about_the_same_units(graph):
    weights = np.random.default_rng(0).normal(size=(4000, 2)).astype(np.float32) / 10
    large, _ = graph(weights=weights, labels=["low", "high"])
    small, _ = graph(weights=weights / 3, labels=["low", "high"], scale=3)
    files = [wav(np.random.default_rng(i).normal(0, 0.1, 4000)) for i in range(40)]
    items = Items([str(i) for i in range(40)], {"clip": Sounds.of(files)})
    made = trusteq.audit(open_model(large), open_model(small), items, resamples=100, costs="none", with_slices=False)
    assert made.comparisons[0].measures["explanation"]["alignment_shapley"].value > 0.999


# LiteRT --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("shape", [(4000,), (4000, 1), (1, 4000)])
def test_a_litert_file_answers_by_the_yaml_beside_it(tmp_path, shape, quantized):
    pytest.importorskip("ai_edge_litert", reason="needs the extra 'litert'")
    weights = np.random.default_rng(0).normal(size=(2, 4000)).astype(np.float32) / 50
    write_litert(tmp_path / "m.tflite", weights, shape=shape, quantized=quantized, step=1 / 128, zero=0)
    stated = {"rate": RATE, "length": 4000, "labels": ["low", "high"], "scores": "probabilities"}
    (tmp_path / "m.yaml").write_text(json.dumps(stated), "utf-8")
    model = open_model(tmp_path / "m.tflite")
    items = items_of((0.4, 0.7))
    padded = [np.pad(x[:4000], (0, max(0, 4000 - len(x)))) for x in items.segments["clip"].inputs()]
    expected = softmax(np.stack(padded).astype(np.float64) @ weights.T)
    np.testing.assert_allclose(model.predict(items), expected, atol=0.1 if quantized else 1e-5)
    assert traits_of(model).reads == {"sound"}
    assert traits_of(model).opening().open().identity == model.identity
    assert "cut sounds" in {finding.kind for finding in model.findings()}


def test_a_litert_file_without_one_is_told_what_it_needs(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="needs the extra 'litert'")
    write_litert(tmp_path / "m.tflite", np.zeros((2, 4000), np.float32), shape=(4000,))
    model = open_model(tmp_path / "m.tflite", options={"labels": LABELS})
    with pytest.raises(trusteq.DataError, match=r"say what happens to sounds in a \.yaml file beside the model's file"):
        model.predict(items_of())


# transformers --------------------------------------------------------------------------------------------------------

WAV2VEC2 = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "conv_dim": (16, 16),
    "conv_kernel": (10, 8),
    "conv_stride": (5, 4),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 8,
}


def saved(folder, kind):
    transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    import torch

    torch.manual_seed(0)
    names = {"id2label": dict(enumerate(LABELS)), "label2id": {label: i for i, label in enumerate(LABELS)}}
    if kind == "ast":
        shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
        config = transformers.ASTConfig(max_length=64, num_mel_bins=32, **shape, **names)
        model = transformers.ASTForAudioClassification(config)
        extractor = transformers.ASTFeatureExtractor(max_length=64, num_mel_bins=32, sampling_rate=RATE)
    else:
        masked = kind == "wav2vec2 with masks"
        norm = {"feat_extract_norm": "layer"} if masked else {}
        config = transformers.Wav2Vec2Config(**WAV2VEC2, **norm, **names)
        model = transformers.Wav2Vec2ForSequenceClassification(config)
        extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=RATE, return_attention_mask=masked)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith("classifier") and parameter.ndim == 2:
                parameter.normal_(std=20.0)
    from trusteq.models.library_output import quiet_transformers

    with quiet_transformers():
        model.save_pretrained(folder)
        extractor.save_pretrained(folder)
    return folder


KINDS = ["wav2vec2", "wav2vec2 with masks", "ast"]


@pytest.fixture(scope="module", params=KINDS)
def folder(request, tmp_path_factory):
    return saved(tmp_path_factory.mktemp("sounds"), request.param)


def test_a_checkpoint_answers_as_transformers_does_one_by_one(folder):
    import torch
    import transformers

    items = items_of((0.5, 0.3))
    model = open_model(folder)
    assert model.labels == LABELS
    plain = transformers.AutoModelForAudioClassification.from_pretrained(folder).eval()
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    expected = []
    for samples in items.segments["clip"].inputs():
        inputs = extractor(samples, sampling_rate=RATE, return_tensors="pt")
        with torch.inference_mode():
            expected.append(plain(**inputs).logits.numpy()[0].astype(np.float64))
    answers = model.predict(items)
    np.testing.assert_allclose(answers, softmax(np.array(expected)), atol=1e-5)
    assert np.ptp(answers[:, 0]) > 0.01


def test_no_answer_depends_on_other_sounds(folder):
    assert probe(open_model(folder), items_of((0.5, 0.3, 0.3))).batch_movement < 1e-5


def test_it_is_opened_again_as_the_same(folder):
    model = open_model(folder)
    assert traits_of(model).opening().open().identity == model.identity
    assert model.identity.details["rate"] == RATE


def test_the_recipe_beside_it_says_what_it_was_trained_on(folder, tmp_path):
    assert traits_of(open_model(folder)).trained_on() == ()
    copy = mark(Path(shutil.copytree(folder, tmp_path / "copy")))
    assert traits_of(open_model(copy)).trained_on() == TRAININGS


def test_what_its_extractor_does_is_part_of_what_it_is(folder, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    settings = json.loads((copy / "preprocessor_config.json").read_text("utf-8"))
    (copy / "preprocessor_config.json").write_text(json.dumps({**settings, "do_normalize": False}), "utf-8")
    assert open_model(copy).identity.content != open_model(folder).identity.content


QUIET = [(1e-5, 0), (1e-4, 1e-4), (3e-4, 0), (0.01, 0.5), (0.5, 0), (0, 0), (0, 0.3)]


@pytest.mark.parametrize(("loud", "level"), QUIET, ids=str)
def test_an_extractor_of_samples_is_stated_to_the_last_digits_however_quiet_the_sound(loud, level):
    """It adds 1e-7 to the variance, which is most of that of a quiet sound."""
    transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=RATE)
    how = preprocessing_by(extractor, RATE)
    assert how == SoundPreprocessing(rate=RATE, normalise="deviation")
    x = (level + loud * np.random.default_rng(1).normal(size=4001)).astype(np.float32)
    made = sound_input(x, RATE, how)
    np.testing.assert_allclose(made, extractor(x, sampling_rate=RATE).input_values[0], rtol=1e-6, atol=1e-6)
    exact = x.astype(np.float64)
    expected = (exact - exact.mean()) / np.sqrt(exact.var() + 1e-7)
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-7 * level / np.sqrt(exact.var() + 1e-7) + 1e-6)


def test_what_an_extractor_does_is_stated_only_if_it_does_just_that():
    transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    extractor = transformers.Wav2Vec2FeatureExtractor

    class Louder(extractor):
        @staticmethod
        def zero_mean_unit_var_norm(input_values, *_, **__):
            return [(x - x.mean()) / np.sqrt(x.var() + 1e-5) for x in input_values]

    class Masking(extractor):
        def __call__(self, *arguments, **options):
            made = super().__call__(*arguments, return_attention_mask=True, **options)
            made["attention_mask"][:, -10:] = 0
            return made

    class Failing(extractor):
        def __call__(self, *arguments, **options):
            raise ValueError("no")

    plain = SoundPreprocessing(rate=RATE)
    assert preprocessing_by(extractor(sampling_rate=RATE, do_normalize=False), RATE) == plain
    for other in (Louder, Masking, Failing):
        assert preprocessing_by(other(sampling_rate=RATE), RATE) is None
    assert preprocessing_by(extractor(sampling_rate=7), 7) is None
    assert preprocessing_by(transformers.WhisperFeatureExtractor(), 16_000) is None
    assert preprocessing_by(transformers.ASTFeatureExtractor(max_length=64, num_mel_bins=32), 16_000) is None


def test_sounds_of_another_rate_are_refused(folder):
    with pytest.raises(ModelError, match=r"it hears sounds of 8,000 Hz, .* have 16,000 Hz; .*--rate 8000"):
        open_model(folder).predict(items_of(rate=16_000))


def test_texts_are_refused(folder):
    with pytest.raises(trusteq.DataError, match="reads a sound, but the items have 'text', a text; name its column"):
        open_model(folder).predict(Items(["a"], {"text": ["x"]}))


def test_a_sound_too_short_for_it_is_one_line(tmp_path):
    model = open_model(saved(tmp_path, "wav2vec2"))
    items = Items(["a"], {"clip": Sounds.of([wav(tone(seconds=0.001))])})
    with pytest.raises(ModelError, match="failed while answering item 'a'"):
        model.predict(items)


def test_a_sound_of_which_the_extractor_drops_the_end_is_counted(tmp_path):
    model = open_model(saved(tmp_path, "ast"))  # 64 frames, of which the last ends at 10,480 samples
    model.predict(Items(["a", "b"], {"clip": Sounds.of([wav(tone(seconds=s)) for s in (1.3, 1.4)])}))
    assert [finding.message for finding in model.findings()] == [
        "it hears only the first 1.33 s of 1 sound, which is longer; what comes after is not part of the audit"
    ]


def test_features_are_those_of_numpy_even_with_torchaudio(tmp_path, monkeypatch):
    folder = saved(tmp_path, "ast")
    expected = open_model(folder).predict(items_of())
    from transformers.models.audio_spectrogram_transformer import (
        feature_extraction_audio_spectrogram_transformer as ast,
    )

    monkeypatch.setattr(ast, "is_speech_available", lambda: True)
    np.testing.assert_array_equal(open_model(folder).predict(items_of()), expected)
    assert ast.is_speech_available()


@pytest.mark.slow
def test_a_checkpoint_is_audited_and_explained(tmp_path):
    large = open_model(saved(tmp_path, "wav2vec2"), name="large")
    again = replace(large, name="again")
    made = trusteq.audit(
        large,
        again,
        items_of((0.5, 0.3)),
        explain=trusteq.ExplainSettings(items=8, masks=32),
        resamples=100,
        costs="none",
        allow_same=True,
    )
    assert made.settings["explain"]["units"] == "stretches"
    assert made["again"].measures["explanation"]["alignment_shapley"].value == pytest.approx(1)
