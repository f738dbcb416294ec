"""What a face gives where `response_format` is a Pydantic class, for type checkers. Never run."""

from typing import Generic, TypeVar

from muxi_llm import models

_Format = TypeVar("_Format")

class ParsedMessage(models.ChatCompletionMessage, Generic[_Format]):
    parsed: _Format | None

class ParsedChoice(models.Choice, Generic[_Format]):
    message: ParsedMessage[_Format]

class ParsedChatCompletion(models.ChatCompletion, Generic[_Format]):
    choices: list[ParsedChoice[_Format]]  # type: ignore[assignment]
