"""Sounds: decoded when asked for, hashed as they came, stored to the bit, and refused in one line."""

import pickle

import numpy as np
import pyarrow as pa
import pytest
from recordings import RATE, tone, wav

import trusteq
from trusteq.data import sound as sound_module
from trusteq.data.segment import segment_of, stored_segment
from trusteq.data.sound import Sound
from trusteq.data.sound_measures import sound_measures
from trusteq.data.sounds import Sounds
from trusteq.errors import DataError, OptionError


def items(sounds):
    return trusteq.Items([f"s{i}" for i in range(len(sounds))], {"audio": sounds})


def test_models_get_one_channel_of_floats():
    sounds = Sounds.of([wav(tone()), wav(tone(900, 0.25))])
    first, second = sounds.inputs()
    assert (first.dtype, first.shape, second.shape) == (np.float32, (4000,), (2000,))
    assert sounds.rate == RATE
    assert sounds.sizes().tolist() == [4000, 2000]


def test_several_channels_are_refused_unless_they_are_to_be_averaged():
    stereo = wav(np.stack([tone(loud=0.5), tone(loud=0.1)], axis=1))
    with pytest.raises(DataError, match=r"'audio': sound 1: 2 channels, but models hear one; .*--channels mean"):
        items(Sounds.of([stereo]))
    mixed = Sounds.of([stereo], channels="mean")
    assert np.abs(mixed[0].samples() - tone(loud=0.3)).max() < 1e-4
    assert mixed.about()["channels"] == "mean"
    with pytest.raises(OptionError, match="channels 'left': choose one"):
        Sounds.of([stereo], channels="left")


def test_another_rate_is_refused_unless_one_is_stated():
    files = [wav(tone()), wav(tone(rate=16_000), rate=16_000)]
    with pytest.raises(DataError, match=r"sound 2: its sample rate is 16,000 Hz, that of the first 8,000 Hz; .*8000"):
        items(Sounds.of(files))
    stated = Sounds.of(files, rate=8_000)
    assert [len(samples) for samples in stated.inputs()] == [4000, 4000]
    assert np.abs(stated[1].samples() - tone())[200:-200].max() < 2e-3
    assert items(stated).content() != items(Sounds.of(files, rate=16_000)).content()
    with pytest.raises(OptionError, match="rate 5: choose 1,000 to"):
        Sounds.of(files, rate=5)


def test_sounds_of_two_rates_are_no_segment():
    with pytest.raises(DataError, match="'audio': sound is at 16,000 Hz, others at 8,000 Hz"):
        items([Sound.of(tone(), 8_000), Sound.of(tone(), 16_000)])


UNFIT = {
    "truncated": (wav(tone())[:-100], "truncated"),
    "nan": (wav([0.1, np.nan], bits=32, floats=True), "sample 2 is nan"),
    "empty": (b"", "empty, 0 bytes"),
    "no samples": (wav([]), "silent throughout"),
    "silent": (wav(np.zeros(800)), "silent throughout"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_the_first_of_several_unfit_ones_is_named_and_they_are_counted(name):
    encoded, said = UNFIT[name]
    good = wav(tone())
    with pytest.raises(DataError, match=rf"'audio': sound 3: {said}.*, the first of 2 such among 4; .*skip-unreadable"):
        items(Sounds.of([good, good, encoded, encoded]))
    sounds = Sounds.of([good, encoded])
    assert list(sounds.unreadable()) == [1]
    items(sounds.take(np.array([0])))


def test_the_rate_is_that_of_the_first_that_can_be_decoded():
    sounds = Sounds.of([b"RIFF", wav(tone(rate=16_000), rate=16_000)])
    assert sounds.rate == 16_000
    assert list(sounds.unreadable()) == [0]


def test_a_very_quiet_sound_is_not_silent():
    items(Sounds.of([wav([0, 0, 0, 2**-23, 0], bits=24)]))


def test_each_is_decoded_once_for_checks_and_counts_and_never_kept(monkeypatch):
    decoded = []
    real = sound_module.decode
    monkeypatch.setattr(sound_module, "decode", lambda encoded, name: decoded.append(name) or real(encoded, name))
    sounds = Sounds.of([wav(tone(300 + i)) for i in range(3)])
    held = items(sounds)
    held.take([2, 0]).content()
    sounds.measures()
    sounds.sizes()
    sounds.column()
    assert decoded == ["sound 1", "sound 2", "sound 3"]


def test_files_are_read_when_needed_and_noticed_when_changed(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav(tone()))
    sounds = Sounds.of([tmp_path / "a.wav"])
    assert sounds == Sounds.of([wav(tone())])
    sent = pickle.loads(pickle.dumps(sounds))  # noqa: S301
    assert isinstance(sent[0].source, bytes)
    assert list(sent.keys()) == list(sounds.keys())
    (tmp_path / "a.wav").write_bytes(wav(tone(200)))
    with pytest.raises(DataError, match="the file has changed since it was first read"):
        sounds.inputs()
    (tmp_path / "a.wav").unlink()
    with pytest.raises(DataError, match=r"'audio': sound 1: cannot be read \(No such file"):
        items(Sounds.of([tmp_path / "a.wav"]))


@pytest.mark.parametrize(
    "sounds",
    [
        Sounds.of([wav(tone()), wav(tone(700), bits=24)]),
        Sounds.of([wav(tone(rate=16_000), rate=16_000)], rate=8_000),
        Sounds.of([wav(np.stack([tone(), tone(90)], axis=1))], channels="mean"),
        Sounds.of_arrays([tone(), tone(100).astype(np.float32)], rate=RATE),
    ],
    ids=["as they came", "resampled", "mixed", "arrays"],
)
def test_what_is_stored_is_read_back_to_the_bit(sounds):
    back = stored_segment(pa.chunked_array([sounds.column()]), sounds.about())
    assert isinstance(back, Sounds)
    assert back == sounds
    assert [sound.encoded for sound in back] == [sound.encoded for sound in sounds]
    for one, other in zip(back.inputs(), sounds.inputs(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert items(back).content() == items(sounds).content()


@pytest.mark.parametrize(
    "about",
    [
        {"rate": 8000, "stated": False},
        {"rate": "8000", "stated": False, "channels": "one"},
        {"rate": 0, "stated": False, "channels": "one"},
        {"rate": 8000, "stated": 1, "channels": "one"},
        {"rate": 8000, "stated": False, "channels": "all"},
    ],
)
def test_a_wrong_description_is_no_segment(about):
    with pytest.raises(ValueError, match="not a description of sounds"):
        stored_segment(pa.chunked_array([pa.array([b"x"])]), {"kind": "sound", **about})


@pytest.mark.parametrize("column", [pa.array([1.0]), pa.array([b"x", None])])
def test_a_wrong_column_is_no_segment(column):
    with pytest.raises(ValueError, match="not a column of files with measures"):
        stored_segment(pa.chunked_array([column]), {"kind": "sound", "rate": 8000, "stated": False, "channels": "one"})


def test_arrays_are_sounds_only_if_somebody_says_so():
    assert segment_of(np.zeros((3, 100)), "a").kind == "array"
    assert segment_of([Sound.of(tone(), RATE)], "a").kind == "sound"


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.zeros((5, 2)), r"float64 of shape \[5, 2\]"),
        (np.zeros(5, dtype=np.int16), "int16 of shape"),
        (np.array([0.0, np.nan]), "sample 2 is nan"),
    ],
)
def test_arrays_are_checked(samples, said):
    with pytest.raises(DataError, match=f"sound 1: {said}"):
        Sounds.of_arrays([samples], rate=RATE)


def test_bytes_and_paths_are_all_that_can_be_a_recording():
    with pytest.raises(DataError, match="sound 2: a recording of type int; give a file's bytes or its path"):
        Sounds.of([wav(tone()), 7])


# Measures ------------------------------------------------------------------------------------------------------------


def test_measures_of_a_tone_are_known():
    measures = sound_measures(tone(1000, 0.5, loud=1.0).astype(np.float32), RATE)
    assert measures["length in seconds"] == 0.5
    assert measures["loudness in decibels"] == pytest.approx(-3.01, abs=0.01)  # of a sine
    assert measures["spectral centroid in hertz"] == pytest.approx(1000, abs=0.1)
    assert measures["share of silence"] == 0


def test_a_half_silent_tone_is_half_silent_and_3_decibels_lower():
    wave = tone(1000, 0.5, loud=1.0).astype(np.float32)
    measures = sound_measures(np.concatenate([wave, 0 * wave]), RATE)
    assert measures["share of silence"] == 0.5
    assert measures["loudness in decibels"] == pytest.approx(-6.02, abs=0.01)


def test_the_centroid_is_the_mean_of_two_tones_weighted_by_power():
    measures = sound_measures((tone(1000, 1) + 2 * tone(2000, 1)).astype(np.float32), RATE)
    assert measures["spectral centroid in hertz"] == pytest.approx((1000 + 4 * 2000) / 5, abs=0.1)


@pytest.mark.parametrize("n", [0, 1, 2, 79, 81])
def test_sounds_of_a_few_samples_have_measures(n):
    measures = sound_measures(np.full(n, 0.5, dtype=np.float32), RATE)
    assert measures["loudness in decibels"] == pytest.approx(-6.02 if n else -120, abs=0.01)
    assert measures["share of silence"] == (0 if n else 1)
