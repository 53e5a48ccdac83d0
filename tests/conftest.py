"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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


@pytest.fixture(scope="session")
def puppet_workspace(tmp_path_factory: pytest.TempPathFactory):
    """A workspace with puppet and the demo's encoders, trained once a session (about two minutes on two cores)."""
    from zsar_kit.data.splits import load_split, part_protocols
    from zsar_kit.experiments.pipeline.features import features_for
    from zsar_kit.experiments.pipeline.partitions import calibration_folds, main_partition
    from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
    from zsar_kit.experiments.pipeline.workspace import Workspace
    from zsar_kit.experiments.studies.suite import load_suite

    workspace = Workspace(tmp_path_factory.mktemp("puppet") / "workspace", progress=False)
    suite = load_suite("demo")
    case = suite.cases[0]
    skeletons = prepare_skeletons(workspace, case.dataset)
    split, protocol = load_split(case.dataset, case.split), part_protocols(case.dataset)[0]
    for fold in (main_partition(skeletons, split, protocol), *calibration_folds(skeletons, split, protocol, 0)):
        features_for(workspace, skeletons, fold, protocol, suite.encoder(case.dataset))
    return workspace
