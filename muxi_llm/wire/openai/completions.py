"""OpenAI's text completions wire, and the same verbs played on a chat wire for those without it.

Source: https://platform.openai.com/docs/api-reference/completions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.models import ChatCompletion, ChatCompletionChunk, ChunkChoice, Completion
from muxi_llm.wire.base import Json, StreamDecoder, Wire, WireError, build_value, read_value
from muxi_llm.wire.openai.chat import answers_of
from muxi_llm.wire.openai.reply import FAILURES, failed
from muxi_llm.wire.openai.stream import OpenAIStreamDecoder

if TYPE_CHECKING:
    from collections.abc import Mapping


class OpenAICompletions(Wire):
    """OpenAI text completions."""

    endpoint = "completion"
    path = "/completions"
    stream_headers = {"accept": "text/event-stream"}
    _answers = 1

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        encoded = {"model": self.model, **body}
        if stream:
            encoded["stream"] = True
        self._answers = answers_of(body) * prompts_in(body.get("prompt"))
        return encoded

    def decode_response(self, data: bytes, *, created: int) -> Completion:  # noqa: ARG002 - in the body
        value = read_value(Completion, data)
        if not value.choices:
            raise WireError("malformed", "the reply has no choices")
        for choice in value.choices:
            if choice.finish_reason in FAILURES:
                raise failed(choice.finish_reason, choice.text)
        return value

    def stream_decoder(self, *, created: int) -> OpenAIStreamDecoder[Completion]:  # noqa: ARG002
        return OpenAIStreamDecoder(Completion, answers=self._answers)


def prompts_in(prompt: object) -> int:
    """How many prompts there are: a list of numbers is one, in tokens."""
    several = isinstance(prompt, list) and prompt and not isinstance(prompt[0], int)
    return len(prompt) if several else 1  # type: ignore[arg-type]  # mypy forgets what `several` means


class CompletionsOverChat(Wire):
    """Text completions for a provider that only chats: the prompt becomes one user message.

    A chat model answers a prompt where a completion model continues it, so this is told to the
    ledger. Several prompts in one call, `echo`, `best_of` and `suffix` have no chat counterpart.
    """

    endpoint = "completion"

    def __init__(self, chat: Wire) -> None:
        super().__init__(chat.model, chat.ledger, chat.profile)
        self._chat = chat
        self.path = chat.path
        self.stream_headers = chat.stream_headers
        self.decode_fault = chat.decode_fault  # type: ignore[method-assign]  # the chat wire's own

    def path_for(self, *, stream: bool) -> str:
        return self._chat.path_for(stream=stream)

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        chat_body = {
            name: value for name, value in body.items() if name != "prompt" and name not in NO_CHAT_PARAMS
        }
        for name in NO_CHAT_PARAMS & body.keys():
            self.ledger.dropped(name, "this provider has no completions endpoint; chat has no such parameter")
        if isinstance(chat_body.get("logprobs"), int):  # completions count them, chat switches them on
            chat_body["top_logprobs"] = chat_body["logprobs"]
            chat_body["logprobs"] = True
        chat_body["messages"] = [{"role": "user", "content": self._prompt(body["prompt"])}]
        self.ledger.changed("prompt", "sent as a user message: this provider has no completions endpoint")
        return self._chat.encode_request(chat_body, stream=stream)

    def _prompt(self, prompt: object) -> str:
        if isinstance(prompt, list) and len(prompt) == 1:
            prompt = prompt[0]
        if isinstance(prompt, str):
            return prompt
        raise UnsupportedParameterError(
            f"{self.ledger.provider}: prompt must be one string, this provider completes by chat",
            param="prompt",
        )

    def settle(self, body: Json) -> None:
        self._chat.settle(body)

    def decode_response(self, data: bytes, *, created: int) -> Any:
        return as_completion(self._chat.decode_response(data, created=created))

    def stream_decoder(self, *, created: int) -> StreamDecoder:
        return _OverChatDecoder(self._chat.stream_decoder(created=created))


class _OverChatDecoder:
    def __init__(self, chat: StreamDecoder) -> None:
        self._chat = chat

    @property
    def over(self) -> bool:
        return self._chat.over

    @property
    def counted(self) -> Any:
        return getattr(self._chat, "counted", None)

    def feed(self, data: bytes) -> list[Completion | WireError]:
        return [as_completion(item) for item in self._chat.feed(data)]

    def finish(self) -> list[Completion | WireError]:
        return [as_completion(item) for item in self._chat.finish()]


def as_completion(value: ChatCompletion | ChatCompletionChunk | WireError) -> Any:
    """A chat value (or chunk) in the completion form; errors pass."""
    if isinstance(value, WireError):
        return value
    raw = value.model_dump(exclude_unset=True, exclude={"choices"}, warnings=False)
    raw["object"] = "text_completion"
    raw["choices"] = [_choice(choice) for choice in value.choices]
    return build_value(Completion, raw)


def _choice(choice: Any) -> Json:
    said = choice.delta if isinstance(choice, ChunkChoice) else choice.message
    return {
        "index": choice.index,
        "text": said.content or "",
        "finish_reason": choice.finish_reason,
        "logprobs": _logprobs(choice.logprobs),
    }


def _logprobs(chat: Any) -> Json | None:
    """Chat's list of tokens as completions' lists beside each other."""
    if not getattr(chat, "content", None):
        return None
    return {
        "tokens": [token.token for token in chat.content],
        "token_logprobs": [token.logprob for token in chat.content],
        "top_logprobs": [{top.token: top.logprob for top in token.top_logprobs} for token in chat.content],
    }


NO_CHAT_PARAMS = {"best_of", "echo", "suffix"}
