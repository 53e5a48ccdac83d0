"""Models that write: an endpoint that misbehaves in every way, its key, and a model on this machine that recites."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import pytest
import torch

from zsar_kit.errors import ConfigError, MissingModelError
from zsar_kit.semantics.generate import GenerateConfig, generate_texts
from zsar_kit.semantics.local_models import LocalModel
from zsar_kit.semantics.prompts import class_prompt
from zsar_kit.semantics.text_models import Completion, EndpointModel, TextModel

KEY = "sk-0123456789abcdef"
QUESTION = [{"role": "user", "content": "Say yes."}]


def ask(model: Any, **changes: Any) -> Completion:
    return model.complete(QUESTION, **{"max_tokens": 50, "temperature": 0.0, "seed": 3, **changes})


def test_an_endpoint_is_asked_in_its_language(endpoint):
    endpoint.script = ["yes"]
    model = EndpointModel(endpoint.url, "some/model")
    assert isinstance(model, TextModel)
    assert ask(model) == Completion("yes", 72, 3)
    expected = {"model": "some/model", "messages": QUESTION, "max_tokens": 50, "temperature": 0.0, "seed": 3}
    assert endpoint.requests == [expected]


@pytest.mark.parametrize(
    "trouble",
    ["429", "429 with a time", "500", "hang", "cut", "no JSON", "no choices", "HTML", "JSON null"],
)
def test_a_passing_trouble_is_waited_out(endpoint, trouble: str):
    steps = {
        "429": endpoint.fails(429, Retry_After="0"),
        "429 with a time": endpoint.fails(429, Retry_After="0.4"),
        "500": endpoint.fails(500),
        "hang": endpoint.hangs,
        "cut": endpoint.cuts,
        "no JSON": lambda handler: endpoint.send(handler, 200, b'{"choices": [{"mess'),
        "no choices": lambda handler: endpoint.send(handler, 200, b'{"error": {"message": "overloaded"}}'),
        "HTML": lambda handler: endpoint.send(handler, 200, b"<html>", Content_Type="text/html"),
        "JSON null": lambda handler: endpoint.send(handler, 200, b"null"),
    }
    endpoint.script = [steps[trouble], "yes"]
    start = time.monotonic()
    assert ask(EndpointModel(endpoint.url, "m", timeout=0.3, retries=1)).text == "yes"
    assert len(endpoint.requests) == 2
    if trouble == "429 with a time":
        assert time.monotonic() - start >= 0.4


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        ("hang", r"did not answer within 0\.2 s, sent 3 times \(in http://127.*/v1\)\. Check that it runs"),
        ("cut", r"cut the connection, sent 3 times: .*\(in http://127"),
        ("500", r"failed with status 503, sent up to 3 times: .*busy"),
        ("no JSON", r"not with a chat completion \(.*\), sent 3 times .*/v1"),
    ],
)
def test_a_lasting_trouble_is_one_error_after_all_retries(endpoint, trouble: str, message: str):
    steps = {
        "hang": endpoint.hangs,
        "cut": endpoint.cuts,
        "500": endpoint.fails(503, "busy"),
        "no JSON": lambda handler: endpoint.send(handler, 200, b"{"),
    }
    endpoint.script = [steps[trouble]] * 9
    with pytest.raises(MissingModelError, match=message):
        ask(EndpointModel(endpoint.url, "m", timeout=0.2, retries=2))
    assert len(endpoint.requests) == 3


def test_mixed_troubles_do_not_get_more_retries_than_allowed(endpoint):
    broken = [endpoint.fails(500), lambda handler: endpoint.send(handler, 200, b"{")]
    endpoint.script = [*broken, *broken, *broken]
    with pytest.raises(MissingModelError, match="sent"):
        ask(EndpointModel(endpoint.url, "m", retries=2))
    assert len(endpoint.requests) == 3


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, r"refused the key of the environment variable SOME_KEY \(status 401\).*Set SOME_KEY to a key"),
        (403, r"refused the key .*\(status 403\)"),
        (404, r"knows no such address or model 'm' .*ends in /v1"),
        (400, r"refused the request"),
        (413, r"failed with status 413: "),
    ],
)
def test_a_refusal_is_told_at_once(endpoint, monkeypatch: pytest.MonkeyPatch, status: int, message: str):
    monkeypatch.setenv("SOME_KEY", KEY)
    endpoint.script = [endpoint.fails(status, f"Incorrect key: {KEY}.")] * 3
    with pytest.raises(MissingModelError, match=message) as caught:
        ask(EndpointModel(endpoint.url, "m", key_env="SOME_KEY"))
    assert len(endpoint.requests) == 1
    assert endpoint.keys == [f"Bearer {KEY}"]
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert "***" in str(caught.value)


def test_the_key_is_written_nowhere(endpoint, good_answer, monkeypatch, tmp_path: Path, caplog):
    """Not even where the endpoint repeats it, and not in the most talkative log."""
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
    caplog.set_level(logging.DEBUG)
    answer = good_answer("wave") | {"label": f"waving {KEY}"}
    endpoint.script = [endpoint.fails(429, KEY), f"No, {KEY}.", json.dumps(answer)]
    model = EndpointModel(endpoint.url, "m")
    report = generate_texts(
        ["wave"],
        model,
        GenerateConfig("m"),
        tmp_path / "texts.toml",
        dataset="mine",
        vocabulary=endpoint.vocabulary,
        progress=False,
    )
    assert endpoint.keys == [f"Bearer {KEY}"] * 3
    written = [p.read_text() for p in tmp_path.rglob("*") if p.is_file()]
    assert len(written) == 2
    assert all("***" in text for text in written)
    assert KEY not in "".join([*written, caplog.text, str(report), repr(model)])
    assert caplog.text


def test_only_an_endpoint_on_this_machine_needs_no_key(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for host in ("localhost", "127.0.0.1", "[::1]"):
        EndpointModel(f"http://{host}:1/v1", "m")
    with pytest.raises(MissingModelError, match=r"OPENAI_API_KEY is not set .*example\.org.*export OPENAI_API_KEY="):
        EndpointModel("https://example.org/v1", "m")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ü")
    with pytest.raises(MissingModelError, match="characters that cannot be part of a key"):
        EndpointModel("https://example.org/v1", "m")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://user:secret@example.org/v1", "has a user, a password or a query"),
        ("https://example.org/v1?key=secret", "has a user, a password or a query"),
        ("example.org/v1", "must be a web address"),
        ("ftp://example.org", "must be a web address"),
        ("http://example.org:port/v1", "malformed"),
    ],
)
def test_addresses_that_are_none_or_hold_a_secret_are_refused(url: str, message: str):
    with pytest.raises(ConfigError, match=message) as caught:
        EndpointModel(url, "m")
    assert "secret@" not in str(caught.value)
    assert "=secret" not in str(caught.value)


def test_an_endpoint_that_is_not_there_is_told(endpoint):
    model = EndpointModel("http://127.0.0.1:1/v1", "m", retries=1)
    with pytest.raises(MissingModelError, match=r"cannot be reached .*sent 2 times: .*refused"):
        ask(model)


def test_an_endpoint_on_this_machine_is_asked_without_a_proxy(endpoint, monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    endpoint.script = ["yes"]
    assert ask(EndpointModel(endpoint.url, "m", retries=0)).text == "yes"


def test_the_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingModelError, match=r'pip install "zsar-kit\[generate\]"'):
        EndpointModel("http://localhost:1/v1", "m")


def test_options_that_a_model_does_not_know_are_left_out(endpoint, caplog):
    endpoint.script = [
        endpoint.fails(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        endpoint.fails(400, "Unsupported value: 'temperature' must be 1."),
        "yes",
        "yes",
    ]
    model = EndpointModel(endpoint.url, "m", retries=0)
    assert [ask(model).text, ask(model).text] == ["yes", "yes"]
    assert endpoint.requests[2] == endpoint.requests[3]
    assert endpoint.requests[3] == {"model": "m", "messages": QUESTION, "max_completion_tokens": 50, "seed": 3}
    assert "does not take 'temperature'" in caplog.text


def test_an_answer_without_content_is_empty_and_a_cut_one_says_so(endpoint):
    choice = {"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": None}}
    body = json.dumps({"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]})
    endpoint.script = [lambda handler: endpoint.send(handler, 200, body.encode())]
    assert ask(EndpointModel(endpoint.url, "m")) == Completion("", None, None, cut=True)


@pytest.fixture
def reciter(tmp_path: Path):
    """Makes a GPT-2 that says a text after a prompt of known length, whatever the prompt says.

    Its blocks add nothing and its words have no meaning to it: each position alone decides which word comes next.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    def make(text: str, prompt: str, template: str | None) -> Path:
        pieces = re.findall(r".{1,40}", text, flags=re.DOTALL)
        words = ["<unk>", "<end>", *dict.fromkeys(pieces)]
        tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\s+"), "removed")
        tokenizer.decoder = decoders.Fuse()
        fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<end>")
        fast.chat_template = template
        length = len(fast(prompt)["input_ids"])
        said = [words.index(piece) for piece in pieces] + [1]
        config = GPT2Config(
            vocab_size=len(words),
            n_embd=len(words),
            n_layer=1,
            n_head=1,
            n_positions=length + len(said) + 5,
            eos_token_id=1,
            bos_token_id=1,
            tie_word_embeddings=False,
        )
        model = GPT2LMHeadModel(config)
        with torch.no_grad():
            for name, weight in model.named_parameters():
                weight.zero_() if not name.startswith("transformer.ln_f.weight") else weight.fill_(1.0)
            model.lm_head.weight.copy_(torch.eye(len(words)))
            for i, token in enumerate(said):
                model.transformer.wpe.weight[length - 1 + i, token] = 1.0
        folder = tmp_path / "reciter"
        model.save_pretrained(folder)
        fast.save_pretrained(folder)
        return folder

    return make


CHAT = (
    "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} {% endfor %}{% if add_generation_prompt %}>{% endif %}"
)


@pytest.mark.parametrize("template", [None, CHAT])
def test_a_local_model_recites_texts_that_are_accepted(reciter, endpoint, good_answer, tmp_path: Path, template):
    answer = json.dumps(good_answer("wave"), indent=1)
    prompt = class_prompt("wave")
    folder = reciter(answer, prompt if template is None else f"<user> {prompt} >", template)
    model = LocalModel(folder, "cpu")
    assert (model.name, model.retries) == ("reciter", 0)
    assert isinstance(model, TextModel)
    said = model.complete([{"role": "user", "content": prompt}], max_tokens=1000, temperature=0.0, seed=0)
    assert said.text == answer
    assert said.prompt_tokens == len(prompt.split()) + (0 if template is None else 2)
    assert not said.cut
    report = generate_texts(
        ["wave"],
        model,
        GenerateConfig("reciter"),
        tmp_path / "texts.toml",
        dataset="mine",
        vocabulary=endpoint.vocabulary,
        progress=False,
    )
    assert report.accepted == ("wave",)
    assert report.cost.prompt_tokens == said.prompt_tokens


def test_a_local_answer_that_is_cut_says_so_and_a_long_question_is_refused(reciter):
    model = LocalModel(reciter("one two three " * 20, "Say yes.", None), "cpu")
    assert ask(model, max_tokens=3).cut
    long = [{"role": "user", "content": "word " * 500}]
    with pytest.raises(MissingModelError, match=r"has 500 tokens, reciter reads \d+"):
        model.complete(long, max_tokens=3, temperature=0.0, seed=0)


def test_drawn_words_depend_on_the_seed_alone(reciter):
    model = LocalModel(reciter("".join(f"word {i} " for i in range(40)), "Say yes.", None), "cpu")
    state = torch.random.get_rng_state()
    first, again, other = (ask(model, temperature=2.0, seed=seed).text for seed in (1, 1, 2))
    assert first == again != other
    assert torch.equal(torch.random.get_rng_state(), state)


def test_models_that_do_not_write_are_refused(bert_folder: Path, tmp_path: Path):
    with pytest.raises(MissingModelError, match="lacks weights of a model that writes"):
        LocalModel(bert_folder, "cpu")
    with pytest.raises(MissingModelError, match=r"no folder .*a causal language model that writes"):
        LocalModel(tmp_path / "absent", "cpu")
    with pytest.raises(MissingModelError, match="not a text model: no config"):
        LocalModel(tmp_path, "cpu")
