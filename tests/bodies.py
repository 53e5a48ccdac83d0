"""One body in every joint layout: a T-pose with known places, and clips of NTU's joints brought to another layout."""

from __future__ import annotations

import numpy as np

from zsar_kit.data.joints import layout

SIDES = ("_left", "_right")
NTU = {name: i for i, name in enumerate(layout("ntu25").joints)}
#: places of a T-pose in metres: (to the person's own left, up, forward); sides by their left one
T_POSE = {
    "spine_base": (0, 1.0, 0), "spine_mid": (0, 1.25, 0), "spine_shoulder": (0, 1.5, 0), "neck": (0, 1.58, 0),
    "head": (0, 1.7, 0.02), "top": (0, 1.82, 0), "nose": (0, 1.68, 0.12), "eye": (0.03, 1.72, 0.1),
    "ear": (0.08, 1.7, 0.02), "mouth": (0.02, 1.64, 0.1), "shoulder": (0.2, 1.5, 0), "elbow": (0.48, 1.5, 0),
    "wrist": (0.73, 1.5, 0), "hand": (0.81, 1.5, 0), "hand_tip": (0.9, 1.5, 0), "thumb": (0.8, 1.5, 0.06),
    "pinky": (0.82, 1.5, -0.03), "index": (0.83, 1.5, 0.03), "collar": (0.08, 1.46, 0), "clavicle": (0.05, 1.49, 0),
    "hip": (0.1, 0.95, 0), "knee": (0.1, 0.52, 0), "ankle": (0.1, 0.1, 0), "foot": (0.1, 0.03, 0.13),
    "heel": (0.1, 0.03, -0.05), "foot_index": (0.1, 0.03, 0.15), "big_toe": (0.07, 0.02, 0.16),
    "small_toe": (0.13, 0.02, 0.12), "quarter": (0, 1.12, 0), "three_quarters": (0, 1.38, 0),
}  # fmt: skip
#: joints that are called otherwise than the place above, by layout where a name has several meanings
CALLED = {
    "hip_centre": "spine_base", "mid_hip": "spine_base", "pelvis": "spine_base", "spine": "spine_mid",
    "torso": "spine_mid", "shoulder_centre": "spine_shoulder", "thorax": "spine_shoulder", "spine1": "quarter",
    "spine2": "spine_mid", "spine3": "three_quarters", "spine_navel": "quarter", "spine_chest": "three_quarters",
}  # fmt: skip
MEANT = {
    **{(name, "hip"): "spine_base" for name in ("halpe_26", "h36m_17")},
    **{(name, "neck"): "spine_shoulder" for name in ("openpose_25", "halpe_26", "openni_15")},
    **{(name, "head"): "top" for name in ("halpe_26", "h36m_17")},
    ("openni_15", "foot_left"): "ankle_left", ("openni_15", "foot_right"): "ankle_right",
}  # fmt: skip
#: the joint of NTU's that a place is nearest to
NEAR = {
    "top": "head", "nose": "head", "eye": "head", "ear": "head", "mouth": "head", "pinky": "hand", "index": "hand_tip",
    "collar": "spine_shoulder", "clavicle": "spine_shoulder", "heel": "ankle", "foot_index": "foot", "big_toe": "foot",
    "small_toe": "foot",
}  # fmt: skip
#: places between two of NTU's joints
BETWEEN = {"quarter": ("spine_base", "spine_mid"), "three_quarters": ("spine_mid", "spine_shoulder")}


def _place(name: str, joint: str) -> tuple[str, str]:
    """What a joint of a layout is called above, and its side."""
    joint = MEANT.get((name, joint), joint)
    side = next((s for s in SIDES if joint.endswith(s)), "")
    stem = joint.removesuffix(side).replace("_inner", "").replace("_outer", "")
    return CALLED.get(stem, stem), side


def t_pose(name: str) -> np.ndarray:
    """The T-pose ``[joint, (left, up, forward)]`` in the joints of a layout of the kit's."""
    places = []
    for joint in layout(name).joints:
        stem, side = _place(name, joint)
        places.append(np.array(T_POSE[stem]) * ((-1, 1, 1) if side == "_right" else (1, 1, 1)))
    return np.stack(places).astype(np.float32)


def in_layout(clip: np.ndarray, name: str) -> np.ndarray:
    """A clip ``[..., 25, xyz]`` of NTU's joints in another layout: each joint from the one it is nearest to."""
    places = []
    for joint in layout(name).joints:
        stem, side = _place(name, joint)
        if stem in BETWEEN:
            first, second = (clip[..., NTU[end], :] for end in BETWEEN[stem])
            places.append(0.5 * (first + second))
            continue
        near = NEAR.get(stem, stem)
        places.append(clip[..., NTU[near + side if near + side in NTU else near], :])
    return np.stack(places, axis=-2)


def exchanged(names: tuple[str, ...]) -> list[int]:
    """For each joint the position of the one on the other side."""
    swap = {"left": "right", "right": "left"}
    return [names.index("_".join(swap.get(word, word) for word in name.split("_"))) for name in names]
