"""How good the context words are that a SkeletonContext run reads from test clips (``zsar contexts RUN``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from zsar_kit.artefacts import write_json
from zsar_kit.data.splits import class_names
from zsar_kit.errors import ArtefactError, ConfigError
from zsar_kit.evaluation.contexts import SlotAccuracy, agreement, most_frequent, slot_accuracy, word_sets
from zsar_kit.evaluation.statistics import summarize
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.inputs import FoldData, build_test_data
from zsar_kit.experiments.runs.scoring import in_batches
from zsar_kit.methods.base import ReadsContexts
from zsar_kit.reprs import Marked, plain_markdown
from zsar_kit.semantics.slots import slot_words
from zsar_kit.semantics.text_files import load_texts
from zsar_kit.semantics.texts import NOTHING, ClassTexts

FREQUENT = "most frequent words"
PREDICTORS = ("model", FREQUENT, "model on the mean clip")


@dataclass(frozen=True)
class SlotReport:
    """One slot of one run.

    Attributes:
        slot: its name.
        seen, unseen: accuracy of the model and of each baseline, on test samples of seen and of unseen classes.
        nothing: percent of unseen test clips whose likeliest word is ``none``, and the mean percent of their classes'
            descriptions that have it.
        agreement: percent of pairs of unseen test clips with the same likeliest word other than ``none``, within and
            between classes.
    """

    slot: str
    seen: dict[str, SlotAccuracy]
    unseen: dict[str, SlotAccuracy]
    nothing: tuple[float, float]
    agreement: tuple[float, float]

    def lift(self, group: str, who: str) -> float | None:
        """Accuracy minus that of always naming the seen classes' most frequent words, in points.

        Which share of slots is right depends on how the texts spread their words, so that accuracies of two editions of
        the texts can't be compared; what the clip adds can.

        Args:
            group: ``seen`` or ``unseen``, the classes of the clips.
            who: one of :data:`PREDICTORS`.

        Returns:
            The difference, ``None`` where there is no clip to judge.
        """
        judged = self.seen if group == "seen" else self.unseen
        own, frequent = judged[who].hit, judged[FREQUENT].hit
        return None if own is None or frequent is None else own - frequent


def context_method(run: RunFolder) -> tuple[ReadsContexts, FoldData]:
    """The trained method of a run that reads contexts, and its data.

    Raises:
        ConfigError: the run's method reads no contexts.
    """
    method = run.method()
    if not isinstance(method, ReadsContexts):
        raise ConfigError(
            f"the run's method ({run.result().method}) reads no contexts",
            where=run.path,
            remedy="Name a run of skeleton_context.",
        )
    return method, build_test_data(run.config().resolve(), run.workspace)


def texts_of_run(run: RunFolder) -> ClassTexts:
    """The class texts that a run was trained with.

    Raises:
        ArtefactError: the kit's texts differ from the run's, so they can't judge it.
    """
    texts = load_texts(run.config().dataset, run.config().edition)
    for semantics in run.semantics().values():
        now = tuple(texts.sentences(semantics.text_set, c) for c in semantics.class_ids)
        if now != semantics.texts:
            raise ArtefactError(
                f"the run was trained with {semantics.text_set!r} texts other than those of this version",
                where=run.path,
                remedy="Train it again with this version.",
            )
    return texts


def context_report(run: RunFolder, k: int = 5) -> list[SlotReport]:
    """Judge the contexts of all test clips and store the report in the run folder.

    Args:
        run: a finished run of SkeletonContext.
        k: a slot counts as right if one of its k likeliest words is right.

    Raises:
        ConfigError: the run reads no contexts, or k is out of range.
        ArtefactError: the kit's texts differ from the run's.
    """
    method, data = context_method(run)
    if not method.reads_contexts:
        raise ConfigError("the run's method reads no contexts: its grounding is off", where=run.path)
    most = len(method.vocabulary) - 1
    if not 1 <= k <= most:
        raise ConfigError(f"k must be from 1 to {most}, the number of candidate words, got {k}", where="k")
    split, rows = data.partition.split, np.flatnonzero(data.partition.test)
    labels = data.features.labels[rows]
    texts, index = texts_of_run(run), {w: i for i, w in enumerate(method.vocabulary)}
    best, first = _ranked(method, data, rows, k)
    blind = _on_the_mean_clip(method, data, k)
    unseen = np.isin(labels, split.unseen)
    reports = []
    for s, slot in enumerate(method.slots):
        words = word_sets({c: slot_words(texts, c, slot) for c in split.candidates}, index, NOTHING)
        bank = Counter(
            index[row.slot(slot)] for c in split.seen for row in texts.contexts_of(c) if row.slot(slot) in index
        )
        bank.pop(index.get(NOTHING, -1), None)
        frequent = most_frequent(bank, k)
        judged: dict[str, dict[str, SlotAccuracy]] = {"seen": {}, "unseen": {}}
        for who, ranked in zip(
            PREDICTORS, (best[:, s], _repeated(frequent, rows), _repeated(blind[s], rows)), strict=True
        ):
            for group, chosen in (("seen", ~unseen), ("unseen", unseen)):
                judged[group][who] = slot_accuracy(ranked[chosen], labels[chosen], words, set(bank))
        share = [np.mean([row.slot(slot) == NOTHING for row in texts.contexts_of(c)]) for c in labels[unseen].tolist()]
        nothing = (
            float(100 * np.mean(first[unseen, s] == index.get(NOTHING, -1))),
            float(100 * np.mean(share)),
        )
        reports.append(
            SlotReport(slot, judged["seen"], judged["unseen"], nothing, agreement(best[unseen, s], labels[unseen]))
        )
    write_json(run.path / "contexts.json", {"k": k, "slots": [_plain(report) for report in reports]})
    return reports


def context_table(reports: Sequence[Sequence[SlotReport]]) -> str:
    """Slot accuracies of one run, or of runs that differ in the seed, as Markdown; percent, Student's t over seeds.

    The lift is the difference to the most frequent words of the seen classes, in the same run and so in the same texts.
    """
    rows = []
    for slot_reports in zip(*reports, strict=True):
        for who in PREDICTORS:
            unseen = [r.unseen[who] for r in slot_reports]
            seen = [r.seen[who] for r in slot_reports]
            row = {"slot": slot_reports[0].slot, "who": who, "n seen / unseen": f"{seen[0].n} / {unseen[0].n}"}
            values = {
                "seen classes": [a.hit for a in seen],
                "unseen classes": [a.hit for a in unseen],
                "of these in the seen bank": [a.inside for a in unseen],
                "and not in it": [a.outside for a in unseen],
            }
            if who != FREQUENT:
                for group in ("seen", "unseen"):
                    values[f"lift, {group}"] = [r.lift(group, who) for r in slot_reports]
            for name, found in values.items():
                known = [v for v in found if v is not None]
                row[name] = summarize(known) if known else None
            rows.append(row)
        ceiling = slot_reports[0].unseen[PREDICTORS[0]].ceiling
        rows.append({"slot": slot_reports[0].slot, "who": "ceiling", "unseen classes": ceiling})
    columns = ["slot", "who", "n seen / unseen", "seen classes", "lift, seen", "unseen classes", "lift, unseen"]
    return format_table(rows, [*columns, "of these in the seen bank", "and not in it"])


def nothing_table(reports: Sequence[Sequence[SlotReport]]) -> str:
    """How often ``none`` is read, and how far the words depend on the clip; unseen test clips, as Markdown."""
    rows = [
        {
            "slot": slot_reports[0].slot,
            "none is likeliest": summarize([r.nothing[0] for r in slot_reports]),
            "none in the descriptions": slot_reports[0].nothing[1],
            "same word, same class": summarize([r.agreement[0] for r in slot_reports]),
            "same word, other class": summarize([r.agreement[1] for r in slot_reports]),
        }
        for slot_reports in zip(*reports, strict=True)
    ]
    return format_table(rows, list(rows[0]))


def examples_table(run: RunFolder, k: int = 3) -> str:
    """What is read from one test clip of each unseen class, the one with the surest words, as Markdown."""
    method, data = context_method(run)
    rows = np.flatnonzero(data.partition.test & np.isin(data.features.labels, data.partition.split.unseen))
    labels, texts = data.features.labels[rows], texts_of_run(run)
    names = class_names(run.config().dataset)
    with torch.inference_mode():
        found = [c for batch in in_batches(method, data.inputs(rows)) for c in method.predict_contexts(batch, k)]
    lines = []
    for c in sorted(set(labels.tolist())):
        mine = np.flatnonzero(labels == c)
        surest = max(mine.tolist(), key=lambda row: sum(np.log(words[0][1]) for words in found[row].values()))
        own = {slot: set(slot_words(texts, c, slot)) for slot in method.slots}
        cells = {
            slot.replace("_", " "): Marked(", ".join(_word_cell(w, p, w in own[slot]) for w, p in words))
            for slot, words in found[surest].items()
        }
        lines.append({"class": names[c], "clip": str(data.features.samples[rows[surest]]), **cells})
    return format_table(lines, list(lines[0]))


def _word_cell(word: str, share: float, own: bool) -> str:
    """A word with its share in percent, in bold where the class's texts have it."""
    text = plain_markdown(word)
    return f"{f'**{text}**' if own else text} {100 * share:.0f} %"


def _ranked(method: ReadsContexts, data: FoldData, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """For each sample and slot the k likeliest words without ``none``, and the likeliest with it."""
    best, first = [], []
    with torch.inference_mode():
        for batch in in_batches(method, data.inputs(rows)):
            logs = method.context_log_probabilities(batch)
            first.append(logs.argmax(-1).cpu().numpy())
            best.append(_top(method, logs, k))
    return np.concatenate(best), np.concatenate(first)


def _on_the_mean_clip(method: ReadsContexts, data: FoldData, k: int) -> np.ndarray:
    """The k likeliest words for the mean of all training clips: what the model reads regardless of the clip."""
    rows = np.flatnonzero(data.partition.train)
    total = sum(batch.double().sum(0) for batch in in_batches(method, data.inputs(rows)))
    assert isinstance(total, torch.Tensor)
    with torch.inference_mode():
        return _top(method, method.context_log_probabilities((total / len(rows)).float()[None]), k)[0]


def _top(method: ReadsContexts, logs: torch.Tensor, k: int) -> np.ndarray:
    if NOTHING in method.vocabulary:
        logs = logs.clone()
        logs[..., method.vocabulary.index(NOTHING)] = -torch.inf
    return logs.topk(k).indices.cpu().numpy()


def _repeated(words: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.repeat(words[None], len(rows), axis=0)


def _plain(report: SlotReport) -> dict:
    return {
        "slot": report.slot,
        "seen": {who: vars(a) for who, a in report.seen.items()},
        "unseen": {who: vars(a) for who, a in report.unseen.items()},
        "nothing": list(report.nothing),
        "agreement": list(report.agreement),
    }
