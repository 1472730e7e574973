"""Writes a file as a comment on the pull request of this job, over the comment of the last run if there is one.

Which comment that is, says its first line, an invisible mark with NAME. A mark can be copied, so only comments of bots
and of people who may write to the repository are replaced. Where there is no pull request, nothing is done; where the
token may not comment, as on pull requests from forks, the job goes on with a warning.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

TRUSTED = {"OWNER", "MEMBER", "COLLABORATOR"}
PAGE = 100
"""Comments in one answer of the server, which is the most there can be."""


def main(file: str) -> None:
    """Comment, if the event of this job has a pull request."""
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text("utf-8"))
    number = event.get("pull_request", {}).get("number")
    if number is None:
        print("no comment: this is no pull request")
        return
    mark = f"<!-- trusteq: {os.environ['NAME'].replace('--', '')} -->\n"
    comments = f"repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    content = {"body": mark + Path(file).read_text("utf-8")}
    try:
        last = previous(f"{comments}/{number}/comments", mark)
        if last is None:
            done = ask("POST", f"{comments}/{number}/comments", content)
        else:
            done = ask("PATCH", f"{comments}/comments/{last}", content)
    except HTTPError as error:
        reason = f"the server answers {error.code} {error.reason}"
        print(f"::warning::no comment: {reason}; does the job have the permission pull-requests: write? Forks never do")
        return
    except (URLError, TimeoutError) as error:
        print(f"::warning::no comment: the server cannot be reached ({getattr(error, 'reason', error)})")
        return
    print(f"comment: {done['html_url']}")


def previous(comments: str, mark: str) -> int | None:
    """The last run's comment; None if there is none."""
    page = 1
    while True:
        found = ask("GET", f"{comments}?per_page={PAGE}&page={page}")
        for comment in found:
            user, body = comment["user"] or {}, comment["body"] or ""  # accounts that were deleted have none
            ours = user.get("type") == "Bot" or comment["author_association"] in TRUSTED
            if ours and body.replace("\r\n", "\n").startswith(mark):
                return int(comment["id"])
        if len(found) < PAGE:
            return None
        page += 1


def ask(method: str, path: str, content: dict[str, str] | None = None) -> Any:
    """What GitHub's server answers."""
    request = Request(  # noqa: S310 - GitHub sets the address
        f"{os.environ['GITHUB_API_URL']}/{path}",
        None if content is None else json.dumps(content).encode(),
        {"Authorization": f"Bearer {os.environ['TOKEN']}", "Accept": "application/vnd.github+json"},
        method=method,
    )
    with urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


if __name__ == "__main__":
    main(sys.argv[1])
