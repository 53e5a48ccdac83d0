"""A toy data set of four trivially different motions, and an encoder that takes a second to train."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.data.joints import layout
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.data.splits import ClassSplit
from zsar_kit.encoders.pretrain import EncoderConfig, pretrain

PER_CLASS = 12
#: name of the class and its joints, which go up and down twice
MOTIONS = (
    ("raise left hand", ("elbow_left", "wrist_left", "hand_left", "hand_tip_left", "thumb_left")),
    ("raise right hand", ("elbow_right", "wrist_right", "hand_right", "hand_tip_right", "thumb_right")),
    ("raise left foot", ("knee_left", "ankle_left", "foot_left")),
    ("raise head", ("neck", "head")),
)


def build_skeletons(path, seed: int = 0) -> SkeletonSet:
    """Write the data set; classes take turns, so that sample i is of class i % 4."""
    rng, joints = np.random.default_rng(seed), layout("ntu25")
    rest = rng.normal(scale=0.3, size=(len(joints), 3)).astype(np.float32) + np.array([0, 0, 3], np.float32)

    def sequences():
        for i in range(len(MOTIONS) * PER_CLASS):
            _, moving = MOTIONS[i % len(MOTIONS)]
            frames = int(rng.integers(12, 24))
            clip = np.repeat(rest[None], frames, axis=0) + rng.normal(scale=0.005, size=(frames, len(joints), 3))
            height = 1 - np.cos(np.linspace(0, 4 * np.pi, frames) + rng.uniform(0, 0.5))
            clip[:, [joints.index(j) for j in moving], 1] += height[:, None]
            yield SkeletonSequence(f"sample {i}", clip[None].astype(np.float32), i % len(MOTIONS), subject=i % 5)

    return SkeletonSet.write(
        path,
        sequences(),
        dataset="toy",
        layout="ntu25",
        class_names=[name for name, *_ in MOTIONS],
        inputs={"generator": str(seed)},
    )


@pytest.fixture(scope="session")
def skeletons(tmp_path_factory) -> SkeletonSet:
    return build_skeletons(tmp_path_factory.mktemp("toy") / "skeletons")


@pytest.fixture(scope="session")
def split() -> ClassSplit:
    """Class 1 is unseen."""
    return ClassSplit("toy", "3/1", 4, (1,))


@pytest.fixture(scope="session")
def samples(skeletons, split) -> np.ndarray:
    """Indices of the samples of seen classes."""
    return np.flatnonzero(np.isin(skeletons.index.label, split.seen))


@pytest.fixture(scope="session")
def config() -> EncoderConfig:
    return EncoderConfig(width=0.0625, frames=8, persons=1, epochs=3, batch=9, holdout=0.25, rotation=0.1, crop=0.9)


@pytest.fixture(scope="session")
def trained(tmp_path_factory, skeletons, samples, split, config):
    """An encoder of the seen classes, trained once for all tests."""
    return pretrain(skeletons, samples, split, config, tmp_path_factory.mktemp("encoder") / "e", progress=False)
