from .cross_vae import AlignObjective, CrossVAE, Gaussian
from .objective import FlowBatch
from .path import StraightPath
from .scoring import ScoringOptions
from .transport import Transport
from .velocity import TimeCode, VelocityDiT, VelocityField, VelocityMLP

__all__ = [
    "AlignObjective",
    "CrossVAE",
    "FlowBatch",
    "Gaussian",
    "ScoringOptions",
    "StraightPath",
    "TimeCode",
    "Transport",
    "VelocityDiT",
    "VelocityField",
    "VelocityMLP",
]
