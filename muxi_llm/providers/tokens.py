"""Services that want a token fetched first: asked for once, and kept until shortly before it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from muxi_llm.providers.compatible import OpenAICompatible
from muxi_llm.wire.base import Reply
from muxi_llm.wire.reading import SENSELESS

if TYPE_CHECKING:
    from muxi_llm.core.port import IO
    from muxi_llm.wire.base import WireCall


class TokenProvider(OpenAICompatible, register=False):
    """A provider whose key is exchanged for a token. Tokens are for that provider's host alone."""

    def token_call(self) -> WireCall:
        """The request that gets a token by the OAuth forms."""
        raise NotImplementedError

    async def send(self, io: IO, call: WireCall) -> Reply:
        """Carry *call* out with a token, all of it in the call's time. A token service that refuses is the
        answer.
        """
        if "authorization" in call.headers:  # there was a token to begin with
            return await io.send(call)
        ends = io.now() + call.timeout
        ask = self.token_call()
        kept = kept_token(ask, io.now())
        if kept:
            reply = await io.send(_bearing(kept, call, call.timeout))
            if reply.status != 401:
                return reply
            if reply.reader is not None:
                await reply.reader.close()
            KEPT.pop(_key(ask), None)  # withdrawn before its time, or the clock stood still while it ran out
        ask.timeout = left(io, ends)
        token = await new_token(io, ask)
        if isinstance(token, Reply):
            return token
        reply = await io.send(_bearing(token, call, left(io, ends)))
        if reply.status == 401:
            KEPT.pop(_key(ask), None)
        return reply


def kept_token(ask: WireCall, now: float) -> str | None:
    """The token *ask* got before, if it is still good."""
    token, ends = KEPT.get(_key(ask), (None, 0.0))
    return token if now < ends else None


async def new_token(io: IO, ask: WireCall) -> str | Reply:
    """The token *ask* gets; or the reply that refuses it, as an authentication error."""
    reply = await io.send(ask)
    if reply.status >= 300:
        # Whatever such a service calls it: nobody's request was wrong, the key was.
        return replace(reply, status=401) if reply.status in {400, 403} else reply
    try:
        said = orjson.loads(reply.content)
        token, seconds = said["access_token"], float(said.get("expires_in") or 0)
    except SENSELESS:
        token, seconds = None, 0.0
    if not token or not isinstance(token, str):
        return Reply(502, {}, b"the token service answered without a token", received=reply.received)
    for key, (_, ended) in list(KEPT.items()):
        if ended <= io.now():
            KEPT.pop(key, None)
    KEPT[_key(ask)] = (token, io.now() + seconds - MARGIN)
    return token


def _bearing(token: str, call: WireCall, timeout: float) -> WireCall:
    return replace(call, headers={**call.headers, "authorization": f"Bearer {token}"}, timeout=timeout)


def left(io: IO, ends: float) -> float:
    """The seconds until *ends*, of which there are always some: to have none is for the transport to say."""
    return max(ends - io.now(), 0.001)


def _key(ask: WireCall) -> tuple[str, str, bytes]:
    return ask.url, ask.headers.get("authorization", ""), ask.whole


KEPT: dict[tuple[str, str, bytes], tuple[str, float]] = {}
"""Request for a token → the token, and until when (on the port's clock)."""

MARGIN = 60.0
"""Seconds before its end in which a token is not begun with any more."""

FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
"""What every such service wants its request to be."""
