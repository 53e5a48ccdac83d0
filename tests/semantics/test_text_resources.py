"""The class texts carried by the kit: well formed, one sentence each, and named as the data sets name their classes."""

from __future__ import annotations

import itertools
import json
import re
import string
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from zsar_kit.data.splits import class_names
from zsar_kit.semantics.editions import EDITIONS
from zsar_kit.semantics.text_files import load_texts
from zsar_kit.semantics.texts import TEXT_SETS

CLASS_COUNT = {"utd_mhad": 27, "nw_ucla": 10, "kinder_gator": 58, "puppet": 28, "ntu120": 120, "pku_mmd": 51}
EARLY = ("utd_mhad", "nw_ucla", "kinder_gator", "puppet")
"""Motion texts of these have 15 to 45 words, and in the first edition open with what moves."""

STRUCTURE = ("noun", "verb", "key_parts", "parts", "phases", "contexts")
FIELDS = ("label", "definition", "motion")
SENTENCE_FIELDS = ("definition", "motion")
PUPPET_NTU_IDS = [
    *(0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 19, 21, 22, 23, 25, 26, 27, 28, 29, 34, 37, 39, 43),
    *(50, 51, 56, 57),
]
PRINTABLE = frozenset(string.ascii_letters + string.digits + string.punctuation + " ")
MARKUP = re.compile(r"[<>*_`#{}\[\]\\|~]")
OPENING_SUBJECT = re.compile(
    r"^(The (right|left|other) (arm|leg|hand)|One (arm|leg)|Both (arms|legs|hands|knees|forearms|elbows)"
    r"|The torso|The whole body|From (sitting|standing)|Two persons)\b"
)


def raw_text(dataset: str, edition: str) -> str:
    """The resource file as it is stored."""
    folder = resources.files("zsar_kit") / "semantics" / "resources" / "texts" / edition
    return (folder / f"{dataset}.toml").read_text(encoding="utf-8")


def tables_of(dataset: str, edition: str) -> list[dict[str, Any]]:
    """The `[[class]]` tables of one resource file, in file order."""
    return tomllib.loads(raw_text(dataset, edition))["class"]


def classes_of(dataset: str, edition: str) -> list[dict[str, Any]]:
    """The same with the texts that `like` stands for."""
    texts = load_texts(dataset, edition)
    basic = [{f: texts.by_class[i][f][0] for f in ("name", *FIELDS)} for i in range(len(texts.ids))]
    return [{**table, **entry} for table, entry in zip(tables_of(dataset, edition), basic, strict=True)]


def ntu_label(entry: dict[str, Any]) -> int:
    """The NTU label of a class of puppet."""
    return int(entry["like"].removeprefix("ntu120:"))


@pytest.fixture(params=EDITIONS)
def edition(request: pytest.FixtureRequest) -> str:
    return request.param


every_dataset = pytest.mark.parametrize("dataset", CLASS_COUNT)


def test_there_are_no_text_files_that_this_module_does_not_check(edition: str) -> None:
    folder = resources.files("zsar_kit") / "semantics" / "resources" / "texts" / edition
    stems = {Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".toml")}
    assert stems == {*CLASS_COUNT, "ntu60", "pku_mmd_2"}


@every_dataset
def test_file_names_its_dataset_and_says_whose_words_these_are(dataset: str, edition: str) -> None:
    text = raw_text(dataset, edition)
    assert tomllib.loads(text)["dataset"] == dataset
    first_line = text.splitlines()[0]
    assert first_line.startswith("# ")
    assert "texts written for this project" in first_line
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


@every_dataset
def test_ids_are_contiguous_and_names_unique(dataset: str, edition: str) -> None:
    classes = classes_of(dataset, edition)
    assert [entry["id"] for entry in classes] == list(range(CLASS_COUNT[dataset]))
    names = [entry["name"] for entry in classes]
    assert len(set(names)) == len(names)


@every_dataset
def test_every_class_has_all_text_sets_of_its_own_or_of_the_class_it_is_like(dataset: str, edition: str) -> None:
    texts = load_texts(dataset, edition)
    assert set(texts.common_sets) == set(TEXT_SETS)
    for table in tables_of(dataset, edition):
        assert "like" in table or set(table) == {"id", "name", *FIELDS, *STRUCTURE}, table["name"]
    assert all(texts.key_parts_of(c) and len(texts.contexts_of(c)) == 10 for c in texts.ids)


def test_the_parts_of_pku_mmd_share_their_texts(edition: str) -> None:
    first, second = load_texts("pku_mmd", edition), load_texts("pku_mmd_2", edition)
    assert second.dataset == "pku_mmd_2"
    assert second.names == class_names("pku_mmd_2")
    assert (second.by_class, second.contexts, second.key_parts) == (first.by_class, first.contexts, first.key_parts)


def test_ntu60_is_the_first_half_of_ntu120(edition: str) -> None:
    half, whole = load_texts("ntu60", edition), load_texts("ntu120", edition)
    assert half.names == class_names("ntu60") == whole.names[:60]
    assert half.of("motion", 59) == whole.of("motion", 59)
    assert half.contexts_of(11) == whole.contexts_of(11)


@pytest.mark.parametrize("dataset", ["ntu120", "ntu60", "pku_mmd", "utd_mhad", "nw_ucla", "kinder_gator"])
def test_names_are_those_of_the_class_list(dataset: str, edition: str) -> None:
    assert load_texts(dataset, edition).names == class_names(dataset)


def test_aliases_name_the_same_action(edition: str) -> None:
    """A class of PKU-MMD that is like one of NTU has its name, or one that means the same."""
    ntu, pku = load_texts("ntu120", edition), tables_of("pku_mmd", edition)
    differing = {}
    for table in pku:
        if "like" in table:
            other = ntu.names[int(table["like"].partition(":")[2])]
            if other != table["name"]:
                differing[table["name"]] = other
    standing = {"standing up": "standing up (from sitting position)"}
    own = [table["name"] for table in pku if "like" not in table]
    pockets = ["put something inside pocket", "take out something from pocket"]
    if edition == "first":
        assert (differing, own) == ({"bow": "nod head/bow", **standing}, pockets)
    else:  # nobody nods when asked to bow
        assert (differing, own) == (standing, ["bow", *pockets])


@every_dataset
def test_two_classes_share_texts_only_where_the_file_says_so(dataset: str, edition: str) -> None:
    texts, tables = load_texts(dataset, edition), tables_of(dataset, edition)
    owners: dict[tuple[str, ...], int] = {}
    for table in tables:
        if "like" not in table:
            assert owners.setdefault(texts.sentences("contexts", table["id"]), table["id"]) == table["id"]


@every_dataset
@pytest.mark.parametrize("field", FIELDS)
def test_texts_tell_the_classes_of_a_dataset_apart(dataset: str, field: str, edition: str) -> None:
    first_owner: dict[str, str] = {}
    for entry in classes_of(dataset, edition):
        text = entry[field].casefold()
        owner = first_owner.setdefault(text, entry["name"])
        assert owner == entry["name"], f"{dataset}: '{owner}' and '{entry['name']}' share the {field} {text!r}"


@every_dataset
@pytest.mark.parametrize("field", FIELDS)
def test_texts_are_plain_printable_ascii_without_markup(dataset: str, field: str, edition: str) -> None:
    for entry in classes_of(dataset, edition):
        text = entry[field]
        assert text, f"{dataset}/{entry['name']}: empty {field}"
        assert set(text) <= PRINTABLE, f"{dataset}/{entry['name']}: {field} is not printable ASCII"
        assert text == " ".join(text.split()), f"{dataset}/{entry['name']}: stray space in {field}"
        assert not MARKUP.search(text), f"{dataset}/{entry['name']}: markup in {field}"


@every_dataset
@pytest.mark.parametrize("field", SENTENCE_FIELDS)
def test_definitions_are_one_sentence_and_motions_of_the_first_edition_too(
    dataset: str, field: str, edition: str
) -> None:
    for entry in classes_of(dataset, edition):
        text = entry[field]
        assert text[0].isupper(), f"{dataset}/{entry['name']}: {field} does not start as a sentence"
        assert text.endswith("."), f"{dataset}/{entry['name']}: {field} has no full stop"
        if edition == "second" and field == "motion":
            assert not set(text) & set("!?")
            continue  # of one sentence or more
        ends = set(".!?") if dataset in ("ntu120", "pku_mmd") else set(".!?;:")
        assert not set(text[:-1]) & ends, f"{dataset}/{entry['name']}: {field} is more than one sentence"


@every_dataset
def test_labels_are_short_phrases(dataset: str, edition: str) -> None:
    for entry in classes_of(dataset, edition):
        label = entry["label"]
        assert 1 <= len(label.split()) <= 8, f"{dataset}/{entry['name']}: {label!r}"
        assert label[0].islower(), f"{dataset}/{entry['name']}: {label!r}"
        assert label[-1].isalpha(), f"{dataset}/{entry['name']}: {label!r}"


@pytest.mark.parametrize("dataset", EARLY)
def test_motions_are_15_to_45_words_and_open_with_what_moves(dataset: str, edition: str) -> None:
    for entry in classes_of(dataset, edition):
        motion = entry["motion"]
        assert 15 <= len(motion.split()) <= 45, f"{dataset}/{entry['name']}: {len(motion.split())} words"
        assert edition == "second" or OPENING_SUBJECT.match(motion), (
            f"{dataset}/{entry['name']}: opens with {motion[:30]!r}"
        )


@pytest.mark.parametrize("dataset", ["ntu120", "pku_mmd"])
def test_later_motions_are_30_to_60_words(dataset: str, edition: str) -> None:
    for entry in classes_of(dataset, edition):
        assert 30 <= len(entry["motion"].split()) <= 60, f"{dataset}/{entry['name']}"


def test_puppet_classes_are_28_ntu_labels_in_ascending_order(edition: str) -> None:
    assert [ntu_label(entry) for entry in classes_of("puppet", edition)] == PUPPET_NTU_IDS


def test_only_two_person_classes_of_puppet_speak_of_two_persons(edition: str) -> None:
    """NTU-60 labels 49 to 59 are the mutual actions."""
    for entry in classes_of("puppet", edition):
        assert entry["motion"].startswith("Two persons") == (ntu_label(entry) >= 49), entry["name"]


@pytest.mark.shared
@pytest.mark.parametrize("dataset", ["utd_mhad", "nw_ucla", "ntu120"])
def test_names_are_the_official_ones(dataset: str, shared_dir: Path, edition: str) -> None:
    official = json.loads((shared_dir / "semantics" / "class_names.json").read_text(encoding="utf-8"))
    assert [entry["name"] for entry in classes_of(dataset, edition)] == official[dataset]


@pytest.mark.shared
def test_puppet_names_are_those_of_their_ntu_labels(shared_dir: Path, edition: str) -> None:
    official = json.loads((shared_dir / "semantics" / "class_names.json").read_text(encoding="utf-8"))["ntu120"]
    for entry in classes_of("puppet", edition):
        assert entry["name"] == official[ntu_label(entry)]


@pytest.mark.shared
def test_kinder_gator_names_follow_the_fixed_class_order(shared_dir: Path, edition: str) -> None:
    splits = json.loads((shared_dir / "data" / "kinder_gator" / "splits.json").read_text(encoding="utf-8"))
    assert [entry["name"] for entry in classes_of("kinder_gator", edition)] == splits["classes"]


@pytest.mark.shared
def test_kinder_gator_twins_read_alike(shared_dir: Path, edition: str) -> None:
    """Classes that differ only in side or strength share most words, so that a text encoder puts them close."""
    splits = json.loads((shared_dir / "data" / "kinder_gator" / "splits.json").read_text(encoding="utf-8"))
    motions = [set(re.findall(r"[a-z]+", entry["motion"].lower())) for entry in classes_of("kinder_gator", edition)]
    for twins in splits["twin_groups"].values():
        for left, right in itertools.pairwise(twins):
            overlap = len(motions[left] & motions[right]) / len(motions[left] | motions[right])
            assert overlap > 0.5, f"{splits['classes'][left]} / {splits['classes'][right]}: {overlap:.2f}"
