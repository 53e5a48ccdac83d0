"""What is known of published data sets agrees with itself and with whole copies; checks tell every kind of fault."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from zsar_kit.cli import main
from zsar_kit.data.catalogue import resource
from zsar_kit.data.published import publication, publication_names
from zsar_kit.data.published_checks import check_files, names_digest, set_digest
from zsar_kit.data.readers.ntu import plan_ntu
from zsar_kit.data.readers.pku_mmd import plan_pku_mmd
from zsar_kit.data.readers.plan import find_sources
from zsar_kit.data.readers.registry import RAW_FORMATS
from zsar_kit.errors import ConfigError, DataError

FREE = ("utd_mhad", "nw_ucla", "kinder_gator")


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Changes what the kit knows of a data set, for one test."""

    def change(dataset: str, **facts: Any) -> None:
        monkeypatch.setitem(resource("downloads.toml"), dataset, {**resource("downloads.toml")[dataset], **facts})
        publication.cache_clear()

    yield change
    publication.cache_clear()


# --- facts


def test_free_sets_are_those_with_a_reader_and_say_all_that_a_fetch_needs():
    free = {name for name in publication_names() if publication(name).access == "free"}
    assert free == set(FREE)
    for name in free:
        facts, raw = publication(name), RAW_FORMATS[name]
        assert facts.files == raw.complete
        assert facts.archive.endswith(".zip")
        assert all(re.match(r"https?://\S+$", url) for url in (*facts.urls, facts.page))
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in (facts.names_sha256, facts.sha256))
        assert facts.bytes > facts.files
        assert facts.licence
        assert facts.cite


def test_sets_on_request_say_what_to_ask_for():
    for name in set(publication_names()) - set(FREE):
        facts = publication(name)
        assert facts.access == "request"
        assert facts.how
        assert facts.page.startswith("https://")
        assert all(archive in facts.how for archive in facts.reported)
        assert not facts.urls


def test_unknown_sets_are_told():
    with pytest.raises(ConfigError, match=r"no published files of 'ntu_60'. Did you mean 'ntu60'\?"):
        publication("ntu_60")


@pytest.mark.shared
@pytest.mark.parametrize("dataset", FREE)
def test_measured_digests_are_those_of_whole_copies(dataset, shared_dir):
    raw, facts = RAW_FORMATS[dataset], publication(dataset)
    paths = [p for p in (shared_dir / "data" / dataset).rglob("*") if raw.name.fullmatch(p.name)]
    paths.sort(key=lambda path: path.name)
    lines = [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in paths]
    names = [f"{path.name}\n" for path in paths]
    assert hashlib.sha256("".join(lines).encode()).hexdigest() == facts.sha256
    assert hashlib.sha256("".join(names).encode()).hexdigest() == facts.names_sha256
    assert sum(path.stat().st_size for path in paths) == facts.bytes
    report = check_files(dataset, shared_dir / "data" / dataset)
    assert report.whole
    assert report.found == facts.files


@pytest.mark.shared
def test_every_performer_of_a_setup_has_360_files(shared_dir):
    """Each official part, plus those of its samples whose skeletons are listed as missing, is a multiple of 360."""
    facts = json.loads((shared_dir / "facts" / "ntu.json").read_text())
    name = re.compile(r"S(?P<S>\d+)C(?P<C>\d+)P(?P<P>\d+)R\d+A\d+")
    subjects60, subjects120 = (set(facts[f"xsub_train_subjects_ntu{n}"]) for n in (60, 120))
    parts = {
        "ntu60": {"total": lambda m: True, "xsub_train": lambda m: int(m["P"]) in subjects60},
        "ntu120": {
            "total": lambda m: True,
            "xsub_train": lambda m: int(m["P"]) in subjects120,
            "xset_train": lambda m: int(m["S"]) % 2 == 0,
        },
    }
    for dataset, chosen in parts.items():
        missing = [name.fullmatch(sample) for sample in facts[f"missing_{dataset}"]]
        for part, belongs in chosen.items():
            whole = facts["counts_after_missing_removed"][dataset][part] + sum(belongs(m) for m in missing)
            assert whole % 360 == 0
            if part == "total":
                assert whole == publication(dataset).files


# --- digests of sets


def test_digests_do_not_depend_on_folders_or_archives(tmp_path):
    contents = {"b.x": b"2", "a.x": b"1", "c.x": b"3"}
    for i, folder in enumerate(("", "deep/er/", "z/")):
        for name, content in contents.items():
            path = tmp_path / str(i) / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for i, (name, content) in enumerate(contents.items()):
            archive.writestr(f"{9 - i}/{name}", content)
    found = [find_sources(tmp_path / place, ".x")[0] for place in ("0", "1", "2", "all.zip")]
    assert len({names_digest(sources) for sources in found}) == 1
    assert len({set_digest(sources) for sources in found}) == 1
    (tmp_path / "1/deep/er/a.x").write_bytes(b"other")
    changed = find_sources(tmp_path / "1", ".x")[0]
    assert names_digest(changed) == names_digest(found[0])
    assert set_digest(changed) != set_digest(found[0])
    (tmp_path / "2/z/a.x").rename(tmp_path / "2/z/d.x")
    assert names_digest(find_sources(tmp_path / "2", ".x")[0]) != names_digest(found[0])


def test_other_names_of_the_right_number_are_told(tmp_path, known):
    known("nw_ucla", files=1)
    (tmp_path / "a01_s01_e00_v01.json").write_text("{}")
    (tmp_path / "notes.json").write_text("{}")
    problems = check_files("nw_ucla", tmp_path).problems
    assert problems == (f"1 .json files are not named aAA_sSS_eEE_vVV.json: {tmp_path / 'notes.json'}",)
    (tmp_path / "notes.json").unlink()
    (problem,) = check_files("nw_ucla", tmp_path).problems
    assert problem.startswith("there are 1 files, but their names are not those measured")


# --- NTU RGB+D


def block(setup: int, performer: int, actions: range = range(1, 61)) -> list[str]:
    return [
        f"S{setup:03}C{camera:03}P{performer:03}R{replication:03}A{action:03}.skeleton"
        for camera, replication, action in product((1, 2, 3), (1, 2), actions)
    ]


NTU = [*block(1, 3), *block(1, 7), *block(2, 3)]


def ntu_zip(path: Path, names: list[str] = NTU, **more: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(f"nturgb+d_skeletons/{name}", b"1\n0\n")
        for name, content in more.items():
            archive.writestr(f"{name}.skeleton", content)
    return path


def check_ntu(root: Path, **options: Any):
    return check_files("ntu60", root, **options)


@pytest.fixture
def small_ntu(known) -> None:
    """NTU RGB+D 60 with two setups, of two performers and of one."""
    known("ntu60", files=3 * 360, setups=2)


def test_a_whole_ntu_archive(small_ntu, tmp_path):
    report = check_ntu(ntu_zip(tmp_path / "a.zip"), contents=True)
    assert (report.whole, report.found, report.notes) == (True, 1080, ())


def test_files_of_later_setups_are_another_data_sets(small_ntu, tmp_path):
    ntu_zip(tmp_path / "a.zip")
    ntu_zip(tmp_path / "b.zip", block(18, 41, range(61, 121)))
    report = check_ntu(tmp_path)
    assert report.whole
    assert report.notes == ("360 files of setups above 2 belong to NTU RGB+D 120 and were not counted",)


@pytest.mark.parametrize(
    ("gone", "messages"),
    [
        (set(NTU[5:8]), ["1077 of 1080 files", "but S001P003 has 357$"]),
        (set(NTU[720:]), ["720 of 1080 files", "no file of setup 2$"]),
        (set(NTU[::2]), ["540 of 1080 files", "S001P003 has 180, S001P007 has 180, S002P003 has 180$"]),
    ],
)
def test_missing_files_are_told_by_setup_and_performer(small_ntu, tmp_path, gone, messages):
    ntu_zip(tmp_path / "a.zip", [name for name in NTU if name not in gone])
    problems = check_ntu(tmp_path).problems
    assert len(problems) == 2
    assert all(re.search(message, problem) for message, problem in zip(messages, problems, strict=True))


@pytest.mark.parametrize(
    "name",
    ["S001C001P001R001A061", "S018C001P041R001A060", "S001C004P001R001A001", "S001C001P001R003A001",
     "S000C001P001R001A001", "S033C001P001R001A061", "S001C001P000R001A001", "s001C001P001R001A001",
     "S001C001P041R001A001", "S018C001P107R001A061", "S001C001P001R001A001 (1)"],
)  # fmt: skip
def test_names_that_no_sample_has(small_ntu, tmp_path, name):
    (problem,) = check_ntu(ntu_zip(tmp_path / "a.zip", **{name: b"1\n0\n"})).problems
    assert name in {entry.sample for entry in plan_ntu("ntu120", tmp_path).left_out}, "as in preparing"
    assert problem == f"1 .skeleton files have no name of the data set: {tmp_path / 'a.zip'}, member {name}.skeleton"


def test_doubles_and_empty_files(small_ntu, tmp_path):
    ntu_zip(tmp_path / "a.zip")
    (tmp_path / NTU[0]).write_bytes(b"")
    empty, double = check_ntu(tmp_path).problems
    assert empty.startswith("1 files are empty: ")
    assert double.startswith(f"1 files exist more than once: {NTU[0]} (the first: {tmp_path / NTU[0]}, ")


def test_an_archive_cut_short_is_told_with_the_size_it_should_have(small_ntu, tmp_path):
    path = ntu_zip(tmp_path / "nturgbd_skeletons_s001_to_s017.zip")
    path.write_bytes(path.read_bytes()[:-100])
    problems = check_ntu(tmp_path).problems
    assert "nturgbd_skeletons_s001_to_s017.zip cannot be opened" in problems[0]
    assert "others report 6181024200 bytes; was it cut short?" in problems[0]
    assert problems[1:] == ("0 of 1080 files SsssCcccPpppRrrrAaaa.skeleton are there", "no file of setup 1-2")


def test_damage_inside_is_found_by_reading(small_ntu, tmp_path):
    path = ntu_zip(tmp_path / "a.zip")
    raw = bytearray(path.read_bytes())
    raw[raw.index(NTU[9].encode()) + len(NTU[9])] ^= 1  # the first byte of its content
    path.write_bytes(raw)
    assert check_ntu(tmp_path).whole
    (problem,) = check_ntu(tmp_path, contents=True).problems
    assert problem.startswith("1 files cannot be read to their end: ")
    assert NTU[9] in problem


def test_there_must_be_something(tmp_path):
    with pytest.raises(DataError, match="no such folder or archive"):
        check_ntu(tmp_path / "absent")


# --- PKU-MMD


def pku(root: Path, names: dict[str, list[str]]) -> Path:
    skeletons, labels = " ".join(["0.5"] * 150) + "\n", "3,1,1,1\n"
    line = {"Skeletons": skeletons, "joints": skeletons, "Labels": labels, "annot": labels}
    videos = sorted({Path(name).stem for folder, files in names.items() if folder != "Split" for name in files})
    line["Split"] = f"Training videos:\n{videos[0]}\nTest videos:\n{', '.join(videos[1:])}\n"
    for folder, files in names.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name in files:
            (root / folder / name).write_text(line[folder])
    return root


PKU = {"0002-L.txt", "0002-M.txt", "0002-R.txt"}


@pytest.mark.parametrize("folders", [("Skeletons", "Labels"), ("joints", "annot")])
@pytest.mark.parametrize(
    ("dataset", "names", "lists"),
    [
        ("pku_mmd", PKU, ["cross-subject.txt", "cross-view.txt"]),
        ("pku_mmd_2", {"A01N01-L.txt", "A01N01-M.txt"}, ["cross_subject_v2.txt", "cross_view_v2.txt"]),
    ],
)
def test_a_whole_pku_folder(tmp_path, known, dataset, names, lists, folders):
    known("pku_mmd", files=3)
    pku(tmp_path, {folders[0]: [*names], folders[1]: [*names], "Split": lists})
    report = check_files(dataset, tmp_path, contents=True)
    assert (report.problems, report.found) == ((), len(names))
    plan = plan_pku_mmd(dataset, tmp_path, chain="raw")
    assert {f"{item.name}.txt" for item in plan.items} == names, "what is whole can be prepared"
    assert (plan.left_out, plan.notes) == ((), ())
    assert all(plan.read(item).sequences for item in plan.items)


def test_lists_count_if_they_are_of_the_data_set_and_sound(tmp_path, known):
    """A list of the other part is none, and a broken one is told by the same words as in preparing."""
    known("pku_mmd", files=3)
    pku(tmp_path, {"Skeletons": [*PKU], "Labels": [*PKU], "Split": ["cross-view.txt"]})
    other = tmp_path / "Split" / "cross-subject.txt"
    other.write_text("Training videos:\nA01N01-L\nTest videos:\nA01N02-L\n")
    assert check_files("pku_mmd", tmp_path).problems == ("the official list cross-subject.txt is not there",)
    other.write_text("Training videos:\n0002-L\n")
    (problem,) = check_files("pku_mmd", tmp_path).problems
    with pytest.raises(DataError, match="must have 4 lines") as caught:
        plan_pku_mmd("pku_mmd", tmp_path)
    assert problem == str(caught.value)


def test_what_pku_lacks_is_told(tmp_path, known):
    known("pku_mmd", files=3)
    pku(tmp_path, {"Skeletons": ["0002-L.txt", "0002-M.txt"], "Labels": ["0002-L.txt", "0007-R.txt"], "Split": []})
    (tmp_path / "Skeleton.7z").write_bytes(b"7z")
    assert check_files("pku_mmd", tmp_path).problems == (
        "the kit does not read .7z archives; unpack Skeleton.7z",
        "2 of 3 videos are there",
        "1 videos have no label file: 0002-M.txt",
        "1 label files have no video: 0007-R.txt",
        "the official list cross-subject.txt is not there",
        "the official list cross-view.txt is not there",
    )
    assert "no skeleton file of a video is there" in check_files("pku_mmd_2", tmp_path).problems


# --- the command


def test_the_command_says_what_is_wrong_line_by_line(small_ntu, tmp_path, capsys):
    ntu_zip(tmp_path / "a.zip", NTU[3:])
    command = ["data", "check", "ntu60", "--root", str(tmp_path), "--quiet"]
    assert main(command) == 2
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("NTU RGB+D 60: incomplete")
    assert said[1].startswith("- 1077 of 1080 files")
    ntu_zip(tmp_path / "b.zip", NTU[:3])
    assert main(command) == 0
    assert "complete, 1080 files; contents not read (--contents reads them)" in capsys.readouterr().out
    assert main([*command, "--contents"]) == 0
    assert "every file is readable to the end" in capsys.readouterr().out
