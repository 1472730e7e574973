"""Every error a user can cause, in one tree.

TrusteqError
├── DataError         an items or predictions file, or the values in it
├── ModelError        a model that cannot be opened, or does not answer properly
├── LabelError        label names that do not match
├── OptionError       an option or argument that is out of range, or would have no effect
├── PolicyError       a policy that cannot be read or does not make sense
├── TaskFileError     a task file that cannot be read, or that does not fit the items
├── RunError          a run directory that cannot be written or read
├── StudyError        a study or a search that cannot be read, or whose folder belongs to another one
├── PluginError       an unusable addition by another package
└── MissingExtraError an optional dependency that is not installed

A message is one line: what is wrong, where (file and row, model and label), the value found, what to do. A name or
value from a file may have any length, so a message of more than `LONGEST` characters loses its middle.
The command line prints it after ``error:`` and exits with 2.
"""

LONGEST = 590


class TrusteqError(Exception):
    """Something the user can fix; the message says how."""

    def __init__(self, message: object = "") -> None:
        line = " ".join(str(message).splitlines())
        if len(line) > LONGEST:
            # The start says what is wrong and where, the end what to do.
            line = f"{line[: LONGEST - 200]} ... {line[-195:]}"
        super().__init__(line)


class DataError(TrusteqError):
    """Items or predictions that cannot be used as they are."""


class ModelError(TrusteqError):
    """A model that cannot be opened, or does not answer properly."""


class LabelError(TrusteqError):
    """Label names that do not match."""


class OptionError(TrusteqError):
    """An option or argument that is out of range, or would have no effect."""


class PolicyError(TrusteqError):
    """A policy that cannot be read or does not make sense."""


class TaskFileError(TrusteqError):
    """A task file that cannot be read, or that does not fit the items."""


class RunError(TrusteqError):
    """A run directory that cannot be written or read."""


class StudyError(TrusteqError):
    """A study or a search that cannot be read, or whose folder belongs to another one."""


class PluginError(TrusteqError):
    """An unusable addition by another package."""


class MissingExtraError(TrusteqError):
    """An optional dependency that is not installed."""

    def __init__(self, what: str, extra: str | None = None, *, package: str | None = None) -> None:
        requirement = package or f"'trusteq[{extra}]'"
        super().__init__(f"{what} needs an optional part: pip install {requirement}")
