"""GPTQ told slowly: one column at a time, with the inverse of what remains computed anew for each (OBQ's step)."""

import torch


def rounded(weight, moments, *, bits, group, damping):
    """Weights [outputs, inputs] on a grid whose steps come from each group when its turn comes, in float64."""
    weight, moments = weight.double().clone(), moments.double()
    inputs = weight.shape[1]
    damped = moments + damping * moments.diagonal().mean() * torch.eye(inputs, dtype=torch.float64)
    half = 2 ** (bits - 1)
    for column in range(inputs):
        if column % group == 0:
            step = weight[:, column : column + group].abs().amax(dim=1) / (half - 0.5)
            step = torch.where(step > 0, step, 1.0)
        inverse = torch.linalg.inv(damped[column:, column:])
        nearest = (weight[:, column] / step).round().clamp(-half, half - 1) * step
        missed = (weight[:, column] - nearest) / inverse[0, 0]
        weight[:, column:] -= missed[:, None] * inverse[0]
        weight[:, column] = nearest
    return weight
