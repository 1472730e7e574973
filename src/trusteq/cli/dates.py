"""Days, as options have them: of the calendar, in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import click


def today() -> date:
    """The present day in UTC."""
    return datetime.now(UTC).date()


def day(text: str, flag: str) -> date:
    """The day that an option names as YYYY-MM-DD."""
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{flag} {text[:40]!r} is not a day; write it as 2027-01-31") from None
