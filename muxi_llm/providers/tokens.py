"""Services that want a token fetched first: asked for once, and kept until shortly before it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from muxi_llm.providers.compatible import OpenAICompatible
from muxi_llm.wire.base import Reply

if TYPE_CHECKING:
    from muxi_llm.core.port import IO
    from muxi_llm.wire.base import WireCall


class TokenProvider(OpenAICompatible, register=False):
    """A provider whose key is exchanged for a token. Tokens are for that provider's host alone."""

    def token_call(self) -> WireCall:
        """The request that gets a token by the OAuth forms."""
        raise NotImplementedError

    async def send(self, io: IO, call: WireCall) -> Reply:
        """Carry *call* out with a token. A token service that refuses is the answer."""
        if "authorization" in call.headers:  # there was a token to begin with
            return await io.send(call)
        ask = self.token_call()
        ask.timeout = call.timeout
        token = await token_of(io, ask)
        if isinstance(token, Reply):
            return token
        call.headers["authorization"] = f"Bearer {token}"
        reply = await io.send(call)
        if reply.status == 401:  # withdrawn before its time: the next call gets another
            KEPT.pop(_key(ask), None)
        return reply


async def token_of(io: IO, ask: WireCall) -> str | Reply:
    """The token *ask* gets, or has got before; or the reply that refuses it, as an authentication error."""
    token, ends = KEPT.get(_key(ask), ("", 0.0))
    if token and io.now() < ends:
        return token
    reply = await io.send(ask)
    if reply.status >= 300:
        # Whatever such a service calls it: nobody's request was wrong, the key was.
        return replace(reply, status=401) if reply.status in {400, 403} else reply
    try:
        said = orjson.loads(reply.content)
        token, seconds = said["access_token"], float(said.get("expires_in", 0))
    except (ValueError, TypeError, KeyError, AttributeError):
        return Reply(502, {}, b"the token service answered without a token", received=reply.received)
    for key, (_, ended) in list(KEPT.items()):
        if ended <= io.now():
            KEPT.pop(key, None)
    KEPT[_key(ask)] = (token, io.now() + seconds - MARGIN)
    return str(token)


def _key(ask: WireCall) -> tuple[str, str, bytes]:
    return ask.url, ask.headers.get("authorization", ""), ask.body


KEPT: dict[tuple[str, str, bytes], tuple[str, float]] = {}
"""Request for a token → the token, and until when (on the port's clock)."""

MARGIN = 60.0
"""Seconds before its end in which a token is not begun with any more."""

FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
"""What every such service wants its request to be."""
