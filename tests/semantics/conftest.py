"""Tiny text models with random weights, saved as a user would find them, the offline default model, and an endpoint."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from zsar_kit.errors import MissingModelError
from zsar_kit.semantics.text_encoder import TextEncoder, load_text_encoder

WORDS = (
    "the",
    "right",
    "left",
    "arm",
    "hand",
    "leg",
    "head",
    "rises",
    "lowers",
    "bends",
    "turns",
    "and",
    "once",
)


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of width 16 and 12 positions whose vocabulary is WORDS."""
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("models") / "tiny-bert"
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
    BertTokenizer(vocab=vocabulary, model_max_length=12).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=12,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole CLIP (text and vision): text width 16, projected to 8; 10 positions."""
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("models") / "tiny-clip"
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    units = [*letters, *(f"{x}</w>" for x in letters), "ar", "arm</w>", "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {unit: i for i, unit in enumerate(units)}
    merges = [("a", "r"), ("ar", "m</w>")]
    CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=10).save_pretrained(folder)
    text = {
        "vocab_size": len(units),
        "hidden_size": 16,
        "projection_dim": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 10,
        "bos_token_id": len(units) - 2,
        "eos_token_id": len(units) - 1,
    }
    vision = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    vision |= {"image_size": 8, "patch_size": 4}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def bert(bert_folder: Path) -> TextEncoder:
    return load_text_encoder(bert_folder)


@pytest.fixture(scope="session")
def clip(clip_folder: Path) -> TextEncoder:
    return load_text_encoder(str(clip_folder))


@pytest.fixture(scope="session")
def offline_encoder() -> TextEncoder:
    """The offline default model; where it is not installed tests skip, but fail in CI."""
    try:
        return load_text_encoder()
    except MissingModelError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


def good_answer(name: str) -> dict[str, Any]:
    """An answer that passes, of words that no other class has."""
    places = ["kitchen", "office", "park", "school", "street", "garden", "hotel", "train", "beach", "gym"]
    context = {
        "body_part": "hand",
        "used_object": "cup",
        "sub_action": "do it slowly near the ~",
        "target_object": "table",
    }
    return {
        "label": f"doing {name}",
        "definition": f"To do what is called {name}.",
        "motion": f"One hand rises and sinks as in {name}.",
        "noun": "cup",
        "verb": "do",
        "key_parts": ["hand", "arm"],
        "parts": {
            "head": "The head keeps still.",
            "hands": "One hand rises and sinks.",
            "torso": "The torso keeps still.",
            "legs": "The legs keep still.",
        },
        "phases": {phase: f"The {phase} is slow." for phase in ("start", "middle", "end")},
        "contexts": [{"environment": place, **context} for place in places],
    }


class Endpoint:
    """A chat-completions server on this machine that plays a script and, when that is over, answers well.

    A step of the script is the content of an answer, or a function that does what it likes with the request handler.
    """

    vocabulary = frozenset(
        ["kitchen", "office", "park", "school", "street", "garden", "hotel", "train", "beach", "gym", "cup", "table"]
    )

    def __init__(self) -> None:
        self.script: list[str | Callable[[Any], None]] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.charged = [0, 0]
        self.asked, self.over = threading.Semaphore(0), threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                endpoint.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def classes(self) -> list[str]:
        """The class that each request asked about."""
        found = [re.search(r"one action class: (.*)", r["messages"][0]["content"]) for r in self.requests]
        return [json.loads(match[1]) for match in found if match]

    def answer(self, handler: Any) -> None:
        """Serve one request."""
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.requests.append(body)
        self.keys.append(handler.headers["Authorization"])
        step = self.script.pop(0) if self.script else json.dumps(good_answer(self.classes[-1]))
        self.asked.release()
        if callable(step):
            step(handler)
        else:
            self.say(handler, step)

    def charge(self, text: str) -> list[int]:
        """Charge a token for every byte and some for the form of each message, as a dear model would."""
        size = sum(len(message["content"].encode()) + 64 for message in self.requests[-1]["messages"])
        counts = [size, len(text.encode(errors="replace"))]
        self.charged = [a + b for a, b in zip(self.charged, counts, strict=True)]
        return counts

    def say(self, handler: Any, text: str) -> None:
        """Answer, and charge for it."""
        counts = self.charge(text)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": counts[0], "completion_tokens": counts[1], "total_tokens": sum(counts)}
        content = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        self.send(handler, 200, json.dumps(content | {"usage": usage}).encode())

    def send(self, handler: Any, status: int, body: bytes, *, length: int | None = None, **headers: str) -> None:
        """Send a whole reply, or, where the length is more than that of the body, a part of one."""
        handler.send_response(status)
        for key, value in {"Content-Type": "application/json", **headers}.items():
            handler.send_header(key.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)

    def fails(self, status: int, message: str = "no", **headers: str) -> Callable[[Any], None]:
        """A step: an error of the server."""
        body = json.dumps({"error": {"message": message}}).encode()
        return lambda handler: self.send(handler, status, body, **headers)

    def hangs(self, handler: Any) -> None:
        """A step: no reply for as long as the test lasts."""
        self.over.wait(30)

    def cuts(self, handler: Any) -> None:
        """A step: the connection ends in the midst of the reply."""
        self.send(handler, 200, b'{"id": "1", "choi', length=5000)
        handler.close_connection = True


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """An endpoint on this machine; the client's first pause is short, and no key is set."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setattr("zsar_kit.semantics.text_models._PAUSE", 0.01)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    found = Endpoint()
    yield found
    found.over.set()
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture(name="good_answer")
def good_answer_fixture() -> Callable[[str], dict[str, Any]]:
    """See :func:`good_answer`."""
    return good_answer
