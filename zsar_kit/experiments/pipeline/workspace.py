"""A workspace: the folder of all computed results, and the device that computes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zsar_kit.device import resolve_device
from zsar_kit.experiments.pipeline.own_workspace import make_own_sets_known, slug

if TYPE_CHECKING:
    import torch

__all__ = ["DEFAULT_WORKSPACE", "Workspace", "slug"]

DEFAULT_WORKSPACE = Path("workspace")
#: device names that need no check of the machine, so that commands that compute nothing start without torch
PLAIN_DEVICES = ("auto", "cpu")


@dataclass(frozen=True)
class Workspace:
    """A folder of artefacts, and the device that computes them.

    Artefacts are looked up by what determines them, so repeating a computation costs nothing. Opening a workspace makes
    the data sets of one's own that are in it known by their names.

    Attributes:
        root: the folder; created on first write.
        device: ``"auto"``, ``"cpu"``, or a torch device such as ``"cuda:0"``.
        progress: show progress bars.

    Raises:
        ConfigError: the device does not exist.
    """

    root: Path = DEFAULT_WORKSPACE
    device: str = "auto"
    progress: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))
        if self.device not in PLAIN_DEVICES:
            resolve_device(self.device)
        make_own_sets_known(self.root)

    def __reduce__(self) -> tuple[type[Workspace], tuple[Path, str, bool]]:
        # One that is sent to another process is opened there, so that its data sets are known there too.
        return type(self), (self.root, self.device, self.progress)

    @property
    def torch_device(self) -> torch.device:
        """The device, with ``"auto"`` resolved."""
        return resolve_device(self.device)

    @property
    def runs(self) -> Path:
        """The folder of run folders."""
        return self.root / "runs"

    @property
    def text_cache(self) -> Path:
        """The folder of encoded texts."""
        return self.root / "text-cache"

    def skeletons_folder(self, dataset: str) -> Path:
        """The folder of the skeletons of a data set."""
        return self.root / "skeletons" / slug(dataset)

    def splits_folder(self, dataset: str) -> Path:
        """The folder of class splits of a data set of one's own, which are known by their names."""
        return self.root / "splits" / slug(dataset)

    def form_file(self, dataset: str) -> Path:
        """The form of expected levels of a data set of one's own."""
        return self.root / "forms" / f"{slug(dataset)}.toml"

    def texts_file(self, dataset: str) -> Path:
        """The class texts of a data set of one's own."""
        return self.root / "texts" / f"{slug(dataset)}.toml"
