"""Ask a language model about one class after another until an answer is good; every answer is kept at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zsar_kit.errors import MissingModelError
from zsar_kit.semantics.answer_store import Answer, AnswerStore, ClassRecord
from zsar_kit.semantics.answers import AnswerError
from zsar_kit.semantics.estimate import Cost, GenerateConfig
from zsar_kit.semantics.prompts import first_messages, next_messages
from zsar_kit.semantics.text_models import TextModel

log = logging.getLogger("zsar_kit")

ReadAnswer = Callable[[str, int, str, Sequence[dict[str, Any]]], dict[str, Any]]


@dataclass
class Asking:
    """One run: the model to ask, the store of answers, and the cost so far.

    Args:
        store: where answers are kept.
        model: the model to ask.
        config: settings of the run.
        read: the table in an answer, from the answer, the id and the name of the class, and the tables of others;
            raises :class:`~zsar_kit.semantics.answers.AnswerError` with the faults of an answer that is no good.
        schema: JSON schema of an answer, for endpoints that can hold a model to it.
    """

    store: AnswerStore
    model: TextModel
    config: GenerateConfig
    read: ReadAnswer
    schema: Mapping[str, Any] | None = None
    spent: list[tuple[int, int]] = field(default_factory=list)

    @property
    def cost(self) -> Cost:
        """What the answers of this run cost."""
        tokens_in, tokens_out = (sum(column) for column in (zip(*self.spent, strict=True) if self.spent else ((), ())))
        return Cost(len(self.spent), tokens_in, tokens_out, self.config.price(tokens_in, tokens_out))

    def ask(self, class_id: int, record: ClassRecord, others: Sequence[dict[str, Any]]) -> None:
        """Ask about one class until an answer passes, at most as often as allowed; each answer is stored at once."""
        for attempt in range(1, self.config.attempts + 1):
            answer, table = self._answer(class_id, record, others)
            record.answers.append(answer)
            record.table = table
            self.store.save(class_id, record)
            self._check_spending()
            if table is not None:
                return
            where = f"class {class_id} ({record.name!r}), answer {attempt} of {self.config.attempts}"
            log.info("%s: %s", where, "; ".join(answer.faults))

    def _answer(
        self, class_id: int, record: ClassRecord, others: Sequence[dict[str, Any]]
    ) -> tuple[Answer, dict[str, Any] | None]:
        """One answer, and its table if it passes."""
        last, config = record.last, self.config
        messages = first_messages(record.prompt)
        if last is not None:
            messages = next_messages(record.prompt, last.text, last.faults)
        options = {
            "temperature": config.temperature,
            "max_tokens": config.max_tokens,
            "seed": config.seed + len(record.answers),
        }
        held_to: dict[str, Any] = {} if self.schema is None else {"schema": self.schema}
        try:
            said = self.model.complete(messages, **options, **held_to)
        except MissingModelError as error:
            raise self._stopped(class_id, record, error) from error.__cause__
        self.spent.append((said.prompt_tokens or 0, said.answer_tokens or 0))
        # JSON may contain lone surrogates, which cannot be written to a file.
        text = said.text.encode("utf-8", errors="replace").decode()
        faults, table = (), None
        try:
            table = self.read(text, class_id, record.name, others)
        except AnswerError as error:
            cut = f"the answer was cut at {config.max_tokens} tokens, be briefer" if said.cut else ""
            faults = tuple(filter(None, [cut, *error.faults]))
        answer = Answer(text, faults, self.model.name, record.digest, options, said.prompt_tokens, said.answer_tokens)
        return answer, table

    def _stopped(self, class_id: int, record: ClassRecord, error: MissingModelError) -> MissingModelError:
        remedy = f"{error.remedy} " if error.remedy else ""
        return MissingModelError(
            f"{error.problem}; it was asked about class {class_id} ({record.name!r})",
            where=error.where,
            remedy=f"{remedy}All answers so far are kept in {self.store.folder}. Run the same command again to go on.",
        )

    def _check_spending(self) -> None:
        """Stop when an endpoint ignores ``max_tokens``, before the run costs more than allowed."""
        price, limit = self.cost.price, self.config.max_price
        if price is not None and limit is not None and price > limit:
            raise MissingModelError(
                f"{self.model.name} reports {self.cost}, beyond 'max_price' {limit:.4g}: it does not respect "
                f"'max_tokens' {self.config.max_tokens}",
                where=self.store.folder,
                remedy="All answers so far are kept. Allow more, or ask another endpoint, and run the command again.",
            )
