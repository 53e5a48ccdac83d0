"""Clips of puppet, written as files of other software, with nothing of the kit in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import numpy as np

from tests.bodies import in_layout
from zsar_kit.data.joints import layout
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.semantics.text_files import load_texts
from zsar_kit.semantics.text_writer import toml_text
from zsar_kit.semantics.texts import BASIC_SETS

#: software to the layout that its files have
LAYOUTS = {"copy": "ntu25", "arrays": "openni_15", "mediapipe": "mediapipe_33", "openpose": "openpose_25"}


def plain(name: str) -> str:
    """A class name that can be part of a file name."""
    return name.replace("/", " or ")


def write_clips(
    folder: Path, puppet: SkeletonSet, software: str, classes: Collection[int], each: int = 1_000_000
) -> None:
    """Write the clips of some classes, ``each`` of a class and subject, named ``CLASS_SUBJECT_NUMBER``."""
    folder.mkdir(parents=True)
    count: Counter[tuple[int, int]] = Counter()
    for number, clip in enumerate(puppet):
        count[clip.label, clip.subject] += 1
        if clip.label not in classes or count[clip.label, clip.subject] > each:
            continue
        name = f"{plain(puppet.class_names[clip.label])}_{clip.subject}_{number}"
        joints = in_layout(np.asarray(clip.joints), LAYOUTS[software])
        there = np.any(clip.joints != 0, axis=(2, 3))
        if software in ("arrays", "copy"):
            np.savez(folder / f"{name}.npz", joints=joints)
        elif software == "mediapipe":
            _mediapipe(folder / f"{name}.json", joints, there)
        else:
            _openpose(folder / name, name, joints, there)


def _mediapipe(file: Path, joints: np.ndarray, there: np.ndarray) -> None:
    """World landmarks of each person: origin between the own hips, y points down, z towards the camera is negative."""
    hips = [layout("mediapipe_33").index(f"hip_{side}") for side in ("left", "right")]
    joints = joints - joints[:, :, hips].mean(axis=2, keepdims=True)
    frames = [
        {
            "poseWorldLandmarks": [
                [{"x": x, "y": -y, "z": -z, "visibility": 1.0} for x, y, z in joints[p, t].tolist()]
                for p in range(len(joints))
                if there[p, t]
            ]
        }
        for t in range(joints.shape[1])
    ]
    file.write_text(json.dumps(frames), encoding="utf-8")


def _openpose(folder: Path, name: str, joints: np.ndarray, there: np.ndarray) -> None:
    """3-D key points, one file a frame; y points down."""
    folder.mkdir()
    for t in range(joints.shape[1]):
        people = [
            {"pose_keypoints_3d": [v for x, y, z in joints[p, t].tolist() for v in (x, -y, -z, 1.0)]}
            for p in range(len(joints))
            if there[p, t]
        ]
        text = json.dumps({"version": 1.3, "people": people})
        (folder / f"{name}_{t:012d}_keypoints.json").write_text(text, encoding="utf-8")


def write_class_list(file: Path, puppet: SkeletonSet, classes: Collection[int]) -> None:
    """Class names in label order, one a line."""
    file.write_text("".join(f"{plain(puppet.class_names[c])}\n" for c in classes), encoding="utf-8")


def write_texts(file: Path, dataset: str, puppet: SkeletonSet, classes: Collection[int]) -> None:
    """The texts of some classes of puppet as those of another data set."""
    texts = load_texts("puppet")
    tables = []
    for number, c in enumerate(classes):
        own = {name: list(texts.sentences(name, c)) for name in BASIC_SETS[1:]}
        tables.append({"id": number, "name": plain(puppet.class_names[c]), **own})
    file.write_text(toml_text(dataset, tables, "Texts of puppet's classes."), encoding="utf-8")
