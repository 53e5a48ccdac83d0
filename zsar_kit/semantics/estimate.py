"""What generating class texts will cost, the expected and the largest amount, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zsar_kit.config import Config
from zsar_kit.errors import ConfigError
from zsar_kit.semantics.prompts import next_messages_bytes

BYTES_PER_TOKEN = 4
"""Rough length of a token in English text; used for expected costs, never for upper bounds."""

MESSAGE_TOKENS = 64
"""Upper bound of the tokens that a chat template adds to a message: its role, and marks of its start and end."""

ANSWER_BYTES = 2500
"""Usual length of an answer: the mean of the kit's own texts, written as answers."""


@dataclass(frozen=True)
class GenerateConfig(Config):
    """How class texts are generated.

    Args:
        model: the model's name at the endpoint or on the hub, or its folder.
        temperature: 0 always takes the likeliest word.
        max_tokens: longest answer, in tokens.
        attempts: answers requested for a class before it counts as failed; each request lists the faults of the last
            answer.
        seed: of models that sample their answers; it grows by one with every answer about a class.
        price_in: price of a million tokens read, in any currency; None if unknown.
        price_out: price of a million tokens written.
        max_price: upper limit, in the same currency; nothing is sent if the run could cost more.
    """

    model: str
    temperature: float = 0.0
    max_tokens: int = 4000
    attempts: int = 3
    seed: int = 0
    price_in: float | None = None
    price_out: float | None = None
    max_price: float | None = None

    def validate(self) -> None:
        """Check ranges."""
        self.require(bool(self.model.strip()), "model", "the name of a model")
        self.require(0 <= self.temperature <= 2, "temperature", "from 0 to 2")
        self.require(self.max_tokens >= 1, "max_tokens", "at least 1")
        self.require(self.attempts >= 1, "attempts", "at least 1")
        for name in ("price_in", "price_out", "max_price"):
            value = getattr(self, name)
            self.require(value is None or 0 <= value < float("inf"), name, "a price of at least 0")
        if (self.price_in is None) != (self.price_out is None) or (self.max_price is not None and not self.priced):
            missing = "price_in" if self.price_in is None else "price_out"
            raise ConfigError(
                f"{missing!r} is missing: without it, prices are unknown",
                where=type(self).__name__,
                remedy="Give the prices of a million tokens read and written (0 where they are free).",
            )

    @property
    def priced(self) -> bool:
        """Whether both prices are known."""
        return self.price_in is not None and self.price_out is not None

    def price(self, prompt_tokens: int, answer_tokens: int) -> float | None:
        """The price of these numbers of tokens; None if prices are unknown."""
        if self.price_in is None or self.price_out is None:
            return None
        return (prompt_tokens * self.price_in + answer_tokens * self.price_out) / 1e6


@dataclass(frozen=True)
class Cost:
    """Requests, tokens and, where known, their price.

    Args:
        requests: requests; for a finished run, those that were answered.
        prompt_tokens: tokens read.
        answer_tokens: tokens written.
        price: in the currency of the prices; None if these are unknown.
    """

    requests: int
    prompt_tokens: int
    answer_tokens: int
    price: float | None

    def __str__(self) -> str:
        price = "" if self.price is None else f", price {self.price:.4g}"
        return (
            f"{_counted(self.requests, 'request')}, {self.prompt_tokens:,} tokens read and "
            f"{self.answer_tokens:,} written{price}"
        )


@dataclass(frozen=True)
class Estimate:
    """What is still to be asked, and what it will cost.

    Args:
        classes: classes without accepted texts.
        expected: for one answer of usual length per class; tokens are estimated from bytes.
        most: if all answers but the last are faulty and as long as allowed, and every request is repeated as often as
            allowed. A token covers at least one byte, so bytes bound the tokens read; the tokens written are bounded
            if the endpoint respects ``max_tokens``.
        what: what is counted as a class: a class, or a question about one.
    """

    classes: int
    expected: Cost
    most: Cost
    what: str = "class"

    def __str__(self) -> str:
        if not self.classes:
            done = "All classes have their texts" if self.what == "class" else f"Every {self.what} is answered"
            return f"{done}; nothing is left to ask."
        return (
            f"{_counted(self.classes, self.what, 'classes' if self.what == 'class' else '')} to ask. "
            f"Expected (an estimate, {BYTES_PER_TOKEN} bytes a token): {self.expected}. At most: {self.most}."
        )

    def require_price(self, limit: float | None) -> None:
        """Refuse a run that could cost more than allowed.

        Raises:
            ConfigError: it could.
        """
        if limit is not None and self.most.price is not None and self.most.price > limit:
            raise ConfigError(
                f"the run could cost {self.most.price:.4g}, more than 'max_price' {limit:.4g}; nothing was "
                f"sent. {self}",
                remedy="Allow more, or lower 'max_tokens', 'attempts' or the endpoint's retries.",
            )


def estimated(
    prompts: Sequence[str],
    resumed: Sequence[bool],
    config: GenerateConfig,
    retries: int,
    *,
    answer_bytes: int = ANSWER_BYTES,
    what: str = "class",
) -> Estimate:
    """The cost of asking some questions.

    Args:
        prompts: the questions.
        resumed: for each, whether the first request quotes the last answer of an earlier run.
        config: settings of the run.
        retries: how often a failed request is sent again.
        answer_bytes: usual length of an answer.
        what: what a question is about.
    """
    count, sendings = len(prompts), retries + 1
    expected_in = sum(
        (next_messages_bytes(p) if again else len(p.encode())) // BYTES_PER_TOKEN + MESSAGE_TOKENS
        for p, again in zip(prompts, resumed, strict=True)
    )
    expected_out = count * min(config.max_tokens, answer_bytes // BYTES_PER_TOKEN)
    most_in = sum(
        (0 if again else len(p.encode()) + MESSAGE_TOKENS)
        + (config.attempts - (not again)) * (next_messages_bytes(p) + 3 * MESSAGE_TOKENS)
        for p, again in zip(prompts, resumed, strict=True)
    )
    most_in, most_requests = sendings * most_in, sendings * count * config.attempts
    most_out = most_requests * config.max_tokens
    return Estimate(
        count,
        Cost(count, expected_in, expected_out, config.price(expected_in, expected_out)),
        Cost(most_requests, most_in, most_out, config.price(most_in, most_out)),
        what,
    )


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
