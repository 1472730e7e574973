"""The files that the examples in README and docs speak of, made on the spot."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from trusteq.data.predictions import softmax

LABELS = ("entailment", "neutral", "contradiction")
ITEMS = 5_000


def write(folder: Path) -> None:
    """``large.csv``, ``small.csv`` (less sure, nearly the same answers) and ``test.csv`` with texts and labels."""
    rng = np.random.default_rng(2)
    shape = (ITEMS, len(LABELS))
    truth = rng.normal(size=shape) * 6
    gold = np.array(LABELS)[(truth + rng.gumbel(size=shape)).argmax(axis=1)]
    large = truth + rng.normal(size=shape) * 0.3
    small = (large + rng.normal(size=shape) * 0.3) * 0.5
    ids = np.arange(1, ITEMS + 1)
    genre = np.array(["fiction", "letters", "travel"])[rng.integers(0, 3, ITEMS)]
    items = pd.DataFrame({"id": ids, "label": gold, "genre": genre})
    items["premise"] = [f"premise number {(i - 1) // 2} tells a story" for i in ids]
    items["hypothesis"] = [f"hypothesis {i} {'goes on ' * (i % 7)}to an end" for i in ids]
    items.to_csv(folder / "test.csv", index=False)
    for name, logits in (("large", large * 1.2), ("small", small * 1.2)):
        frame = pd.DataFrame(softmax(logits), columns=list(LABELS))
        frame.insert(0, "id", ids)
        frame.insert(1, "label", gold)
        frame.to_csv(folder / f"{name}.csv", index=False)
    write_results(folder)
    write_reviews(folder)
    write_estimators(folder)


def write_estimators(folder: Path) -> None:
    """``large.joblib`` and ``small.joblib``, pickled estimators, and ``applications.csv``, which they read."""
    import joblib
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    rng, n = np.random.default_rng(0), 240
    data = pd.DataFrame({"application_id": [f"A{i}" for i in range(n)], "age": rng.integers(18, 80, n)})
    data["income"] = rng.lognormal(10, 0.5, n).round()
    data["purpose"] = rng.choice(["car", "house"], n)
    risk = 0.1 * (data["age"] - 50) + (data["purpose"] == "car") + rng.normal(size=n)
    data["repaid"] = np.where(risk > 0, "yes", "no")
    read = ["age", "income", "purpose"]
    for name, penalty in (("large", 1.0), ("small", 0.1)):
        prepare = make_column_transformer((OneHotEncoder(), ["purpose"]), (StandardScaler(), ["age", "income"]))
        model = make_pipeline(prepare, LogisticRegression(C=penalty)).fit(
            data.loc[:119, read], data.loc[:119, "repaid"]
        )
        joblib.dump(model, folder / f"{name}.joblib")
    data[120:].to_csv(folder / "applications.csv", index=False)


def write_results(folder: Path) -> None:
    """``results/large`` and ``results/small``, samples of lm-evaluation-harness; files of llama.cpp for both models."""
    stored = Path(__file__).parent / "results"
    for name, role in (("large", "reference"), ("small", "candidate")):
        shutil.copytree(stored / "lm_eval" / role, folder / "results" / name)
        shutil.copy(stored / "llama_cpp" / f"{role}.kld", folder / f"{name}.kld")
    shutil.copy(stored / "llama_cpp" / "candidate.log", folder / "small.log")


def write_reviews(folder: Path) -> None:
    """``reviews.jsonl`` with labels, and ``texts.jsonl``, both made of a few words."""
    rng = np.random.default_rng(0)
    words = np.array(["good", "bad", "film", "dull", "fine", "so", "it", "was", "rather", "not", "the", "day"])
    texts = [" ".join(words[rng.integers(0, len(words), 4 + i % 5)]) for i in range(60)]
    labels = ["positive" if "good" in text or "fine" in text else "negative" for text in texts]
    for name, columns in (("reviews", {"text": texts, "label": labels}), ("texts", {"text": texts[:30]})):
        pd.DataFrame(columns).to_json(folder / f"{name}.jsonl", orient="records", lines=True)


def write_language_models(folder: Path) -> None:
    """``large`` and ``small``: random language models, unless they are there already."""
    from oracles import tiny_language_models

    for seed, name in enumerate(("large", "small"), 1):
        if not (folder / name).is_dir():
            tiny_language_models.save(folder / name, seed=seed)


def write_models(folder: Path) -> None:
    """``large`` and ``small``: random BERT classifiers of two and one layers, as transformers saves them."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    from trusteq.models.library_output import quiet_transformers

    words = ["premise", "number", "tells", "a", "story", "hypothesis", "goes", "on", "to", "an", "end"]
    pieces = [*"0123456789", *(f"##{digit}" for digit in range(10))]
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *pieces])}
    for name, layers in (("large", 2), ("small", 1)):
        torch.manual_seed(layers)
        model = BertForSequenceClassification(
            BertConfig(
                vocab_size=len(vocabulary),
                hidden_size=16,
                num_hidden_layers=layers,
                num_attention_heads=2,
                intermediate_size=32,
                id2label=dict(enumerate(LABELS)),
                label2id={label: i for i, label in enumerate(LABELS)},
            )
        )
        with quiet_transformers():
            BertTokenizer(vocab=vocabulary).save_pretrained(folder / name)
            model.save_pretrained(folder / name)
