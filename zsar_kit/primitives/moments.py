"""Where in a clip an attribute is read: the frame, and the joints."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from zsar_kit.primitives.attributes import attribute
from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.clips import NTU
from zsar_kit.primitives.signals import frames_noted
from zsar_kit.primitives.topics import functions

#: attributes that note frames on their way to something that is about the whole act
_WHOLE_ACT = ("winding", "winding_size", "winding_side", "closed", "straight", "corners", "repetitions")
_ARM, _LEG = ("shoulder", "elbow", "wrist", "hand", "hand_tip", "thumb"), ("hip", "knee", "ankle", "foot")
_TRUNK = ("spine_base", "spine_mid", "spine_shoulder", "neck", "shoulder_left", "shoulder_right")
_HEAD = ("spine_shoulder", "neck", "head")
#: joints by the beginning of a name, where the topic is too wide
_BY_NAME = {
    "hips_": ("spine_base", "hip_left", "hip_right"),
    "head_": _HEAD,
    "knee": tuple(f"{joint}_{side}" for joint in _LEG for side in ("left", "right")),
    "net_": ("spine_base", "hip_left", "hip_right"),
    "travel": ("spine_base", "hip_left", "hip_right"),
    "bottom_time": (*_HEAD, "spine_base"),
    "energy": tuple(NTU),
    "moving": tuple(NTU),
    "rhythm": tuple(NTU),
    "duration": tuple(NTU),
    "repetitions": tuple(NTU),
}


def frame_read(bodies: Bodies, name: str) -> int:
    """The frame of the first clip at which an attribute is read: where its extremum is reached, or the frame that it
    looks at; the middle of the act where it reads all of it."""
    function = functions()[name]
    frames = bodies.joints.shape[1]
    if name.endswith("_start"):
        return 0
    if name not in _WHOLE_ACT:
        with np.errstate(invalid="ignore"):
            value = function(bodies)  # what several attributes share is computed, and noted, once: not counted below
            with frames_noted() as noted:
                function(bodies)
        picked = [frame for frame, among in noted if among == frames and len(frame) == len(bodies.joints)]
        if picked:
            # Sweeps compare the fastest moment to the right with that to the left.
            chosen = picked[0] if name == "sweep" and value[0] > 0 else picked[-1]
            return int(np.clip(chosen[0], 0, bodies.frames[0] - 1))
    start, end = bodies.act
    return int((start[0] + end[0]) // 2)


def joints_read(bodies: Bodies, name: str) -> tuple[str, ...]:
    """Names of the joints that an attribute of the first clip is about, by its topic and its limb."""
    topic = attribute(name).topic
    for start, joints in _BY_NAME.items():
        if name.startswith(start):
            return joints
    if topic in ("legs",) or name.startswith(("lead_foot", "lead_knee", "other_foot", "other_knee", "foot_")):
        return _limb(_LEG, bodies.leg_order[0], name)
    if topic == "trunk":
        return _TRUNK
    if topic in ("arms", "path") or name.startswith(("lead_hand", "other_hand", "top_time", "fast_time")):
        joints = _limb(_ARM, bodies.arm_order[0], name if topic != "path" else f"lead_{name}")
        return (*joints, "head") if name.endswith("_head") else joints
    both = _limb(_ARM, bodies.arm_order[0], name)
    near = {"knee": _limb(_LEG, bodies.leg_order[0], ""), "foot": _limb(_LEG, bodies.leg_order[0], "")}
    if topic == "places":
        target = name.removeprefix("hand_")
        return (*both, *near.get(target, _HEAD if target in ("mouth", "ear", "eyes", "crown", "neck") else _TRUNK))
    return both


def _limb(joints: tuple[str, ...], order: np.ndarray, name: str) -> tuple[str, ...]:
    """Joints of the lead limb, of the other one, or of both."""
    sides = ("right", "left")
    if name.startswith("lead_") or name in ("foot_speed",):
        order = order[:1]
    elif name.startswith("other_hand") or name.startswith(("other_elbow", "other_foot", "other_knee")):
        order = order[1:]
    return tuple(f"{joint}_{sides[side]}" for side in order for joint in joints)


def pose_at(bodies: Bodies, frame: int) -> Float[np.ndarray, "person 25 3"]:
    """The body of the first clip at a frame, from its hips, as (right, forward, up) in T; a partner comes second."""
    persons = [bodies.joints[0, frame]]
    if np.isfinite(bodies.partner[0, frame]).all():
        persons.append(bodies.partner[0, frame])
    origin = bodies.joint("spine_base")[0, frame]
    return np.stack([(person - origin) @ bodies.axes[0, frame].T for person in persons]) / bodies.torso[0]
