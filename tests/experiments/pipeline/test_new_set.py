"""From somebody's files to a data set: what is read, refused, mended, left out and remembered."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tests.bodies import in_layout
from zsar_kit.cli import main
from zsar_kit.data import catalogue
from zsar_kit.data.joints import layout
from zsar_kit.data.lost_points import missing_points
from zsar_kit.data.puppet.world import PuppetConfig, build_puppet
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.errors import ArtefactError, ConfigError, DataError, TextError
from zsar_kit.experiments.pipeline.new_set import NewSet, new_set
from zsar_kit.experiments.pipeline.own_clip import at_rate, in_trunks, open_clip
from zsar_kit.experiments.pipeline.own_texts import use_own_texts, write_names_as_texts
from zsar_kit.experiments.pipeline.primitives import primitive_features
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.recognition import recognise
from zsar_kit.experiments.studies.suite import Case, fallback_encoder, run_config
from zsar_kit.primitives.attributes import attribute_names
from zsar_kit.primitives.clips import NTU
from zsar_kit.primitives.reads import joints_asked
from zsar_kit.semantics.text_files import load_texts

NAMES = "{label}_{subject}_{}"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Twelve clips of two classes and three subjects in NTU's joints, by file name."""
    config = PuppetConfig(classes=(0, 1), subjects=3, cameras=1, replications=2)
    puppet = build_puppet(tmp_path_factory.mktemp("puppet") / "set", config)
    found = {
        f"{('drink', 'eat')[clip.label]}_{clip.subject}_{number}": np.asarray(clip.joints)
        for number, clip in enumerate(puppet)
    }
    assert len(found) == 12
    return found


@pytest.fixture(scope="module")
def bodies(whole):
    """The same in 15 joints."""
    return {name: in_layout(joints, "openni_15") for name, joints in whole.items()}


def written(folder, bodies, change=lambda joints: joints):
    folder.mkdir()
    for name, joints in bodies.items():
        np.savez(folder / f"{name}.npz", joints=change(joints.copy()))
    return folder


def asked(folder, **more):
    return NewSet(**({"dataset": "meals", "source": folder, "layout": "openni_15", "names": NAMES} | more))


def test_clips_come_through_as_they_are(tmp_path, bodies):
    folder = written(tmp_path / "clips", bodies)
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    made = new_set(Workspace(tmp_path / "w", progress=False), asked(folder, parts=("subject:odd",)))
    assert made.skeletons.class_names == ("drink", "eat")
    assert (made.left_out, made.passed_over, made.mended) == ((), {".txt": 1}, {})
    for clip in made.skeletons:
        np.testing.assert_allclose(clip.joints, bodies[clip.sample], atol=1e-6)
        assert clip.sample.startswith(made.skeletons.class_names[clip.label])
    assert made.skeletons.parts["xsub"].tolist() == (made.skeletons.index.subject % 2 == 1).tolist()
    assert json.loads((made.skeletons.path / "doctor.json").read_text(encoding="utf-8"))["red"] is False
    assert list((tmp_path / "w" / "skeletons").iterdir()) == [made.skeletons.path]  # nothing is left behind


def test_joints_that_were_not_found_are_filled_in_and_marked(tmp_path, bodies):
    elbow = layout("openni_15").index("elbow_left")

    def lost(joints):
        joints[:, 10:15, elbow] = 0
        return joints

    made = new_set(Workspace(tmp_path / "w", progress=False), asked(written(tmp_path / "clips", bodies, lost)))
    missing = np.load(made.skeletons.path / "missing.npy")
    index = made.skeletons.index
    assert missing.sum() == 5 * len(made.skeletons)
    for i, clip in enumerate(made.skeletons):
        rows = missing[index.start[i] : index.start[i] + index.frames[i]]
        assert np.argwhere(rows).tolist() == [[frame, elbow] for frame in range(10, 15)]
        truth = bodies[clip.sample]
        assert np.abs(clip.joints - truth)[:, 10:15, elbow].max() < 0.25  # a straight line over five frames
        np.testing.assert_allclose(np.delete(clip.joints, elbow, axis=2), np.delete(truth, elbow, axis=2), atol=1e-6)
    assert sum(made.mended.values()) >= len(made.skeletons)


def test_attributes_of_a_joint_that_was_never_seen_are_missing_in_features_and_in_a_single_clip(tmp_path, bodies):
    hand = layout("openni_15").index("hand_left")

    def lost(joints):
        joints[:, :, hand] = 0
        return joints

    workspace = Workspace(tmp_path / "w", progress=False)
    folder = written(tmp_path / "clips", bodies, lost)
    made = new_set(workspace, asked(folder, parts=("subject:odd",), accept=("missing",)))
    features = primitive_features(workspace, made.skeletons, "xsub")
    names = attribute_names()
    known = features.pooled[:, len(names) :] == 1.0
    reads = np.array([joints_asked(name)[0][NTU["hand_left"]] for name in names])
    assert reads.sum() > 50
    assert not known[:, reads].any()
    assert known[:, names.index("hips_down")].all()
    assert np.isfinite(features.pooled).all()
    clip = open_clip(next(folder.glob("*.npz")), layout="openni_15", accept=("missing",))
    assert np.argwhere(clip.missing.all(axis=1)).tolist() == [[0, hand]]
    answer = recognise(next(folder.glob("*.npz")), dataset="utd_mhad", layout="openni_15", accept=("missing",))
    assert answer.measured <= int((~reads).sum())


def test_marks_that_are_not_of_the_set_are_refused(tmp_path, bodies):
    made = new_set(Workspace(tmp_path / "w", progress=False), asked(written(tmp_path / "clips", bodies)))
    assert not np.concatenate([marks.ravel() for marks in missing_points(made.skeletons)]).any()
    np.save(made.skeletons.path / "missing.npy", np.zeros((3, 15), dtype=bool))
    with pytest.raises(ArtefactError, match=r"marks \[.*, 15\] are needed, got bool \[3, 15\]"):
        next(missing_points(made.skeletons))


@pytest.mark.parametrize(
    ("scales", "message"),
    [
        (
            (1, 1000),
            r"; 6 of 12 clips are refused so .*millimetres\. The other 6 of 12 clips do not\..*holds for every",
        ),
        ((100, 1000), r"; 12 of 12 clips are refused so .*Other clips look otherwise\..*holds for every clip"),
    ],
)
def test_a_unit_of_some_clips_alone_is_not_offered_for_all(tmp_path, bodies, scales, message):
    folder, other = (written(tmp_path / str(scale), bodies, lambda joints, s=scale: joints * s) for scale in scales)
    for path in sorted(other.glob("*"))[1::2]:
        (folder / path.name).write_bytes(path.read_bytes())
    with pytest.raises(DataError, match=message) as refused:
        new_set(Workspace(tmp_path / "w", progress=False), asked(folder))
    assert "--unit mm" not in str(refused.value)
    assert "--unit cm" not in str(refused.value)


def test_another_unit_is_refused_said_or_accepted(tmp_path, bodies):
    folder = written(tmp_path / "clips", bodies, lambda joints: joints * 1000)
    workspace = Workspace(tmp_path / "w", progress=False)
    with pytest.raises(DataError, match=r"the data doctor refuses \(units\).*millimetres.*--unit mm") as refused:
        new_set(workspace, asked(folder))
    assert "--accept" not in str(refused.value)  # no set holds coordinates of kilometres, accepted or not
    assert not workspace.skeletons_folder("meals").exists()
    made = new_set(workspace, asked(folder, unit="mm"))
    for clip in made.skeletons:
        np.testing.assert_allclose(clip.joints, bodies[clip.sample], atol=1e-5)

    centimetres = written(tmp_path / "cm", bodies, lambda joints: joints * 3.0)
    with pytest.raises(DataError, match=r"refuses \(units\).*--accept units"):
        new_set(workspace, asked(centimetres, dataset="giants"))
    accepted = new_set(workspace, asked(centimetres, dataset="giants", accept=("units",)))
    assert accepted.report.accepted == ("units",)
    assert catalogue.accepted_findings("giants") == ("units",)
    with pytest.raises(ConfigError, match="no check 'unit'"):
        new_set(workspace, asked(centimetres, dataset="others", accept=("unit",)))


def test_files_that_cannot_be_read_are_left_out(tmp_path, bodies, capsys):
    folder = written(tmp_path / "clips", bodies)
    (folder / "eat_1_99.npz").write_bytes(b"no array")
    new = ["data", "new", "meals", "--from", str(folder), "--layout", "openni_15", "--names", NAMES, "--quiet"]
    assert main([*new, "--workspace", str(tmp_path / "w")]) == 3
    out = capsys.readouterr().out
    assert "12 clips of 2 classes" in out
    assert "left out" in out
    (said,) = [line for line in out.splitlines() if "eat_1_99.npz" in line]
    assert said.startswith(f"left out: {folder / 'eat_1_99.npz'}: not a plain array file; pickles are never read. Save")
    assert main([*new, "--workspace", str(tmp_path / "w")]) == 2
    assert "there is already a data set 'meals'" in capsys.readouterr().err
    for path in folder.glob("*.npz"):
        path.write_bytes(b"no array")
    assert main([*new, "--replace", "--workspace", str(tmp_path / "w")]) == 2
    err = capsys.readouterr().err
    assert "none of 13 clips can be read; the first: not a plain array file" in err
    assert err.count(str(folder)) == 1
    assert "--format" not in err  # which would not help
    assert len(SkeletonSet.load(tmp_path / "w" / "skeletons" / "meals")) == 12  # what was there stays


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"dataset": "utd_mhad"}, DataError, r"'utd_mhad' is a published data set.*zsar data prepare utd_mhad"),
        ({"dataset": "my meals"}, DataError, "letters, digits, - and _"),
        ({"layout": "coco_17"}, DataError, "17 joints, the sequence has 15"),
        ({"layout": "openni15"}, DataError, "Did you mean 'openni_15'"),
        ({"names": "{}"}, DataError, "names one field or more, each once"),
        ({"parts": ("subject:77",)}, DataError, "no sample has subject '77'"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, bodies, more, error, message):
    folder = written(tmp_path / "clips", bodies)
    with pytest.raises(error, match=message):
        new_set(Workspace(tmp_path / "w", progress=False), asked(folder, **more))


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ("drink\nDrink\neat\n", "occurs twice"),
        ("drink\n<b>eat</b>\n", r"class names are plain words, got '<b>eat</b>'"),
        ("drink\n", "unknown class 'eat'"),
    ],
)
def test_class_lists_that_do_not_fit(tmp_path, bodies, classes, message):
    folder = written(tmp_path / "clips", bodies)
    (tmp_path / "classes.txt").write_text(classes, encoding="utf-8")
    with pytest.raises((DataError, TextError), match=message):
        new_set(Workspace(tmp_path / "w", progress=False), asked(folder, classes=tmp_path / "classes.txt"))


def test_labels_that_start_at_one(tmp_path, bodies):
    folder = written(tmp_path / "clips", bodies)
    rows = "".join(f"{name},{1 + name.startswith('eat')}\n" for name in bodies)
    (folder / "labels.csv").write_text(f"sample,label\n{rows}", encoding="utf-8")
    (tmp_path / "classes.txt").write_text("drink\neat\n", encoding="utf-8")
    workspace = Workspace(tmp_path / "w", progress=False)
    with pytest.raises(DataError, match=r"2 classes, 0 to 1; got label 2.*0-based"):
        new_set(workspace, asked(folder, names="", classes=tmp_path / "classes.txt"))
    with pytest.raises(DataError, match=r"numbers as labels, and nothing says what they are called.*--classes"):
        new_set(workspace, asked(folder, names=""))


def _pictures(folder, whole):
    """The clips as OpenPose's points of a picture: pixels, y down, 25 joints."""
    folder.mkdir()
    for name, joints in whole.items():
        (folder / name).mkdir()
        for t, frame in enumerate(in_layout(joints, "openpose_25")[0, :20]):
            points = np.stack([400 + 200 * frame[:, 0], 400 - 200 * frame[:, 1], np.full(25, 0.9)], axis=1)
            text = json.dumps({"people": [{"pose_keypoints_2d": points.reshape(-1).tolist()}]})
            (folder / name / f"{name}_{t:012d}_keypoints.json").write_text(text, encoding="utf-8")
    return folder


def test_points_of_a_picture_make_a_set_that_says_so(tmp_path, whole):
    workspace = Workspace(tmp_path / "w", progress=False)
    folder = _pictures(tmp_path / "clips", whole)
    made = new_set(workspace, asked(folder, layout="", parts=("subject:odd",)))
    assert made.flat
    assert catalogue.is_flat("meals")
    assert not made.skeletons.frames[..., 2].any()
    split = tmp_path / "s.toml"
    split.write_text('dataset = "meals"\nunseen = ["eat"]\n', encoding="utf-8")
    with pytest.raises(Exception, match="seen classes"):  # two classes are too few for any split
        run_config(Case("meals", str(split)), fallback_encoder("meals"), method="ridge", preset="motion")


def test_only_methods_that_accept_them_are_trained_on_points_of_a_picture():
    classes = {"names": list("abcdef"), "dimensions": 2, "persons": 1}
    splits = {"parts": {"xsub": {"lists": True}}, "default_part": "xsub"}
    splits["splits"] = {"4/2": {"unseen": [0, 1], "source": ""}}
    catalogue.make_known("pictures", classes, splits)
    encoder, case = fallback_encoder("pictures"), Case("pictures", "4/2")
    for method, preset in (("ridge", "motion"), ("flora", "cpu"), ("skeleton_context", "cpu")):
        assert run_config(case, encoder, method=method, preset=preset).dataset == "pictures"
    for more in ({"method": "primitives", "preset": "fixed"}, {"method": "ridge", "features": "primitives"}):
        with pytest.raises(ConfigError, match="without depth"):
            run_config(case, encoder, **({"preset": "motion"} | more))


def test_the_trunk_of_a_picture_is_half_a_metre():
    body = layout("openni_15")
    joints = np.full((1, 3, 15, 2), np.nan, np.float32)
    for role, place in (("hip_centre", (100.0, 50.0)), ("shoulder_centre", (100.0, 130.0))):
        joints[:, :, list(body.roles[role])] = place
    flat = in_trunks(joints, body, "here")
    hips = flat[0, :, list(body.roles["hip_centre"])].mean(axis=0)
    shoulders = flat[0, :, list(body.roles["shoulder_centre"])].mean(axis=0)
    np.testing.assert_allclose(hips, 0, atol=1e-6)
    np.testing.assert_allclose(shoulders - hips, np.tile([0, 0.5, 0], (3, 1)), atol=1e-6)
    with pytest.raises(DataError, match="no frame has hips and shoulders"):
        in_trunks(np.full((1, 3, 15, 2), np.nan, np.float32), body, "here")


@pytest.mark.parametrize(("rate", "frames"), [(60.0, 31), (15.0, 121), (30.0, 61), (0.0, 61)])
def test_clips_are_brought_to_thirty_frames_a_second(rate, frames):
    seconds = np.arange(61) / (rate or 30.0)
    joints = np.zeros((1, 61, 15, 3), np.float32)
    joints[0, :, :, 0] = 1 + seconds[:, None]  # a constant speed of 1 m/s
    found, missing = at_rate(joints, np.zeros((1, 61, 15), bool), rate)
    assert found.shape == (1, frames, 15, 3)
    assert missing.shape == (1, frames, 15)
    np.testing.assert_allclose(np.diff(found[0, :, 0, 0]), 1 / 30, rtol=1e-3)
    np.testing.assert_allclose(found[0, [0, -1], 0, 0], [1, 1 + seconds[-1]], rtol=1e-6)


def test_texts_have_to_be_of_the_classes(tmp_path, bodies):
    workspace = Workspace(tmp_path / "w", progress=False)
    new_set(workspace, asked(written(tmp_path / "clips", bodies)))
    assert load_texts(str(write_names_as_texts(workspace, "meals"))).names == ("drink", "eat")
    table = '[[class]]\nid = {}\nname = "{}"\nmotion = "{}"\n'
    good = table.format(0, "drink", "A hand lifts a cup.") + table.format(1, "eat", "A hand goes to the mouth.")

    def file(text, dataset="meals"):
        path = tmp_path / "texts.toml"
        path.write_text(f'dataset = "{dataset}"\n{text}', encoding="utf-8")
        return path

    for text, message in (
        (file(good, "lunch").read_text(encoding="utf-8").partition("\n")[2], None),
        (good.replace('"eat"', '"feed"'), r"class 1 of meals is 'eat'; in the file class 1 is 'feed'"),
        (good + table.format(2, "wash", "Hands rub."), "meals has 2 classes; the file has a class 2"),
        (table.format(0, "drink", "A hand lifts a cup."), "there is no class 1"),
        (good.replace("A hand goes to the mouth.", "a hand lifts a cup."), "classes 0 and 1 have the same motion text"),
    ):
        if message:
            with pytest.raises(TextError, match=message):
                use_own_texts(workspace, "meals", file(text))
    with pytest.raises(TextError, match="the texts are for 'lunch', not for 'meals'"):
        use_own_texts(workspace, "meals", file(good, "lunch"))
    use_own_texts(workspace, "meals", file(good))
    assert load_texts("meals").sentences("motion", 1) == ("A hand goes to the mouth.",)


def test_a_clip_is_looked_at_before_it_is_recognised(tmp_path, bodies):
    joints = next(iter(bodies.values()))
    np.save(tmp_path / "clip.npy", joints)
    clip = open_clip(tmp_path / "clip.npy", layout="openni_15")
    assert (clip.layout, clip.rate, clip.told) == ("openni_15", 30.0, "")
    np.testing.assert_allclose(clip.joints, joints, atol=1e-6)
    np.save(tmp_path / "turned.npy", np.repeat(joints, 40, axis=1).transpose(1, 0, 2, 3)[:40])
    with pytest.raises(DataError, match="the data doctor refuses"):
        open_clip(tmp_path / "turned.npy", layout="openni_15")
    with pytest.raises((ArtefactError, DataError), match="no such file"):
        open_clip(tmp_path / "nothing.npy", layout="openni_15")


def test_a_set_of_sixty_frames_a_second_is_halved_with_its_marks(tmp_path, bodies):
    """Of 2n - 1 frames every other one stays; a joint that was lost in a frame that stays is marked in it."""
    wrist = layout("openni_15").index("hand_left")
    odd = {name: joints[:, : joints.shape[1] - 1 + joints.shape[1] % 2] for name, joints in bodies.items()}

    def lost(joints):
        joints[:, 20:27, wrist] = 0
        return joints

    folder = written(tmp_path / "clips", odd, lost)
    made = new_set(Workspace(tmp_path / "w", progress=False), asked(folder, rate=60.0))
    missing, index = np.load(made.skeletons.path / "missing.npy"), made.skeletons.index
    assert missing.shape == (int((index.frames * index.persons).sum()), 15)
    for i, clip in enumerate(made.skeletons):
        truth = odd[clip.sample][:, ::2]
        assert clip.joints.shape == truth.shape
        known = np.delete(np.arange(15), wrist)
        np.testing.assert_allclose(clip.joints[:, :, known], truth[:, :, known], atol=1e-5)
        rows = missing[index.start[i] : index.start[i] + index.frames[i]]
        assert np.argwhere(rows).tolist() == [[frame, wrist] for frame in (10, 11, 12, 13)]  # 20, 22, 24, 26 at 60 Hz


def test_marks_of_two_persons_are_in_the_order_of_the_skeletons(tmp_path, bodies):
    """All frames of the first person, then all of the second, of whom a joint is lost; absence is no lost joint."""
    foot, both = layout("openni_15").index("foot_right"), {}
    for name, joints in bodies.items():
        second = joints + np.float32([0.9, 0, 0.1])
        second[:, 5:9, foot] = 0
        second[:, -10:] = 0
        both[name] = np.concatenate([joints, second])
    made = new_set(Workspace(tmp_path / "w", progress=False), asked(written(tmp_path / "clips", both)))
    missing, index = np.load(made.skeletons.path / "missing.npy"), made.skeletons.index
    assert index.persons.tolist() == [2] * 12
    for i, clip in enumerate(made.skeletons):
        first, second = missing[index.start[i] :][: 2 * index.frames[i]].reshape(2, -1, 15)
        assert not first.any()
        assert np.argwhere(second[:-10]).tolist() == [[frame, foot] for frame in range(5, 9)]
        assert not clip.joints[1, -10:].any()
        assert np.abs(clip.joints[1, 5:9, foot] - clip.joints[0, 5:9, foot] - [0.9, 0, 0.1]).max() < 0.2


def test_the_scale_and_place_of_a_picture_do_not_matter():
    rng = np.random.default_rng(0)
    body = layout("openni_15")
    joints = rng.normal(size=(2, 9, 15, 2)).astype(np.float32)
    joints[1, 3] = np.nan
    joints[0, 4, 7] = np.nan
    flat = in_trunks(joints, body, "here")
    np.testing.assert_allclose(in_trunks(joints * 120 + np.float32([640, -360]), body, "here"), flat, atol=1e-4)
    assert np.isnan(flat).all(axis=-1).tolist() == np.isnan(joints).all(axis=-1).tolist()
    assert np.isnan(flat).any(axis=-1).tolist() == np.isnan(flat).all(axis=-1).tolist()
    assert not np.nan_to_num(flat[..., 2]).any()
    hips, shoulders = (flat[:, :, list(body.roles[role])].mean(axis=2) for role in ("hip_centre", "shoulder_centre"))
    assert np.nanmedian(np.linalg.norm(shoulders - hips, axis=-1)) == pytest.approx(0.5, rel=1e-4)


def test_points_and_bodies_are_two_sets(tmp_path, whole):
    folder = _pictures(tmp_path / "clips", whole)
    names = sorted(whole)
    shutil.rmtree(folder / names[-1])
    np.savez(folder / f"{names[-1]}.npz", joints=in_layout(whole[names[-1]], "openpose_25"))
    made = new_set(Workspace(tmp_path / "w", progress=False), asked(folder, layout=""))
    ((path, why),) = made.left_out
    assert path.endswith(f"{names[-1]}.npz")
    assert "3 coordinates a joint, the ones before it have 2" in why
    assert len(made.skeletons) == 11


def test_one_lost_class_is_said_by_the_doctor(tmp_path, bodies):
    """All clips of a class that cannot be read leave the class without a sample."""
    folder = written(tmp_path / "clips", bodies)
    for path in folder.glob("eat_*"):
        path.write_bytes(b"x")
    made = new_set(Workspace(tmp_path / "w", progress=False), asked(folder))
    assert len(made.left_out) == 6
    assert any(found.check == "labels" for found in made.report.findings)
