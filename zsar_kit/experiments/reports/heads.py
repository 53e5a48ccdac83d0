"""Each head of a method evaluated on its own, beside their fusion and their union."""

from __future__ import annotations

from collections.abc import Sequence

from zsar_kit.evaluation.calibration import fit_gamma
from zsar_kit.evaluation.protocol import evaluate
from zsar_kit.evaluation.statistics import summarize
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.runs.folder import RunFolder

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
