"""Latent spaces: what is drawn where, and that the same points give the same picture."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.plotting.latent import Projection, plot_class_similarity, plot_latents

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


def test_few_points_need_pca():
    with pytest.raises(DataError, match=r"Projection\('pca'\)"):
        plot_latents(np.eye(4), np.arange(4) % 3, NAMES, projection=Projection("tsne"))
    with pytest.raises(ConfigError, match="'kind' must be"):
        Projection("umap")
    with pytest.raises(DataError, match="at least 3 classes"):
        plot_class_similarity(np.eye(2), np.eye(2))
    with pytest.raises(DataError, match="not all zeros"):
        plot_class_similarity(np.zeros((3, 2)), np.ones((3, 2)))
