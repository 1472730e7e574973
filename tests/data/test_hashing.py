import hashlib

from trusteq.data import hashing
from trusteq.data.hashing import content_hash


def folder(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def test_a_file_hashes_as_sha256sum_does(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert content_hash(tmp_path / "f") == hashlib.sha256(b"abc").hexdigest()


def test_pieces_make_no_difference(tmp_path, monkeypatch):
    (tmp_path / "f").write_bytes(b"abc" * 100)
    whole = content_hash(tmp_path / "f")
    monkeypatch.setattr(hashing, "PIECE_BYTES", 7)
    assert content_hash(tmp_path / "f") == whole


def test_a_folder_hashes_the_same_wherever_it_lies(tmp_path):
    one = folder(tmp_path / "one", {"a": b"1", "s/b": b"2"})
    two = folder(tmp_path / "two", {"s/b": b"2", "a": b"1"})
    assert content_hash(one) == content_hash(two)


def test_content_name_and_cut_between_files_all_count(tmp_path):
    contents = [{"a": b"1"}, {"a": b"2"}, {"b": b"1"}, {"a": b"12"}, {"a": b"1", "b": b"2"}, {"s/a": b"1"}]
    hashes = {content_hash(folder(tmp_path / str(n), files)) for n, files in enumerate(contents)}
    assert len(hashes) == len(contents)


def test_a_missing_file_is_refused(tmp_path, refused):
    with refused(str(tmp_path / "no"), "No such file"):
        content_hash(tmp_path / "no")


def test_an_empty_folder_is_refused(tmp_path, refused):
    with refused(str(tmp_path), "without files"):
        content_hash(tmp_path)
