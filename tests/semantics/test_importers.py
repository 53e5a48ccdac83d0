"""Published features: read exactly, refused clearly."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zsar_kit.errors import DataError
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.importers import import_semantics, import_text_sets

NAMES = ("a", "b", "c")


def imported(path: Path, **changes: Any) -> Semantics:
    options: dict[str, Any] = {"dataset": "mine", "class_names": NAMES, "text_set": "label"}
    return import_semantics(path, **(options | {"language_model": "CLIP"} | changes))


def pooled_file(folder: Path, array: np.ndarray, name: str = "f.npy") -> Path:
    np.save(folder / name, array, allow_pickle=array.dtype == object)
    return folder / name


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_one_vector_a_class_is_pooled_and_only_token(tmp_path: Path, rng: np.random.Generator):
    array = rng.normal(size=(3, 5)).astype(np.float32)
    semantics = imported(pooled_file(tmp_path, array))
    assert np.array_equal(semantics.pooled, array)
    assert np.array_equal(semantics.tokens, array[:, None])
    assert semantics.mask.all()
    assert semantics.sentences is None
    assert (semantics.class_ids, semantics.class_names) == ((0, 1, 2), NAMES)


@pytest.mark.parametrize("suffix", [".tar", ".pt", ".npy"])
def test_one_vector_a_sentence_is_sentences_and_tokens(tmp_path: Path, rng: np.random.Generator, suffix: str):
    array = rng.normal(size=(3, 4, 5)).astype(np.float32)
    path = tmp_path / f"f{suffix}"
    if suffix == ".npy":
        np.save(path, array)
    else:
        torch.save(torch.from_numpy(array), path)
    semantics = imported(path, width=5)
    assert semantics.sentences is not None
    assert np.array_equal(semantics.sentences, array)
    assert np.array_equal(semantics.tokens, array)
    for row in range(3):
        mean = sum(v / np.linalg.norm(v) for v in array[row].astype(np.float64))
        np.testing.assert_allclose(semantics.pooled[row], mean / np.linalg.norm(mean), atol=1e-6)


def test_an_import_survives_the_disk(tmp_path: Path, rng: np.random.Generator):
    semantics = imported(pooled_file(tmp_path, rng.normal(size=(3, 5))))
    semantics.write(tmp_path / "s")
    assert Semantics.read(tmp_path / "s").digest() == semantics.digest()


def test_double_precision_is_rounded_to_single(tmp_path: Path, rng: np.random.Generator):
    array = rng.normal(size=(3, 5))
    assert np.array_equal(imported(pooled_file(tmp_path, array)).pooled, array.astype(np.float32))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([1, "x", None], dtype=object), "holds pickled objects, which can run code"),
        (np.ones((3, 5), dtype=np.int64), "must be floating-point numbers, got int64"),
        (np.array(["a", "b", "c"]), "must be floating-point numbers, got <U1"),
        (np.ones(3), r"must be \[class, d\] or \[class, sentence, d\], got the shape \(3,\)"),
        (np.ones((3, 0)), r"got the shape \(3, 0\)"),
        (np.ones((4, 5)), "'mine' has 3 classes, the file has 4 rows"),
        (np.ones((3, 6)), "features of width 5 are required, got 6"),
        (np.array([[0.0] * 5, [np.nan] * 5, [0.0] * 5]), "the features of class 1 are not finite"),
        (np.full((3, 5), 1e300), "the features of class 0 are not finite"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path: Path, array: np.ndarray, message: str):
    path = pooled_file(tmp_path, array)
    with pytest.raises(DataError, match=message) as caught:
        imported(path, width=5)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"not an array at all"])
def test_damaged_npy_files_are_refused(tmp_path: Path, content: bytes):
    (tmp_path / "f.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"not a whole \.npy file.*Fetch it again"):
        imported(tmp_path / "f.npy")


def test_truncated_npy_file_is_refused(tmp_path: Path, rng: np.random.Generator):
    path = pooled_file(tmp_path, rng.normal(size=(3, 5)))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match=r"not a whole \.npy file"):
        imported(path)


class Trap:
    """Unpickling this would make a file named ``sprung``."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_pickled_code_is_refused_and_never_run(tmp_path: Path):
    sprung = tmp_path / "sprung"
    np.save(tmp_path / "f.npy", np.array([Trap(sprung)], dtype=object), allow_pickle=True)
    torch.save({"features": Trap(sprung)}, tmp_path / "f.tar")
    for name in ("f.npy", "f.tar"):
        with pytest.raises(DataError, match="holds pickled objects"):
            imported(tmp_path / name)
    assert not sprung.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"features": torch.ones(3, 5)}, "one tensor is required, the file holds a dict"),
        (torch.ones(3, 5, dtype=torch.int32), "must be floating-point numbers, got torch.int32"),
        (torch.ones(3, 4, 5, 1), r"got the shape \(3, 4, 5, 1\)"),
    ],
)
def test_wrong_torch_content_is_refused(tmp_path: Path, content: Any, message: str):
    torch.save(content, tmp_path / "f.tar")
    with pytest.raises(DataError, match=message):
        imported(tmp_path / "f.tar")


def test_truncated_torch_file_is_refused(tmp_path: Path):
    path = tmp_path / "f.tar"
    torch.save(torch.ones(3, 4, 5), path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match="not a whole torch file"):
        imported(path)


def test_absent_and_foreign_files_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="the feature file does not exist"):
        imported(tmp_path / "f.npy")
    (tmp_path / "f.mat").write_bytes(b"x")
    with pytest.raises(DataError, match=r"ends in one of \.npy, \.tar, \.pt, \.pth; this one in '\.mat'"):
        imported(tmp_path / "f.mat")


def test_texts_come_from_a_csv(tmp_path: Path):
    (tmp_path / "t.csv").write_text('idx,label\n1,to drink\n2,"to sit, slowly"\n3,to wave\n')
    semantics = imported(pooled_file(tmp_path, np.ones((3, 5))), texts=tmp_path / "t.csv")
    assert semantics.texts == (("to drink",), ("to sit, slowly",), ("to wave",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("idx,label\n1,x\n2,y\n", "a header and 3 rows are required, got 3 lines"),
        ("idx,label\n0,x\n1,y\n2,z\n", "line 2 must be `1,text`, got '0,x'"),
        ("idx,label\n1,x\n2,\n3,z\n", "line 3 must be `2,text`"),
        ("idx,label\n1,x\n2,y,y\n3,z\n", "line 3 must be `2,text`, got '2,y,y'"),
    ],
)
def test_wrong_texts_are_refused(tmp_path: Path, content: str, message: str):
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        imported(pooled_file(tmp_path, np.ones((3, 5))), texts=tmp_path / "t.csv")


@pytest.mark.shared
@pytest.mark.parametrize("stem", [f"{kind}_{count}" for kind in ("lb", "ad", "md") for count in (60, 120)])
def test_published_class_features(shared_dir: Path, stem: str):
    folder, count = shared_dir / "semantics" / "clip_vit_b32", int(stem.split("_")[1])
    names = [f"class {i}" for i in range(count)]
    path = folder / f"{stem}.npy"
    semantics = imported(path, class_names=names, texts=folder / f"{stem}.csv", width=512)
    assert np.array_equal(semantics.pooled, np.load(path, allow_pickle=False))
    assert len(semantics.texts) == count


@pytest.mark.shared
@pytest.mark.parametrize(
    ("stem", "count"),
    [
        ("ntu120_gpt4omini_incontext_spatial_fg", 120),
        ("ntu120_gpt4omini_incontext_temporal_fstp", 120),
        ("pkuv1_gpt4omini_incontext_spatial_fg", 51),
        ("pkuv1_gpt4omini_incontext_temporal_fstp", 51),
    ],
)
def test_published_sentence_features(shared_dir: Path, stem: str, count: int):
    path = shared_dir / "semantics" / "clip_vit_l14_336" / f"{stem}.tar"
    semantics = imported(path, class_names=[f"class {i}" for i in range(count)], width=768)
    assert semantics.tokens.shape == (count, 10, 768)
    np.testing.assert_allclose(np.linalg.norm(semantics.pooled, axis=1), 1, atol=1e-5)
    # A class's own sentences are nearer to its pooled feature than other classes' are, on average.
    unit = semantics.tokens / np.linalg.norm(semantics.tokens, axis=-1, keepdims=True)
    own_and_other = np.einsum("csd,kd->ck", unit, semantics.pooled) / 10
    own = np.diag(own_and_other).mean()
    assert own > (own_and_other.sum() - own * count) / (count * (count - 1)) + 0.05


def neuron_folder(folder: Path, rng: np.random.Generator, classes: int = 4) -> dict[str, np.ndarray]:
    """Six files as Neuron publishes them, two sentences a class."""
    made = {}
    for kind, names in (("spatial", ("cg", "mg", "fg")), ("temporal", ("fp", "fsp", "fstp"))):
        (folder / kind).mkdir(parents=True)
        for name in names:
            made[f"{kind}_{name}"] = array = rng.normal(size=(classes, 2, 5)).astype(np.float32)
            torch.save(torch.from_numpy(array), folder / kind / f"ntu120_gpt_incontext_{kind}_{name}.tar")
    return made


def test_a_folder_of_text_sets_is_read_by_name(tmp_path: Path, rng: np.random.Generator):
    made = neuron_folder(tmp_path, rng)
    sentences = {f"name {c}": [f"{c} first", f"{c} second"] for c in range(4)}
    (tmp_path / "spatial" / "spatial_cg.json").write_text(json.dumps(sentences))
    options: dict[str, Any] = {"dataset": "mine", "class_names": NAMES, "language_model": "CLIP", "width": 5}
    sets = import_text_sets(tmp_path, rows=(2, 0, 1), **options)
    assert sets.keys() == made.keys()
    for name, semantics in sets.items():
        assert semantics.text_set == name
        assert np.array_equal(semantics.tokens, made[name][[2, 0, 1]])
    assert sets["spatial_cg"].texts == (("2 first", "2 second"), ("0 first", "0 second"), ("1 first", "1 second"))
    assert sets["temporal_fp"].texts == ((), (), ())
    assert import_text_sets(tmp_path, rows=(2, 0, 1), texts=False, **options)["spatial_cg"].texts == ((), (), ())
    with pytest.raises(DataError, match="'mine' has 3 classes, the file has 4 rows"):
        import_text_sets(tmp_path, **options)
    with pytest.raises(DataError, match="row 4 is requested, but the file has 4 rows"):
        import_text_sets(tmp_path, rows=(0, 1, 4), **options)


def test_a_folder_of_text_sets_that_do_not_belong_together_is_refused(tmp_path: Path, rng: np.random.Generator):
    options: dict[str, Any] = {"dataset": "mine", "class_names": NAMES, "language_model": "CLIP"}
    with pytest.raises(DataError, match="there is no text feature file"):
        import_text_sets(tmp_path, **options)
    torch.save(torch.ones(3, 2, 5), tmp_path / "a_x.pt")
    torch.save(torch.ones(3, 2, 6), tmp_path / "a_y.pt")
    with pytest.raises(DataError, match=r"must have the shape \(3, 2, 5\), got \(3, 2, 6\)"):
        import_text_sets(tmp_path, **options)
    torch.save(torch.ones(3, 2, 5), tmp_path / "a_x.tar")
    with pytest.raises(DataError, match="two files give the text set 'x'"):
        import_text_sets(tmp_path, **options)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "texts must be JSON in UTF-8"),
        ('["a", "b", "c"]', "3 class names with their sentences are required, got a list"),
        ('{"a": ["x", "y"]}', "3 class names with their sentences are required, got 1 names"),
        ('{"a": ["x", "y"], "b": ["x"], "c": ["x", "y"]}', "'b' must have 2 sentences, one per vector"),
        ('{"a": ["x", "y"], "b": ["x", 1], "c": ["x", "y"]}', "'b' must have 2 sentences"),
        ('{"a": ["x", "y"], "b": "xy", "c": ["x", "y"]}', "'b' must have 2 sentences"),
    ],
)
def test_wrong_sentences_are_refused(tmp_path: Path, content: str, message: str):
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(DataError, match=message):
        imported(pooled_file(tmp_path, np.ones((3, 2, 5))), texts=tmp_path / "t.json")
