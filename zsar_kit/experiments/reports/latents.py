"""The latent space of a finished run: skeletons and class texts in it, and the flow between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from matplotlib.axes import Axes

from zsar_kit.data.splits import class_names
from zsar_kit.errors import ConfigError, DataError
from zsar_kit.experiments.reports.run_figures import case_title
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.inputs import build_test_data
from zsar_kit.experiments.runs.scoring import in_batches
from zsar_kit.methods.latents import SharesLatents
from zsar_kit.plotting.latent import Projection, plot_latents
from zsar_kit.reprs import ShownByShape


@dataclass(frozen=True, eq=False)
class Latents(ShownByShape):
    """Latents of some test samples and of their class texts.

    Attributes:
        skeletons: latent mean of each sample.
        labels: its class id.
        classes: ids of the classes, in the order of ``texts``.
        texts: latent mean of each class text, averaged over its tokens.
    """

    skeletons: Float[np.ndarray, "sample latent"]
    labels: Int[np.ndarray, " sample"]
    classes: tuple[int, ...]
    texts: Float[np.ndarray, "class latent"]

    @property
    def positions(self) -> Int[np.ndarray, " sample"]:
        """The position of each sample's class in ``classes``."""
        place = {c: i for i, c in enumerate(self.classes)}
        return np.array([place[c] for c in self.labels.tolist()])

    def class_means(self) -> Float[np.ndarray, "class latent"]:
        """The mean skeleton latent of each class (Flora, section 5.4).

        Raises:
            DataError: a class has no sample.
        """
        return np.stack([self._mean(c) for c in self.classes])

    def _mean(self, c: int) -> Float[np.ndarray, " latent"]:
        if not (own := self.labels == c).any():
            raise DataError(f"class {c} has no test sample, so it has no mean", where="Latents")
        return self.skeletons[own].mean(0)


class LatentReader:
    """A run's method with its test samples, for a look at its latent space.

    Args:
        run: a finished run.
        trained: False reads the method as it was before training, with the initial weights of the run's seed.

    Raises:
        ConfigError: the method has no latent space that skeletons and texts share.
        ArtefactError: the run is not finished, or what it was made from is missing.
    """

    def __init__(self, run: RunFolder, *, trained: bool = True):
        self.run, self.result = run, run.result()
        method = run.method(trained=trained)
        if not isinstance(method, SharesLatents):
            raise ConfigError(
                f"the run's method ({self.result.method}) has no latent space that skeletons and texts share",
                where=run.path,
                remedy="Name a run of flora.",
            )
        self.method = method
        self.data = build_test_data(run.config().resolve(), run.workspace)
        self.split = self.data.partition.split
        self.names = class_names(self.result.dataset)

    def rows(self, classes: Sequence[int]) -> np.ndarray:
        """Positions of the test samples of some classes.

        Raises:
            ConfigError: a class is not a candidate of the split.
        """
        if unknown := sorted(set(classes) - set(self.split.candidates)):
            raise ConfigError(
                f"class {unknown[0]} is neither seen nor unseen in split {self.split.name!r}",
                where="classes",
                remedy=f"The unseen classes are {list(self.split.unseen)}.",
            )
        return np.flatnonzero(self.data.partition.test & np.isin(self.data.features.labels, list(classes)))

    def latents(self, classes: Sequence[int]) -> Latents:
        """Latents of the test samples of some classes, and of the texts of these.

        Raises:
            ConfigError: a class is not a candidate of the split.
            DataError: none of them has a test sample.
        """
        rows, chosen = self.rows(classes), tuple(classes)
        if not len(rows):
            raise DataError(f"none of the classes {list(chosen)} has a test sample", where="classes")
        with torch.inference_mode():
            found = [self.method.skeleton_latents(batch) for batch in in_batches(self.method, self.data.inputs(rows))]
            texts = self.method.text_latents(chosen)
        skeletons = torch.cat(found).float().cpu().numpy()
        return Latents(skeletons, self.data.features.labels[rows], chosen, texts.float().cpu().numpy())

    def named(self, classes: Sequence[int]) -> list[str]:
        """Names of some classes."""
        return [self.names[c] for c in classes]

    def caption(self) -> str:
        """The data, for titles."""
        return case_title(self.result.dataset, self.result.split, self.result.synthetic)


def latent_axes(
    reader: LatentReader,
    classes: Sequence[int],
    *,
    projection: Projection,
    legend: bool = True,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Skeletons and texts of some classes, projected together; unseen classes stand out if seen ones are there too."""
    found = reader.latents(classes)
    unseen = [i for i, c in enumerate(classes) if c in reader.split.unseen]
    return plot_latents(
        found.skeletons,
        found.positions,
        reader.named(classes),
        found.texts,
        unseen=unseen if len(unseen) < len(classes) else (),
        projection=projection,
        legend=legend,
        ax=ax,
        title=title,
    )
