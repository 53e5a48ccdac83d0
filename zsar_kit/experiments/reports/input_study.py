"""The table of a study of encoder inputs."""

from __future__ import annotations

from collections.abc import Sequence

from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.studies.encoder_input import InputStudy, Trial


def trials_table(study: InputStudy, trials: Sequence[Trial]) -> str:
    """One row a setting and rung: accuracy on pseudo-unseen classes, and its paired difference from no change."""
    rows = []
    for trial in trials:
        rung = study.rungs[trial.rung]
        length = study.settings_of(trial.case, trial.setting, rung.epochs).epochs
        rows.append(
            {
                "case": f"{trial.case.dataset} {trial.case.split}",
                "epochs": str(length),
                "fold encoders": str(len(trial.accuracy)),
                "pseudo-unseen samples": str(sum(trial.n_unseen)),
                "setting": trial.setting,
                "ZSL on folds": trial.mean,
                "each encoder": ", ".join(f"{value:.1f}" for value in trial.accuracy),
                "against no change": trial.difference,
                "kept": "yes" if trial.kept else "",
            }
        )
    return format_table(rows, list(rows[0]) if rows else [])
