"""Recipes that say of a model that it was trained on the explainer's perturbations."""

import json

from trusteq.models.made import RECIPE, Perturbed

TRAINED = {"units": "words", "replace": "remove", "share": 0.5}
TRAININGS = (Perturbed("words", "remove", 0.5),)


def mark(folder, trained=TRAINED):
    """The folder, with a recipe that tells of this training."""
    (folder / RECIPE).write_text(json.dumps({"method": "distil", "trained_on_perturbations": trained}), "utf-8")
    return folder
