"""Latent spaces: what is drawn where, and that the same points give the same picture."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from tests.extras import needs
from zsar_kit.errors import ConfigError, DataError
from zsar_kit.plotting import style
from zsar_kit.plotting.latent import (
    Agreement,
    Projection,
    class_pair_similarities,
    explain_marks,
    plot_class_similarity,
    plot_latents,
)

NAMES = ["wave", "bow", "jump"]


def cloud(n=20, d=6, seed=0):
    """Three tight groups far apart, and their centres."""
    generator = np.random.default_rng(seed)
    centres = 10 * generator.normal(size=(3, d))
    labels = np.repeat(np.arange(3), n)
    return centres[labels] + 0.1 * generator.normal(size=(3 * n, d)), labels, centres


def drawn(axes):
    return [np.asarray(c.get_offsets()) for c in axes.collections]


@pytest.mark.parametrize("projection", ["pca", "tsne"])
def test_groups_stay_groups_and_texts_lie_in_theirs(projection):
    points, labels, centres = cloud()
    axes = plot_latents(points, labels, NAMES, centres, projection=Projection(projection))
    found = drawn(axes)  # samples and text, class by class
    middles = np.array([c.mean(0) for c in found[::2]])
    for i, text in enumerate(found[1::2]):
        assert np.linalg.norm(middles - text, axis=1).argmin() == i
    assert {t.get_text() for t in axes.texts} == set(NAMES)


def test_principal_axes_keep_distances_of_flat_data_and_say_their_share():
    generator = np.random.default_rng(1)
    flat = generator.normal(size=(12, 2)) @ generator.normal(size=(2, 5))
    axes = plot_latents(flat, np.zeros(12, dtype=int), ["a"], projection=Projection("pca"))
    shown = drawn(axes)[0]
    pairs = [(i, j) for i in range(12) for j in range(i)]
    for i, j in pairs:
        assert np.linalg.norm(shown[i] - shown[j]) == pytest.approx(np.linalg.norm(flat[i] - flat[j]))
    shares = np.linalg.svd(flat - flat.mean(0))[1] ** 2
    assert f"{shares[0] / shares.sum():.0%}" in axes.get_xlabel()


def test_the_order_of_samples_does_not_matter():
    points, labels, _ = cloud()
    order = np.random.default_rng(2).permutation(len(points))
    one, two = (
        plot_latents(p, y, NAMES, projection=Projection("tsne"))
        for p, y in ((points, labels), (points[order], labels[order]))
    )
    for a, b in zip(drawn(one), drawn(two), strict=True):
        assert np.allclose(np.sort(a, axis=0), np.sort(b, axis=0))


def test_unseen_classes_stand_out():
    points, labels, centres = cloud()
    axes = plot_latents(points, labels, NAMES, centres, unseen=[1])
    weights = {t.get_text(): t.get_fontweight() for t in axes.texts}
    assert weights == {"wave": "normal", "bow": "bold", "jump": "normal"}


def test_class_similarity_is_the_cosine_of_pairs_with_its_correlation():
    generator = np.random.default_rng(3)
    skeleton, text = generator.normal(size=(5, 4)), generator.normal(size=(5, 7))
    axes = plot_class_similarity(skeleton, text, label="m")
    expected = [
        [x[i] @ x[j] / np.linalg.norm(x[i]) / np.linalg.norm(x[j]) for x in (skeleton, text)]
        for i in range(5)
        for j in range(i + 1, 5)
    ]
    assert np.allclose(drawn(axes)[0], expected)
    r = np.corrcoef(np.array(expected).T)[0, 1]
    assert f"m: Pearson r {r:.2f}" in axes.get_legend().get_texts()[0].get_text()
    same = plot_class_similarity(skeleton, 2.0 * skeleton)
    assert "Pearson r 1.00, Spearman ρ 1.00" in same.get_legend().get_texts()[0].get_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.full(60, 3)}, "label 3 is out of range"),
        ({"labels": np.zeros(5, dtype=int)}, "one position per sample"),
        ({"texts": np.zeros((2, 6))}, r"\[class, d\]"),
        ({"latents": np.full((60, 6), np.nan)}, "finite"),
        ({"unseen": [7]}, "position 7"),
    ],
)
def test_latents_that_do_not_fit_are_refused(change, message):
    points, labels, centres = cloud()
    arguments = {"latents": points, "labels": labels, "names": NAMES, "texts": centres, **change}
    with pytest.raises(DataError, match=message):
        plot_latents(**arguments)


def test_a_projection_says_what_it_depends_on():
    points, labels, centres = cloud()
    axes = plot_latents(points, labels, NAMES, centres, projection=Projection("tsne", seed=3))
    assert axes.get_xlabel() == "t-SNE 1, no unit (perplexity 21, seed 3, n = 63)"
    assert axes.get_ylabel() == "t-SNE 2, no unit"


def test_umap_is_asked_with_the_seed_and_drawn_as_it_answers(monkeypatch):
    asked = {}

    class Reducer:
        def __init__(self, **settings):
            asked.update(settings)

        def fit_transform(self, points):
            return points[:, :2] * 2

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Reducer))
    points, labels, _ = cloud()
    axes = plot_latents(points, labels, NAMES, projection=Projection("umap", seed=5))
    assert np.allclose(np.concatenate(drawn(axes)), 2 * points[:, :2], rtol=1e-5)
    assert (asked["random_state"], asked["n_neighbors"], asked["init"].shape) == (5, 15, (60, 2))
    assert axes.get_xlabel() == "UMAP 1, no unit (neighbours 15, seed 5, n = 60)"


def test_without_its_package_umap_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    points, labels, _ = cloud()
    with pytest.raises(ConfigError, match=r"umap-learn.*zsar-kit\[umap\]"):
        plot_latents(points, labels, NAMES, projection=Projection("umap"))


@pytest.mark.slow
@needs("umap", "umap")
def test_umap_keeps_groups_and_repeats_itself():
    points, labels, centres = cloud()
    one, two = (drawn(plot_latents(points, labels, NAMES, centres, projection=Projection("umap"))) for _ in range(2))
    middles = np.array([c.mean(0) for c in one[::2]])
    for i, text in enumerate(one[1::2]):
        assert np.linalg.norm(middles - text, axis=1).argmin() == i
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_agreement_of_two_spaces_equals_a_slow_loop():
    generator = np.random.default_rng(4)
    skeleton, text = generator.normal(size=(6, 4)), generator.normal(size=(6, 7))
    x, y = class_pair_similarities(skeleton, text)
    found, place = Agreement.of(x, y), 0
    squares = []
    for i in range(6):
        for j in range(i + 1, 6):
            a, b = (v[i] @ v[j] / np.linalg.norm(v[i]) / np.linalg.norm(v[j]) for v in (skeleton, text))
            assert (x[place], y[place]) == (pytest.approx(a), pytest.approx(b))
            squares.append((a - b) ** 2)
            place += 1
    assert found.distance == pytest.approx((sum(squares) / len(squares)) ** 0.5)
    ranks = [np.argsort(np.argsort(v)) for v in (x, y)]
    assert found.spearman == pytest.approx(np.corrcoef(*ranks)[0, 1])
    same = Agreement.of(x, x)
    assert (same.pearson, same.spearman, same.distance) == (pytest.approx(1.0), pytest.approx(1.0), 0.0)
    assert Agreement.of(x, np.ones_like(x)).pearson is None


def test_pairs_with_an_unseen_class_have_a_rim():
    axes = plot_class_similarity(np.eye(4) + 0.1, np.eye(4) + 0.2, unseen=[3], legend=False)
    rims = axes.collections[0].get_edgecolors()[:, 3] > 0
    assert rims.tolist() == [False, False, True, False, True, True]  # pairs 01 02 03 12 13 23
    assert axes.get_legend() is None


def test_long_names_do_not_squeeze_the_axes_and_many_seen_classes_have_none():
    generator = np.random.default_rng(6)
    labels, names = np.repeat(np.arange(31), 2), [f"an action with a very long name, number {i}" for i in range(31)]
    fig = style.figure(style.PAGE, 3.7)
    axes = plot_latents(
        generator.normal(size=(62, 4)),
        labels,
        names,
        generator.normal(size=(31, 4)),
        unseen=[3, 30],
        projection=Projection("pca"),
        legend=False,
        ax=fig.subplots(1, 2)[0],
    )
    assert len(axes.texts) == 2
    assert all(text.get_fontweight() == "bold" for text in axes.texts)
    explain_marks(fig, unseen=True)
    fig.draw_without_rendering()
    assert axes.get_position().width > 0.4


def test_dollar_signs_in_names_are_text():
    points, labels, _ = cloud()
    axes = plot_latents(points, labels, ["win $5 or $6", "bow", "jump"], projection=Projection("pca"))
    (text,) = [t for t in axes.texts if "win" in t.get_text()]
    assert text._preprocess_math(text.get_text()) == ("win $5 or $6", False)


def test_few_points_need_pca():
    with pytest.raises(DataError, match=r"Projection\('pca'\)"):
        plot_latents(np.eye(4), np.arange(4) % 3, NAMES, projection=Projection("tsne"))
    with pytest.raises(ConfigError, match="'kind' must be"):
        Projection("isomap")
    with pytest.raises(DataError, match="at least 3 classes"):
        plot_class_similarity(np.eye(2), np.eye(2))
    with pytest.raises(DataError, match="not all zeros"):
        plot_class_similarity(np.zeros((3, 2)), np.ones((3, 2)))
