"""Puppet, the embedded data set: a kinematic world, always labelled synthetic.

Like NTU RGB+D, every performance is seen by three cameras at once (-45, 0 and +45 degrees), each with its own
noise, so that cross-subject and cross-view protocols mean what they mean there. The default set takes seconds
to make and is the same, bit for bit, wherever it is made. It was frozen before any training; :data:`VERSION`
counts later changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zsar_kit.artefacts import PROVENANCE, exists, read_json
from zsar_kit.config import Config
from zsar_kit.data.catalogue import class_names
from zsar_kit.data.puppet.body import Body, subject_body
from zsar_kit.data.puppet.motions import NTU_LABELS, perform
from zsar_kit.data.puppet.performer import Habits, subject_habits
from zsar_kit.data.puppet.sensor import SensorConfig, observe, to_camera
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.seeding import numpy_generator

VERSION = 1
AZIMUTHS = (-45.0, 0.0, 45.0)  # degrees of cameras 1, 2, 3
SETUPS = 4
EXTRAS = 1000  # numbers of the other persons of pairs


@dataclass(frozen=True)
class PuppetConfig(Config):
    """Which puppet set to make.

    Attributes:
        version: of the motion programs; only the current one can be made.
        subjects, cameras, replications: how many; sequences = classes x subjects x replications x cameras.
        classes: ids (0..27) to make; empty for all. Ids keep their meaning, so a part of the set is a part of
            the set.
        seed: of bodies, habits, motions and noise.
        sensor: strength of the sensor's disturbances.
    """

    version: int = VERSION
    subjects: int = 12
    cameras: int = 3
    replications: int = 2
    classes: tuple[int, ...] = ()
    seed: int = 0
    sensor: SensorConfig = field(default_factory=SensorConfig)

    def validate(self) -> None:
        """Check the ranges, and that the version is the one that this code makes."""
        self.require(self.version == VERSION, "version", f"{VERSION}, the version of these motion programs")
        self.require(1 <= self.subjects <= 999, "subjects", "in 1..999")
        self.require(1 <= self.cameras <= len(AZIMUTHS), "cameras", f"in 1..{len(AZIMUTHS)}")
        self.require(1 <= self.replications <= 999, "replications", "in 1..999")
        ids = self.classes
        known = all(0 <= c < len(NTU_LABELS) for c in ids)
        self.require(known and len(set(ids)) == len(ids), "classes", f"distinct ids in 0..{len(NTU_LABELS) - 1}")

    @classmethod
    def tiny(cls) -> PuppetConfig:
        """For tests: six classes (one of two persons), four subjects, one replication."""
        return cls(subjects=4, replications=1, classes=(0, 5, 9, 10, 16, 26))


def _setup(seed: int, setup: int) -> dict[str, float]:
    """Distance, height and tilt of the cameras in a setup."""
    rng = numpy_generator(seed, "setup", setup)
    height = float(rng.uniform(0.9, 1.9))
    distance = float(rng.uniform(2.8, 4.0))
    tilt = float(np.rad2deg(np.arctan2(height - 0.95, distance)) + rng.uniform(-2, 2))
    return {"distance": distance, "height": height, "tilt": tilt}


def generate(config: PuppetConfig) -> Iterator[SkeletonSequence]:
    """Make the sequences one after the other, in the order class, subject, replication, camera.

    Each performance and each camera draws from a generator named after it, so that a set with fewer subjects,
    classes or replications is exactly a part of the larger one. The other person of a pair is an extra who
    appears with one subject only, so that no body is in two parts of a cross-subject protocol. Names are
    NTU's ``SsssCcccPpppRrrrAaaa`` with NTU's action number.
    """

    def person(number: int) -> tuple[Body, Habits]:
        return subject_body(config.seed, number), subject_habits(config.seed, number)

    for label in sorted(config.classes) or range(len(NTU_LABELS)):
        action = NTU_LABELS[label]
        for subject in range(1, config.subjects + 1):
            setup = 1 + (subject - 1) % SETUPS
            stand = _setup(config.seed, setup)
            pair = (person(subject), person(EXTRAS + subject))
            for replication in range(1, config.replications + 1):
                key = (action, subject, replication)
                world = perform(action, pair, numpy_generator(config.seed, "motion", *key))
                for camera in range(1, config.cameras + 1):
                    rng = numpy_generator(config.seed, "sensor", *key, camera)
                    seen = to_camera(world, azimuth=AZIMUTHS[camera - 1], **stand)
                    if len(seen) > 1 and rng.random() < 0.3:
                        seen = seen[::-1]  # a tracker numbers bodies as it finds them
                    yield SkeletonSequence(
                        sample=f"S{setup:03d}C{camera:03d}P{subject:03d}R{replication:03d}A{action + 1:03d}",
                        joints=observe(seen, config.sensor, rng),
                        label=label,
                        subject=subject,
                        camera=camera,
                        setup=setup,
                        replication=replication,
                    )


def build_puppet(path: str | Path, config: PuppetConfig | None = None) -> SkeletonSet:
    """Open the set on disk if it exists in this configuration, otherwise make it.

    Args:
        path: the folder of the artefact.
        config: which set; the default one if None.
    """
    config = PuppetConfig() if config is None else config
    path = Path(path)
    if exists(path):
        record = read_json(path / PROVENANCE)
        if record.get("inputs", {}).get("config") == config.digest():
            return SkeletonSet.load(path)
    return SkeletonSet.write(
        path,
        generate(config),
        dataset="puppet",
        layout="ntu25",
        class_names=class_names("puppet"),
        inputs={"config": config.digest()},
        config=config.to_dict(),
        note="Synthetic: a kinematic world made by zsar_kit, no recordings.",
    )
