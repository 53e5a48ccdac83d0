from .flora.cross_vae import CrossVAE as CrossVAE
from .flora.velocity import VelocityDiT as VelocityDiT
from .flora.velocity import VelocityField as VelocityField
from .flora.velocity import VelocityMLP as VelocityMLP
from .skeleton_context.alignment import ProjectionHead as ProjectionHead
from .skeleton_context.grounding import ContextDecoder as ContextDecoder
from .skeleton_context.grounding import ContextGrounding as ContextGrounding
from .skeleton_context.joint_differences import DifferentialJointEncoder as DifferentialJointEncoder
from .skeleton_context.key_parts import KeyPartDecoupling as KeyPartDecoupling

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
