"""SkeletonContext's figures of single clips: the words that are read from them (its Fig. 3), and key parts (Fig. 4)."""

from __future__ import annotations

from zsar_kit.data.joints import BODY_PARTS, layout
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.context_figures import ClipReader
from zsar_kit.experiments.reports.figure_data import PaperFigure, Runs, data_said, main_runs, results_of
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.plotting import style
from zsar_kit.semantics.slots import slot_words

CLIPS, WORDS = 3, 5
CHOICE = "the first test clip of each of the first {count} unseen classes; none was chosen by its result"


def context_figure(runs: Runs, workspace: Workspace) -> PaperFigure:
    """Fig. 3: clips of unseen classes, and the likeliest words of each slot."""
    reader, samples = _reader(runs, workspace)
    fig = style.figure(style.PAGE, 1.75 * len(samples))
    rows: list[dict[str, object]] = []
    for part, sample in zip(_parts(fig, len(samples)), samples, strict=True):
        reader.context_figure(sample, WORDS, on=part, poses=3)
        c = reader.label(sample)
        for slot, words in reader.contexts(sample, WORDS).items():
            own = set(slot_words(reader.texts, c, slot))
            rows += [
                {**_clip(reader, sample), "slot": slot, "word": word, "probability": float(p), "own": word in own}
                for word, p in words
            ]
    caption = (
        f"Words read from the motion alone, {data_said(reader.result)}, seed {reader.result.seed}: "
        f"{CHOICE.format(count=len(samples))}. Probability of the {WORDS} likeliest words of each slot; green words "
        "occur in the descriptions of the clip's class."
    )
    return PaperFigure(fig, rows, caption)


def key_part_figure(runs: Runs, workspace: Workspace) -> PaperFigure:
    """Fig. 4: importance of the joints of clips of unseen classes, beside the language prior of the class."""
    reader, samples = _reader(runs, workspace)
    fig = style.figure(style.PAGE, 2.3 * len(samples))
    parts = {name: list(layout("ntu25").parts[name]) for name in BODY_PARTS}
    rows: list[dict[str, object]] = []
    for part, sample in zip(_parts(fig, len(samples)), samples, strict=True):
        reader.key_part_figure(sample, on=part, poses=2)
        importance, prior = reader.key_parts(sample), reader.prior(sample)
        for name, joints in parts.items():
            where = {**_clip(reader, sample), "part": name}
            rows += [
                {**where, "kind": "predicted", "coarse frame": t, "importance": float(values[joints].sum())}
                for t, values in enumerate(importance)
            ]
            rows.append({**where, "kind": "language prior", "importance": float(prior[joints].sum())})
    caption = (
        f"Importance of joints and body parts, {data_said(reader.result)}, seed {reader.result.seed}: "
        f"{CHOICE.format(count=len(samples))}. Importance sums to one over the joints of a coarse frame. The language "
        "prior of these classes is shown for comparison; training used that of seen classes only."
    )
    return PaperFigure(fig, rows, caption)


def _reader(runs: Runs, workspace: Workspace) -> tuple[ClipReader, list[int]]:
    results_of(runs)
    reader = ClipReader(RunFolder(main_runs(runs)[0].path, workspace))
    return reader, reader.first_clips()[:CLIPS]


def _parts(fig, count: int) -> list:
    """Equal parts of a figure, one below the other."""
    found = fig.subfigures(count, 1)
    return [found] if count == 1 else list(found)


def _clip(reader: ClipReader, sample: int) -> dict[str, object]:
    name = reader.texts.names[reader.texts.position(reader.label(sample))]
    return {"clip": str(reader.data.features.samples[sample]), "class": name}
