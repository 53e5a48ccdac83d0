"""Every public object of the data layer shows itself in a line or two; tables say more, and no text breaks them."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

import zsar_kit.data
from zsar_kit.data.clip_list import ListedClip
from zsar_kit.data.display import sample_for_display
from zsar_kit.data.doctor import Clip, Finding, Report, mend
from zsar_kit.data.feature_set import FeatureSet
from zsar_kit.data.fetch import Fetched
from zsar_kit.data.importers.features import SampleColumns
from zsar_kit.data.importers.published import PublishedFeatures, Samples
from zsar_kit.data.importers.skeletons import CTRGCN
from zsar_kit.data.importers.streams import ArrayRows, ArrayStream
from zsar_kit.data.joints import layout
from zsar_kit.data.leakage import EncoderMark, EncoderRecord
from zsar_kit.data.own_sets import OwnSet, part_rule
from zsar_kit.data.published import publication
from zsar_kit.data.published_checks import FilesReport
from zsar_kit.data.puppet.raw_pku import WrittenPku
from zsar_kit.data.puppet.sensor import SensorConfig
from zsar_kit.data.puppet.world import PuppetConfig, build_puppet
from zsar_kit.data.readers.arrays import from_arrays
from zsar_kit.data.readers.ntu_audit import CountRow
from zsar_kit.data.readers.ntu_format import NtuBody, NtuRecording
from zsar_kit.data.readers.pku_format import Label, VideoLists
from zsar_kit.data.readers.pku_mmd import TrainingVideos
from zsar_kit.data.readers.plan import Item, LeftOut, Reading, ReadPlan, Source
from zsar_kit.data.readers.prepare import Prepared
from zsar_kit.data.readers.registry import RAW_FORMATS
from zsar_kit.data.recording import Recording
from zsar_kit.data.splits import load_split, make_split, pseudo_unseen_groups
from zsar_kit.reprs import counted, escaped, listed, markdown_table, short_path, shortened

LONG = "a word " * 500
#: The inside of the motion programs: numbers that nobody looks at one by one.
INNER = {"Body", "Habits", "Trunk", "Place", "Version"}
#: the inside of the doctor and of readers of other software's files
INNER |= {"Anatomy", "Measures", "Presence", "Animation", "Channel", "Joint", "Header", "Rig", "Format"}


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> dict[str, object]:
    """One object of each public class, as large or as wordy as it may become."""
    root = tmp_path_factory.mktemp("shown") / ("deep" * 40)
    skeletons = build_puppet(root / "puppet", PuppetConfig.tiny())
    record = EncoderRecord("shift_gcn", "features " + "0" * 64, "joint", 1.0, "puppet", tuple(range(28)))
    features = FeatureSet.write(
        root / "features",
        chunks=[{"pooled": np.zeros((len(skeletons), 256), np.float32)}],
        skeleton_index=skeletons.index,
        train=skeletons.index.subject % 2 == 1,
        dataset="puppet",
        class_names=skeletons.class_names,
        encoder=record,
        inputs={},
    )
    many = np.arange(5000)
    source = Source(root / "x.zip", f"{'folder/' * 60}x.txt", 10**9)
    left_out = tuple(LeftOut(LONG, "broken", LONG) for _ in range(1000))
    columns = Samples(str(root), np.zeros((5000, 256), np.float32), many)
    facts = publication("kinder_gator")
    objects = [
        skeletons, skeletons.index, skeletons.sequence(0), sample_for_display(skeletons, 0), features, record,
        EncoderMark("cross-dataset", tuple(map(str, many)), tuple(map(str, many))), layout("ntu25"),
        make_split("kinetics400", 200, seed=0), facts, Fetched(facts, root, fresh=True),
        FilesReport("ntu60", 5, (LONG, LONG), (LONG,)), CountRow("xsub train", 1, 2), source,
        Item("x", (source,) * 1000), left_out[0], Reading((skeletons.sequence(0),) * 1000, left_out),
        ReadPlan("ntu60", "ntu25", tuple(map(str, many)), (), print, {"chain": "ctrgcn", "lists": LONG}, left_out),
        Prepared(skeletons, left_out, 3, (LONG,)), RAW_FORMATS["utd_mhad"], Label(1, 2, 3, 1, 1),
        NtuBody(72057594037944738, many, many, np.zeros((5000, 25, 3), np.float32)), NtuRecording(5000, ()),
        VideoLists(frozenset(map(str, many)), frozenset()), TrainingVideos(frozenset(map(str, many))),
        ArrayStream(str(root), (5000, 3), np.dtype("f4"), False, BytesIO()), ArrayRows((5000, 3), "<f4", iter(())),
        columns, PublishedFeatures(columns, columns, columns), SampleColumns(many, many, many, many), CTRGCN,
        pseudo_unseen_groups(load_split("ntu60", "55/5"))[0],
        Recording(LONG, np.zeros((1, 5000, 25, 3), np.float32), tuple(map(str, many)), stated=(("unit", LONG),)),
        ListedClip(root / LONG, LONG, LONG, {"subject": LONG}), part_rule(f"subject:{','.join(map(str, many))}"),
        OwnSet(LONG, tuple(map(str, many)), protocols=tuple(map(str, many))),
        Clip(np.zeros((1, 5000, 25, 3), np.float32), LONG), mend(np.ones((1, 50, 25, 3), np.float32), "ntu25"),
        Finding("units", "refuse", "too long", LONG, LONG, sample=LONG), Report(1, (), {("units", "refuse"): 1}),
        WrittenPku((skeletons.sequence(0),) * 1000, tuple(map(str, many))), PuppetConfig(), SensorConfig(),
    ]  # fmt: skip
    return {type(thing).__name__: thing for thing in objects}


def public_classes() -> set[str]:
    found = set()
    for info in pkgutil.walk_packages(zsar_kit.data.__path__, "zsar_kit.data."):
        module = importlib.import_module(info.name)
        found |= {
            name
            for name, thing in inspect.getmembers(module, inspect.isclass)
            if thing.__module__ == info.name and dataclasses.is_dataclass(thing) and not name.startswith("_")
        }
    return found


def test_no_public_object_shows_more_than_two_lines_of_it(shown):
    assert set(shown) == public_classes() - INNER
    for name, thing in shown.items():
        text = repr(thing)
        assert name in text
        assert len(text) <= 300, text
        assert "\n" not in text
        assert "array(" not in text


def test_what_objects_say_of_themselves(shown):
    assert "28 classes, 4 subjects, layout ntu25" in repr(shown["SkeletonSet"])
    assert "synthetic" in repr(shown["SkeletonSet"])
    assert "72 samples x 256, 28 classes, by shift_gcn joint" in repr(shown["FeatureSet"])
    split = load_split("ntu60", "55/5")
    assert repr(split).startswith("ClassSplit(ntu60 '55/5': 55 seen, 5 unseen (10 reading, 11 writing, 19 put on a hat")
    assert repr(shown["EncoderRecord"]).startswith("EncoderRecord(shift_gcn, joint stream, width 1, trained on 28 cl")
    assert repr(EncoderRecord("x", "", "unknown", 0.0, "", None)) == (
        "EncoderRecord(x, unknown stream, training classes not known)"
    )
    assert repr(layout("coco_17")) == "JointLayout('coco_17': 17 joints, root nose)"


def test_tables_count_each_part(shown):
    table = shown["SkeletonSet"]._repr_markdown_()
    assert "| xsub | train | 36 | 6 |" in table
    assert "| xview | test | 24 | 6 |" in table
    assert "| train | 36 | 6 | 2 |" in shown["FeatureSet"]._repr_markdown_()
    assert "| broken | no | 1000 |" in shown["Prepared"]._repr_markdown_()
    split = load_split("nw_ucla", "8/2")._repr_markdown_()
    assert "| unseen | 2 | 1 pick up with two hands, " in split
    assert len(split.splitlines()) == 6


def test_an_imported_set_without_a_known_protocol_has_no_table(tmp_path):
    own = from_arrays(tmp_path / "own", [np.ones((3, 17, 3))], [0], ["wave"], layout="coco_17")
    assert own._repr_markdown_().startswith("SkeletonSet(mine: 1 sequence, 1 class, subjects not known, layout coco")
    assert "|" not in own._repr_markdown_()


def test_names_cannot_break_out_of_a_table():
    text = markdown_table(["class"], [["<script>alert(1)</script>"], ["a|b\nc"], ["*x* [y](z)"]])
    assert "<script" not in text
    assert text.count("\n") == 5
    assert "a\\|b c" in text
    assert "\\*x\\* \\[y\\](z)" in text
    assert escaped("a & b") == "a &amp; b"


def test_short_forms():
    assert listed([1, 2, 3]) == "1, 2, 3"
    assert listed(range(9), most=2) == "0, 1 and 7 more"
    assert [counted(n, "class") for n in (0, 1, 2)] == ["0 classes", "1 class", "2 classes"]
    assert shortened("a\n b", 3) == "a b"
    assert shortened("abcdef", 5) == "ab..."
    assert short_path(Path("x") / "y") == "'x/y'"
    assert short_path("a" * 100, 10) == "'...aaaaaaa'"
