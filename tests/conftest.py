"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from zsar_kit.evaluation.result import Evaluation
    from zsar_kit.experiments.runs.result import RunResult

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real data sets beside the checkout; tests that need it skip where it is absent, but fail in CI."""
    if not SHARED.is_dir():
        message = "the folder ../shared with the real data sets is not here"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return SHARED


@pytest.fixture(autouse=True)
def own_sets_as_before() -> Iterator[None]:
    """Data sets of one's own that a test makes known to the process are forgotten after it."""
    from zsar_kit.data import catalogue
    from zsar_kit.primitives import forms
    from zsar_kit.semantics import text_files

    tables = [*catalogue._OWN.values(), forms._OWN, text_files._OWN]
    before = [dict(table) for table in tables]
    yield
    if [*map(dict, tables)] != before:
        for table, content in zip(tables, before, strict=True):
            table.clear()
            table.update(content)
        catalogue.class_names.cache_clear()
        catalogue.class_count.cache_clear()


@pytest.fixture(scope="session")
def puppet_workspace(tmp_path_factory: pytest.TempPathFactory):
    """A workspace with puppet and the demo's encoders, trained once a session (some minutes on two cores)."""
    from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
    from zsar_kit.experiments.pipeline.workspace import Workspace
    from zsar_kit.experiments.studies.engines import Engine
    from zsar_kit.experiments.studies.suite import Suite
    from zsar_kit.experiments.studies.workers import jobs_of

    workspace = Workspace(tmp_path_factory.mktemp("puppet") / "workspace", "cpu", progress=False)
    prepare_skeletons(workspace, "puppet")
    _, _, config = next(Suite.load("demo").configs())
    jobs = [job for job in jobs_of([config], workspace)[0] if job.kind == "encoder"]
    for outcome in Engine("processes", 2).carry_out(jobs, workspace):
        if isinstance(outcome, Exception):
            raise outcome
    return workspace


def evaluation_of(zsl: float, *, twins: float | None = None, interval: bool = True, **micro: float) -> Evaluation:
    """An evaluation, whole as the kit writes it."""
    from zsar_kit.evaluation.result import Accuracies, Evaluation

    accuracies = Accuracies(**({"zsl": zsl, "seen": 60.0, "unseen": 40.0, "harmonic": 48.0, "ausuc": 30.0} | micro))
    return Evaluation(
        dataset="puppet",
        split="23/5",
        micro=accuracies,
        macro=accuracies,
        chance=20.0,
        n_unseen_test=50,
        n_seen_test=200,
        n_subjects=4,
        zsl_interval=(zsl - 10, zsl + 10) if interval else None,
        harmonic_interval=None,
        per_class={9: zsl, 10: None},
        per_class_gzsl={0: 60.0, 9: 40.0, 10: None},
        confusion=np.array([[5, 1], [2, 3]]),
        unseen_classes=(9, 10),
        calibration={"kind": "stacking", "gamma": 0.5},
        oracle_union=None,
        seen_twin_merged=twins,
    )


def result_of(
    zsl: float = 50.0, *, selections: dict[str, float] | None = None, twins: float | None = None, **changes: Any
) -> RunResult:
    """A whole result with the given ZSL accuracy; ``selections`` names those of a traced run with theirs."""
    from zsar_kit.experiments.runs.result import Candidate, RunResult, SelectionResult

    values: dict[str, Any] = {
        "dataset": "puppet",
        "split": "23/5",
        "protocol": "xsub",
        "synthetic": True,
        "method": "ridge",
        "preset": "motion",
        "seed": 0,
        "digest": "0123456789ab",
        "method_config": {"penalty": 0.1},
        "selection": "last",
        "calibration": "pseudo_unseen",
        "folds": ((5, 20),),
        "text_use": "inductive",
        "encoder_mark": "seen-only",
        "encoder_folder": "encoders/puppet/x",
        "semantics_folders": {"motion": "semantics/puppet_motion_x"},
        "contexts_folder": "",
        "language_model": "offline",
        "seen": (0, 1),
        "unseen": (9, 10),
        "feature_shape": (64,),
        "training_samples": 100,
        "evaluation": evaluation_of(zsl, twins=twins),
        "selections": {
            name: SelectionResult(Candidate(0), 0.5, "pseudo_unseen", evaluation_of(value))
            for name, value in (selections or {}).items()
        },
    }
    return RunResult(**(values | changes))


@pytest.fixture(scope="session")
def make_evaluation() -> Callable[..., Evaluation]:
    return evaluation_of


@pytest.fixture(scope="session")
def make_result() -> Callable[..., RunResult]:
    return result_of
