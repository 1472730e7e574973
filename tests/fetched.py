"""Small archives and files of the kinds that the demo fetches."""

import hashlib
import io
import tarfile
import zipfile

from trusteq.demo.pinned import Content, Package

RATINGS = {
    "negative": "[-2, -1, -3, -1]",
    "divided": "[-2, -2, 1, 1]",
    "neutral": "[0, 0, 1, -1]",
    "positive": "[3, 2, 2, 4]",
}


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(files, *, links=()):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return stream.getvalue()


class Shelf:
    """A local folder that pip finds packages in, and nowhere else."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def wheel(self, files, *, name="made-up-model"):
        """A wheel with these files beside its metadata."""
        plain = name.replace("-", "_")
        about = f"{plain}-1.0.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
        tag = b"Wheel-Version: 1.0\nGenerator: made-up\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        content = zipped({**files, f"{about}/METADATA": metadata, f"{about}/WHEEL": tag, f"{about}/RECORD": b""})
        (self.folder / f"{plain}-1.0-py3-none-any.whl").write_bytes(content)
        return Package(name, "1.0", sha256(content), 0.1, ("model/",))

    def source(self, files, *, name="made-up-texts", setup=b""):
        """A source distribution with these files, and a setup.py."""
        about = f"Metadata-Version: 1.1\nName: {name}\nVersion: 1.0\n".encode()
        inside = {f"{name}-1.0/{file}": content for file, content in files.items()}
        content = tarred({f"{name}-1.0/PKG-INFO": about, f"{name}-1.0/setup.py": setup, **inside})
        (self.folder / f"{name}-1.0.tar.gz").write_bytes(content)
        return Package(name, "1.0", sha256(content), 0.1, (f"{name}-1.0/",), built=False)


def content(files, *packages):
    """What is to be fetched: these files, from any of the packages."""
    return Content("made-up", {name: sha256(held) for name, held in files.items()}, packages)


def write_sentences(folder, **sources):
    """The eight files: for each source lists of (id, text, kind of ratings); a source that is not given has one row."""
    from trusteq.demo.sentences import SOURCES

    folder.mkdir(exist_ok=True)
    for source, stem in SOURCES.items():
        rows = sources.get(source, [("1", f"The only one of the {source}.", "neutral")])
        texts = "".join(f"{id_}\t0.0\t{text}\r\n" for id_, text, _ in rows)
        ratings = "".join(f"{id_}\t0.0\t1.0\t{RATINGS.get(kind, kind)}\r\n" for id_, _, kind in rows)
        (folder / f"{stem}_GroundTruth.txt").write_text(texts, "utf-8")
        (folder / f"{stem}_anonDataRatings.txt").write_text("\ufeff" + ratings, "utf-8")
    return folder
