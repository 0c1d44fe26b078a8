"""LeNet-5: the convolutional network that read cheques, in the form it is taught in today.

Paper: LeCun, Bottou, Bengio, Haffner, 1998, "Gradient-Based Learning Applied to Document Recognition", section II.B.
This is its modern form: ReLU, max pooling, every map of C3 sees every map of S2, and an ordinary output layer. The form
of the paper is `lenet5_1998`. First weights: Kaiming (He et al., 2015).

layer    kernel       maps   28 × 28 input   parameters (1 channel, 10 outputs)
C1       5 × 5 pad 2     6   28 × 28                156
S2       max 2 × 2       6   14 × 14
C3       5 × 5          16   10 × 10              2,416
S4       max 2 × 2      16    5 × 5
C5       linear        120                       48,120
F6       linear         84                       10,164
output   linear         10                          850   61,706 in all

Axes: B rows, C channels, H height, W width, D numbers that enter C5.
"""

from __future__ import annotations

from pydantic import Field as Limits
from torch import Tensor, nn

from deepwright.blocks.activations import activation
from deepwright.blocks.dropout import Dropout
from deepwright.blocks.image_network import ImageNetwork, at_least
from deepwright.blocks.initialisers import initialise, initialise_maps, matched
from deepwright.blocks.network import Batch, Published
from deepwright.core import config as core
from deepwright.core.fields import Field, Signature


class LeNet5(ImageNetwork):
    """Convolution → pool → convolution → pool → three linear layers."""

    paper = "LeCun, Bottou, Bengio, Haffner, 1998, Gradient-Based Learning Applied to Document Recognition"
    takes = frozenset({"image"})
    first_choice = {"lenet5": 1}
    published = (
        Published(
            what="28 × 28 grey, 10 classes",
            parameters=61_706,
            signature=Signature((Field(form="image", name="digit", shape=(1, 28, 28)),)),
            outputs=10,
        ),
    )
    recommended = {"optimizer": "adamw", "lr": 2e-3, "batch": 128, "epochs": 20, "schedule": "cosine", "warmup": 0.05}

    class Config(core.Config):
        """What can be chosen about it."""

        activation: str = "relu"
        """Between layers: relu, tanh, sigmoid, …"""
        dropout: float = Limits(default=0.0, ge=0, lt=1)
        """Share of the numbers before each linear layer silenced at random while training."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        at_least(self.size, 12, "LeNet-5, which halves twice around a kernel of 5,")
        height, width = ((side // 2 - 4) // 2 for side in self.size)
        self.maps = nn.Sequential(
            nn.Conv2d(self.channels, 6, 5, padding=2), activation(config.activation), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5), activation(config.activation), nn.MaxPool2d(2),
        )  # fmt: skip
        self.body = nn.Sequential(
            Dropout(config.dropout), nn.Linear(16 * height * width, 120), activation(config.activation),
            Dropout(config.dropout), nn.Linear(120, 84), activation(config.activation),
        )  # fmt: skip
        self.output = nn.Linear(84, outputs)
        initialise_maps(self.maps)
        initialise(self.body, matched(config.activation))
        initialise(self.output, "xavier_uniform")

    def about(self) -> str:
        return "LeNet-5, modern form"

    def forward(self, batch: Batch) -> Tensor:
        x = self.picture(batch)  # (B, C, H, W)
        x = self.maps(x)  # (B, 16, (H/2 - 4)/2, (W/2 - 4)/2)
        x = self.body(x.flatten(1))  # (B, D) → (B, 84)
        return self.output(x)  # (B, outputs)
