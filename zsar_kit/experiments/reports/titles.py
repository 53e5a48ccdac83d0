"""Which finished runs differ only in the seed, and what to call them in a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from zsar_kit.config import digest_of
from zsar_kit.data.catalogue import most_persons, part_protocols
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.presets import encoder_preset, encoder_presets
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.studies.suite import Case, MethodRow, Suite, SuiteRun, fallback_encoder
from zsar_kit.semantics.editions import CURRENT


def rows_of_runs(folders: Sequence[RunFolder]) -> list[SuiteRun]:
    """Each run with its case and table row; runs that differ only in the seed share a row.

    A title names the settings in which its run differs from the data set's customary suite. If rows would still have
    the same title, their titles also name the settings that differ, or else the digest of the row's first run.
    """
    keys = [digest_of(folder.content()) for folder in folders]
    first = dict(zip(reversed(keys), reversed(folders), strict=True))  # the first run of each row
    cases = {key: _case(folder) for key, folder in first.items()}
    titles = {key: _title(folder) for key, folder in first.items()}
    for key, title in list(titles.items()):
        others = [k for k in first if k != key and (cases[k], titles[k]) == (cases[key], title)]
        if others:
            titles |= _distinct_titles({k: first[k] for k in (key, *others)}, title)
    rows = []
    for key, folder in zip(keys, folders, strict=True):
        config = first[key].config()
        rows.append(SuiteRun(cases[key], MethodRow(titles[key], config.method, config.preset), folder))
    return rows


def distinct_runs(folders: Sequence[RunFolder]) -> tuple[list[RunFolder], list[tuple[Path, Path]]]:
    """Each run once: of several folders with the same content and seed the first.

    Returns:
        The runs, and the paths of every further folder and of the one that it repeats.
    """
    kept: dict[str, RunFolder] = {}
    copies = []
    for folder in folders:
        first = kept.setdefault(digest_of(folder.content() | {"seed": folder.config().seed}), folder)
        if first is not folder:
            copies.append((folder.path, first.path))
    return list(kept.values()), copies


def _title(folder: RunFolder) -> str:
    return run_title(folder.config(), trained=folder.result().encoder_mark != "untrained")


def run_title(config: RunConfig, *, trained: bool = True) -> str:
    """A run's title: method, preset, and what differs from the data set's customary suite.

    Args:
        config: of the run.
        trained: an encoder was trained for it; False where its features are attributes alone.
    """
    parts = [f"{config.method} ({config.preset})"]
    if config.overrides:
        parts.append(", ".join(f"{k}={v}" for k, v in config.overrides.items()))
    more = []
    if config.features_from:
        more.append(f"on {config.features_from}")
    elif config.features in ("primitives", "both"):  # said where it was asked for; some methods read nothing else
        more.append("on primitives" if config.features == "primitives" else "on encoder and primitives")
    if trained and not config.features_from and config.features != "primitives":
        more += [title] if (title := encoder_title(config.encoder, config.dataset)) else []
    if config.encoder_from:
        more.append(f"encoder from {config.encoder_from}")
    if config.low_shot != 1:
        more.append(f"low_shot={config.low_shot:g}")
    if config.shots:
        more.append(f"shots={config.shots}{' with the encoder' if config.encoder_shots else ''}")
    if config.precision != "float32":
        more.append(config.precision)
    if config.language_model != "offline":
        more.append(f"texts by {config.language_model}")
    if config.edition != CURRENT:
        more.append(f"{config.edition} edition of the texts")
    if config.protocol and config.protocol not in part_protocols(config.dataset)[:1]:
        more.append(config.protocol)
    return " ".join(parts + ([", ".join(more)] if more else []))


def encoder_title(encoder: EncoderConfig, dataset: str) -> str:
    """Encoder settings in words; empty for those of the data set's customary suite.

    They are given as changes to the suite's settings, or to the nearest preset.
    """
    suite = Suite.load("", dataset)
    bases = {"": suite.encoder(dataset) if dataset in suite.encoders else fallback_encoder(dataset)}
    for name in encoder_presets():
        preset = encoder_preset(name)
        bases[name] = replace(preset, persons=min(preset.persons, most_persons(dataset)))
    changes = {name: _changes(encoder, base) for name, base in bases.items()}
    nearest = min(changes, key=lambda name: len(changes[name]))
    words = [nearest] if nearest else []
    words += [str(value) if key == "stream" else f"{key}={value}" for key, value in changes[nearest].items()]
    return f"encoder {' '.join(words)}" if words else ""


def _changes(config: EncoderConfig, base: EncoderConfig) -> dict[str, Any]:
    return {f.name: v for f in fields(config) if (v := getattr(config, f.name)) != getattr(base, f.name)}


def _case(folder: RunFolder) -> Case:
    config = folder.config()
    return Case(config.dataset, config.split, folder.result().protocol)


def _distinct_titles(rows: dict[str, RunFolder], title: str) -> dict[str, str]:
    """New titles for rows that share one: with the settings that differ, or else with a digest."""
    contents = {key: folder.content() for key, folder in rows.items()}
    names = sorted(set().union(*contents.values()))
    differing = [name for name in names if len({digest_of(c.get(name)) for c in contents.values()}) > 1]
    plain = [name for name in differing if not any(isinstance(c.get(name), dict) for c in contents.values())]
    titles = {}
    for key, content in contents.items():
        words = ", ".join(f"{name}={content.get(name)}" for name in plain)
        titles[key] = f"{title} {words}" if words else title
    if len(set(titles.values())) < len(titles):
        titles = {key: f"{title} {folder.result().digest}" for key, folder in rows.items()}
    return titles
