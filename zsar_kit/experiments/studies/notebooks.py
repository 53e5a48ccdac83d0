"""Parameters of notebooks, checked by each notebook, so that ``papermill in.ipynb out.ipynb -p name value`` is safe.

papermill injects whatever it is given: a misspelt name becomes a new variable and the notebook runs with its default.
Each notebook therefore reads its parameters through :func:`read_parameters` in the cell after the parameters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from zsar_kit.config import Config, formerly
from zsar_kit.data.display import LAYERS
from zsar_kit.errors import ConfigError, nearest_name
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.studies.engines import Engine
from zsar_kit.experiments.studies.paper_plan import EntryPlan, Request, plans
from zsar_kit.semantics.editions import CURRENT, Edition
from zsar_kit.semantics.texts import TEXT_SETS

PROJECTIONS = ("tsne", "umap", "pca")
Parameters = TypeVar("Parameters", bound=Config)

_LITERALS = (bool, int, float, str, list, tuple, dict, type(None))
_SHELL = {"In", "Out", "exit", "quit", "open", "get_ipython", "papermill"}


def read_parameters(kind: type[Parameters], namespace: Mapping[str, Any]) -> Parameters:
    """Read the parameters from a notebook's namespace; call this before anything else is defined.

    Args:
        kind: the notebook's parameter class.
        namespace: ``globals()`` of the notebook.

    Raises:
        ConfigError: a name is unknown (the nearest one is suggested), a value has the wrong type, or a number is not
            finite: JupyterLab could not open the notebook again.
    """
    values = {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_") and name not in _SHELL and isinstance(value, _LITERALS)
    }
    for name, value in values.items():
        _require_finite(name, value)
    try:
        return kind.from_dict(values)
    except ConfigError as error:
        raise ConfigError(error.problem, where="the notebook's parameters", remedy=error.remedy) from None


def _require_finite(name: str, value: Any) -> None:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for item in inside:
        _require_finite(name, item)
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{name!r} must be finite, got {value}", where="the notebook's parameters")


def project_path(path: str) -> Path:
    """A path relative to the project, whether the notebook runs from its root or is opened in ``notebooks/``.

    JupyterLab starts a kernel in the notebook's folder, papermill in the caller's; both must find the same workspace.
    Outside a checkout, a relative path is relative to the working folder. Absolute paths are unchanged.
    """
    here = Path.cwd()
    for base in (here, *here.parents):
        if (base / "notebooks" / "00_quickstart.ipynb").is_file():
            return base / path
    return Path(path)


def watched() -> bool:
    """Whether somebody runs the notebook in a front end, rather than papermill or nbconvert in a batch.

    Front ends name the cell that they execute; batch runners do not.
    """
    from IPython.core.getipython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    return kernel is not None and "cellId" in kernel.get_parent("shell").get("metadata", {})


def notebook_workspace(workspace: str, device: str = "auto") -> Workspace:
    """The workspace of a notebook: see :func:`project_path`; bars show progress where somebody watches.

    An executed copy would keep them as blocks of text.

    Args:
        workspace: the notebook's parameter.
        device: the notebook's parameter.
    """
    return Workspace(project_path(workspace), device, watched())


@dataclass(frozen=True)
class QuickstartParameters(Config):
    """Parameters of ``00_quickstart.ipynb``."""

    workspace: str = "workspace"
    dataset: str = "puppet"
    split: str = "23/5"
    suite: str = ""
    sample: int = 0
    seeds: tuple[int, ...] = (0,)
    device: str = "auto"

    def validate(self) -> None:
        """Check ranges."""
        self.require(self.sample >= 0, "sample", "at least 0")
        self.require(len(self.seeds) >= 1, "seeds", "at least one seed")
        self.require_once("seeds")


@dataclass(frozen=True)
class AuditParameters(Config):
    """Parameters of ``01_data_audit.ipynb``."""

    dataset: str = "puppet"
    protocol: str = ""
    split: str = ""
    workspace: str = "workspace"
    out: str = "figures"


@dataclass(frozen=True)
class BrowserParameters(Config):
    """Parameters of ``02_skeleton_browser.ipynb``."""

    dataset: str = "puppet"
    sample: str = ""
    action: int | str = 0
    number: int = 0
    layers: tuple[str, ...] = LAYERS
    rate: float = 30.0
    frames: int = 8
    workspace: str = "workspace"
    out: str = "figures"

    def validate(self) -> None:
        """Check names and ranges."""
        self.require(self.number >= 0, "number", "at least 0")
        self.require(len(self.layers) >= 1, "layers", "at least one layer")
        self.require(self.rate > 0, "rate", "above 0 frames per second")
        self.require(self.frames >= 1, "frames", "at least 1")
        for layer in self.layers:
            if layer not in LAYERS:
                raise ConfigError(f"unknown layer {layer!r}", remedy=nearest_name(layer, LAYERS))


@dataclass(frozen=True)
class TrainParameters(Config):
    """Parameters of ``10_train_method.ipynb``."""

    dataset: str = "puppet"
    split: str = "23/5"
    method: str = "flora"
    preset: str = "cpu"
    overrides: dict = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    suite: str = ""
    workspace: str = "workspace"
    out: str = "figures"
    device: str = "auto"

    def validate(self) -> None:
        """Check ranges."""
        self.require(len(self.seeds) >= 1, "seeds", "at least one seed")
        self.require_once("seeds")


@dataclass(frozen=True)
class EvaluateParameters(Config):
    """Parameters of ``11_evaluate_zsl_gzsl.ipynb``."""

    dataset: str = "puppet"
    split: str = "23/5"
    suite: str = ""
    method: str = "Flora (cpu preset)"
    baseline: str = field(default="ridge to motion text", metadata=formerly("floor"))
    encoder_from: str = ""
    trace: int = 0
    workspace: str = "workspace"
    out: str = "figures"
    device: str = "auto"

    def validate(self) -> None:
        """Check ranges."""
        self.require(self.trace >= 0, "trace", "at least 0 (0: only the last step is scored)")


@dataclass(frozen=True)
class SemanticsParameters(Config):
    """Parameters of ``03_semantic_space.ipynb``."""

    dataset: str = "puppet"
    split: str = "23/5"
    text_set: str = "motion"
    text_sets: tuple[str, ...] = ("label", "definition", "motion", "parts", "phases", "contexts")
    neighbours: int = 5
    language_model: str = "offline"
    edition: Edition = CURRENT
    workspace: str = "workspace"
    out: str = "figures"
    device: str = "auto"

    def validate(self) -> None:
        """Check names and ranges."""
        self.require(self.neighbours >= 1, "neighbours", "at least 1")
        self.require(len(self.text_sets) >= 2, "text_sets", "two or more, for comparison")
        for text_set in (self.text_set, *self.text_sets):
            if text_set not in TEXT_SETS:
                raise ConfigError(f"unknown text set {text_set!r}", remedy=nearest_name(text_set, TEXT_SETS))


@dataclass(frozen=True)
class LatentParameters(Config):
    """Parameters of ``30_latent_space.ipynb``."""

    dataset: str = "puppet"
    split: str = "23/5"
    suite: str = ""
    preset: str = "cpu"
    overrides: dict = field(default_factory=dict)
    seed: int = 0
    projections: tuple[str, ...] = ("tsne",)
    every: bool = False
    workspace: str = "workspace"
    out: str = "figures"
    device: str = "auto"

    def validate(self) -> None:
        """Check names."""
        self.require(len(self.projections) >= 1, "projections", "one or more")
        self.require_once("projections")
        for name in self.projections:
            if name not in PROJECTIONS:
                raise ConfigError(f"unknown projection {name!r}", remedy=nearest_name(name, PROJECTIONS))


@dataclass(frozen=True)
class FlowParameters(Config):
    """Parameters of ``31_flow_fields.ipynb``."""

    dataset: str = "puppet"
    split: str = "23/5"
    suite: str = ""
    preset: str = "cpu"
    overrides: dict = field(default_factory=dict)
    seed: int = 0
    skeleton: str = ""
    texts: tuple[str, ...] = ()
    samples: int = 6
    time: float = 0.5
    workspace: str = "workspace"
    out: str = "figures"
    device: str = "auto"

    def validate(self) -> None:
        """Check ranges."""
        self.require(self.samples >= 1, "samples", "at least 1")
        self.require(0 <= self.time <= 1, "time", "in [0, 1]")
        self.require_once("texts")


@dataclass(frozen=True)
class ClipParameters(Config):
    """Parameters of ``32_prompt_reconstruction.ipynb`` and ``33_key_parts.ipynb``."""

    dataset: str = "puppet"
    split: str = "23/5"
    suite: str = ""
    preset: str = "cpu"
    overrides: dict = field(default_factory=dict)
    seed: int = 0
    samples: tuple[int, ...] = ()
    k: int = 5
    workspace: str = "workspace"
    out: str = "figures"
    device: str = "auto"

    def validate(self) -> None:
        """Check ranges."""
        self.require(all(s >= 0 for s in self.samples), "samples", "clip numbers, counted from 0")
        self.require(self.k >= 1, "k", "at least 1")


@dataclass(frozen=True)
class PaperParameters(Config):
    """Parameters of ``40_tables_and_figures.ipynb``, and of the notebooks on ablations and settings."""

    ids: tuple[str, ...] = ("flora/table5",)
    dataset: str = "puppet"
    splits: tuple[str, ...] = ("23/5",)
    seeds: tuple[int, ...] = (0, 1)
    rows: tuple[str, ...] = ()
    preset: str = "cpu"
    overrides: dict = field(default_factory=dict)
    language_model: str = ""
    engine: str = "processes"
    processes: int = 0
    address: str = ""
    other_code: bool = False
    workspace: str = "workspace"
    out: str = "figures"
    device: str = "auto"

    def validate(self) -> None:
        """Every id, split, row and seed is known and counts once, and so are overrides and the engine."""
        self.require(len(self.ids) >= 1, "ids", "one or more")
        self.where_to_run()
        for plan in self.plans():
            next(plan.configs(), None)  # resolves presets and overrides

    def plans(self) -> list[EntryPlan]:
        """What is asked for."""
        named = (self.dataset, self.seeds, self.preset, self.splits, self.rows, self.language_model)
        return plans(self.ids, Request(*named, self.overrides))

    def where_to_run(self) -> Engine:
        """The engine."""
        return Engine.from_dict({"kind": self.engine, "processes": self.processes, "address": self.address})


@dataclass(frozen=True)
class AblateFloraParameters(PaperParameters):
    """Parameters of ``20_ablate_flora.ipynb``."""

    ids: tuple[str, ...] = ("flora/table3", "flora/table4")


@dataclass(frozen=True)
class AblateSkeletonContextParameters(PaperParameters):
    """Parameters of ``21_ablate_skeleton_context.ipynb``."""

    ids: tuple[str, ...] = ("skeleton_context/table5",)
    overrides: dict = field(default_factory=lambda: {"training.epochs": 10, "training.milestones": [7]})


@dataclass(frozen=True)
class SensitivityParameters(PaperParameters):
    """Parameters of ``22_sensitivity.ipynb``."""

    ids: tuple[str, ...] = ("flora/fig4", "flora/fig9")


@dataclass(frozen=True)
class SimilarClassesParameters(PaperParameters):
    """Parameters of ``23_similar_classes.ipynb``."""

    ids: tuple[str, ...] = ("skeleton_context/table4",)
    splits: tuple[str, ...] = ("15/13",)
    overrides: dict = field(default_factory=lambda: {"training.epochs": 10, "training.milestones": [7]})


@dataclass(frozen=True)
class InspectParameters(Config):
    """Parameters of ``50_inspect_contexts.ipynb`` and ``51_explore_flows.ipynb``."""

    run: str = ""
    clip: str = ""
    dataset: str = "puppet"
    split: str = "23/5"
    suite: str = ""
    preset: str = "cpu"
    overrides: dict = field(default_factory=dict)
    seed: int = 0
    workspace: str = "workspace"
    out: str = "figures"
    device: str = "auto"


@dataclass(frozen=True)
class ErrorParameters(InspectParameters):
    """Parameters of ``52_explore_errors.ipynb``."""

    method: str = "skeleton_context"
