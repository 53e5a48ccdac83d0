from .alphapose import read_alphapose
from .anipose import read_anipose
from .bvh import read_bvh
from .c3d import read_c3d
from .deeplabcut import read_deeplabcut
from .mediapipe import read_mediapipe
from .mmpose import read_mmpose
from .movement import read_movement
from .openpose import read_openpose
from .pose_format import read_pose
from .reading import FORMATS, Format, read_recording, recordings_in
from .refused import refuse_unreadable
from .rigs import rig_joints
from .shared import joints_of_markers
from .sleap import read_sleap
from .trc import read_trc

__all__ = [
    "FORMATS",
    "Format",
    "joints_of_markers",
    "read_alphapose",
    "read_anipose",
    "read_bvh",
    "read_c3d",
    "read_deeplabcut",
    "read_mediapipe",
    "read_mmpose",
    "read_movement",
    "read_openpose",
    "read_pose",
    "read_recording",
    "read_sleap",
    "read_trc",
    "recordings_in",
    "refuse_unreadable",
    "rig_joints",
]
