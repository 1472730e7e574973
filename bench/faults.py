"""Faults, made for real: an audit is killed, starved, torn and doubled, and must end in the bytes of one left alone.

    python bench/faults.py [--kills 50] [--flips 2000] [--only WORDS ...]

Two tiny random BERTs of its own; 400 pairs of made-up texts; `trusteq audit` as a command. Every fault is made as many
times as the table says, at moments drawn anew each time; where Ray is installed, also to a cluster of several nodes on
this machine on which an audit runs (`--only Ray` for that alone). "Survived" means that the same command afterwards
ends in the same bytes as an undisturbed run, or that a single clear line is printed and nothing is half written.
"Lost" is work that had been kept and was not as it had been written.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ray_nodes import RayNodes

from trusteq.work.shard_files import ShardFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trusteq.work.shard import Answered

WORDS = tuple("abcdefghijklmnopqrstuvwxyz")
DONE = {0, 1, 3}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--flips", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORDS", help="faults named so, for example: disk")
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        bench = Bench(Path(scratch), rng)
        ray = stack.enter_context(RayFaults(bench)) if importlib.util.find_spec("ray") else None
        print(f"an undisturbed audit takes {bench.seconds:.1f} s and keeps {bench.shards} shards\n")
        print("| fault | tried | survived | shards lost |\n| --- | --- | --- | --- |")
        few = max(2, asked.kills // 5)
        for name, tried, fault in (
            ("the audit killed (SIGKILL) at a random moment, then given again", asked.kills, bench.killed),
            ("the same with two workers", few, lambda: bench.killed("--workers", "2")),
            ("a worker killed, the audit goes on", few, bench.worker_killed),
            ("interrupted (Ctrl-C), then given again", few, bench.interrupted),
            ("a kept shard cut off, emptied or replaced, then given again", asked.kills, bench.torn),
            ("two audits at once in one folder of work", few, bench.doubled),
            ("a disk that fills up (tmpfs), then more room", few, bench.full),
            ("a folder that is read-only, then is not", few, bench.read_only),
            ("one bit of a kept shard flipped", asked.flips, bench.flipped),
            *(ray.rows(few) if ray else ()),
        ):
            if any(words in name for words in asked.only):
                report(name, tried, fault)
        print(f"\nCtrl-C to the end of the process: at most {bench.slowest:.1f} s")


def report(name: str, tried: int, fault: Callable[[], tuple[bool, int]]) -> None:
    found = [fault() for _ in range(tried)]
    print(f"| {name} | {tried:,} | {sum(ok for ok, _ in found):,} | {sum(lost for _, lost in found):,} |", flush=True)


class Bench:
    """Models, items, and what an undisturbed audit of them ends in."""

    def __init__(self, place: Path, rng: np.random.Generator) -> None:
        self.place, self.rng, self.count, self.slowest = place, rng, 0, 0.0
        for seed, name in enumerate(("large", "small")):
            save_tiny(place / name, seed=seed)
        with (place / "items.jsonl").open("w", encoding="utf-8") as stream:
            for i in range(400):
                a, b = (" ".join(rng.choice(WORDS, rng.integers(3, 20))) for _ in range(2))
                stream.write(json.dumps({"id": f"i{i}", "a": a, "b": b, "label": ("no", "yes")[i % 2]}) + "\n")
        started = time.perf_counter()
        folder = self.folder()
        assert self.run(folder, "--work", "w") in DONE
        self.seconds = time.perf_counter() - started
        self.expected, self.work = content(folder / "run"), content(folder / "w")
        self.shards = len(self.work)

    def folder(self) -> Path:
        self.count += 1
        made = self.place / f"try-{self.count}"
        made.mkdir()
        return made

    def start(self, folder: Path, *more: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "trusteq", "audit", "../large", "../small", "--data", "../items.jsonl"]
        words += ["--text", "a,b", "--label", "label", "--id", "id", "--explain-items", "60", "--resamples", "100"]
        words += ["--no-slices", "--costs", "none", "--quiet", "--out", "run", *more]
        return subprocess.Popen(
            words,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def run(self, folder: Path, *more: str) -> int:
        return self.start(folder, *more).wait()

    def same(self, folder: Path) -> bool:
        good = content(folder / "run") == self.expected
        shutil.rmtree(folder)
        return good

    def killed(self, *more: str) -> tuple[bool, int]:
        folder = self.folder()
        audit = self.start(folder, *more)
        time.sleep(float(self.rng.uniform(0, self.seconds)))
        audit.send_signal(signal.SIGKILL)
        audit.wait()
        kept = {path.name for path in folder.glob("run.work/*.parquet")}
        lost = sum(ShardFiles(folder / "run.work").folder.read(name) != self.work[name] for name in kept)
        if not (folder / "run").exists():
            self.run(folder, *more)
        litter = [path.name for path in folder.iterdir() if path.name != "run"]
        # Killed after the run got its name, there may be work left that nobody needs; nothing else.
        return self.same(folder) and set(litter) <= {"run.work"}, lost

    def worker_killed(self) -> tuple[bool, int]:
        folder = self.folder()
        audit = self.start(folder, "--workers", "2")
        ended = False
        until = time.perf_counter() + float(self.rng.uniform(0.3, 1.2)) * self.seconds
        while time.perf_counter() < until or (audit.poll() is None and not ended):
            children = Path(f"/proc/{audit.pid}/task/{audit.pid}/children")
            own = children.read_text().split() if children.exists() else []
            if time.perf_counter() >= until and own:
                os.kill(int(self.rng.choice(own)), signal.SIGKILL)
                ended = True
            time.sleep(0.02)
        return audit.wait() in DONE and self.same(folder), 0

    def interrupted(self) -> tuple[bool, int]:
        folder = self.folder()
        audit = self.start(folder)
        time.sleep(float(self.rng.uniform(0.3, 1)) * self.seconds)
        audit.send_signal(signal.SIGINT)
        asked = time.perf_counter()
        said = audit.communicate()[1].decode().splitlines()
        self.slowest = max(self.slowest, time.perf_counter() - asked)
        if not (folder / "run").exists():
            self.run(folder)
        return self.same(folder) and "Traceback" not in "".join(said), 0

    def torn(self) -> tuple[bool, int]:
        folder = self.folder()
        work = write(self.work, folder / "w")
        victim, other = self.rng.choice(sorted(self.work), 2, replace=False)
        damage = self.rng.integers(3)
        if damage == 0:
            (work / victim).write_bytes(self.work[victim][: self.rng.integers(len(self.work[victim]))])
        elif damage == 1:
            (work / victim).write_bytes(b"")
        else:
            (work / victim).write_bytes(self.work[other])
        assert self.run(folder, "--work", "w") in DONE
        mended = (work / victim).read_bytes() == self.work[victim]
        return self.same(folder) and mended, 0

    def doubled(self) -> tuple[bool, int]:
        folder = self.folder()
        both = [self.start(folder, "--work", "w", "--out", out) for out in ("run", "other")]
        ended = [audit.wait() in DONE for audit in both]
        good = content(folder / "other") == self.expected
        return self.same(folder) and good and all(ended), 0

    def full(self) -> tuple[bool, int]:
        return self.mounted(f"size={int(self.rng.integers(16, 48))}k", "remount,size=100m")

    def read_only(self) -> tuple[bool, int]:
        return self.mounted("ro", "remount,rw,size=100m")

    def mounted(self, options: str, mended: str) -> tuple[bool, int]:
        folder = self.folder()
        (folder / "w").mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder / "w"], check=False).returncode:
            raise SystemExit("this bench mounts file systems of its own, which takes root")
        try:
            audit = self.start(folder, "--work", "w")
            said = audit.communicate()[1].decode().splitlines()
            told = audit.returncode == 2 and len(said) == 1 and said[0].startswith("error: ")
            clean = not (folder / "run").exists() and not list((folder / "w").glob(".*"))
            subprocess.run(["mount", "-o", mended, folder / "w"], check=True)
            kept = content(folder / "w")
            lost = sum(self.work[name] != held for name, held in kept.items())
            ended = self.run(folder, "--work", "w") in DONE
        finally:
            subprocess.run(["umount", folder / "w"], check=True)
        return self.same(folder) and told and clean and ended, lost

    def flipped(self) -> tuple[bool, int]:
        name = str(self.rng.choice(sorted(self.work)))
        whole = bytearray(self.work[name])
        at = int(self.rng.integers(len(whole)))
        whole[at] ^= 1 << int(self.rng.integers(8))
        folder = self.folder()
        write({name: bytes(whole)}, folder / "w")
        key, (size, labels) = name.removesuffix(".parquet"), self.shape(name)
        found: Answered | None = ShardFiles(folder / "w").read(key, size, labels)
        before = ShardFiles(write({name: self.work[name]}, folder / "v")).read(key, size, labels)
        assert before is not None
        shutil.rmtree(folder)
        return found is None or (np.array_equal(found.rows, before.rows) and found.cut == before.cut), 0

    def shape(self, name: str) -> tuple[int, int]:
        from io import BytesIO

        import pyarrow.parquet as pq

        told = pq.ParquetFile(BytesIO(self.work[name])).metadata
        return told.num_rows, told.num_columns


class RayFaults:
    """What happens to a Ray cluster on which an audit runs; the audit itself goes on."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.cluster: RayNodes | None = None
        self.nodes: list[str] = []

    def __enter__(self) -> RayFaults:
        return self

    def __exit__(self, *_: object) -> None:
        if self.cluster is not None:
            self.cluster.__exit__()

    def rows(self, tried: int) -> Iterator[tuple[str, int, Callable[[], tuple[bool, int]]]]:
        yield "a node added to a Ray cluster, the audit goes on", tried, self.node_added
        yield "a node of a Ray cluster killed in mid-shard, the audit goes on", tried, self.node_killed
        yield "the head of a Ray cluster killed and started anew, the audit goes on", tried, self.head_restarted

    def node_added(self) -> tuple[bool, int]:
        return self.meanwhile(1, lambda: self.grow(2))

    def node_killed(self) -> tuple[bool, int]:
        return self.meanwhile(2, lambda: self.grow(1))

    def head_restarted(self) -> tuple[bool, int]:
        def restart() -> None:
            assert self.cluster is not None
            self.cluster.kill_head()
            self.cluster.start_head()
            self.nodes = []  # they end when they hear nothing of their head
            self.grow(2)

        return self.meanwhile(2, restart)

    def meanwhile(self, nodes: int, happen: Callable[[], None]) -> tuple[bool, int]:
        """An audit by two actors, and what happens to the nodes once so many shards are done."""
        self.grow(nodes)
        assert self.cluster is not None
        folder = self.bench.folder()
        audit = self.bench.start(folder, "--ray-address", self.cluster.address, "--workers", "2", "--work", "w")
        wanted = int(self.bench.rng.integers(self.bench.shards))
        while len(list(folder.glob("w/*.parquet"))) < wanted or not folder.joinpath("w").exists():
            if audit.poll() is not None:
                break
            time.sleep(0.005)
        happen()
        ended = audit.wait() in DONE
        lost = sum(self.bench.work[name] != held for name, held in content(folder / "w").items())
        return self.bench.same(folder) and ended, lost

    def grow(self, count: int) -> None:
        """So many nodes, each with room for one actor."""
        self.cluster = self.cluster or RayNodes()
        while len(self.nodes) < count:
            self.nodes.append(self.cluster.add())
        while len(self.nodes) > count:
            self.cluster.kill(self.nodes.pop(int(self.bench.rng.integers(len(self.nodes)))))


def content(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    if found.pop("work.json", None) is not None:  # it tells that finished work was taken up
        manifest = json.loads(found["manifest.json"])
        del manifest["files"]["work.json"]
        found["manifest.json"] = (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()
    return found


def write(files: dict[str, bytes], folder: Path) -> Path:
    folder.mkdir()
    for name, held in files.items():
        (folder / name).write_bytes(held)
    return folder


def save_tiny(folder: Path, *, seed: int) -> None:
    """A random BERT of two layers, and a tokenizer of the words."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {word: i for i, word in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **{f"{name.strip('[]').lower()}_token": name for name in special}
    )
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64, id2label={0: "no", 1: "yes"}, label2id={"no": 0, "yes": 1},
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.normal_(std=0.4)
    wrapped.save_pretrained(folder)
    model.save_pretrained(folder)


if __name__ == "__main__":
    main()
