"""The input protocol of an encoder: what reaches the network is what the released preparation makes."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from tests.data import ntu_oracle
from tests.resealed import reseal
from zsar_kit.artefacts import PROVENANCE, file_digest, read_json, write_json
from zsar_kit.data.importers.skeletons import import_skeletons
from zsar_kit.data.orientation import PLACES, centre, distinct_persons, present
from zsar_kit.data.puppet.raw_ntu import TROUBLES, skeleton_file
from zsar_kit.data.puppet.world import PuppetConfig, generate
from zsar_kit.data.readers.arrays import from_arrays
from zsar_kit.data.readers.ntu_chains import CHAINS
from zsar_kit.data.readers.ntu_format import parse_ntu
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.data.splits import ClassSplit, class_names
from zsar_kit.data.timing import fit_frames, loop, resample
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.extract import extract_features
from zsar_kit.encoders.inputs import encoder_clips, ready_sequence
from zsar_kit.encoders.pretrain import load_encoder, pretrain
from zsar_kit.encoders.protocol import RELEASED, InputProtocol, check_chain
from zsar_kit.encoders.released import import_released
from zsar_kit.encoders.shift_gcn import ShiftGCN, ShiftGCNConfig
from zsar_kit.errors import ArtefactError, ConfigError, DataError
from zsar_kit.seeding import numpy_generator, torch_generator

#: one of two persons among them, with each trouble of real files
SEQUENCES = list(generate(PuppetConfig.tiny()))[::3]
FILES = [
    skeleton_file(s.joints, trouble=trouble, rng=numpy_generator(0, "protocol", s.sample))
    for s, trouble in zip(SEQUENCES[-len(TROUBLES) :], TROUBLES, strict=True)
]
OWN = {name: getattr(RELEASED, name) for name in ("centring", "turn", "frames", "fit")}
SPLIT = ClassSplit("ntu60", "58/2", 60, (58, 59))


@pytest.fixture(scope="module", params=CHAINS)
def prepared(request, tmp_path_factory) -> tuple[str, SkeletonSet]:
    """Puppet's raw files as a set, by each chain."""
    sequences = [
        SkeletonSequence(f"s{i}", CHAINS[request.param](parse_ntu(content, "made")), i % 2)
        for i, content in enumerate(FILES)
    ]
    made = SkeletonSet.write(
        tmp_path_factory.mktemp(request.param) / "set",
        sequences,
        dataset="ntu60",
        layout="ntu25",
        class_names=class_names("ntu60"),
        inputs={},
        config={"reader": "ntu60", "chain": request.param},
    )
    return request.param, made


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "model.pt"
    model = ShiftGCN(ShiftGCNConfig(classes=60, width=0.0625, persons=2), torch_generator(0, "test"))
    torch.save(model.state_dict(), path)
    return path


def seen_by(encoder, skeletons, tmp_path) -> np.ndarray:
    """What reaches the network: ``[sample, person, frame, joint, xyz]``."""
    clips: list[torch.Tensor] = []
    hook = encoder.model.register_forward_pre_hook(lambda module, inputs: clips.append(inputs[0].clone()))
    extract_features(skeletons, np.ones(len(skeletons), dtype=bool), encoder, tmp_path / "f", progress=False)
    hook.remove()
    return torch.cat(clips).numpy()


def in_two(joints: np.ndarray, frames: int) -> np.ndarray:
    result = np.zeros((2, frames, 25, 3))
    result[: len(joints), : joints.shape[1]] = joints[:, :frames]
    return result


def oracle(chain: str, content: bytes) -> np.ndarray:
    return {"ctrgcn": ntu_oracle.ctrgcn, "shift_gcn": ntu_oracle.shift_gcn}[chain](ntu_oracle.parse(content))


def slots_of(joints: np.ndarray) -> list:
    poses = [[[tuple(map(float, joint)) for joint in pose] for pose in person] for person in joints.astype(np.float32)]
    return [[None if ntu_oracle.is_zero(pose) else pose for pose in person] for person in poses]


@cache
def released_input(chain: str, content: bytes) -> np.ndarray:
    """The chain of Shift-GCN does everything; what CTR-GCN's leaves is still to be filled, centred and turned."""
    made = oracle(chain, content)
    return in_two(made if chain == "shift_gcn" else ntu_oracle.prenormalised(slots_of(made)), 300)


# --- a released checkpoint, and an own encoder with its protocol


def test_a_released_checkpoint_sees_what_it_was_trained_on(prepared, checkpoint, tmp_path):
    chain, skeletons = prepared
    # The settings of whoever imports it do not change its input.
    encoder = import_released(checkpoint, tmp_path / "e", EncoderConfig(frames=24, centring="hip", persons=1))
    assert encoder.protocol == RELEASED
    assert InputProtocol.from_dict(read_json(tmp_path / "e" / "encoder.json")["input"]) == RELEASED
    clips = seen_by(encoder, skeletons, tmp_path)
    assert clips.shape == (len(FILES), 2, 300, 25, 3)
    for clip, content in zip(clips, FILES, strict=True):
        np.testing.assert_allclose(clip, released_input(chain, content), rtol=0, atol=1e-6)


def test_an_own_encoder_of_that_protocol_is_trained_on_the_same(prepared, tmp_path, monkeypatch):
    chain, skeletons = prepared
    config = EncoderConfig(width=0.0625, epochs=1, batch=4, crop=1.0, rotation=0.0, holdout=0.2, **OWN)
    trained: list[np.ndarray] = []
    true_clips = encoder_clips

    def watched(sequences, *args):
        trained.append(true_clips(sequences, *args))
        return trained[-1]

    monkeypatch.setattr("zsar_kit.encoders.pretrain.encoder_clips", watched)
    split = ClassSplit("ntu60", "58/2", 60, tuple(range(2, 60)))
    encoder = pretrain(skeletons, np.arange(len(FILES)), split, config, tmp_path / "e", progress=False)
    wanted = [released_input(chain, content) for content in FILES]
    for clip in np.concatenate(trained):  # in an order of its own
        assert min(np.abs(clip - one).max() for one in wanted) <= 1e-6
    clips = seen_by(load_encoder(encoder.folder), skeletons, tmp_path)
    np.testing.assert_allclose(clips, wanted, rtol=0, atol=1e-6)


# --- the feeders behind CTR-GCN's arrays


def crop_resized(joints: np.ndarray, frames: int) -> np.ndarray:
    """The middle 95 %, then as images are resized: a frame is a pixel, read at its middle."""
    aside = int((1 - 0.95) * joints.shape[1] / 2)
    kept = joints[:, aside : joints.shape[1] - aside]
    result = np.zeros((len(joints), frames, 25, 3))
    for frame in range(frames):
        place = min(max((frame + 0.5) * kept.shape[1] / frames - 0.5, 0.0), kept.shape[1] - 1.0)
        before = math.floor(place)
        after = min(before + 1, kept.shape[1] - 1)
        result[:, frame] = kept[:, before] * (1 - (place - before)) + kept[:, after] * (place - before)
    return result


@pytest.mark.parametrize(
    ("protocol", "feeder"),
    [
        (InputProtocol("none", "none", 300, "padded"), lambda joints: joints),
        (InputProtocol("none", "none", 64, "cropped"), lambda joints: crop_resized(joints, 64)),
    ],
    ids=["flora", "neuron"],
)
@pytest.mark.parametrize("content", FILES, ids=list(TROUBLES))
def test_feeders_of_ctrgcns_arrays(protocol, feeder, content):
    made = CHAINS["ctrgcn"](parse_ntu(content, "made"))
    config = EncoderConfig().override(protocol.to_dict())
    clip = encoder_clips([ready_sequence(made, "ntu25", protocol)], config)[0]
    expected = feeder(oracle("ctrgcn", content))
    np.testing.assert_allclose(clip, in_two(expected, protocol.frames), rtol=0, atol=1e-6)


def test_the_kits_own_input_on_ctrgcns_arrays_is_a_rigid_motion_of_them():
    made = CHAINS["ctrgcn"](parse_ntu(FILES[0], "made"))
    ready = ready_sequence(made, "ntu25", InputProtocol())
    gaps = [np.linalg.norm(x[0, :, None] - x[0, :, :, None].swapaxes(1, 2)[:, :1], axis=-1) for x in (made, ready)]
    np.testing.assert_allclose(gaps[0], gaps[1], atol=1e-5)
    np.testing.assert_allclose(ready[0, 0, 1], 0.0, atol=1e-6)


# --- chains that have done what a protocol would do


@pytest.mark.parametrize("name", ["centring", "turn", "frames", "fit"])
def test_a_set_that_is_finished_is_refused_to_other_encoders(prepared, checkpoint, tmp_path, name):
    chain, skeletons = prepared
    other = EncoderConfig(width=0.0625, epochs=1, batch=4, **OWN).override(
        {name: getattr(InputProtocol(), name)} | ({"turn": "none"} if name == "centring" else {})
    )
    if chain == "ctrgcn":
        assert check_chain(other.protocol, chain) is False
        return
    way_out = r"chain 'shift_gcn'.*looped to 300 frames.*--chain ctrgcn, or use an encoder with centring=each_frame"
    with pytest.raises(DataError, match=way_out):
        pretrain(skeletons, np.arange(len(FILES)), SPLIT, other, tmp_path / "e", progress=False)
    encoder = import_released(checkpoint, tmp_path / "e")
    with pytest.raises(DataError, match=way_out):
        seen_by(replace(encoder, config=other), skeletons, tmp_path)


def test_frames_that_were_turned_one_by_one_are_refused_to_a_released_checkpoint():
    for chain in ("star", "pku"):
        assert check_chain(InputProtocol(), chain) is False
        assert check_chain(InputProtocol("none", "none"), chain) is False
        with pytest.raises(
            DataError, match=rf"'{chain}': centred at the shoulders.*Prepare the raw files with --chain"
        ):
            check_chain(RELEASED, chain)
    for chain in ("", "raw", "ctrgcn"):
        assert check_chain(RELEASED, chain) is False
    assert check_chain(replace(RELEASED, persons=1), "shift_gcn") is True


def test_sets_of_the_star_chain_reach_an_encoder_without_centring_as_they_are(tmp_path):
    rng = np.random.default_rng(0)
    joints = rng.normal(size=(2, 64, 25, 3)).astype(np.float32)
    protocol = InputProtocol("none", "none")
    clip = encoder_clips([ready_sequence(joints, "ntu25", protocol)], EncoderConfig().override(protocol.to_dict()))
    np.testing.assert_array_equal(clip[0], joints)


# --- a person who repeats another is none


def test_a_repeated_person_is_the_same_input_on_every_route(tmp_path, checkpoint):
    """Arrays of NTU-120 made by CTR-GCN's chain have the only person twice."""
    joints = [s.joints[:1] for s in SEQUENCES[:4]]
    twice = [np.concatenate([j, j]) for j in joints]
    labels = [0, 1, 0, 1]
    rows = np.zeros((4, 300, 150), dtype=np.float32)
    for row, two in zip(rows, twice, strict=True):
        row[: two.shape[1]] = two.transpose(1, 0, 2, 3).reshape(two.shape[1], 150)
    one_hot = np.eye(60)[labels]
    np.savez(tmp_path / "a.npz", x_train=rows[:2], y_train=one_hot[:2], x_test=rows[2:], y_test=one_hot[2:])
    sets = [
        import_skeletons(tmp_path / "a.npz", "ctrgcn", tmp_path / "imported", dataset="ntu60", protocol="xsub"),
        from_arrays(tmp_path / "raw", twice, labels, class_names("ntu60"), dataset="ntu60"),
        from_arrays(tmp_path / "alone", joints, labels, class_names("ntu60"), dataset="ntu60"),
    ]
    assert sets[0].index.persons.tolist() == [1, 1, 1, 1]
    encoder = import_released(checkpoint, tmp_path / "e")
    train = np.ones(4, dtype=bool)
    found = [extract_features(s, train, encoder, tmp_path / s.path.name / "f", progress=False).pooled for s in sets]
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_array_equal(found[1], found[2])
    for protocol in (InputProtocol(), InputProtocol("none", "none"), InputProtocol("each_frame")):
        ready = [ready_sequence(j, "ntu25", protocol) for j in (twice[0], joints[0])]
        np.testing.assert_array_equal(ready[0], ready[1])


def test_only_a_person_who_repeats_every_frame_goes():
    rng = np.random.default_rng(0)
    joints = rng.normal(size=(2, 5, 25, 3)).astype(np.float32)
    almost = joints[:1].copy()
    almost[0, 4, 24, 2] += 1e-3
    together = np.concatenate([joints, joints[:1], almost])
    np.testing.assert_array_equal(distinct_persons(together), together[[0, 1, 3]])


# --- centring and fits by themselves


@pytest.mark.parametrize("by", ["each_frame", "hip"])
def test_centring_in_each_frame_does_not_know_where_people_go(by):
    rng = np.random.default_rng(0)
    joints = rng.normal(size=(2, 7, 25, 3)).astype(np.float32)
    joints[0, 3] = 0.0  # the first is away: the second leads
    joints[:, 5] = 0.0
    walk = rng.normal(size=(7, 1, 3)).astype(np.float32)
    walked = np.where(present(joints)[:, :, None, None], joints + walk, 0.0).astype(np.float32)
    centred = centre(joints, by=by)
    np.testing.assert_allclose(centre(walked, by=by), centred, atol=1e-5)
    place = {"each_frame": 1, "hip": 0}[by]
    for frame in (0, 1, 2, 4, 6):
        np.testing.assert_allclose(centred[0, frame, place], 0.0, atol=1e-6)
        np.testing.assert_allclose(
            centred[1, frame] - centred[0, frame], joints[1, frame] - joints[0, frame], atol=1e-5
        )
    np.testing.assert_allclose(centred[1, 3, place], 0.0, atol=1e-6)
    np.testing.assert_array_equal(present(centred), present(joints))
    assert not np.allclose(centre(walked), centre(joints), atol=0.1)  # the first frame's centring keeps the way


def test_released_centring_moves_nothing_without_the_first_person():
    joints = np.random.default_rng(0).normal(size=(2, 4, 25, 3)).astype(np.float32)
    joints[0, 2] = 0.0
    centred = centre(joints, by="each_frame", as_released=True)
    np.testing.assert_array_equal(centred[1, 2], joints[1, 2])


def test_an_unknown_centring_or_fit():
    with pytest.raises(DataError, match=r"unknown centring 'hips'.*Did you mean 'hip'"):
        centre(np.zeros((1, 1, 25, 3), np.float32), by="hips")
    with pytest.raises(DataError, match=r"unknown fit 'loop'.*Did you mean 'looped'"):
        fit_frames(np.zeros((1, 1, 25, 3), np.float32), 4, "loop")
    assert set(PLACES) == {"first_frame", "each_frame", "hip"}


def numbered(frames: int, persons: int = 1) -> np.ndarray:
    """Frame t of person p is t + 1 + 100 p everywhere."""
    values = np.arange(1, frames + 1) + 100 * np.arange(persons)[:, None]
    return np.broadcast_to(values[:, :, None, None], (persons, frames, 25, 3)).astype(np.float32).copy()


def test_fits_in_numbers():
    short, long = numbered(3, 2), numbered(9)
    assert fit_frames(short, 7, "looped")[:, :, 0, 0].tolist() == [[1, 2, 3, 1, 2, 3, 1], [101, 102, 103] * 2 + [101]]
    assert fit_frames(short, 5, "padded")[:, :, 0, 0].tolist() == [[1, 2, 3, 0, 0], [101, 102, 103, 0, 0]]
    assert fit_frames(short, 5)[0, :, 0, 0].tolist() == [1, 1.5, 2, 2.5, 3]
    for fit in ("looped", "padded"):
        assert fit_frames(long, 4, fit)[0, :, 0, 0].tolist() == [1, 2, 3, 4]
    # Of 40 frames, one at each end goes; 19 from 38 are the means of pairs.
    assert fit_frames(numbered(40), 19, "cropped")[0, :, 0, 0].tolist() == [2.5 + 2 * i for i in range(19)]
    # An augmentation takes a part: padding keeps its rate, the others stretch it.
    assert fit_frames(long, 4, "padded", (1 / 3, 2 / 3))[0, :, 0, 0].tolist() == [4, 5, 6, 0]
    np.testing.assert_array_equal(
        fit_frames(long, 4, "cropped", (0.25, 0.75)), resample(long, 4, start=0.25, stop=0.75)
    )


def test_looping_closes_gaps_only_of_a_late_person():
    joints = numbered(6, 2)
    joints[0, [2, 5]] = 0.0
    joints[1, [0, 3]] = 0.0
    assert loop(joints, 8)[:, :, 0, 0].tolist() == [[1, 2, 0, 4, 5, 1, 2, 0], [102, 103, 105, 106] * 2]


# --- settings, old and new


def test_align_of_before_is_still_read_and_found():
    old = {"align": False}
    config = EncoderConfig.from_dict(old)
    assert config == EncoderConfig(centring="none", turn="none")
    assert config == EncoderConfig().override(old)
    assert EncoderConfig.from_dict({"align": True}) == EncoderConfig() == config.override({"align": True})
    assert "align" not in config.to_dict()
    assert config.identity()["align"] is False
    assert config.digest() == "fee36d79efa6"  # of EncoderConfig(align=False) as it was
    with pytest.raises(ConfigError, match="'turn' is given twice, once under the former name 'align'"):
        EncoderConfig.from_dict({"align": False, "turn": "none"})
    with pytest.raises(ConfigError, match="'align' must be true or false, got 'no'"):
        EncoderConfig.from_dict({"align": "no"})


def test_protocols_have_digests_of_their_own():
    changes = [
        {},
        {"centring": "each_frame"},
        {"centring": "none"},
        {"turn": "none"},
        {"fit": "looped"},
        {"frames": 96},
    ]
    changes += [{"centring": "none", "turn": "none"}]
    assert len({EncoderConfig().override(change).digest() for change in changes}) == len(changes)
    assert EncoderConfig(**OWN).protocol == RELEASED
    with pytest.raises(ConfigError, match="'centring' must be one of 'first_frame', 'each_frame', 'hip', 'none'"):
        EncoderConfig(centring="spine")


def old_folder(trained, tmp_path, config: dict) -> None:
    """The folder of an encoder of before: no protocol of its own, settings with ``align``."""
    for path in trained.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    about = read_json(tmp_path / "encoder.json")
    del about["input"]
    write_json(tmp_path / "encoder.json", about)
    provenance = read_json(tmp_path / PROVENANCE)
    for name in ("centring", "turn", "fit"):
        del provenance["config"][name]
    provenance["config"] |= config
    del provenance["record"]
    provenance["files"]["encoder.json"] = file_digest(tmp_path / "encoder.json")
    (tmp_path / PROVENANCE).write_text(json.dumps(provenance))


@pytest.mark.parametrize("align", [True, False])
def test_an_encoder_of_before_means_what_it_meant(trained, tmp_path, align):
    old_folder(trained, tmp_path, {"align": align})
    encoder = load_encoder(tmp_path)
    place = ("first_frame", "upright") if align else ("none", "none")
    assert encoder.protocol == InputProtocol(*place, frames=8, persons=1)
    assert (encoder.config.digest() == trained.config.digest()) == align


def test_a_protocol_that_contradicts_its_settings_is_damage(trained, tmp_path):
    for path in trained.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    about = read_json(tmp_path / "encoder.json")
    assert about["input"] == {
        "centring": "first_frame",
        "turn": "upright",
        "frames": 8,
        "fit": "resampled",
        "persons": 1,
    }
    write_json(tmp_path / "encoder.json", about | {"input": about["input"] | {"centring": "hip"}})
    reseal(tmp_path)
    with pytest.raises(ArtefactError, match=r"input protocol .*centring='hip'.* is not that of its settings"):
        load_encoder(tmp_path)
