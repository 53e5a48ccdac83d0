"""The set as a whole: complete, balanced, the same everywhere, cached by configuration, learnable."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from zsar_kit.data.puppet import world
from zsar_kit.data.puppet.motions import NTU_LABELS, PAIRS
from zsar_kit.data.puppet.sensor import SensorConfig
from zsar_kit.data.puppet.world import PuppetConfig, build_puppet, generate
from zsar_kit.errors import ConfigError

TINY = PuppetConfig.tiny()
#: Content of the tiny set of version 1. If this changes, the motions changed: raise VERSION, say so in the
#: change log, and report floors and methods before and after.
FROZEN = {
    "S001C001P001R001A001": ((1, 80, 25, 3), (-0.0042, 0.0687, 3.8278), 0.01484),
    "S001C001P001R001A011": ((1, 106, 25, 3), (-0.0140, 0.0467, 3.6841), 0.01323),
    "S001C001P001R001A027": ((1, 87, 25, 3), (-0.1376, 0.0833, 4.1043), 0.02377),
}
"""Of some sequences: shape, mean position and mean step, metres. Sines differ in their last bits between processors, so
the bytes of a set are the same on one machine only."""


def content_hash(config: PuppetConfig) -> str:
    """SHA-256 over names, labels and coordinates of all sequences: the identity of the data on one machine."""
    digest = hashlib.sha256()
    for s in generate(config):
        digest.update(f"{s.sample} {s.label} {s.joints.shape}".encode())
        digest.update(np.ascontiguousarray(s.joints, dtype="<f4").tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def one_view():
    """All classes, six subjects, one replication, one camera."""
    return list(generate(PuppetConfig(subjects=6, replications=1, cameras=1)))


def test_the_default_set_has_28_classes_12_subjects_and_3_cameras():
    config = PuppetConfig()
    assert len(NTU_LABELS) * config.subjects * config.replications * config.cameras == 2016


def test_labels_subjects_and_cameras_are_complete_and_balanced():
    sequences = list(generate(TINY))
    counts = Counter((s.label, s.subject, s.camera, s.replication) for s in sequences)
    expected = {(c, p, v, 1) for c in TINY.classes for p in range(1, 5) for v in range(1, 4)}
    assert set(counts) == expected
    assert set(counts.values()) == {1}
    assert len({s.sample for s in sequences}) == len(sequences)
    for s in sequences:
        setup, camera, subject, replication, action = map(int, re.findall(r"\d+", s.sample))
        assert (setup, camera, subject, replication) == (s.setup, s.camera, s.subject, s.replication)
        assert NTU_LABELS[s.label] == action - 1


def test_sequences_are_finite_metres_before_the_camera(one_view):
    assert len(one_view) == 28 * 6
    for s in one_view:
        assert s.joints.dtype == np.float32
        assert s.joints.shape[2:] == (25, 3)
        assert np.isfinite(s.joints).all()
        assert len(s.joints) == (2 if NTU_LABELS[s.label] in PAIRS else 1)
        assert s.joints[..., 2].min() > 1.0
        assert s.joints[..., 2].max() < 6.5


def test_the_same_configuration_gives_the_same_data_and_another_seed_others():
    assert content_hash(TINY) == content_hash(TINY)
    known = {s.sample: s.joints for s in generate(TINY) if s.sample in FROZEN}
    assert known.keys() == FROZEN.keys()
    for sample, (shape, mean, step) in FROZEN.items():
        assert known[sample].shape == shape
        assert known[sample][0].mean((0, 1)) == pytest.approx(mean, abs=2e-4)
        assert np.abs(np.diff(known[sample][0], axis=0)).mean() == pytest.approx(step, abs=2e-5)
    other = next(generate(replace(TINY, seed=1)))
    first = next(generate(TINY))
    assert first.sample == other.sample
    assert not np.array_equal(first.joints[0, :40], other.joints[0, :40])


def test_a_smaller_set_is_a_part_of_a_larger_one():
    large = {s.sample: s.joints for s in generate(TINY)}
    small = replace(TINY, classes=(10, 26), subjects=2, cameras=2)
    for s in generate(small):
        np.testing.assert_array_equal(s.joints, large[s.sample])


def test_cameras_see_one_motion_with_noise_of_their_own():
    sensor = SensorConfig(lost=0.0, jitter=0.0, dropouts=0.0)
    config = PuppetConfig(subjects=1, replications=1, classes=(22,), sensor=sensor)
    views = [s.joints[0].astype(float) for s in generate(config)]
    assert len({v.shape for v in views}) == 1
    reach = [np.linalg.norm(v[:, 11] - v[:, 0], axis=-1) for v in views]
    assert np.abs(reach[0] - reach[1]).max() < 0.15, "distances within the body agree between views"
    assert np.std(reach[0] - reach[1]) > 0.002, "but for noise, which is not shared"
    across = [np.diff(v[:, [8, 4]], axis=1)[0, 0] for v in views]
    assert all(a[0] < -0.1 for a in across), "the left shoulder has the smaller x in all three views"
    assert across[0][2] * across[2][2] < 0, "and the outer views look from opposite sides"


def test_build_writes_once_and_again_only_for_another_configuration(tmp_path, monkeypatch):
    config = PuppetConfig(subjects=2, cameras=1, replications=1, classes=(9, 26))
    made = build_puppet(tmp_path / "puppet", config)
    assert len(made) == 4
    assert made.dataset == "puppet"
    assert len(made.class_names) == 28
    assert sorted(set(made.index.label)) == [9, 26]
    monkeypatch.setattr(world, "generate", lambda config: pytest.fail("made again"))
    assert build_puppet(tmp_path / "puppet", config).digest == made.digest
    with pytest.raises(pytest.fail.Exception, match="made again"):
        build_puppet(tmp_path / "puppet", replace(config, seed=5))
    assert build_puppet(tmp_path / "puppet", config).digest == made.digest, "a failed replacement leaves the old set"


@pytest.mark.parametrize(
    "change", [{"classes": (28,)}, {"classes": (1, 1)}, {"subjects": 0}, {"cameras": 4}, {"version": 99}]
)
def test_impossible_worlds_are_refused(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        PuppetConfig(**change)


def features(joints: np.ndarray) -> np.ndarray:
    """Places and speeds of hands, head, pelvis and feet in the body's own axes, over thirds of the clip."""
    person = joints[int(np.argmax(np.std(joints, axis=1).sum(axis=(1, 2))))].astype(float)
    middle = np.median(person, axis=0)
    left = middle[4] - middle[8]
    left[1] = 0
    left /= np.linalg.norm(left)
    axes = np.stack([left, [0, 1, 0], np.cross(left, [0, 1, 0])])
    local = (person - middle[0]) @ axes.T
    tracks = local[:, [7, 11, 3, 0, 14, 18]] - np.where([[0], [0], [1], [1], [1], [1]], 0, 1)[None] * local[:, [20]]
    speed = np.linalg.norm(np.diff(tracks, axis=0), axis=-1)
    thirds = [t.mean(axis=0).ravel() for t in np.array_split(tracks, 3)]
    paces = [3 * np.log(p.mean(axis=0) + 0.003) / 10 for p in np.array_split(speed, 3)]
    return np.concatenate([*thirds, *paces, [0.5 * len(joints)]])


def test_classes_are_learnable_across_subjects_and_look_alikes_are_confused_most(one_view):
    x = np.stack([features(s.joints) for s in one_view])
    y, subject = (np.array([getattr(s, name) for s in one_view]) for name in ("label", "subject"))
    train = subject % 2 == 1
    centroids = np.stack([x[train & (y == c)].mean(axis=0) for c in range(28)])
    guess = np.argmin(np.linalg.norm(x[~train, None] - centroids, axis=-1), axis=1)
    truth = y[~train]
    assert (guess == truth).mean() > 0.3, "chance is 0.036"
    groups = [{9, 10, 18, 19}, {0, 1, 2, 3, 11, 17, 21, 23}, {14, 24}, {25, 26, 27}]
    wrong = truth != guess
    alike = np.array([any(t in g and p in g for g in groups) for t, p in zip(truth, guess, strict=True)])
    share = sum(len(g) * (len(g) - 1) for g in groups) / (28 * 27)
    assert alike[wrong].mean() > 2 * share
