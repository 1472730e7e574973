"""Stretches of time in bands: their sum is the sound, all kept is the sound itself, and what is left out is silence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import RATE, tone, wav

import trusteq
from trusteq.data.features import Features, Frames
from trusteq.data.sound import Sound
from trusteq.data.sounds import Sounds
from trusteq.explain.stretches import equal_bands, fades, frame_stretches, split, stretches
from trusteq.explain.units import CUTS, cutter


def noise(n, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, n).astype(np.float32)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 3000), st.sampled_from([8_000, 16_000, 22_050]), st.integers(0, 9))
def test_the_units_sum_to_the_sound(n, rate, seed):
    sound = Sound.of(noise(n, seed), rate)
    units = stretches((sound,))
    parts = np.array(units.render(np.eye(len(units), dtype=bool), "remove")[0].inputs(), dtype=np.float64)
    assert np.abs(parts.sum(axis=0) - sound.samples()).max() < 1e-7  # each part is rounded to 32 bits


def test_before_rounding_they_sum_exactly():
    wave = noise(8000)
    units = stretches((Sound.of(wave, RATE),))
    bands, windows = split(wave, RATE, units.edges), fades(units.ends, 80)
    total = sum(window * band for window in windows for band in bands)
    np.testing.assert_array_equal(total.astype(np.float32), wave)
    np.testing.assert_array_equal(windows.sum(axis=0), 1)


def test_any_of_them_are_the_sum_of_each():
    sound = Sound.of(noise(4000), RATE)
    units = stretches((sound,))
    each = np.array(units.render(np.eye(16, dtype=bool), "remove")[0].inputs(), dtype=np.float64)
    kept = np.random.default_rng(1).random((20, 16)) < 0.5
    for mask, samples in zip(kept, units.render(kept, "remove")[0].inputs(), strict=True):
        np.testing.assert_allclose(samples, each[mask].sum(axis=0), atol=1e-7)


def test_all_kept_is_the_very_sound_and_none_is_silence():
    sounds = Sounds.of([wav(tone())])
    units = stretches((sounds[0],))
    whole, silence = units.render(np.array([[True] * 16, [False] * 16]), "remove")[0]
    assert whole is sounds[0]
    assert not silence.samples().any()
    assert len(silence.samples()) == 4000


def test_versions_are_computed_when_they_are_heard(monkeypatch):
    units = stretches((Sound.of(noise(4000), RATE),))
    made = units.render(np.random.default_rng(0).random((9, 16)) < 0.5, "remove")[0]
    monkeypatch.setattr("trusteq.data.sound.sound_measures", None)
    assert made.sizes().tolist() == [4000] * 9
    assert all(callable(sound.source) for sound in made)


def test_bands_split_the_spectrum():
    low, high = tone(400, 1.0), tone(2500, 1.0)
    sound = Sound.of(low + high, RATE)
    units = stretches((sound,))
    is_high = np.array([name.endswith("high") for name in units.names])
    without_high, without_low = units.render(np.stack([~is_high, is_high]), "remove")[0].inputs()
    assert np.abs(without_high - low).max() < 1e-6
    assert np.abs(without_low - high).max() < 1e-6


def test_a_stretch_left_out_is_silent_but_for_its_fades():
    units = stretches((Sound.of(noise(8000), RATE),))
    kept = np.ones((1, 16), dtype=bool)
    kept[0, 4:6] = False  # the third of eight stretches: 2,000 to 3,000
    (changed,) = units.render(kept, "remove")[0].inputs()
    wave = noise(8000)
    assert not changed[2040:2960].any()
    np.testing.assert_allclose(changed[:1960], wave[:1960], atol=1e-7)
    np.testing.assert_allclose(changed[3040:], wave[3040:], atol=1e-7)


def test_names_and_places_say_where_a_unit_is():
    units = stretches((Sound.of(noise(16_000), RATE),))
    assert units.names[:3] == ("0.00-0.25 s, low", "0.00-0.25 s, high", "0.25-0.50 s, low")
    places = {name: values[:3].tolist() for name, values in units.places.items()}
    assert places == {"start": [0, 0, 250], "end": [250, 250, 500], "low": [0, 1114, 0], "high": [1114, 4000, 1114]}
    assert tuple(units.places) == CUTS["stretches"].places


@pytest.mark.parametrize(("seconds", "parts"), [(0.005, 1), (0.1, 5), (1, 8), (5, 8), (5.1, 9), (10, 16), (60, 32)])
def test_longer_sounds_have_more_stretches_and_very_short_ones_fewer(seconds, parts):
    assert len(stretches((Sound.of(noise(round(seconds * 1000)), 1000),))) == 2 * parts


def test_bands_are_equally_wide_to_the_ear():
    mel = 2595 * np.log10(1 + equal_bands(16_000, 4) / 700)
    np.testing.assert_allclose(np.diff(mel), np.diff(mel).mean(), rtol=2e-3)


def test_what_determines_a_version_is_its_content():
    sounds = Sounds.of([wav(tone()), wav(tone(441))])
    contents = [stretches((sound,)).content() for sound in sounds]
    assert contents[0] != contents[1]
    assert contents[0] == stretches((Sounds.of([wav(tone())])[0],)).content()
    assert contents[0] != stretches((Sounds.of([wav(tone())], rate=RATE)[0],)).content()


# Features ------------------------------------------------------------------------------------------------------------

VALUES = np.random.default_rng(0).normal(size=(6, 49, 10))


def test_features_left_out_are_a_typical_frame():
    features = Features(VALUES)
    units = frame_stretches((features[0],))
    assert len(units) == 16
    whole, empty = units.render(np.array([[True] * 16, [False] * 16]), "remove")[0].values
    np.testing.assert_array_equal(whole, VALUES[0])
    np.testing.assert_array_equal(empty, np.broadcast_to(VALUES.mean(axis=(0, 1)), (49, 10)))


def test_every_number_is_in_exactly_one_unit():
    features = Features(VALUES, np.full(10, 99.0))
    units = frame_stretches((features[0],))
    each = units.render(np.eye(16, dtype=bool), "remove")[0].values
    np.testing.assert_array_equal((each != 99).sum(axis=0), 1)
    for unit, (start, end, low, high) in enumerate(zip(*units.places.values(), strict=True)):
        np.testing.assert_array_equal(each[unit, start:end, low:high], VALUES[0, start:end, low:high])
    assert units.names[:3] == ("frames 1-6, low", "frames 1-6, high", "frames 7-12, low")


def test_whole_numbers_stay_whole():
    features = Features(np.arange(24, dtype=np.int8).reshape(2, 4, 3))
    changed = frame_stretches((features[0],)).render(np.zeros((1, 8), dtype=bool), "remove")[0]
    assert changed.values.dtype == np.int8
    np.testing.assert_array_equal(changed.values[0, 0], [10, 12, 12])  # 10.5, 11.5, 12.5, halves to even


@pytest.mark.parametrize(("shape", "units"), [((1, 1), 1), ((3, 1), 3), ((1, 5), 2), ((49, 10), 16)])
def test_few_frames_or_coefficients_are_fewer_units(shape, units):
    assert len(frame_stretches((Frames(np.zeros(shape), np.zeros(shape[1])),))) == units


def test_units_of_sounds_and_features_are_the_usual_ones():
    items = trusteq.Items(["a"], {"audio": Sounds.of([wav(tone())]), "mfcc": Features(VALUES[:1]), "said": ["one two"]})
    units = cutter(None, items)(0)
    assert np.bincount(units.segments).tolist() == [16, 16, 2]
    with pytest.raises(trusteq.OptionError, match=r"segment 'audio' is a sound, .* choose stretches"):
        cutter("words", items)
    with pytest.raises(trusteq.OptionError, match=r"segment 'mfcc' is features, .* choose frame-stretches"):
        cutter("words+stretches", items)
