"""Each head of a method evaluated on its own, beside their fusion and their union."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zsar_kit.data.catalogue import is_synthetic
from zsar_kit.evaluation.calibration import fit_gamma
from zsar_kit.evaluation.metrics import zsl_accuracy
from zsar_kit.evaluation.protocol import evaluate
from zsar_kit.evaluation.scores import Scores
from zsar_kit.evaluation.statistics import summarize
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies.ablation import Ablation
from zsar_kit.experiments.studies.sweep import is_current

FUSED, UNION = "fused (the result)", "oracle union (diagnostic, knows the label)"


def head_table(runs: Sequence[RunFolder]) -> str:
    """ZSL, S, U and H of each head, each with its own gamma from the pseudo-unseen folds, as Markdown.

    The union counts a clip as right if either of two heads is right. Picking that head needs the label, so the union is
    no accuracy, although much code of this family reports it as one.

    Args:
        runs: runs of one method that differ only in the seed.

    Returns:
        A Markdown table; empty if the method has only one head.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        scores = run.scores()
        if len(scores.heads) < 2:
            return ""
        labels, subjects = run.test_samples()
        split, evaluation, folds = run.split(), run.result().evaluation, run.folds()
        for head in scores.heads:
            parts = [(fold.scores.single_head(head), fold.labels, fold.seen) for fold in folds]
            gate = fit_gamma("stacking", parts).gate
            micro = evaluate(scores.single_head(head), labels, subjects, split, calibration=gate).micro
            for key in ("zsl", "seen", "unseen", "harmonic"):
                found.setdefault(head, {}).setdefault(key, []).append(getattr(micro, key))
        for key in ("zsl", "seen", "unseen", "harmonic"):
            found.setdefault(FUSED, {}).setdefault(key, []).append(getattr(evaluation.micro, key))
        if evaluation.oracle_union is not None:
            found.setdefault(UNION, {}).setdefault("zsl", []).append(evaluation.oracle_union)
    rows = [{"head": head, **{key: summarize(v) for key, v in values.items()}} for head, values in found.items()]
    return format_table(rows, {"head": "head", "zsl": "ZSL", "seen": "S", "unseen": "U", "harmonic": "H"})


def variant_heads(ablation: Ablation, workspace: Workspace) -> str:
    """ZSL of each head of an ablation's base and variants, on pseudo-unseen folds and on test samples, as Markdown.

    Choices rest on the folds: there, pseudo-unseen classes of the training part are told apart.

    Args:
        ablation: its finished runs are read.
        workspace: where they are.

    Returns:
        A Markdown table; empty if no run is finished.
    """
    found: dict[tuple[str, str, str], tuple[list[float], list[float]]] = {}
    for case, variant, config in ablation.configs():
        run = RunFolder.of(config, workspace)
        if not is_current(run):
            continue
        heads = tuple(run.scores().heads)
        name = f"{case.dataset}{' (synthetic)' if is_synthetic(case.dataset) else ''} {case.split}"
        labels, split, folds = run.test_samples()[0], run.split(), run.folds()
        for head in heads if len(heads) == 1 else (*heads, FUSED):
            on_folds = [zsl_accuracy(of_head(fold.scores, head), fold.labels, fold.unseen) for fold in folds]
            both = found.setdefault((name, variant or "base", head), ([], []))
            both[0].append(float(np.mean(on_folds)))
            both[1].append(zsl_accuracy(of_head(run.scores(), head), labels, split.unseen))
    rows = [
        {"case": case, "variant": variant, "head": head, "folds": summarize(folds), "zsl": summarize(test)}
        for (case, variant, head), (folds, test) in found.items()
    ]
    columns = {"case": "data, split", "variant": "variant", "head": "head", "folds": "ZSL on folds", "zsl": "ZSL"}
    return format_table(rows, columns) if rows else ""


def of_head(scores: Scores, head: str) -> Scores:
    """The scores of one head; those of all for :data:`FUSED`."""
    return scores if head == FUSED else scores.single_head(head)
