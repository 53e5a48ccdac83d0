from .bvh import read_bvh
from .c3d import read_c3d
from .refused import refuse_unreadable
from .rigs import rig_joints
from .shared import joints_of_markers
from .trc import read_trc

__all__ = [
    "joints_of_markers",
    "read_bvh",
    "read_c3d",
    "read_trc",
    "refuse_unreadable",
    "rig_joints",
]
