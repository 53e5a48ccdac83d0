from .alignment import ProjectionHead
from .grounding import ContextDecoder, ContextGrounding, Grounded, GroundingShape
from .joint_differences import DifferentialJointEncoder
from .key_parts import KeyPartDecoupling, KeyParts

__all__ = [
    "ContextDecoder",
    "ContextGrounding",
    "DifferentialJointEncoder",
    "Grounded",
    "GroundingShape",
    "KeyPartDecoupling",
    "KeyParts",
    "ProjectionHead",
]
