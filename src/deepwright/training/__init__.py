"""Training: the one loop. `train(learner, stream, plan)` works with any nn.Module that yields its losses."""

from deepwright.training.engine import train
from deepwright.training.report import Report, Trouble

__all__ = ["Report", "Trouble", "train"]
