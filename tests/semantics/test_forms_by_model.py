"""Forms filled by a language model: the question, the check of answers, agreement of two, what is kept."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zsar_kit.cli import main
from zsar_kit.errors import ConfigError, TextError
from zsar_kit.experiments.pipeline.form_writing import agreed, estimate_form, generate_form
from zsar_kit.primitives.attributes import TOPICS, attribute_names, attributes
from zsar_kit.primitives.form_prompt import answer_faults, answer_schema, attributes_of, form_question, question_parts
from zsar_kit.primitives.forms import load_form
from zsar_kit.semantics.estimate import GenerateConfig
from zsar_kit.semantics.text_models import Completion, EndpointModel

NAMES = ("wave", "squat")


def levels_for(question: str, sample: int) -> dict[str, Any]:
    """An answer to a question: all 0.5, but that the answers differ a bit, much, or in what they know."""
    asked = re.findall(r"^- (\w+): ", question, re.MULTILINE)
    found: dict[str, Any] = dict.fromkeys(asked, 0.5)
    second = {"lead_hand_highest": 0.75, "hips_down": 1, "twist": "?"}
    found |= {name: level for name, level in (second if sample else {}).items() if name in found}
    if '"squat"' in question and "knees_end" in found:
        found["knees_end"] = 1
    return found


class Answering:
    """A model that answers well; its first answers can be given."""

    name, retries = "m", 0

    def __init__(self, first: tuple[str, ...] = ()) -> None:
        self.first, self.asked, self.schemas = list(first), [], []

    def complete(self, messages, *, max_tokens, temperature, seed, schema=None) -> Completion:
        self.asked.append((messages, seed))
        self.schemas.append(schema)
        text = self.first.pop(0) if self.first else json.dumps(levels_for(messages[0]["content"], seed >= 1000))
        if text == "stop":
            raise KeyboardInterrupt
        return Completion(text, 10, 5)


def generate(out: Path, model: Any = None, names=NAMES, **options: Any):
    given = {"longest": 10**6} | {k: options.pop(k) for k in ("longest", "texts") if k in options}
    config = GenerateConfig("m", **({"temperature": 0.7} | options))
    return generate_form(names, model or Answering(), config, out, dataset="mine", progress=False, **given)


def test_the_question_holds_every_attribute_with_its_levels_and_no_other_class():
    question = form_question('throw "x"', attributes(), ["One arm swings."])
    assert '"throw \\"x\\""' in question
    assert "One arm swings." in question
    for a in attributes():
        assert f"- {a.name}: {a.about}. 0: {a.zero}; 0.5: {a.half}; 1: {a.one}." in question


@pytest.mark.parametrize("longest", [1, 6000, 9000, 16000, 10**6])
def test_topics_are_asked_together_as_far_as_a_question_may_be_long(longest):
    parts = question_parts(longest)
    assert [topic for part in parts for topic in part] == list(TOPICS)
    for part in parts:
        assert len(part) == 1 or len(form_question("", attributes_of(part)).encode()) <= longest
    assert len(parts) == {1: len(TOPICS), 10**6: 1}.get(longest, len(parts))


def test_levels_agree_within_a_step_as_their_mean():
    nan = np.nan
    levels, undecided = agreed(np.array([[0.5, 0.5, 0.5, nan, nan]]), np.array([[0.5, 0.75, 1.0, 0.5, nan]]))
    np.testing.assert_array_equal(levels, np.array([[0.5, 0.625, nan, nan, nan]], dtype=np.float32))
    assert undecided == pytest.approx(2 / 5)


@pytest.mark.parametrize("longest", [10**6, 9000])
def test_a_form_is_what_both_answers_agree_on(tmp_path: Path, longest):
    model = Answering()
    report = generate(tmp_path / "form.toml", model, longest=longest)
    form = load_form(tmp_path / "form.toml")
    assert (form.dataset, form.class_names) == ("mine", NAMES)
    row = dict(zip(attribute_names(), form.of(1).tolist(), strict=True))
    assert (row["lead_hand_highest"], row["knees_end"], row["turn"]) == (0.625, 1.0, 0.5)
    assert np.isnan(row["hips_down"])
    assert np.isnan(row["twist"])
    assert report.undecided == pytest.approx(2 / len(attribute_names()))
    assert len(model.asked) == 2 * len(NAMES) * len(question_parts(longest)) == report.cost.requests
    assert model.schemas[0] == answer_schema(attributes_of(question_parts(longest)[0]))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda a: a.pop("twist"), "the key 'twist' is missing"),
        (lambda a: a.update(mood=1), "the key 'mood' was not asked for"),
        (lambda a: a.update(twist=0.6), "'twist' must be one of 0, 0.25, 0.5, 0.75, 1"),
        (lambda a: a.update(twist=True), "'twist' must be one of"),
        (lambda a: a.update(twist="high\x1b"), r"got 'high\\x1b'"),
        (lambda a: a.update(twist=[0.5]), "'twist' must be one of"),
        (lambda a: a.update(twist=None), "'twist' must be one of"),
        (lambda a: a.update(twist=float("nan")), "'twist' must be one of"),
    ],
)
def test_every_fault_of_an_answer_is_told_and_sent_back(tmp_path: Path, change, fault):
    answer: dict[str, Any] = dict.fromkeys(attribute_names(), 0.5)
    change(answer)
    assert any(re.search(fault, told) for told in answer_faults(answer, attributes()))
    model = Answering((json.dumps(answer),))
    generate(tmp_path / "form.toml", model, names=("wave",))
    again, _ = model.asked[1]
    assert [m["role"] for m in again] == ["user", "assistant", "user"]
    assert re.search(fault, again[2]["content"])


def test_answers_off_the_schema_are_reported_kept_and_asked_again_alone(tmp_path: Path):
    out, bad = tmp_path / "form.toml", Answering(("no", "no", '{"twist": 3}'))
    report = generate(out, bad, attempts=3)
    assert report.out is None
    assert [name for name, _ in report.failed] == ["wave (answer 1)"]
    assert "No form yet; all answers are kept" in str(report)
    assert not out.exists()
    kept = json.loads((tmp_path / "form.answers" / "000-wave-answer-1.json").read_text())
    assert [a["text"] for a in kept["answers"]] == ["no", "no", '{"twist": 3}']
    good = Answering()
    assert generate(out, good).out == out
    assert len(good.asked) == 1


@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_a_run_that_is_stopped_anywhere_goes_on(tmp_path: Path, before):
    out = tmp_path / "form.toml"
    whole = json.dumps(dict.fromkeys(attribute_names(), 0.25))
    with pytest.raises(KeyboardInterrupt):
        generate(out, Answering((*[whole] * before, "stop")))
    rest = Answering()
    assert generate(out, rest).out == out
    assert len(rest.asked) == 4 - before
    nothing = Answering()
    generate(out, nothing)
    assert nothing.asked == []


def test_classes_with_equal_forms_are_named(tmp_path: Path):
    report = generate(tmp_path / "form.toml", names=("wave", "greet"))
    assert report.findings == ("nothing tells these classes apart: 'wave', 'greet'",)


def test_what_cannot_be_asked_is_refused_before_anything_is_sent(tmp_path: Path):
    model, out = Answering(), tmp_path / "form.toml"
    with pytest.raises(ConfigError, match="two answers at temperature 0 are the same"):
        generate(out, model, temperature=0.0)
    with pytest.raises(ConfigError, match="could cost"):
        generate(out, model, price_in=1.0, price_out=1.0, max_price=1e-6)
    with pytest.raises(TextError, match="no class called 'squat under water'"):
        generate(out, model, names=("squat under water",), texts="utd_mhad")
    assert model.asked == []
    generate(out, model)
    (tmp_path / "form.answers" / "000-wave-answer-1.json").write_text('{"schema": 1')
    with pytest.raises(TextError, match="the kept answers are damaged"):
        generate(out, model)


def test_texts_of_the_classes_are_quoted(tmp_path: Path):
    model = Answering()
    generate(tmp_path / "form.toml", model, names=("Squat",), texts="utd_mhad")
    assert "This is how it is done:" in model.asked[0][0][0]["content"]


def test_an_estimate_counts_the_questions(tmp_path: Path):
    config = GenerateConfig("m", temperature=0.7)
    text = str(estimate_form(NAMES, Answering(), config, tmp_path / "form.toml", longest=10**6))
    assert text.startswith("4 questions to ask.")
    generate(tmp_path / "form.toml")
    text = str(estimate_form(NAMES, Answering(), config, tmp_path / "form.toml", longest=10**6))
    assert text == "Every question is answered; nothing is left to ask."


# --- an endpoint ------------------------------------------------------------------------------------------------------


def test_the_command_fills_a_form_at_an_endpoint_that_knows_no_schema(tmp_path: Path, endpoint, capsys):
    def answers(handler: Any) -> None:
        request = endpoint.requests[-1]
        endpoint.say(handler, json.dumps(levels_for(request["messages"][0]["content"], request["seed"] >= 1000)))

    refuses = endpoint.fails(400, "response_format of type json_schema is not supported")
    endpoint.script = [refuses, *[answers] * 8]
    (tmp_path / "classes.txt").write_text("wave\nsquat\n")
    out = tmp_path / "mine_form.toml"
    given = ["--form", "--base-url", endpoint.url, "--model", "m", "--out", str(out), "--quiet"]
    assert main(["texts", "generate", str(tmp_path / "classes.txt"), *given]) == 0
    assert load_form(out).class_names == NAMES
    assert endpoint.requests[0]["response_format"]["json_schema"]["schema"]["additionalProperties"] is False
    assert "response_format" not in endpoint.requests[1]
    assert endpoint.requests[1]["temperature"] == 0.7
    assert "of the levels are unknown because the two answers disagree" in capsys.readouterr().out


def test_an_endpoint_that_knows_schemas_is_held_to_one(endpoint):
    endpoint.script = ['{"twist": 1}']
    schema = answer_schema([a for a in attributes() if a.name == "twist"])
    said = EndpointModel(endpoint.url, "m").complete(
        [{"role": "user", "content": "?"}], max_tokens=5, temperature=0.7, seed=1, schema=schema
    )
    assert said.text == '{"twist": 1}'
    assert endpoint.requests[0]["response_format"]["json_schema"]["schema"] == schema
