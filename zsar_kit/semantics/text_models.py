"""Language models that write text: any OpenAI-compatible endpoint. Models on this machine: :mod:`.local_models`.

The key of an endpoint is read from the environment and put into the header of its requests, and nowhere else: not into
a message, a log or a file.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from zsar_kit.errors import ConfigError, MissingModelError
from zsar_kit.reprs import shortened
from zsar_kit.semantics.model_files import first_line
from zsar_kit.semantics.prompts import Messages

log = logging.getLogger("zsar_kit")

_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
"""Seconds before a broken reply is requested again, the first time and at most; those of the client library."""

_SHORTEST_SECRET = 8
"""Shortest key, in characters, that is removed from what the endpoint says; shorter ones are words such as EMPTY."""


@dataclass(frozen=True)
class Completion:
    """The answer of a model.

    Args:
        text: the answer.
        prompt_tokens: tokens that it read; None if the endpoint does not say.
        answer_tokens: tokens that it wrote; None likewise.
        cut: whether it stopped because the answer reached the allowed length.
    """

    text: str
    prompt_tokens: int | None
    answer_tokens: int | None
    cut: bool = False

    def __repr__(self) -> str:
        tokens = f"{self.prompt_tokens} tokens read, {self.answer_tokens} written"
        return f"Completion({shortened(self.text, 40)!r}, {tokens}{', cut' if self.cut else ''})"


@runtime_checkable
class TextModel(Protocol):
    """A model that answers a conversation.

    Attributes:
        name: the model's name, for the record.
        retries: how often a failed request is sent again; each may cost.
    """

    name: str
    retries: int

    def complete(
        self,
        messages: Messages,
        *,
        max_tokens: int,
        temperature: float,
        seed: int,
        schema: Mapping[str, Any] | None = None,
    ) -> Completion:
        """The answer to a conversation.

        Args:
            messages: the conversation.
            max_tokens: longest answer.
            temperature: 0 takes the likeliest word.
            seed: of the sampling.
            schema: JSON schema of the answer, for models that can be held to one; others ignore it.

        Raises:
            MissingModelError: there is no answer to be had.
        """
        ...


class EndpointModel:
    """A model behind an OpenAI-compatible endpoint.

    Args:
        base_url: address of the endpoint, e.g. ``https://api.openai.com/v1`` or ``http://localhost:8000/v1``.
        model: name of the model there.
        key_env: environment variable with the key; an endpoint on this machine needs none.
        timeout: seconds of silence after which a request counts as failed.
        retries: how often a request is sent again after a connection failure, a rate limit or a server error; with
            growing pauses, or those that the server asks for.

    Raises:
        MissingModelError: the client library is not installed, or the key is missing.
        ConfigError: the address is not a web address or contains a secret; timeout or retries are out of range.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        key_env: str = "OPENAI_API_KEY",
        timeout: float = 120.0,
        retries: int = 4,
    ):
        if timeout <= 0 or retries < 0:
            raise ConfigError(f"'timeout' must be above 0 and 'retries' at least 0, got {timeout!r} and {retries!r}")
        is_local = _checked_url(base_url)
        self.name, self.base_url, self.retries = model, base_url, retries
        self._key_env, self._timeout = key_env, timeout
        self._key = _read_key(key_env, base_url, is_local)
        self._client = _client(base_url, self._key or "none", timeout, is_local)
        self._refused: set[str] = set()

    def __repr__(self) -> str:
        return f"EndpointModel({shortened(self.name, 80)!r}, at {shortened(self.base_url, 120)!r})"

    def complete(
        self,
        messages: Messages,
        *,
        max_tokens: int,
        temperature: float,
        seed: int,
        schema: Mapping[str, Any] | None = None,
    ) -> Completion:
        """The answer to a conversation; an endpoint that refuses a schema is asked without one from then on.

        Raises:
            MissingModelError: the endpoint is silent, cannot be reached, refuses, or does not answer with a completion.
        """
        request = {"messages": messages, "max_tokens": max_tokens, "temperature": temperature, "seed": seed}
        if schema is not None:
            held_to = {"name": "answer", "strict": True, "schema": dict(schema)}
            request["response_format"] = {"type": "json_schema", "json_schema": held_to}
        left, pause = self.retries, _PAUSE
        while True:
            reply = self._send(request, left)
            try:
                return self._completion(reply.parse())
            except (ValueError, TypeError, AttributeError, IndexError) as error:
                left -= reply.retries_taken + 1
                if left < 0:
                    raise self._error(
                        f"answered, but not with a chat completion ({self._told(error)}), sent {self._times()}",
                        "Check the address: it usually ends in /v1.",
                    ) from None
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _send(self, request: dict[str, Any], retries: int) -> Any:
        """The raw reply; the client library repeats requests where that can help."""
        import openai

        create = self._client.with_options(max_retries=retries).chat.completions.with_raw_response.create
        try:
            return create(model=self.name, **self._spoken(request))
        except openai.BadRequestError as error:
            # A refused request produces no answer, so it costs nothing.
            if self._learn(request, str(error)):
                return self._send(request, retries)
            raise self._error(f"refused the request: {self._told(error)}", "Check the model's name.") from None
        except openai.APITimeoutError:
            raise self._error(
                f"did not answer within {self._timeout:g} s, sent {self._times()}",
                "Check that it runs and that the address is right, or give it more time.",
            ) from None
        except openai.APIConnectionError as error:
            told = self._told(error.__cause__ or error)
            raise self._error(
                f"cannot be reached or cut the connection, sent {self._times()}: {told}",
                "Check that it runs, the address and the network.",
            ) from None
        except openai.APIStatusError as error:
            raise self._status_error(error) from None
        except openai.OpenAIError as error:
            raise self._error(f"cannot be asked: {self._told(error)}", "Check the address.") from None

    def _spoken(self, request: dict[str, Any]) -> dict[str, Any]:
        """The request, with the option names that this endpoint knows."""
        spoken = {key: value for key, value in request.items() if key not in self._refused}
        if "max_tokens" in self._refused:
            spoken["max_completion_tokens"] = request["max_tokens"]
        return spoken

    def _learn(self, request: dict[str, Any], complaint: str) -> bool:
        """Whether the complaint is about an option that this model does not have, or names differently."""
        if "max_completion_tokens" in complaint and "max_tokens" not in self._refused:
            self._refused.add("max_tokens")
            return True
        named = ("response_format", "json_schema")
        if "response_format" in self._spoken(request) and any(name in complaint for name in named):
            log.warning("%s does not take a JSON schema; answers are checked all the same", self.name)
            self._refused.add("response_format")
            return True
        for option in ("temperature", "seed"):
            if f"'{option}'" in complaint and option not in self._refused:
                log.warning("%s does not take %r; the option is left out from now on", self.name, option)
                self._refused.add(option)
                return True
        return False

    def _status_error(self, error: Any) -> MissingModelError:
        status, told = error.status_code, self._told(error)
        if status in (401, 403):
            key = f"the key of the environment variable {self._key_env}" if self._key else "a request without key"
            return self._error(
                f"refused {key} (status {status}): {told}", f"Set {self._key_env} to a key that may use the model."
            )
        if status == 404:
            return self._error(
                f"knows no such address or model {self.name!r} (status 404): {told}",
                "Check the model's name, and the address: it usually ends in /v1.",
            )
        again = f", sent up to {self._times()}" if status in (408, 409, 429) or status >= 500 else ""
        return self._error(f"failed with status {status}{again}: {told}", "Wait, or ask another endpoint.")

    def _completion(self, parsed: Any) -> Completion:
        """The answer in a reply.

        Raises:
            TypeError: the reply has another form. Missing attributes raise errors of their own.
        """
        if isinstance(parsed, str):
            raise TypeError(f"not JSON: {parsed[:60]!r}")
        if not parsed.choices:
            told = getattr(parsed, "error", None)
            raise TypeError("no 'choices' in it" if told is None else f"but {told}")
        choice, usage = parsed.choices[0], parsed.usage
        text = choice.message.content or ""
        if not isinstance(text, str):
            raise TypeError("its 'content' is no text")
        counts = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
        known = [count if isinstance(count, int) else None for count in counts]
        return Completion(self._without_key(text), known[0], known[1], choice.finish_reason == "length")

    def _error(self, problem: str, remedy: str) -> MissingModelError:
        return MissingModelError(f"the endpoint {problem}", where=self.base_url, remedy=remedy)

    def _times(self) -> str:
        return "1 time" if self.retries == 0 else f"{self.retries + 1} times"

    def _told(self, error: BaseException) -> str:
        """The first line of another library's message, without the key, which some endpoints repeat."""
        text = self._without_key(str(error)) or type(error).__name__
        return first_line(Exception(text)).rstrip(".")

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "***") if len(self._key) >= _SHORTEST_SECRET else text


def _checked_url(base_url: str) -> bool:
    """Whether the endpoint is on this machine.

    Raises:
        ConfigError: it is not a web address, or it has a user or a query, which may contain secrets.
    """
    example = "Give it in the form https://HOST/v1."
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigError("the address of the endpoint is malformed", where="base_url", remedy=example) from None
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ConfigError(
            "the address of the endpoint has a user, a password or a query; it is stored with the answers, so it must "
            "not contain a secret",
            where="base_url",
            remedy="Pass the key in the environment.",
        )
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"the endpoint must be a web address, got {base_url!r}", where="base_url", remedy=example)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _read_key(variable: str, base_url: str, is_local: bool) -> str:
    """The key; empty for an endpoint on this machine that needs none."""
    key = os.environ.get(variable, "").strip()
    if not key and not is_local:
        raise MissingModelError(
            f"the endpoint needs a key, and the environment variable {variable} is not set",
            where=base_url,
            remedy=f"Set it: export {variable}=...",
        )
    if not (key.isascii() and key.isprintable()):
        raise MissingModelError(
            f"the environment variable {variable} has characters that cannot be part of a key",
            where=base_url,
            remedy="Copy the key again.",
        )
    return key


def _client(base_url: str, key: str, timeout: float, is_local: bool) -> Any:
    """The client library's client."""
    try:
        import openai
    except ImportError:
        raise MissingModelError(
            "the client library for endpoints is not installed", remedy='Run: pip install "zsar-kit[generate]"'
        ) from None
    # Its log would print every request into the progress bar.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    # An endpoint on this machine is never behind a proxy, whatever the environment says.
    http = openai.DefaultHttpxClient(trust_env=False) if is_local else None
    return openai.OpenAI(base_url=base_url, api_key=key, timeout=timeout, http_client=http)
