"""Tiny random classifiers of sounds with their feature extractors, saved as people save them, and sounds for them."""

from __future__ import annotations

import numpy as np
import torch
import transformers

from trusteq import Items
from trusteq.data.sounds import Sounds
from trusteq.models.library_output import quiet_transformers

LABELS = ("cat", "dog", "hat")
NAMES = {"id2label": dict(enumerate(LABELS)), "label2id": {label: i for i, label in enumerate(LABELS)}}
RATE = 8000

WAVEFORM = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "conv_dim": (16, 16), "conv_kernel": (10, 3), "conv_stride": (5, 2), "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2, "num_feat_extract_layers": 2, "classifier_proj_size": 16, **NAMES,
}  # fmt: skip


def clips(count, seed, seconds=(0.3,)):
    """Tones of several pitches, with noise."""
    rng = np.random.default_rng(seed)
    times = [np.arange(int(RATE * seconds[i % len(seconds)])) / RATE for i in range(count)]
    tones = [np.sin(2 * np.pi * rng.uniform(100, 3000) * at) for at in times]
    samples = [tone * rng.uniform(0.01, 0.5) + rng.normal(0, 0.02, len(tone)) for tone in tones]
    return Items([f"{seed}-{i}" for i in range(count)], {"clip": Sounds.of_arrays(samples, rate=RATE)})


def save(kind, folder, *, std=0.3, head=3, shape=None, **settings):
    """A folder with a classifier whose answers differ between sounds: AST, or one of samples such as Wav2Vec2.

    shape: sizes that differ; settings: those of a feature extractor of samples.
    """
    torch.manual_seed(3)
    if kind == "AST":
        sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
        config = transformers.ASTConfig(max_length=64, num_mel_bins=32, **sizes, **NAMES)
        model = transformers.ASTForAudioClassification(config)
        extractor = transformers.ASTFeatureExtractor(max_length=64, num_mel_bins=32, sampling_rate=RATE)
        head = 0.5
    else:
        config = getattr(transformers, f"{kind}Config")(**WAVEFORM | (shape or {}))
        model = getattr(transformers, f"{kind}ForSequenceClassification")(config)
        extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=RATE, **settings)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and ("classifier" in name or std):
                parameter.normal_(std=head if "classifier" in name else std)
    with quiet_transformers():
        model.eval().save_pretrained(folder)
        extractor.save_pretrained(folder)
    return folder
