"""What is done to a clip cut from a video of PKU-MMD: nothing, or what the arrays that STAR, STAR++, Neuron and Flora
share went through.

The released chain is AimCLR's, with 64 frames for 50. It is kept to the letter, with its oddities, because its arrays
are what published numbers were measured on:

- of more than 300 frames the middle 300 are kept;
- where the first body is lost in some frames, as many frames are cut off at the end of the clip;
- every frame of every body is centred on its own shoulder centre, which drops where people go and how far apart they
  are;
- time is resampled without smoothing, and frames without a body count as poses at the origin;
- every frame is turned about y on its own so that its shoulders lie along x, but all frames of a body in one sense, the
  one that is right on average: a frame that faces to the other side has its shoulders turned away instead.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from zsar_kit.data.orientation import Skeleton, present

PKU_CHAINS = ("star", "raw")

LONGEST = 300
FRAMES = 64
SHOULDER_CENTRE, SHOULDER_LEFT, SHOULDER_RIGHT = 20, 4, 8
# Added to the length of the shoulder line, in metres, against division by zero; it leaves them a hair from parallel.
SMALL = 1e-4


def resize_time(joints: Skeleton, frames: int) -> Float32[np.ndarray, "person {frames} joint 3"]:
    """Linear resampling of time with the convention of pictures (OpenCV's bilinear resize).

    A frame is an interval and its pose stands in the middle: output frame ``i`` of ``frames`` is read at
    ``(i + 1/2) n / frames - 1/2`` of ``n`` input frames; places before the first and after the last pose take that
    pose. Unlike :func:`zsar_kit.data.skeletons.resample`, which meets both ends.

    Args:
        joints: at least one frame.
        frames: how many come out.
    """
    last = joints.shape[1] - 1
    place = np.clip((np.arange(frames) + 0.5) * joints.shape[1] / frames - 0.5, 0, last)
    before = np.floor(place).astype(np.int64)
    after = np.minimum(before + 1, last)
    share = (place - before).astype(np.float32)[:, None, None]
    return joints[:, before] * (1.0 - share) + joints[:, after] * share


def shoulders_along_x(person: Float32[np.ndarray, "frame joint 3"]) -> Float32[np.ndarray, "frame joint 3"]:
    """Turn each frame of one body about y as the released chain does; see the module."""
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
        The bodies that are ever there; None if the first one never is: the released chain has no frame then.
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
    """Only the bodies that are there in some frame; there may be none."""
    return joints[present(joints).any(axis=1)]
