"""Where a study is read from: its name, if it comes with trusteq, or a YAML file."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from trusteq.errors import StudyError


def shipped() -> tuple[str, ...]:
    """The names of the studies that come with trusteq."""
    files = resources.files("trusteq.study.shipped").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


def text_of(source: str | Path) -> tuple[str, str]:
    """The YAML of a shipped study, by its name, or of a file; and where it comes from, for messages."""
    if str(source) in shipped():
        text = resources.files("trusteq.study.shipped").joinpath(f"{source}.yaml").read_text("utf-8")
        return text, f"study {source}"
    try:
        return Path(source).read_text("utf-8"), str(source)
    except FileNotFoundError:
        raise StudyError(f"{source}: no such file; studies that come with trusteq: {', '.join(shipped())}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{source}: cannot be read as text: {error}") from None
