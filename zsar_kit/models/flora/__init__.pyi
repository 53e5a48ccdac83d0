from .cross_vae import AlignObjective, CrossVAE, Gaussian
from .objective import FlowBatch
from .path import StraightPath
from .scoring import ScoringOptions
from .velocity import VelocityDiT, VelocityField, VelocityMLP

__all__ = [
    "AlignObjective",
    "CrossVAE",
    "FlowBatch",
    "Gaussian",
    "ScoringOptions",
    "StraightPath",
    "VelocityDiT",
    "VelocityField",
    "VelocityMLP",
]
