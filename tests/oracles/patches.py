"""The published scripts for vision transformers, written anew: slow, one picture and one patch at a time."""

import numpy as np


def logit(model, pixels, label):
    """The label's logit of one input [channels, height, width]."""
    import torch

    with torch.no_grad():
        return model(pixel_values=torch.as_tensor(pixels)[None]).logits[0, label].item()


def occluded(pixels, patch, row, column):
    """The input with one patch average-pooled by 3 x 3, stride 1, zero padding of 1, padding counted."""
    import torch

    result = torch.tensor(pixels)
    rows, columns = (slice(i * patch, (i + 1) * patch) for i in (row, column))
    pool = torch.nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=True)
    result[:, rows, columns] = pool(result[:, rows, columns].clone()[None])[0]
    return result


def occlusion(model, pixels, patch, label):
    """The fall of the label's logit without each patch, row by row."""
    whole = logit(model, pixels, label)
    return np.array(
        [
            whole - logit(model, occluded(pixels, patch, row, column), label)
            for row in range(pixels.shape[1] // patch)
            for column in range(pixels.shape[2] // patch)
        ]
    )


def integrated_gradients(model, pixels, label, steps):
    """|x times the plain mean of gradients at linspace(0, 1, steps)|, mean over channels [height, width]."""
    import torch

    x = torch.tensor(pixels)
    gradients = []
    for alpha in np.linspace(0, 1, steps):
        at = (float(alpha) * x).requires_grad_()
        model(pixel_values=at[None]).logits[0, label].backward()
        gradients.append(at.grad)
    return (x * torch.stack(gradients).mean(dim=0)).abs().mean(dim=0).numpy()


def patch_means(heat, patch):
    """The mean over each patch, row by row, brought to 0 to 1."""
    means = [
        heat[top : top + patch, left : left + patch].mean()
        for top in range(0, heat.shape[0] - patch + 1, patch)
        for left in range(0, heat.shape[1] - patch + 1, patch)
    ]
    return (np.array(means) - min(means)) / (max(means) - min(means))


def painted(patches, patch, size):
    """The mask [size, size] of these patches."""
    mask, columns = np.zeros((size, size), dtype=bool), size // patch
    for one in patches:
        row, column = divmod(int(one), columns)
        for y in range(row * patch, (row + 1) * patch):
            for x in range(column * patch, (column + 1) * patch):
                mask[y, x] = True
    return mask


def jaccard(first, second):
    """Pixels in both masks over pixels in either; 0 where there are none."""
    either = (first | second).sum()
    return (first & second).sum() / either if either else 0.0
