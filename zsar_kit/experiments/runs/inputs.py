"""What a run's method learns from and is scored on: of skeletons by the fold's own encoder, or given features."""

from __future__ import annotations

from collections.abc import Sequence

from zsar_kit.experiments.pipeline.features import features_for
from zsar_kit.experiments.pipeline.imported_features import GivenFeatures, given_features, refuse_maps
from zsar_kit.experiments.pipeline.partitions import Fold, split_and_folds
from zsar_kit.experiments.pipeline.semantics import context_bank_for
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.fits import FoldData
from zsar_kit.methods.base import ContextRequest


def gather(config: RunConfig, workspace: Workspace) -> tuple[FoldData, list[FoldData]]:
    """What a run's method learns from and is scored on, for the main split and its calibration folds: features, each
    by the fold's own encoder, and context prompts of the fold's own seen classes; made where missing.
    """
    method_config = config.method_config()
    views, request = method_config.map_views(), method_config.contexts()
    given = _given(config, views)
    main, folds = (given.main, given.folds) if given else _folds(config, workspace)
    data = _gather(config, workspace, (main, *folds), views, request, given)
    return data[0], data[1:]


def gather_test(config: RunConfig, workspace: Workspace) -> FoldData:
    """What a finished run's method is asked about: the main split alone, one view of each clip, and no prompts."""
    views = config.method_config().map_views()
    given = _given(config, views)
    main = given.main if given else _folds(config, workspace)[0]
    return _gather(config, workspace, (main,), min(views, 1), None, given)[0]


def _given(config: RunConfig, views: int) -> GivenFeatures | None:
    if not config.features_from:
        return None
    refuse_maps(config, views)
    return given_features(config)


def _folds(config: RunConfig, workspace: Workspace) -> tuple[Fold, tuple[Fold, ...]]:
    return split_and_folds(prepare_skeletons(workspace, config.dataset), config)


def _gather(
    config: RunConfig,
    workspace: Workspace,
    folds: Sequence[Fold],
    views: int,
    request: ContextRequest | None,
    given: GivenFeatures | None,
) -> list[FoldData]:
    data = []
    for fold in folds:
        contexts = None
        if request is not None:
            seen = fold.split.seen
            contexts = context_bank_for(workspace, config.dataset, seen, request, config.language_model)
        if given is not None:
            data.append(FoldData(fold, given.features, given.mark_of(fold), contexts=contexts))
            continue
        features, mark, folder = features_for(
            workspace,
            prepare_skeletons(workspace, config.dataset),
            fold,
            config.part_protocol(),
            config.encoder,
            config.encoder_from,
            views=views,
            allow_encoder_leak=config.allow_encoder_leak,
        )
        place = folder.relative_to(workspace.root).as_posix()
        data.append(FoldData(fold, features[0], mark.name, place, features if views else (), contexts))
    return data
