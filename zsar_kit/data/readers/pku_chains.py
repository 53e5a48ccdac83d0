"""Preprocessing of a clip cut from a PKU-MMD video: none, or the chain behind the arrays that STAR, STAR++, Neuron and
Flora share.

The released chain is AimCLR's, with 64 frames instead of 50. It is reproduced exactly, with its oddities, because
published numbers were measured on its arrays:

- of more than 300 frames the middle 300 are kept;
- where the first body is lost in some frames, the same number of frames is cut off at the end of the clip;
- every frame of every body is centred on its own shoulder centre, which discards where people go and how far apart they
  are;
- time is resampled without smoothing, and frames without a body count as poses at the origin;
- every frame is rotated about y on its own so that its shoulders lie along x, but all frames of a body in the same
  direction, the one that is right on average: a frame that faces the other way has its shoulders turned away instead.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from zsar_kit.data.orientation import Skeleton, present
from zsar_kit.data.timing import resize_time

PKU_CHAINS = ("star", "raw")

LONGEST = 300
FRAMES = 64
SHOULDER_CENTRE, SHOULDER_LEFT, SHOULDER_RIGHT = 20, 4, 8
# Added to the length of the shoulder line, in metres, against division by zero; it leaves the shoulders slightly off
# the axis.
SMALL = 1e-4


def shoulders_along_x(person: Float32[np.ndarray, "frame joint 3"]) -> Float32[np.ndarray, "frame joint 3"]:
    """Rotate each frame of one body about y as the released chain does; see the module."""
    across = person[:, SHOULDER_RIGHT].astype(np.float64) - person[:, SHOULDER_LEFT]
    x, z = across[:, 0], across[:, 2]
    angle = np.arccos(x / (np.hypot(x, z) + SMALL))
    if z.sum() >= 0:
        angle = -angle
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    turned = np.array(person, dtype=np.float32)
    turned[..., 0] = cos * person[..., 0] - sin * person[..., 2]
    turned[..., 2] = sin * person[..., 0] + cos * person[..., 2]
    return turned


def star_chain(joints: Float32[np.ndarray, "2 frame 25 3"]) -> Float32[np.ndarray, "person 64 25 3"] | None:
    """The released chain.

    Args:
        joints: the two bodies of the file, in metres; zeros where one is absent.

    Returns:
        The bodies that appear at all; None if the first one never does, because the released chain has no frame then.
    """
    start = max(0, joints.shape[1] - LONGEST) // 2
    joints = joints[:, start : start + LONGEST]
    length = int((joints[0, :, 0] != 0).any(axis=1).sum())
    if length == 0:
        return None
    joints = joints[:, :length]
    centred = joints - joints[:, :, SHOULDER_CENTRE, None]
    clip = resize_time(centred, FRAMES)
    turned = np.stack([shoulders_along_x(person) for person in clip])
    return real_bodies(turned)


def real_bodies(joints: Skeleton) -> Float32[np.ndarray, "real frame joint 3"]:
    """Only the bodies that appear in some frame; there may be none."""
    return joints[present(joints).any(axis=1)]
