"""Writes the locks: what CI, the documentation and a tracking server install, each file by its hash.

    python ci/lock.py constraints.txt editables==0.6 setuptools > requirements.lock
    python ci/lock.py ci/docs.txt > ci/docs.lock
    python ci/lock.py ci/mlflow-server.txt > ci/mlflow-server.lock

The versions are those of the files named, which hold every package, dependencies included; pip finds the files for the
Python it runs under. No address is written, so the locks hold for any index.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path


def locked(wanted: list[str]) -> list[str]:
    """A line for each package: its version and the hash of the file that pip would install."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        asked = [word for one in wanted for word in (["-r", one] if one.endswith(".txt") else [one])]
        command = ["install", "-qq", "--dry-run", "--ignore-installed", "--no-deps", "--report", str(report), *asked]
        subprocess.run([sys.executable, "-m", "pip", *command], check=True, stdout=sys.stderr)
        found = json.loads(report.read_text("utf-8"))["install"]
    lines = [
        f"{one['metadata']['name']}=={one['metadata']['version'].partition('+')[0]}"
        f" --hash=sha256:{one['download_info']['archive_info']['hashes']['sha256']}"
        for one in found
    ]
    return sorted(lines, key=str.lower)


if __name__ == "__main__":
    sys.stdout.write("# For Python 3.11 on 64-bit x86 Linux, each file by its hash; torch is its CPU build.\n")
    sys.stdout.write(f"# Made by python ci/lock.py {' '.join(sys.argv[1:])}\n")
    sys.stdout.write("".join(f"{line}\n" for line in locked(sys.argv[1:])))
