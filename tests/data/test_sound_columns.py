"""Recordings and features in files: as bytes, as paths, or both as Hugging Face stores them."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recordings import tone, wav

import trusteq
from trusteq import DataError, OptionError, read_items

FILES = [wav(tone(300)), wav(tone(600)), wav(tone(900))]


def written(tmp_path, columns, name="data.parquet"):
    pq.write_table(pa.table(columns), tmp_path / name)
    return tmp_path / name


def test_bytes_paths_and_both_are_the_same_sounds(tmp_path):
    for number, file in enumerate(FILES):
        (tmp_path / f"{number}.wav").write_bytes(file)
    names = [f"{number}.wav" for number in range(3)]
    columns = {
        "bytes": pa.array(FILES),
        "path": pa.array(names),
        "both": pa.array([{"bytes": file, "path": name} for file, name in zip(FILES, names, strict=True)]),
        "elsewhere": pa.array([{"bytes": None, "path": name} for name in names]),
        "label": ["a", "b", "a"],
    }
    items = read_items(written(tmp_path, columns), sound=["bytes", "path", "both", "elsewhere"], label="label")
    one, *others = items.segments.values()
    assert [*one.keys()] == [trusteq.data.sounds.Sounds.of([file])[0].digest for file in FILES]
    assert all(other == one for other in others)
    pd.DataFrame({"file": names}).to_csv(tmp_path / "data.csv", index=False)
    assert read_items(tmp_path / "data.csv", sound="file").segments["file"] == one


def test_rows_whose_label_is_left_out_take_their_sounds_along(tmp_path):
    file = written(tmp_path, {"audio": FILES, "label": ["a", "-1", "b"]})
    items = read_items(file, sound="audio", label="label", ignore_labels="-1")
    assert [sound.source for sound in items.segments["audio"]] == [FILES[0], FILES[2]]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([FILES[0], FILES[1][:-9]], r"segment 'audio': row 2: truncated: .* \(item 2\); to leave"),
        (
            [FILES[0], None],
            "row 2: column 'audio' is not a recording: None; give the bytes of a sound file",
        ),
        (["missing.wav"], r"segment 'audio': row 1: missing\.wav: cannot be read \(No such file"),
        (["../a.wav"], r"row 1: column 'audio' leads out of the folder .*: '\.\./a\.wav'"),
        ([1.5], "row 1: column 'audio' is not a recording: 1.5"),
        ([{"bytes": FILES[0][:-9], "path": "x/a.wav"}], r"segment 'audio': row 1: x/a\.wav: truncated"),
    ],
)
def test_an_unfit_recording_is_named_with_its_row(tmp_path, values, said):
    with pytest.raises(DataError, match=said):
        read_items(written(tmp_path, {"audio": values}), sound="audio")


def test_unreadable_ones_are_left_out_by_choice_and_counted(tmp_path):
    silent = wav(np.zeros(800))
    file = written(tmp_path, {"audio": [FILES[0][:-9], FILES[1], silent, FILES[2]], "label": ["a", "b", "a", "-1"]})
    items = read_items(file, sound="audio", label="label", ignore_labels="-1", skip_unreadable=True)
    assert [sound.source for sound in items.segments["audio"]] == [FILES[1]]
    assert (items.unreadable, items.ignored, items.places.tolist()) == (2, 1, [2])


def test_a_folder_with_a_subfolder_for_each_label_needs_no_columns(tmp_path):
    for number, file in enumerate(FILES):
        path = tmp_path / "clips" / ("low" if number < 2 else "high") / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file)
    items = read_items(tmp_path / "clips")
    assert items.ids == ["high/2.wav", "low/0.wav", "low/1.wav"]
    assert items.label_names == ("high", "low")
    (segment,) = items.segments.values()
    assert [sound.encoded for sound in segment] == [FILES[2], *FILES[:2]]
    assert read_items(tmp_path / "clips", rate=4000).segments["sound"].rate == 4000


def test_metadata_say_more_of_the_files_of_a_folder(tmp_path):
    for number, file in enumerate(FILES):
        (tmp_path / f"{number}.wav").write_bytes(file)
    table = {"file_name": [f"{i}.wav" for i in range(3)], "speaker": ["x", "y", "x"], "label": ["a", "b", "a"]}
    pd.DataFrame(table).to_csv(tmp_path / "metadata.csv", index=False)
    items = read_items(tmp_path, slices="speaker")
    assert items.columns["speaker"] == ["x", "y", "x"]
    assert items.segments["sound"].kind == "sound"


def test_a_rate_and_channels_are_stated_for_all(tmp_path):
    stereo = wav(np.stack([tone(rate=16_000)] * 2, axis=1), rate=16_000)
    file = written(tmp_path, {"audio": [FILES[0], stereo]})
    with pytest.raises(DataError, match="row 2: 2 channels"):
        read_items(file, sound="audio")
    items = read_items(file, sound="audio", rate=8000, channels="mean")
    assert [len(samples) for samples in items.segments["audio"].inputs()] == [4000, 4000]
    with pytest.raises(OptionError, match="a rate and channels are those of recordings; name their column"):
        read_items(file, text="audio", rate=8000)


def test_features_are_lists_of_lists(tmp_path):
    values = np.random.default_rng(0).normal(size=(4, 3, 2)).astype(np.float32)
    items = read_items(written(tmp_path, {"mfcc": pa.array(values.tolist())}), features="mfcc")
    assert items.segments["mfcc"].kind == "features"
    np.testing.assert_allclose(items.segments["mfcc"].values, values, rtol=1e-6)


@pytest.mark.parametrize("values", [[[1.0, 2.0]], ["text"], [[[1.0], [2.0, 3.0]]]])
def test_what_is_no_table_of_features_is_one_line(tmp_path, values):
    with pytest.raises(DataError, match=r"row 1: column 'mfcc' (is not a table of features|holds)"):
        read_items(written(tmp_path, {"mfcc": values}), features="mfcc")
