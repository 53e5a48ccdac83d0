"""A model of a depth camera's skeleton tracker: viewpoint, noise, occlusion, jitter, losses.

Camera coordinates follow Kinect v2 and NTU RGB+D: origin at the sensor, y up, z away from it, x growing to
the sensor's left (to the right in the mirrored image), so that a person who faces the camera has the left
side at smaller x. Metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from zsar_kit.config import Config

#: Standard deviation of the tracker's noise by joint, in millimetres at three metres: small in the trunk,
#: large at the ends of the limbs, largest at hand tips and thumbs.
NOISE_MM = (
    4, 4, 4, 5, 6, 9, 12, 14, 6, 9, 12, 14, 5, 9, 12, 16, 5, 9, 12, 16, 4, 20, 22, 20, 22,
)  # fmt: skip
LIMBS = ((5, 6, 7, 21, 22), (9, 10, 11, 23, 24), (13, 14, 15), (17, 18, 19))


@dataclass(frozen=True)
class SensorConfig(Config):
    """Strength of each disturbance.

    Attributes:
        noise: factor on :data:`NOISE_MM`; 0 switches noise off. memory: correlation of noise between frames,
            0..1.
        occluded: factor on the noise of a joint behind the trunk.
        jitter: chance per frame and limb of a spike, ``spike`` its standard deviation in metres.
        dropouts: expected number of joints per person and sequence that freeze at their last value for 3-10
            frames.
        lost: chance that a frame is lost altogether.
    """

    noise: float = 1.0
    memory: float = 0.6
    occluded: float = 2.5
    jitter: float = 0.006
    spike: float = 0.05
    dropouts: float = 0.7
    lost: float = 0.012

    def validate(self) -> None:
        """Check the ranges."""
        for name in ("noise", "occluded", "spike", "dropouts"):
            self.require(getattr(self, name) >= 0, name, "at least 0")
        for name in ("memory", "jitter", "lost"):
            self.require(0 <= getattr(self, name) < 1, name, "in [0, 1)")


def to_camera(
    world: Float[np.ndarray, "person frame 25 3"],
    *,
    azimuth: float,
    distance: float,
    height: float,
    tilt: float,
) -> Float[np.ndarray, "person frame 25 3"]:
    """World to camera coordinates.

    Args:
        world: y up from the floor; the scene's middle at the origin, its front towards +z.
        azimuth: degrees around the scene from its front. distance, height: of the camera, in metres.
        tilt: degrees by which it looks down.
    """
    a, t = np.deg2rad(azimuth), np.deg2rad(tilt)
    ahead = np.array([-np.sin(a) * np.cos(t), -np.sin(t), -np.cos(a) * np.cos(t)])
    left = np.cross([0.0, 1.0, 0.0], ahead)
    left /= np.linalg.norm(left)
    axes = np.stack([left, np.cross(ahead, left), ahead])
    return (world - np.array([distance * np.sin(a), height, distance * np.cos(a)])) @ axes.T


def _occluded(joints: Float[np.ndarray, "person frame 25 3"]) -> Float[np.ndarray, "person frame 25"]:
    """1 where a trunk stands between camera and joint, judged in the image plane; otherwise 0."""
    image = joints[..., :2] / joints[..., 2:]
    hidden = np.zeros(joints.shape[:3], dtype=bool)
    for body in range(len(joints)):
        top, low = joints[body, :, 20, :], joints[body, :, 0, :]
        centre, depth = 0.5 * (image[body, :, 20] + image[body, :, 0]), 0.5 * (top[:, 2] + low[:, 2])
        half_height = 0.5 * np.abs(image[body, :, 20, 1] - image[body, :, 0, 1])
        offset = np.abs(image - centre[None, :, None])
        inside = (offset[..., 0] < 0.13 / depth[None, :, None]) & (offset[..., 1] < half_height[None, :, None])
        hidden |= inside & (joints[..., 2] > depth[None, :, None] + 0.08)
    return hidden.astype(float)


def _noise(shape: tuple[int, ...], memory: float, rng: np.random.Generator) -> Float[np.ndarray, "person frame 25 3"]:
    """Unit noise, correlated between frames (a first-order autoregression with stationary variance one)."""
    noise = rng.standard_normal(shape)
    lag = np.subtract.outer(np.arange(shape[1]), np.arange(shape[1]))
    response = np.where(lag >= 0, memory ** np.maximum(lag, 0), 0.0)
    response[:, 1:] *= np.sqrt(1 - memory**2)
    return np.einsum("ts,psjx->ptjx", response, noise, optimize=True)


def observe(
    joints: Float[np.ndarray, "person frame 25 3"], config: SensorConfig, rng: np.random.Generator
) -> Float32[np.ndarray, "person seen 25 3"]:
    """What the tracker reports of joints given in camera coordinates.

    Values are rounded to 0.1 mm: far below the noise, and far above differences between processors'
    arithmetic.

    Returns:
        float32; ``seen`` is the number of frames that were not lost (at least two).
    """
    persons, frames = joints.shape[:2]
    range_factor = (joints[..., 2:] / 3.0) ** 2
    spread = config.noise * np.array(NOISE_MM)[:, None] * 1e-3 * range_factor
    spread = spread * (1 + (config.occluded - 1) * _occluded(joints)[..., None])
    result = joints + spread * _noise(joints.shape, config.memory, rng)
    for limb in LIMBS:
        struck = rng.random((persons, frames, 1, 1)) < config.jitter
        result[:, :, limb] += struck * rng.normal(0, config.spike, (persons, frames, 1, 3))
    ends = [joint for limb in LIMBS for joint in limb]
    for person in range(persons):
        for _ in range(rng.poisson(config.dropouts)):
            joint, first = int(rng.choice(ends)), int(rng.integers(1, frames))
            last = first + int(rng.integers(3, 11))
            result[person, first:last, joint] = result[person, first - 1, joint]
    kept = rng.random(frames) >= config.lost
    kept[[0, -1]] = True
    return np.round(result[:, kept], 4).astype(np.float32)
