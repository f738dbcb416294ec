"""Who gets a body as it came: a provider that speaks the wire of the door it came by."""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from muxi_llm.core.request import Candidate
from muxi_llm.providers.openai import OpenAIProvider
from muxi_llm.wire.anthropic.messages import AnthropicMessages
from muxi_llm.wire.base import Ledger
from muxi_llm.wire.form import with_field
from muxi_llm.wire.openai.chat import OpenAIChat
from muxi_llm.wire.openai.completions import OpenAICompletions
from muxi_llm.wire.openai.embeddings import OpenAIEmbeddings
from muxi_llm.wire.passthrough import (
    CHUNKS,
    MESSAGES,
    RESPONSES,
    Through,
    images_counted,
    ranks_counted,
    request_counted,
    sound_counted,
)
from muxi_llm.wire.responses.instead import ChatOrResponses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.providers.base import Provider
    from muxi_llm.wire.base import Endpoint, Json, Wire


class Passing(NamedTuple):
    """A request on its way by one door: its path, its headers that are the provider's business, its query.

    form: its body and the type of that, where it is no JSON. is_as_it_came: whether nothing was added to it.
    login: the client's own at the provider, "" for none.
    """

    path: str
    headers: Mapping[str, str]
    query: str = ""
    form: tuple[bytes, str] | None = None
    is_as_it_came: bool = True
    login: str = ""

    def dressed(self, one: Candidate, body: Json) -> Candidate:
        """*one* as this request reaches it."""
        provider = self.dress(one.provider, one.ref.name, body)
        if self.login and provider.takes_logins and provider.verbatim:
            kept = {name: said for name, said in provider.headers.items() if name.lower() != "x-api-key"}
            provider.headers = {**kept, "authorization": self.login}
            provider.api_key, provider.key_required = None, False
            watch: Any = one.watch
            watch.learns = False  # what is refused to one person's account is no fault of the deployment's
        return Candidate(one.ref, provider, one.watch)

    def dress(self, provider: Provider, model: str, body: Json) -> Provider:
        """*provider* for this request: as one that takes it as it came, if it speaks that wire."""
        is_changed = bool(provider.rewrite) or not self.is_as_it_came
        if not speaks(provider, model, self.path, body) or (self.form and is_changed):
            return provider
        one = copy(provider)
        one.verbatim = True
        through = THROUGH[self.path]
        if self.query or self.form:
            query = f"?{self.query}" if self.query else ""
            form = self.form and (partial(with_field, *self.form, "model"), self.form[1])
            through = through._replace(path=through.path + query, form=form)
        one.through = through
        one.headers = {**provider.headers, **self.headers}
        return one


def speaks(provider: Provider, model: str, path: str, body: Json) -> bool:
    """Whether *provider* has that door's wire, for that model and such a body."""
    if path.startswith("/responses"):
        return isinstance(provider, OpenAIProvider) and provider.is_openais(model)
    if path in BESIDE:  # what streams there is understood: nobody else says where such a stream ends
        endpoint, codec = BESIDE[path]
        return provider.more_wires.get(endpoint) == codec and not body.get("stream")
    endpoint, wires = SPEAKERS.get(path, ("chat", ()))
    kind = provider.wires.get(endpoint)
    if kind is ChatOrResponses and OpenAIChat in wires:
        wire = provider.wire_for(endpoint, model, Ledger(provider.name))
        return not (isinstance(wire, ChatOrResponses) and wire.refused(body))
    return kind in wires


def forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    """Of a client's headers those that say something of the request, and nothing of who asks."""
    return {name: value for name, value in headers.items() if name.startswith(FORWARDED)}


def login_of(path: str, headers: Mapping[str, str]) -> str:
    """A client's own login at Anthropic, as Claude Code has it beside the gateway's token; told by its form,
    since a token of the gateway's is nobody's business there.
    """
    given = headers.get("authorization", "")
    return given if path == "/messages" and given.startswith(LOGIN) else ""


LOGIN = "Bearer sk-ant-oat"
"""An OAuth access token of Anthropic's: https://code.claude.com/docs/en/authentication."""

FORWARDED = (
    "anthropic-version",
    "anthropic-beta",
    "openai-beta",
    "x-claude-code-",
    "x-stainless-",
    "session-id",
)
"""https://docs.claude.com/en/docs/claude-code/llm-gateway: versions and betas go on as they came."""

THROUGH = {
    "/chat/completions": Through("/chat/completions", CHUNKS),
    "/completions": Through("/completions", CHUNKS),
    "/embeddings": Through("/embeddings"),
    "/responses": Through("/responses", RESPONSES),
    "/responses/compact": Through("/responses/compact", RESPONSES),
    "/messages": Through("/v1/messages", MESSAGES),
    "/images/generations": Through("/images/generations", used=images_counted),
    "/images/edits": Through("/images/edits", used=images_counted),
    "/audio/transcriptions": Through("/audio/transcriptions", used=sound_counted),
    "/audio/translations": Through("/audio/translations", used=sound_counted),
    "/audio/speech": Through("/audio/speech", used=sound_counted),
    "/moderations": Through("/moderations", used=request_counted),
    "/rerank": Through("/rerank", used=ranks_counted),
}
BESIDE: dict[str, tuple[Endpoint, str]] = {
    "/images/generations": ("image", "openai.images:OpenAIImages"),
    "/images/edits": ("image_edit", "openai.images:OpenAIImageEdits"),
    "/audio/transcriptions": ("transcription", "openai.audio:OpenAITranscription"),
    "/audio/translations": ("translation", "openai.audio:OpenAITranslation"),
    "/audio/speech": ("speech", "openai.audio:OpenAISpeech"),
    "/moderations": ("moderation", "openai.moderations:OpenAIModerations"),
    "/rerank": ("rerank", "rerank:JinaRerank"),
}
"""Doors whose codec is loaded when it is asked for: who has that one speaks the door's wire."""
SPEAKERS: dict[str, tuple[Endpoint, tuple[type[Wire], ...]]] = {
    "/chat/completions": ("chat", (OpenAIChat,)),
    "/completions": ("completion", (OpenAICompletions,)),
    "/embeddings": ("embedding", (OpenAIEmbeddings,)),
    "/messages": ("chat", (AnthropicMessages,)),
}
