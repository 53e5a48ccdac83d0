"""What each clip of a folder shows: by a table, by file names, by folders."""

from __future__ import annotations

import pytest

from zsar_kit.data.clip_list import list_clips, numbered_columns, sample_name
from zsar_kit.errors import DataError


@pytest.fixture
def folder(tmp_path):
    for name in ("wave/s1.bvh", "wave/s2.bvh", "bow/s1.bvh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    return tmp_path


def clips(folder):
    return sorted(folder.rglob("*.bvh"))


def test_one_folder_for_each_class(folder):
    found = list_clips(folder, clips(folder))
    assert [(one.sample, one.label) for one in found] == [
        ("bow/s1", "bow"),
        ("wave/s1", "wave"),
        ("wave/s2", "wave"),
    ]


def test_clips_without_folders_need_something_that_says_what_they_show(folder):
    (folder / "loose.bvh").write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match=r"nothing says what loose\.bvh shows.*--names"):
        list_clips(folder, clips(folder))


def test_folders_may_give_the_class_and_file_names_the_rest(folder):
    (folder / "bow/s1.bvh").rename(folder / "bow/anna_1.bvh")
    found = list_clips(folder, [folder / "bow/anna_1.bvh"], names="{subject}_{}")
    assert [(one.sample, one.label, one.columns) for one in found] == [("bow/anna_1", "bow", {"subject": "anna"})]
    (folder / "ben_1.bvh").write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match=r"nothing says what ben_1\.bvh shows.*with their label: --names"):
        list_clips(folder, [folder / "ben_1.bvh"], names="{subject}_{}")


def test_a_table_names_clips_with_or_without_folder_and_suffix(folder):
    table = "sample,label,subject\nwave/s1.bvh,0,anna\nbow/s1,bow,ben\ns2,wave,\n"
    (folder / "labels.csv").write_text(table, encoding="utf-8")
    found = {one.sample: (one.label, one.columns) for one in list_clips(folder, clips(folder))}
    assert found == {
        "wave/s1": ("0", {"subject": "anna"}),
        "bow/s1": ("bow", {"subject": "ben"}),
        "wave/s2": ("wave", {}),
    }


def test_clips_that_a_table_does_not_name_are_left_out(folder):
    (folder / "t.csv").write_text("sample,label\ns2,wave\n", encoding="utf-8")
    assert [one.sample for one in list_clips(folder, clips(folder), table=folder / "t.csv")] == ["wave/s2"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("sample,class\ns2,wave\n", r"a column 'label' is needed, the table has sample, class"),
        ("sample,label\n", "the table has no row"),
        ("sample,label\ns1,wave\n", r"2 clips are called 's1' .*line 2\).*path in the folder"),
        (
            "sample,label\ns3,wave\n",
            r"no clip is called 's3'; rows without a clip: 1 of 1; clips here: 3 .*line 2\).*Known: s1, s2\.",
        ),
        ("sample,label\ns2,wave\nwave/s2,bow\n", r"'wave/s2' occurs twice .*line 3"),
        ("sample,label\ns2,\n", "a row is a sample, its label"),
        ("sample,label\ns2,wave,3,4\n", "a row is a sample, its label"),
        ("sample,label,label\ns2,wave,bow\n", r"two columns are called 'label' .*line 1"),
        ("sample;label\ns2;wave\n", r"a column 'sample' is needed, the table has sample;label"),
        ("sample,label\ns2," + "x" * 200_000 + "\n", r"not a table: field larger .*line 2"),
        ("", r"a column 'sample' is needed, the table has none"),
    ],
)
def test_tables_that_do_not_fit(folder, table, message):
    (folder / "t.csv").write_text(table, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        list_clips(folder, clips(folder), table=folder / "t.csv")


def test_a_table_with_clips_that_are_not_there_names_the_nearest(tmp_path):
    """The message is as short for many clips as for few."""
    for i in range(500):
        (tmp_path / f"take_{i:04d}.bvh").write_text("x", encoding="utf-8")
    rows = "take_0001,wave\ntake_0499,wave\nXYZ,wave\nQQQ,wave\n"
    (tmp_path / "t.csv").write_text("sample,label\n" + rows, encoding="utf-8")
    with pytest.raises(DataError, match=r"'XYZ'; rows without a clip: 2 of 4; clips here: 500 .*line 4") as caught:
        list_clips(tmp_path, clips(tmp_path), table=tmp_path / "t.csv")
    assert "Of 500 names the nearest are 'take_" in str(caught.value)
    assert len(str(caught.value).replace(str(tmp_path), "")) < 250
    (tmp_path / "t.csv").write_text("sample,label\ntake_400.bvh,wave\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"Did you mean 'take_0400\.bvh'\?"):
        list_clips(tmp_path, clips(tmp_path), table=tmp_path / "t.csv")


def test_tables_as_spreadsheets_write_them(folder):
    text = '\ufeffsample,label,age\r\n"wave/s2.bvh","wave, with both hands",31\r\n\r\n'
    (folder / "t.csv").write_bytes(text.encode())
    (found,) = list_clips(folder, clips(folder), table=folder / "t.csv")
    assert (found.sample, found.label, found.columns) == ("wave/s2", "wave, with both hands", {})
    (folder / "t.csv").write_bytes("sample,label\ns2,fl\u00fcgel\n".encode("latin-1"))
    with pytest.raises(DataError, match="the table must be UTF-8"):
        list_clips(folder, clips(folder), table=folder / "t.csv")
    with pytest.raises(DataError, match="the table of labels does not exist"):
        list_clips(folder, clips(folder), table=folder / "none.csv")


def test_files_that_differ_by_their_suffix_alone(folder):
    (folder / "wave" / "s1.c3d").write_text("x", encoding="utf-8")
    found = sorted(folder.rglob("*.*"))
    with pytest.raises(DataError, match=r"two clips would be called 'wave/s1': s1\.bvh and s1\.c3d"):
        list_clips(folder, found)
    (folder / "labels.csv").write_text("sample,label\nwave/s1.c3d,wave\n", encoding="utf-8")
    assert [one.path.name for one in list_clips(folder, found)] == ["s1.c3d"]


def test_names_of_files(tmp_path):
    for name in ("brush hair_12_7.npz", "eat_3_8.npz"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    found = list_clips(tmp_path, sorted(tmp_path.iterdir()), names="{label}_{subject}_{}")
    assert [(one.label, one.columns) for one in found] == [
        ("brush hair", {"subject": "12"}),
        ("eat", {"subject": "3"}),
    ]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("{label}-{subject}", "the file name is not of the form"),
        ("{subject}_{}", r"nothing says what eat_3\.npz shows.*with their label"),
        ("{label}_{label}", "names one field or more, each once"),
        ("{label}_{person}", r"unknown field {person}"),
    ],
)
def test_patterns_that_do_not_fit(tmp_path, names, message):
    (tmp_path / "eat_3.npz").write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        list_clips(tmp_path, [tmp_path / "eat_3.npz"], names=names)


def test_a_sample_is_named_by_its_path(folder):
    assert sample_name(folder, folder / "wave" / "s1.bvh") == "wave/s1"
    assert sample_name(folder, folder / "wave") == "wave"  # a clip may be a folder with a file for each frame


@pytest.mark.parametrize(("name", "meant"), [("subjct", "subject"), ("Subjects", "subject"), ("camra", "camera")])
def test_a_misspelt_column_is_refused(folder, name, meant):
    (folder / "labels.csv").write_text(f"sample,label,{name}\nwave/s1,wave,anna\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"unknown column '{name}' .*line 1.*Did you mean '{meant}'"):
        list_clips(folder, clips(folder))


def test_columns_that_nothing_reads_are_named_in_one_line(folder, caplog):
    table = "sample,label,subject,position,notes,\nwave/s1,wave,anna,left,good,\n"
    (folder / "labels.csv").write_text(table, encoding="utf-8")
    (found,) = list_clips(folder, clips(folder))
    assert found.columns == {"subject": "anna"}
    assert len(caplog.records) == 1
    assert "nothing reads the columns position, notes; known: sample, label, subject" in caplog.text


def test_columns_as_numbers(folder):
    (folder / "labels.csv").write_text(
        "sample,label,subject,camera\ns2,wave,ben,2\nbow/s1,bow,anna,1\nwave/s1,wave,,2\n", encoding="utf-8"
    )
    numbers, named = numbered_columns(list_clips(folder, clips(folder)))
    assert numbers == {"subject": [0, -1, 1], "camera": [1, 2, 2]}
    assert named == {"subject": ("anna", "ben"), "camera": ()}
