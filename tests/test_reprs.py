"""A repr is one line whatever the object holds, and no text of it becomes markup in a notebook."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from zsar_kit.data.class_split import ClassSplit
from zsar_kit.data.leakage import EncoderRecord
from zsar_kit.encoders.base import EncoderOutput, StepNoise
from zsar_kit.encoders.config import EncoderConfig
from zsar_kit.encoders.pretrain import TrainedEncoder
from zsar_kit.encoders.shift_gcn import ShiftGCN, ShiftGCNConfig
from zsar_kit.evaluation.calibration import calibration_curve, fit_gamma
from zsar_kit.evaluation.open_set import OpenSet, fit_open_set
from zsar_kit.evaluation.protocol import evaluate
from zsar_kit.evaluation.scores import Scores
from zsar_kit.evaluation.statistics import summarize
from zsar_kit.reprs import (
    Marked,
    as_code,
    csv_cell,
    csv_text,
    escaped,
    figure_markup,
    listed,
    markdown_table,
    one_line,
    plain_markdown,
    visible,
)
from zsar_kit.semantics.answer_store import Answer, AnswerStore, ClassRecord
from zsar_kit.semantics.context_bank import ContextBank
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.estimate import Cost, GenerateConfig
from zsar_kit.semantics.generate import GenerateReport
from zsar_kit.semantics.masked_language import MaskedLanguage
from zsar_kit.semantics.slots import slot_statistics
from zsar_kit.semantics.text_encoder import EncodedTexts, LanguageRecord, TextEncoder
from zsar_kit.semantics.text_files import load_texts
from zsar_kit.semantics.text_models import Completion, EndpointModel
from zsar_kit.semantics.tokens import join_tokens

LONG = "a very long text | with <b>marks</b> and `code` " * 40
RECORD = LanguageRecord(LONG, "0" * 64, "0" * 12, 16, 77, "mean of unit sentence vectors, unit length")


def language_objects():
    texts = load_texts("ntu60")
    width, n = 16, len(texts.ids)
    own = tuple(texts.sentences("motion", c) for c in texts.ids)
    zeros = np.zeros((n, 9, width), np.float32)
    mask = np.ones((n, 9), bool)
    semantics = Semantics(LONG, LONG, texts.ids, texts.names, own, zeros, mask, zeros[:, 0], RECORD)
    number = {"prompts": (n, 10, 8), "words": (n, 10, 3), "places": (3,)}
    arrays = {name: np.zeros(shape, np.int64) for name, shape in number.items()}
    bank = ContextBank(
        dataset=LONG,
        class_ids=texts.ids,
        slots=("environment", "used_object", "target_object"),
        vocabulary=tuple(map(str, range(30_000))),
        embedding=np.zeros((30_000, 2), np.float32),
        hidden=zeros[:, :, :2],
        mask=mask,
        body_parts=np.zeros((n, 10, 6), bool),
        key_parts=np.zeros((n, 6), bool),
        language=RECORD,
        **arrays,
    )
    model = torch.nn.Linear(2, 2)
    tokenizer = type("Tokenizer", (), {"mask_token": "[MASK]", "__repr__": lambda _: LONG})()
    encoder = TextEncoder(model, tokenizer, RECORD)
    answer = Answer(LONG, (LONG,), LONG, "0" * 12, {}, 1, 2)
    yield from (texts, replace(texts, dataset=LONG, source=LONG), texts.spots[0], texts.contexts[0][0])
    yield from (semantics, bank, RECORD, encoder, MaskedLanguage(encoder), join_tokens([semantics], 5))
    yield EncodedTexts(torch.zeros(2, 3, 4), torch.ones(2, 3, dtype=torch.bool), torch.zeros(2, 4))
    yield from (slot_statistics(texts, "environment"), answer, ClassRecord(LONG, LONG, [answer] * 9))
    yield from (AnswerStore(Path("answers")), Completion(LONG, 1, 2), GenerateConfig(model="m"))
    yield GenerateReport(None, Path(LONG), 60, (LONG,) * 50, ((LONG, LONG),) * 10, Cost(1, 2, 3, None))
    yield EndpointModel("http://localhost:1/v1", LONG)


def measured_objects():
    labels = np.arange(120) % 6
    values = np.random.default_rng(0).normal(size=(120, 6)) + 2 * (labels[:, None] == np.arange(6))
    heads = {f"head number {i}": values + i for i in range(12)}
    scores = Scores(heads, tuple(range(6)), tuple(map(str, range(120))), {"velocity": np.exp(-values)})
    folds = [(scores, labels, (0, 1, 2))]
    fits = [fit_gamma(kind, folds) for kind in ("stacking", "ratio", "logistic")]
    split = ClassSplit(LONG, LONG, 6, (3, 4, 5))
    result = evaluate(scores, labels, labels % 4, split)
    yield from (scores, result, result.micro, summarize([1.0, 2.0]), summarize([1.0]), *fits, *(f.gate for f in fits))
    yield calibration_curve(fits[0].gate, scores, labels, (0, 1, 2))
    yield fits[0].gate.compare(scores, np.arange(6) < 3)
    open_set = fit_open_set(folds)
    yield from (open_set, open_set.confidence(scores, (3, 4), (0, 1)))


def encoder_objects():
    config = EncoderConfig(width=0.25, epochs=3, stream="bone")
    model = ShiftGCN(ShiftGCNConfig(classes=5, width=0.125, persons=1))
    record = EncoderRecord("shift_gcn", "0" * 64, "bone", 0.25, LONG, tuple(range(99)))
    yield from (config, TrainedEncoder(model, config, record, Path("somewhere") / "encoder"))
    yield TrainedEncoder(model, config, replace(record, classes=None), Path("encoder"))
    yield EncoderOutput(torch.zeros(2, 3), torch.zeros(2, 4), torch.zeros(2, 4, 25, 3))
    yield StepNoise(torch.Generator(), 64, range(64))


@pytest.mark.parametrize("objects", [language_objects, measured_objects, encoder_objects])
def test_every_repr_is_short_and_names_its_class(objects):
    for thing in objects():
        text = repr(thing)
        assert len(text) <= 300, (type(thing), len(text))
        assert "\n" not in text
        assert text.startswith(type(thing).__name__)
        assert "object at 0x" not in text


def test_a_config_shows_what_differs_from_its_defaults():
    assert repr(EncoderConfig()) == "EncoderConfig()"
    assert repr(EncoderConfig(width=0.25, stream="bone")) == "EncoderConfig(width=0.25, stream='bone')"
    assert repr(OpenSet(1.0, (1.0, 2.0), 0.5, 3, 4)).startswith("OpenSet(temperature=1.0, weights=(1.0, 2.0)")


def test_class_texts_show_their_first_classes_as_a_table():
    texts = load_texts("ntu60")
    table = texts._repr_markdown_()
    assert table.startswith("| id | class | label | motion |")
    assert texts.of("motion", 0) in table
    assert "55 more classes" in table
    assert table.count("\n") < 15


def test_evaluations_and_semantics_have_tables():
    *_, result = (thing for thing in measured_objects() if type(thing).__name__ == "Evaluation")
    table = result._repr_markdown_()
    assert all(name in table for name in ("ZSL", "AUSUC", "micro", "macro", "Chance is 33.3 %"))
    assert f"{result.macro.ausuc:.1f}" in table
    *_, semantics = (thing for thing in language_objects() if type(thing).__name__ == "Semantics")
    assert r"| tokens | \[60, 9, 16\] | class, token, d |" in semantics._repr_markdown_()
    assert "<b>" not in table + semantics._repr_markdown_()


def test_cells_hold_no_markup():
    table = markdown_table(["a|b"], [["<img src=x> | [link](url)\n*bold* `code` $x$"]])
    assert table.count("\n") == 3
    assert "<img" not in table
    assert table.splitlines()[2] == r"| &lt;img src=x&gt; \| \[link\](url) \*bold\* \`code\` \$x\$ |"


def test_lists_of_names_are_cut():
    assert listed(["a", "b"]) == "a, b"
    assert listed("abcdef", 3) == "a, b, c and 3 more"


#: names as a file of others may have them
NASTY = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "[wave](javascript:alert(1))",
    "![wave](x.png)",
    "a | b",
    "a\nb\r\n| c |",
    "`code` ``more``",
    "**bold** _slanted_ ~~gone~~",
    "$\\alpha$",
    "&lt;b&gt;",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "right\u202eleft",
    "bell\x07 back\x08 null\x00",
    "\x9b31m",
    "half\ud800pair",
    "line\u2028end",
    "%{x}",
    "\\|",
)
PLAIN = ("linear_cosine", "text.k=0", "[3, 4, 5]", "a & b", "2 * 3", "Stuhl rücken", "鞠躬", "👋🏽", "it's", "25/5")


def rendered(markdown: str) -> str:
    """Markdown as HTML, by the library that Jupyter converts notebooks with."""
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    return markdown2html_mistune(markdown)


def shown_text(page: str) -> str:
    """What a reader sees of a page."""
    import html as entities
    import re

    return " ".join(entities.unescape(re.sub("<[^>]*>", "", page)).split())


@pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
@pytest.mark.parametrize("way", [escaped, plain_markdown, as_code])
def test_a_name_in_markdown_is_read_as_it_is(name, way):
    """Rendered, it shows the characters of the name and makes no element but those of a paragraph (or of code)."""
    page = rendered(way(name))
    assert set(_tags(page)) <= {"p", "code"} if way is as_code else set(_tags(page)) <= {"p"}
    assert shown_text(page) == one_line(name)
    table = rendered(f"| name | n |\n|---|---|\n| {way(name) if way is not as_code else escaped(name)} | 1 |\n")
    assert table.count("<td") == 2
    assert "<img" not in table
    assert "<script" not in table
    assert "<a " not in table


def _tags(page: str) -> list[str]:
    from html.parser import HTMLParser

    found: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, _: found.append(tag)
    parser.feed(page)
    return found


@pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
def test_no_name_steers_a_terminal(name):
    line = one_line(name)
    assert line.isprintable()
    assert "\n" not in line
    line.encode("utf-8")
    assert visible(f"{name}\n\tnext").endswith("\n\tnext")


def test_plain_names_stay_as_they_are():
    for name in PLAIN:
        assert plain_markdown(name) == one_line(name) == visible(name) == name
    assert plain_markdown(Marked("**a**")) == "**a**"
    assert figure_markup("a & <b> $x$") == "a &amp; &lt;b&gt; &#36;x&#36;"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_text_of_a_csv_file_is_a_formula(start):
    """Whatever apostrophes it starts with, it comes back, and what is written starts with none of these."""
    for text in (f"{start}1+1", f"'{start}1", f"''{start}1", start):
        cell = csv_cell(text)
        assert cell.startswith("'")
        assert csv_text(cell) == text
    for text in ("", "'", "a=1", "'quoted'", "1-2", " =1", "s001"):
        assert csv_cell(text) == text
        assert csv_text(text) == text
