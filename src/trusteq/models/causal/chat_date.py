"""The date that a chat template writes into a prompt: always the same one, so that prompts do not change overnight."""

from __future__ import annotations

from datetime import datetime

CLOCK = "strftime_now"
"""What templates call for today's date, in a format of strftime."""

DATE = datetime(2024, 7, 26)
"""The one that Llama's own template falls back to where there is no clock."""

CODES = [*(f"%-{code}" for code in "dmHIMSjy"), "%e", *(f"%{code}" for code in "aAbBcdDFHIjmMpSTuUVwWxXyY"), "%%"]


def at_fixed_date(template: str) -> str:
    """The template with a clock of its own that stands still; the template itself if it asks for no date."""
    if CLOCK not in template:
        return template
    written = "".join(f".replace({code!r}, {_written(code)!r})" for code in CODES)
    # The line end goes with the tag before it, so what follows is read as if it stood first.
    return f"{{% macro {CLOCK}(format) %}}{{{{ format{written} }}}}{{% endmacro %}}\n{template}"


def _written(code: str) -> str:
    """What a code of strftime stands for; those with "-", which not every system knows, drop a leading zero."""
    if code == "%e":
        return f"{DATE.day:2}"
    text = DATE.strftime(code.replace("-", ""))
    return text.lstrip("0") or "0" if code[1] == "-" else text
