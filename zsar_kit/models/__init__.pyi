from .flora.cross_vae import CrossVAE
from .flora.velocity import VelocityDiT, VelocityField, VelocityMLP
from .skeleton_context.alignment import ProjectionHead
from .skeleton_context.grounding import ContextDecoder, ContextGrounding
from .skeleton_context.joint_differences import DifferentialJointEncoder
from .skeleton_context.key_parts import KeyPartDecoupling

__all__ = [
    "ContextDecoder",
    "ContextGrounding",
    "CrossVAE",
    "DifferentialJointEncoder",
    "KeyPartDecoupling",
    "ProjectionHead",
    "VelocityDiT",
    "VelocityField",
    "VelocityMLP",
]
