"""Class texts from a language model: the prompt, the check of answers, the bound of the price, what is kept."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zsar_kit.errors import ConfigError, MissingModelError, TextError
from zsar_kit.semantics import check
from zsar_kit.semantics.answers import KEYS, AnswerError, answer_table
from zsar_kit.semantics.check import check_texts
from zsar_kit.semantics.context_rules import SHOWN, SHOWN_BY_VERB
from zsar_kit.semantics.estimate import ANSWER_BYTES
from zsar_kit.semantics.generate import GenerateConfig, GenerateReport, estimate_texts, generate_texts, read_class_list
from zsar_kit.semantics.prompts import class_prompt, next_messages, next_messages_bytes
from zsar_kit.semantics.text_files import load_texts
from zsar_kit.semantics.text_models import Completion, EndpointModel
from zsar_kit.semantics.text_writer import toml_text
from zsar_kit.semantics.texts import BODY_PARTS, PHASES, TEXT_REGIONS, Context

NAMES = ("wave", "put on a hat", "kick/stamp")


@pytest.fixture
def generate(endpoint, tmp_path: Path) -> Callable[..., GenerateReport]:
    """Generates texts of NAMES into ``texts.toml`` of the test's folder."""

    def run(names: tuple[str, ...] = NAMES, model: Any = None, on_note: Any = None, **options: Any) -> GenerateReport:
        model = EndpointModel(endpoint.url, "m", timeout=0.3, retries=1) if model is None else model
        config, out = GenerateConfig("m", **options), tmp_path / "texts.toml"
        more = {"vocabulary": endpoint.vocabulary, "progress": False, "on_note": on_note}
        return generate_texts(names, model, config, out, dataset="mine", **more)

    return run


def kept(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / "texts.answers" / f"{name}.json").read_text())


# --- class list -------------------------------------------------------------------------------------------------------


def test_a_class_list_is_names_without_comments_and_blanks(tmp_path: Path):
    path = tmp_path / "classes.txt"
    path.write_bytes("\ufeff# mine\r\nwave\r\n\r\n  put  on a hat \n# no\nÜbung\n".encode())
    assert read_class_list(path) == ("wave", "put on a hat", "Übung")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"wave\n\n# x\nkick\nWave\n", r"'Wave' occurs twice, first in .*txt, line 1 \(in .*classes\.txt, line 5\)"),
        (b"wave\nk\xff\n", r"UTF-8, found byte 0xff \(in .*classes\.txt, line 2\)"),
        (b"wave\nki\x07ck\n", r"must be printable words, got 'ki\\x07ck' \(in .*classes\.txt, line 2\)"),
        (b"# nothing\n\n", r"there is no class name \(in .*classes\.txt\)"),
    ],
)
def test_a_bad_class_list_is_told_with_its_line(tmp_path: Path, content: bytes, message: str):
    (tmp_path / "classes.txt").write_bytes(content)
    with pytest.raises(TextError, match=message):
        read_class_list(tmp_path / "classes.txt")


def test_an_absent_class_list_is_told(tmp_path: Path):
    with pytest.raises(TextError, match="does not exist"):
        read_class_list(tmp_path / "absent.txt")


# --- prompt and answers -----------------------------------------------------------------------------------------------


def test_the_prompt_asks_for_what_is_checked():
    prompt = class_prompt('throw "$ball"')
    assert '"throw \\"$ball\\""' in prompt
    assert "In ENVIRONMENT, BODY_PART uses USED_OBJECT to perform SUB_ACTION on TARGET_OBJECT." in prompt
    columns = Context.__dataclass_fields__
    assert all(f'"{key}":' in prompt for key in (*KEYS, *TEXT_REGIONS, *PHASES, *columns))
    assert ", ".join(BODY_PARTS) in prompt
    assert ", beach, " in prompt
    for limit in (check.CONTEXTS, check.DISTINCT, *check.LONGEST.values(), SHOWN, SHOWN_BY_VERB):
        assert f" {limit} " in prompt


def test_the_prompt_of_a_class_tells_of_no_other(generate, endpoint):
    generate()
    for request, name in zip(endpoint.requests, NAMES, strict=True):
        assert json.dumps(name) in request["messages"][0]["content"]
        assert not any(json.dumps(n) in request["messages"][0]["content"] for n in NAMES if n != name)


def test_the_texts_of_the_kit_pass_as_answers():
    """Every class of NTU 120, put in the form of an answer, comes back as it stands in the file."""
    texts = load_texts("ntu120")
    vocabulary = {w for rows in texts.contexts for c in rows for w in (c.environment, c.used_object, c.target_object)}
    sizes = []
    for class_id, name, entry, rows, parts in zip(
        texts.ids, texts.names, texts.by_class, texts.contexts, texts.key_parts, strict=True
    ):
        content: dict[str, Any] = {key: entry[key][0] for key in ("label", "definition", "motion", "noun", "verb")}
        content |= {g: {m: entry[f"{g}.{m}"][0] for m in ms} for g, ms in (("parts", TEXT_REGIONS), ("phases", PHASES))}
        content |= {"key_parts": list(parts), "contexts": [vars(row) for row in rows]}
        answer = json.dumps(content, indent=1)
        sizes.append(len(answer))
        table = answer_table(f"Here it is:\n```json\n{answer}\n```\nDone.", class_id, name, vocabulary=vocabulary)
        assert table["contexts"] == [list(vars(row).values()) for row in rows]
        assert {k: v for k, v in table.items() if k not in ("id", "name", "contexts")} == {
            k: v for k, v in content.items() if k != "contexts"
        }
    assert sum(sizes) / len(sizes) == pytest.approx(ANSWER_BYTES, rel=0.1)


@pytest.mark.parametrize(
    "frame", ["{}", "Sure!\n```json\n{}\n```", "<think>{{ maybe {{}} }}</think>{}", "{{1}} {} end"]
)
def test_the_object_is_found_amid_other_words(good_answer, endpoint, frame: str):
    answer = frame.format(json.dumps(good_answer("wave")))
    assert answer_table(answer, 4, "wave", vocabulary=endpoint.vocabulary)["id"] == 4


def changed(answer: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The answer with one value replaced, or removed where the value is None."""
    answer = json.loads(json.dumps(answer))
    *front, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    node: Any = answer
    for part in front:
        node = node[part]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return answer


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("motion", None, "the key 'motion' is missing"),
        ("mood", "good", "the key 'mood' was not asked for"),
        ("label", 3, "'label' must be a string with a text, got 3"),
        ("label", " \n", "'label' must be a string with a text"),
        ("label", "a\ud800b", "'label' holds characters that cannot be printed"),
        ("parts.legs", None, "the key 'legs' of 'parts' is missing"),
        ("phases", ["a"], "'phases' must be an object with the keys"),
        ("key_parts", [], "'key_parts' must be a list of some of"),
        ("key_parts", ["wing"], "'key_parts' must be a list of some of"),
        ("key_parts", ["arm", "arm"], "names a body part twice"),
        ("contexts", "none", "'contexts' must be a list of objects"),
        ("contexts.2", ["kitchen"], "'contexts' row 3 must be an object"),
        ("contexts.2.sub_action", None, "the key 'sub_action' of 'contexts' row 3 is missing"),
        ("contexts.2.place", "x", "the key 'place' of 'contexts' row 3 was not asked for"),
        ("contexts.2.body_part", "wing", "'contexts' row 3: unknown body part 'wing'"),
        ("contexts.2.environment", "living room", "'contexts' row 3: 'environment' must be one word of the language"),
        ("contexts.2", None, "a class has 10 context descriptions, got 9"),
        ("definition", "short", "'definition' must be a sentence, from a capital to a full stop"),
        ("motion", " ".join(["Up"] * 61) + ".", "'motion' has 61 words, 60 are the limit"),
        ("noun", "two words", "'noun' must be one word"),
    ],
)
def test_every_fault_of_an_answer_is_told(good_answer, endpoint, path: str, value: Any, fault: str):
    answer = json.dumps(changed(good_answer("wave"), path, value))
    with pytest.raises(AnswerError) as caught:
        answer_table(answer, 4, "wave", vocabulary=endpoint.vocabulary)
    assert [f for f in caught.value.faults if fault in f]
    assert "[[class]]" not in str(caught.value)
    assert "for class 4 ('wave')" in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("", "no JSON object"),
        ("I cannot do that.", "no JSON object"),
        ('{"label": "x", "parts": {"head": "y"}', "malformed: Expecting"),
        ('{"label": "x", "label": "y"}', "the key 'label' occurs twice"),
        ('{"answer": 1}', "none of the keys"),
        ('{"label": ' * 5000, "malformed"),
    ],
)
def test_answers_without_a_whole_object_are_told(answer: str, fault: str):
    with pytest.raises(AnswerError, match=fault):
        answer_table(answer, 0, "wave", vocabulary=())


def test_all_faults_are_told_at_once(good_answer):
    with pytest.raises(AnswerError) as caught:
        answer_table(json.dumps(changed(good_answer("wave"), "verb", "do it")), 0, "wave", vocabulary={"cup", "table"})
    assert len(caught.value.faults) == 11  # the verb and ten places


def test_a_sentence_of_another_class_is_refused(good_answer, endpoint):
    answer = json.dumps(good_answer("wave"))
    other = answer_table(answer, 0, "wave", vocabulary=endpoint.vocabulary)
    with pytest.raises(AnswerError, match="'motion' is word for word that of the class 'wave'"):
        answer_table(answer, 1, "greet", others=[other], vocabulary=endpoint.vocabulary)


def test_asking_again_stays_within_its_bound():
    prompt = class_prompt("wave")
    messages = next_messages(prompt, "ä" * 99_999, ["é" * 99_999] * 9)
    size = sum(len(m["content"].encode()) for m in messages)
    assert next_messages_bytes(prompt) - 20 < size <= next_messages_bytes(prompt)


# --- a whole run ------------------------------------------------------------------------------------------------------


def test_the_texts_are_written_and_read_back(generate, endpoint, good_answer, tmp_path: Path):
    report = generate()
    assert (report.out, report.accepted, report.failed) == (tmp_path / "texts.toml", NAMES, ())
    assert [report.cost.prompt_tokens, report.cost.answer_tokens] == endpoint.charged
    texts = load_texts(tmp_path / "texts.toml")
    assert (texts.dataset, texts.ids, texts.names) == ("mine", (0, 1, 2), NAMES)
    assert check_texts(texts, names=NAMES, vocabulary=endpoint.vocabulary) == []
    for class_id, name in enumerate(NAMES):
        answer = good_answer(name)
        assert texts.of("motion", class_id) == answer["motion"]
        assert texts.of("parts.legs", class_id) == answer["parts"]["legs"]
        assert texts.key_parts_of(class_id) == ("hand", "arm")
        assert [vars(c) for c in texts.contexts_of(class_id)] == answer["contexts"]
    lines = (tmp_path / "texts.toml").read_text().splitlines()
    assert lines[0] == "# Class texts by the language model m; its answers are in texts.answers."
    assert '  ["kitchen", "hand", "cup", "do it slowly near the ~", "table"],' in lines


def test_the_answers_are_kept_with_their_provenance(generate, endpoint, good_answer, tmp_path: Path):
    endpoint.script = ["Sorry."]
    generate()
    names = sorted(p.name for p in (tmp_path / "texts.answers").iterdir())
    assert names == ["000-wave.json", "001-put-on-a-hat.json", "002-kick-stamp.json"]
    record = kept(tmp_path, "000-wave")
    assert record["class"] == {"id": 0, "name": "wave"}
    assert record["prompt"]["text"] == class_prompt("wave")
    assert [a["text"] for a in record["answers"]] == ["Sorry.", json.dumps(good_answer("wave"))]
    assert [a["faults"] for a in record["answers"]] == [["there is no JSON object in the answer"], []]
    assert [a["options"]["seed"] for a in record["answers"]] == [0, 1]
    assert [a["model"] for a in record["answers"]] == ["m", "m"]
    assert sum(a["prompt_tokens"] for a in record["answers"]) > 0
    assert record["table"]["label"] == "doing wave"


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [("", "", "malformed"), ("motion", None, "the key 'motion' is missing"), ("verb", "do it", "must be one word")],
)
def test_a_faulty_answer_is_sent_back_with_its_fault(
    generate, endpoint, good_answer, path: str, value: Any, fault: str
):
    answer = json.dumps(changed(good_answer("wave"), path, value)) if path else json.dumps(good_answer("wave"))[:-9]
    endpoint.script = [answer]
    assert generate(("wave",)).accepted == ("wave",)
    first, second = endpoint.requests
    assert [m["role"] for m in second["messages"]] == ["user", "assistant", "user"]
    assert second["messages"][:1] == first["messages"]
    assert second["messages"][1]["content"] == answer
    assert fault in second["messages"][2]["content"]


@pytest.mark.parametrize("trouble", ["429", "500", "hang", "cut"])
def test_a_trouble_of_the_endpoint_does_not_count_as_an_answer(generate, endpoint, trouble: str):
    steps = {
        "429": endpoint.fails(429, Retry_After="0"),
        "500": endpoint.fails(500),
        "hang": endpoint.hangs,
        "cut": endpoint.cuts,
    }
    endpoint.script = [steps[trouble]]
    report = generate(("wave",), attempts=1)
    assert report.out is not None
    assert (report.cost.requests, len(endpoint.requests)) == (1, 2)


def test_classes_that_never_pass_are_reported_and_asked_again_alone(generate, endpoint, good_answer, tmp_path: Path):
    endpoint.script = [json.dumps(good_answer("wave")), "No.", "No, no."]
    report = generate(attempts=2)
    assert report.out is None
    assert report.accepted == ("wave", "kick/stamp")
    assert report.failed == (("put on a hat", "there is no JSON object in the answer"),)
    assert "'put on a hat': no answer passed" in str(report)
    assert "2 of 3 classes" in str(report)
    assert not (tmp_path / "texts.toml").exists()
    asked = len(endpoint.requests)
    assert generate(attempts=2).out == tmp_path / "texts.toml"
    assert endpoint.classes[asked:] == ["put on a hat"]
    # It is told at once what was wrong with the answer of the run before.
    assert endpoint.requests[-1]["messages"][1]["content"] == "No, no."
    assert len(kept(tmp_path, "001-put-on-a-hat")["answers"]) == 3


def test_a_silent_endpoint_is_one_error_and_a_restart_asks_only_the_rest(
    generate, endpoint, good_answer, tmp_path: Path
):
    endpoint.script = [json.dumps(good_answer("wave")), endpoint.hangs, endpoint.hangs]
    message = (
        r"did not answer within 0\.3 s, sent 2 times; it was asked about class 1 \('put on a hat'\) \(in http://127.*/v1\)"
        r"\. Check that it runs.*kept in .*texts\.answers\. Run the same command again to go on\."
    )
    with pytest.raises(MissingModelError, match=message):
        generate()
    assert endpoint.classes == ["wave", "put on a hat", "put on a hat"]
    assert kept(tmp_path, "000-wave")["table"] is not None
    assert not (tmp_path / "texts.toml").exists()
    assert generate().out == tmp_path / "texts.toml"
    assert endpoint.classes[3:] == ["put on a hat", "kick/stamp"]


def test_a_run_that_is_over_asks_nothing_and_changes_nothing(generate, endpoint, tmp_path: Path):
    generate()
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in (tmp_path / "texts.answers").iterdir()}
    text, notes = (tmp_path / "texts.toml").read_bytes(), []
    report = generate(on_note=notes.append)
    assert len(endpoint.requests) == 3
    assert (report.cost.requests, report.accepted) == (0, NAMES)
    assert notes == ["All classes have their texts; nothing is left to ask."]
    assert (tmp_path / "texts.toml").read_bytes() == text
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in (tmp_path / "texts.answers").iterdir()} == before
    assert not (tmp_path / "texts.toml.old").exists()


def test_a_list_that_grows_or_is_reordered_keeps_its_classes(generate, endpoint, tmp_path: Path):
    generate()
    names = ("put on a hat", "jump", "wave")
    assert generate(names).accepted == names
    assert endpoint.classes[3:] == ["jump"]
    assert load_texts(tmp_path / "texts.toml").names == names
    assert load_texts(tmp_path / "texts.toml.old").names == NAMES


def test_names_of_the_same_file_name_do_not_share_it(generate, endpoint, tmp_path: Path):
    generate(("put on",))
    generate(("put-on", "put on"))
    assert endpoint.classes == ["put on", "put-on"]
    assert len(list((tmp_path / "texts.answers").iterdir())) == 2
    assert generate(("put-on", "put on")).cost.requests == 0


def test_a_changed_prompt_is_asked_anew_and_old_answers_stay(generate, endpoint, tmp_path: Path, monkeypatch):
    generate(("wave",))
    monkeypatch.setattr("zsar_kit.semantics.generate.class_prompt", lambda name: class_prompt(name) + "Be brief.")
    generate(("wave",))
    assert len(endpoint.requests) == 2
    assert len(endpoint.requests[-1]["messages"]) == 1
    assert len({a["prompt"] for a in kept(tmp_path, "000-wave")["answers"]}) == 2


class Dying:
    """A model that answers well and dies at one of its answers, as if the machine had gone."""

    name, retries = "dying", 0

    def __init__(self, answers: list[str]) -> None:
        self.answers, self.asked = answers, 0

    def complete(self, messages: list[dict[str, str]], *, max_tokens: int, temperature: float, seed: int) -> Completion:
        self.asked += 1
        if not self.answers:
            raise KeyboardInterrupt
        return Completion(self.answers.pop(0), None, None)


@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_a_run_that_is_stopped_anywhere_goes_on(generate, good_answer, tmp_path: Path, before: int):
    answers = ["no", *(json.dumps(good_answer(name)) for name in NAMES)]
    dying = Dying(answers[:before])
    with pytest.raises(KeyboardInterrupt):
        generate(model=dying)
    rest = Dying(answers[before:])
    report = generate(model=rest)
    assert report.out == tmp_path / "texts.toml"
    assert rest.asked == 4 - before
    assert len(kept(tmp_path, "000-wave")["answers"]) == 2


def test_a_killed_process_goes_on(generate, endpoint, good_answer, tmp_path: Path):
    endpoint.script = [json.dumps(good_answer("wave")), endpoint.hangs]
    code = f"""
from zsar_kit.semantics.generate import GenerateConfig, generate_texts
from zsar_kit.semantics.text_models import EndpointModel
generate_texts({NAMES!r}, EndpointModel({endpoint.url!r}, "m"), GenerateConfig("m"), "texts.toml", dataset="mine",
               vocabulary={sorted(endpoint.vocabulary)!r})
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE)
    try:
        asked = [endpoint.asked.acquire(timeout=40) for _ in range(2)]
    finally:
        process.kill()
    _, told = process.communicate()
    assert asked == [True, True], told.decode()
    assert process.returncode == -signal.SIGKILL
    assert [p.name for p in (tmp_path / "texts.answers").iterdir()] == ["000-wave.json"]
    assert generate().out == tmp_path / "texts.toml"
    assert endpoint.classes[2:] == ["put on a hat", "kick/stamp"]


# --- cost -------------------------------------------------------------------------------------------------------------


def test_the_bound_bounds_what_the_endpoint_charges(generate, endpoint, tmp_path: Path):
    """The dearest endpoint: a token a byte, no answer passes, each is as long as allowed and lost once on its way."""
    long = json.dumps({"label": "x", **{f"key {i} {'x' * 60}": 0 for i in range(40)}})
    long += "ä" * ((9999 - len(long)) // 2) + "x" * ((9999 - len(long)) % 2)
    config = {"attempts": 3, "max_tokens": 9999, "price_in": 1e6, "price_out": 2e6}
    names = ("wave", "Übung " * 50)

    def lost(handler: Any) -> None:
        endpoint.charge(long)
        endpoint.cuts(handler)

    for _ in range(2):  # the second run quotes an answer from its first request on
        model = EndpointModel(endpoint.url, "m", timeout=5.0, retries=1)
        most = estimate_texts(names, model, GenerateConfig("m", **config), tmp_path / "texts.toml").most
        endpoint.charged, endpoint.requests, endpoint.script = [0, 0], [], [lost, long] * 6
        report = generate(names, model, **config)
        assert len(report.failed) == 2
        assert len(endpoint.requests) == most.requests == 12
        assert 0.995 * most.prompt_tokens < endpoint.charged[0] <= most.prompt_tokens
        assert endpoint.charged[1] == most.answer_tokens == 12 * 9999
        assert most.price == most.prompt_tokens + 2 * most.answer_tokens
        assert [report.cost.prompt_tokens, report.cost.answer_tokens] == [c / 2 for c in endpoint.charged]


def test_retries_on_the_way_multiply_the_bound(endpoint, tmp_path: Path):
    config = GenerateConfig("m", attempts=2)
    costs = [
        estimate_texts(NAMES, EndpointModel(endpoint.url, "m", retries=r), config, tmp_path / "t.toml").most
        for r in (0, 3)
    ]
    assert costs[0].requests == 6
    assert [getattr(costs[1], f) for f in ("requests", "prompt_tokens", "answer_tokens")] == [
        4 * getattr(costs[0], f) for f in ("requests", "prompt_tokens", "answer_tokens")
    ]


def test_the_estimate_is_told_before_anything_is_sent(generate, endpoint):
    notes: list[tuple[str, int]] = []
    generate(on_note=lambda note: notes.append((note, len(endpoint.requests))), price_in=1.0, price_out=4.0)
    ((note, sent),) = notes
    assert sent == 0
    assert note.startswith("3 classes to ask. Expected (an estimate, 4 bytes a token): 3 requests, ")
    assert "At most: 18 requests, " in note  # three answers a class, each sent twice
    assert note.count("price ") == 2


def test_without_prices_none_is_told(endpoint, tmp_path: Path):
    estimate = estimate_texts(NAMES, EndpointModel(endpoint.url, "m"), GenerateConfig("m"), tmp_path / "t.toml")
    assert "price" not in str(estimate)
    assert estimate.expected.requests == estimate.classes == 3
    assert estimate.expected.prompt_tokens < estimate.most.prompt_tokens
    assert endpoint.requests == []


def test_a_price_beyond_the_limit_is_refused_before_any_request(generate, endpoint, tmp_path: Path):
    prices = {"price_in": 1.0, "price_out": 4.0}
    with pytest.raises(ConfigError, match=r"could cost 0\.\d+, more than 'max_price' 0\.05; nothing was sent"):
        generate(**prices, max_price=0.05)
    assert endpoint.requests == []
    assert list(tmp_path.iterdir()) == []
    assert generate(**prices, max_price=5.0).out is not None


def test_an_endpoint_that_keeps_to_no_bound_is_stopped(generate, endpoint, tmp_path: Path):
    endpoint.script = ["x" * 100_000]
    with pytest.raises(MissingModelError, match="does not respect 'max_tokens' 10"):
        generate(("wave",), attempts=2, max_tokens=10, price_in=0.0, price_out=1e6, max_price=1000.0)
    assert len(endpoint.requests) == 1
    assert len(kept(tmp_path, "000-wave")["answers"]) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attempts": 0}, "'attempts' must be at least 1"),
        ({"max_tokens": 0}, "'max_tokens' must be at least 1"),
        ({"temperature": 3}, "'temperature' must be from 0 to 2"),
        ({"price_in": 1.0}, "'price_out' is missing"),
        ({"max_price": 1.0}, "'price_in' is missing"),
        ({"price_in": -1.0, "price_out": 1.0}, "'price_in' must be a price"),
        ({"model": " "}, "'model' must be the name of a model"),
    ],
)
def test_bad_settings_are_refused(changes: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        GenerateConfig(**{"model": "m", **changes})


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_file_that_was_not_generated_is_not_overwritten(generate, endpoint, tmp_path: Path):
    (tmp_path / "texts.toml").write_text("mine")
    with pytest.raises(ConfigError, match=r"no folder texts\.answers next to it"):
        generate()
    assert (tmp_path / "texts.toml").read_text() == "mine"
    assert endpoint.requests == []


@pytest.mark.parametrize("damage", ["{", '{"schema": 2}', "[]", '{"schema": 1}'])
def test_a_damaged_answer_is_told_by_file(generate, endpoint, tmp_path: Path, damage: str):
    generate(("wave",))
    (tmp_path / "texts.answers" / "000-wave.json").write_text(damage)
    with pytest.raises(TextError, match=r"damaged.*000-wave\.json.*Remove the file"):
        generate(("wave",))
    assert len(endpoint.requests) == 1


def test_an_answer_of_any_characters_can_be_kept(generate, endpoint, tmp_path: Path):
    endpoint.script = ["\ud800 \x00 \x7f no"]
    assert generate(("wave",)).out is not None
    assert kept(tmp_path, "000-wave")["answers"][0]["text"] == "? \x00 \x7f no"


def test_the_writer_escapes_what_toml_wants_escaped(tmp_path: Path):
    label = 'a "quoted" \\ back\x7fslash ü'
    text = toml_text('my "set"', [{"id": 3, "name": "x", "label": label, "noun": ["a", "b"]}], "two\nlines")
    (tmp_path / "t.toml").write_text(text, encoding="utf-8")
    texts = load_texts(tmp_path / "t.toml")
    assert texts.dataset == 'my "set"'
    assert texts.of("label", 3) == label
    assert texts.sentences("noun", 3) == ("a", "b")


@pytest.mark.parametrize(("out", "dataset"), [("texts.json", "mine"), ("texts.toml", " "), ("texts.toml", "a\nb")])
def test_a_bad_target_is_refused_before_any_request(endpoint, tmp_path: Path, out: str, dataset: str):
    model = EndpointModel(endpoint.url, "m")
    with pytest.raises(ConfigError):
        generate_texts(NAMES, model, GenerateConfig("m"), tmp_path / out, dataset=dataset, vocabulary=())
    assert endpoint.requests == []


@pytest.mark.offline_lm
def test_words_are_those_of_the_offline_model_unless_told(endpoint, offline_encoder, tmp_path: Path):
    model, out = EndpointModel(endpoint.url, "m"), tmp_path / "t.toml"
    report = generate_texts(["wave"], model, GenerateConfig("m"), out, dataset="mine", progress=False)
    assert report.out == out
