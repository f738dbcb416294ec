"""Answers as instances of a class: `parse_into`."""

from __future__ import annotations

from typing import Any

from openai import ContentFilterFinishReasonError, LengthFinishReasonError
from pydantic import BaseModel, ValidationError

from muxi_llm.models import ChatCompletion as ChatCompletionValue


def parse_into(wanted: object, answer: Any) -> Any:
    """*answer*, each message with a `parsed` instance of *wanted* if that is a Pydantic class.

    Streams pass as they are. Raises as `client.chat.completions.parse` does: `LengthFinishReasonError`,
    `ContentFilterFinishReasonError`, pydantic's `ValidationError`; on each is the `completion` itself, on the
    last also the text that does not fit, as `raw_content`.
    """
    if not (
        isinstance(wanted, type) and issubclass(wanted, BaseModel) and isinstance(answer, ChatCompletionValue)
    ):
        return answer
    for choice in answer.choices:
        if choice.finish_reason == "length":
            raise LengthFinishReasonError(completion=answer)
        if choice.finish_reason == "content_filter":
            raise ContentFilterFinishReasonError(completion=answer)
        message = choice.message
        said = message.content if not message.refusal else None
        try:
            message.parsed = wanted.model_validate_json(said) if said else None  # type: ignore[attr-defined]  # an extra
        except ValidationError as error:
            error.completion = answer  # type: ignore[attr-defined]  # paid for, and it says what went wrong
            error.raw_content = said  # type: ignore[attr-defined]
            raise
    return answer
