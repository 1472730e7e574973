"""Writes the locks anew: what CI, the site and MLflow's server install, each file by its hash.

The versions are those of the lists, which hold every package, dependencies included; pip finds the files for the Python
it runs under. No address is written, so a lock holds for any index.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = {
    "requirements.lock": ("constraints.txt", "editables==0.6", "setuptools"),
    "ci/docs.lock": ("ci/docs.txt",),
    "ci/mlflow-server.lock": ("ci/mlflow-server.txt",),
}
"""Each lock, the list it is made of, and what builds the package, which no list holds."""
HEAD = "# Made by `make locks`, for Python 3.11 on 64-bit x86 Linux; torch, where it is here, is its CPU build.\n"


def locked(versions: Path, *besides: str) -> str:
    """A line for each package: its version and the hash of the file that pip would install."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = ["install", "-qq", "--dry-run", "--ignore-installed", "--no-deps", "--report", str(report)]
        subprocess.run([sys.executable, "-m", "pip", *command, "-r", str(versions), *besides], check=True)
        found = json.loads(report.read_text("utf-8"))["install"]
    lines = [
        f"{one['metadata']['name']}=={one['metadata']['version'].partition('+')[0]}"
        f" --hash=sha256:{one['download_info']['archive_info']['hashes']['sha256']}\n"
        for one in found
    ]
    return HEAD + "".join(sorted(lines, key=str.lower))


if __name__ == "__main__":
    for lock, (versions, *besides) in LOCKS.items():
        (ROOT / lock).write_text(locked(ROOT / versions, *besides), "utf-8")
