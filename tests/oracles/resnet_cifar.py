"""ResNet-20 for pictures of 32 x 32 pixels, as published by He et al. (2016), with shortcuts that add zeros."""

import torch
from torch.nn import functional


class Block(torch.nn.Module):
    """Two convolutions, and a way around them."""

    def __init__(self, read, made):
        super().__init__()
        self.stride = made // read
        self.added = (made - read) // 2
        self.conv1 = torch.nn.Conv2d(read, made, 3, self.stride, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(made)
        self.conv2 = torch.nn.Conv2d(made, made, 3, 1, 1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(made)

    def forward(self, x):
        made = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        if self.stride > 1:
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.added, self.added))
        return functional.relu(x + made)


class Network(torch.nn.Module):
    """Three stages of blocks, of 16, 32 and 64 channels."""

    def __init__(self, blocks):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(16)
        widths = ((16, 16), (16, 32), (32, 64))
        self.layer1, self.layer2, self.layer3 = (
            torch.nn.Sequential(*(Block(made if i else read, made) for i in range(blocks))) for read, made in widths
        )
        self.linear = torch.nn.Linear(64, 10)

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def resnet20(state):
    """The network with these weights, whose names may begin with "module."."""
    network = Network(3)
    network.load_state_dict({name.removeprefix("module."): values for name, values in state.items()})
    return network.eval()
