"""Samples from encoded recordings: every width of WAV, what is refused, resampling, and other formats."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import RATE, rf64, tone, wav

from trusteq.data.waveform import decode, encode, resample
from trusteq.errors import DataError, MissingExtraError

WIDTHS = [(8, False), (16, False), (24, False), (32, False), (32, True), (64, True)]


@pytest.mark.parametrize(("bits", "floats"), WIDTHS)
def test_every_width_of_wav_is_read_at_full_scale(bits, floats):
    wave = tone()
    samples, rate = decode(wav(wave, bits=bits, floats=floats), "a.wav")
    assert rate == RATE
    assert samples.dtype == np.float32
    assert samples.shape == (len(wave), 1)
    step = 2.0 ** -(bits - 1) if not floats else 0
    assert np.abs(samples[:, 0] - wave).max() <= step / 2 + 1e-7


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_the_lowest_number_is_minus_one_and_silence_is_zero(bits):
    samples, _ = decode(wav([-1.0, 0.0, 0.5], bits=bits), "a.wav")
    np.testing.assert_array_equal(samples[:, 0], np.float32([-1.0, 0.0, 0.5]))


def test_channels_stay_apart():
    both = np.stack([tone(300), tone(900)], axis=1)
    samples, _ = decode(wav(both), "a.wav")
    assert np.abs(samples - both).max() < 1e-4


def test_chunks_that_say_other_things_are_passed_over():
    noted = b"cue " + (4).to_bytes(4, "little") + b"1234"
    np.testing.assert_array_equal(decode(wav(tone(), chunks=noted), "a.wav")[0], decode(wav(tone()), "a.wav")[0])


def test_the_form_of_large_files_is_read():
    np.testing.assert_array_equal(decode(rf64(tone()), "a.wav")[0], decode(wav(tone()), "a.wav")[0])


def test_a_file_that_lost_only_what_follows_its_samples_is_whole():
    noted = wav(tone())
    noted = noted[:4] + (len(noted) + 100).to_bytes(4, "little") + noted[8:]
    np.testing.assert_array_equal(decode(noted, "a.wav")[0], decode(wav(tone()), "a.wav")[0])


CORRUPT = {
    "empty": (b"", "a.wav: empty, 0 bytes"),
    "truncated": (wav(tone())[:-1000], r"a.wav: truncated: its header promises more than its 7,044 bytes"),
    "promises": (wav(tone(), promised=10**6), "a.wav: truncated"),
    "cut within a sample": (wav(tone())[:-1001], "a.wav: truncated"),
    "only its data promise more": (
        wav(tone())[:40] + (9999).to_bytes(4, "little") + wav(tone())[44:],
        "a.wav: truncated",
    ),
    "large and truncated": (rf64(tone(), missing=100), "a.wav: truncated"),
    "header alone": (wav(tone())[:12], "a.wav: not a WAV file, or a damaged one"),
    "no data": (b"RIFF" + (28).to_bytes(4, "little") + wav(tone())[8:36], "a.wav: not a WAV file, or a damaged one"),
    "garbage": (b"RIFF\x04\x00\x00\x00" + bytes(64), "a.wav: not a WAV file, or a damaged one"),
    "streamed": (b"RIFF" + bytes(4) + wav(tone())[8:], "a.wav: not a WAV file, or a damaged one"),
    "nan": (wav([0.1, np.nan], bits=32, floats=True), "a.wav: sample 2 is nan; record"),
    "infinite": (wav([0.1, -np.inf], bits=32, floats=True), "a.wav: sample 2 is -inf; record"),
    "not scaled": (wav([20_000.0, 1.0], bits=32, floats=True), "a.wav: a sample is 20,000, but full scale of floats"),
    "slow": (wav(tone(), rate=10), "a.wav: its sample rate is 10 Hz, expected 1,000 to 768,000"),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_what_cannot_be_heard_is_one_clear_line(name):
    encoded, said = CORRUPT[name]
    with pytest.raises(DataError, match=said) as error:
        decode(encoded, "a.wav")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("cut", range(0, 8044, 97))
def test_a_file_cut_anywhere_is_refused(cut):
    with pytest.raises(DataError, match=r"a\.wav: "):
        decode(wav(tone())[:cut], "a.wav")


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_damaged_bytes_are_samples_or_one_line(data):
    encoded = bytearray(wav(np.zeros((20, 2)), bits=data.draw(st.sampled_from([8, 16, 24]))))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(4, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    found, said = None, ""
    try:
        found = decode(bytes(encoded), "a.wav")
    except (DataError, MissingExtraError) as error:
        said = str(error)
    if found is None:
        assert said.startswith("a.wav: ")
        assert "\n" not in said
    else:
        assert np.isfinite(found[0]).all()


@pytest.mark.parametrize(("rate", "to"), [(16_000, 8_000), (44_100, 16_000), (8_000, 22_050)])
def test_resampling_keeps_a_tone_and_its_length(rate, to):
    before, after = tone(440, 1.0, rate).astype(np.float32), tone(440, 1.0, to)
    changed = resample(before, rate, to)
    assert changed.dtype == np.float32
    assert len(changed) == len(after)
    middle = slice(to // 10, -to // 10)
    assert np.abs(changed - after)[middle].max() < 2e-3


def test_the_same_rate_is_left_alone():
    wave = tone().astype(np.float32)
    assert resample(wave, 8000, 8000) is wave


def test_what_is_encoded_is_decoded_to_the_bit():
    wave = np.random.default_rng(0).normal(size=999).astype(np.float32)
    samples, rate = decode(encode(wave, 11_025), "a")
    assert rate == 11_025
    np.testing.assert_array_equal(samples[:, 0], wave)


def test_other_formats_need_an_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    with pytest.raises(MissingExtraError, match=r"a\.flac: not a WAV file .* pip install 'trusteq\[sound\]'"):
        decode(b"fLaC" + bytes(50), "a.flac")


@pytest.mark.parametrize("form", ["FLAC", "OGG"])
def test_other_formats_are_read_by_the_extra(form):
    soundfile = pytest.importorskip("soundfile", reason="other formats than WAV need soundfile", exc_type=ImportError)
    file = io.BytesIO()
    soundfile.write(file, tone(), RATE, format=form)
    samples, rate = decode(file.getvalue(), "a")
    assert rate == RATE
    assert np.abs(samples[:, 0] - tone()).max() < (1e-4 if form == "FLAC" else 0.05)
    with pytest.raises(DataError, match="a: "):
        decode(file.getvalue()[: len(file.getvalue()) // 2], "a")
    with pytest.raises(DataError, match=r"b: cannot be decoded \([^<>]+\); write"):
        decode(bytes(range(100)), "b")
