"""The answers of ``zsar texts report`` and ``zsar texts generate``; both need a language model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from zsar_kit.cli.answers.texts import REPORTED
from zsar_kit.cli.text_options import GenerateOptions
from zsar_kit.errors import ConfigError
from zsar_kit.experiments.pipeline.form_writing import estimate_form, generate_form
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.reports.markdown import write_between
from zsar_kit.experiments.reports.text_figures import slot_figure
from zsar_kit.experiments.reports.text_tables import nearest_table, slot_table
from zsar_kit.plotting.style import figure_of, save_figure
from zsar_kit.semantics.editions import Edition
from zsar_kit.semantics.generate import GenerateConfig, estimate_texts, generate_texts, read_class_list
from zsar_kit.semantics.local_models import LocalModel
from zsar_kit.semantics.text_files import load_texts
from zsar_kit.semantics.text_models import EndpointModel, TextModel

log = logging.getLogger("zsar_kit")
#: options that the configuration of the generator has under the same name
OF_THE_GENERATOR = ("model", "max_tokens", "attempts", "price_in", "price_out", "max_price")


def report_texts(
    workspace: Workspace,
    sources: Sequence[str],
    language_model: str,
    edition: Edition,
    write: Path | None,
    figure_folder: Path | None,
) -> str:
    """How classes share context words, and which classes are nearest, for each data set.

    Args:
        workspace: where encoded texts are cached.
        sources: data set names or paths; default: the kit's five data sets.
        language_model: the language model by which texts are compared.
        edition: edition of the kit's texts.
        write: Markdown file with the markers ``<!-- texts -->`` and ``<!-- nearest -->``, for the tables.
        figure_folder: folder for the figure; without it, none is drawn.
    """
    known = [load_texts(source, edition) for source in sources or REPORTED]
    nearest = nearest_table(workspace, sources or REPORTED, language_model, edition)
    tables = {"texts": slot_table(known), "nearest": nearest}
    if write is not None:
        for name, table in tables.items():
            write_between(write, name, table)
    if figure_folder is not None:
        save_figure(figure_of(slot_figure(known)), figure_folder / "texts_slots", runs=[])
    return "\n".join(tables.values())


def write_texts(class_list: Path, options: GenerateOptions, device: str, *, progress: bool) -> tuple[str, bool]:
    """Have the texts of a class list written, or their forms filled, by a language model.

    Args:
        class_list: file with one class name per line.
        options: which model writes, and what it may cost.
        device: of a local model.
        progress: show a progress bar.

    Returns:
        A report, and whether every class now has its texts.

    Raises:
        ConfigError: the run could cost more than allowed.
        MissingModelError: the model is missing, does not answer, or refuses.
    """
    names = read_class_list(class_list)
    warmth = options.temperature if options.temperature is not None else (0.7 if options.form else 0.0)
    config = GenerateConfig(**{name: getattr(options, name) for name in OF_THE_GENERATOR}, temperature=warmth)
    if options.base_url:
        endpoint = {"key_env": options.key_env, "timeout": options.timeout, "retries": options.retries}
        model = EndpointModel(options.base_url, config.model, **endpoint)
    else:
        model = LocalModel(config.model, device)
    if options.form:
        return _write_form(names, options, config, model, progress)
    if options.texts:
        raise ConfigError("texts are quoted in forms only", where="--texts", remedy="Add --form, or leave it out.")
    if options.estimate:
        return str(estimate_texts(names, model, config, options.out)), True
    done = generate_texts(
        names,
        model,
        config,
        options.out,
        dataset=options.dataset or options.out.stem,
        progress=progress,
        on_note=lambda text: log.info("%s", text),
    )
    return str(done), done.out is not None


def _write_form(
    names: Sequence[str], options: GenerateOptions, config: GenerateConfig, model: TextModel, progress: bool
) -> tuple[str, bool]:
    """Have the forms of some classes filled by a language model."""
    asked = {"texts": options.texts, "longest": options.longest}
    if options.estimate:
        return str(estimate_form(names, model, config, options.out, **asked)), True
    done = generate_form(
        names,
        model,
        config,
        options.out,
        dataset=options.dataset or options.out.stem,
        progress=progress,
        on_note=lambda text: log.info("%s", text),
        **asked,
    )
    return str(done), done.out is not None
