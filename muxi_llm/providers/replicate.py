"""Replicate: a prediction is created, then waited for or streamed, and canceled if that takes too long."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from muxi_llm import errors
from muxi_llm.providers.base import Provider
from muxi_llm.wire.base import Json, Profile, WireError, loads
from muxi_llm.wire.replicate import ReplicateModels, ReplicatePrediction

if TYPE_CHECKING:
    from muxi_llm.core.port import IO
    from muxi_llm.wire.base import Reply, WireCall


class ReplicateProvider(Provider):
    """https://replicate.com/docs/reference/http. A model is `owner/name`, `owner/name:version`, a version's
    id alone, or `deployments/owner/name`.

    What is asked after the first reply goes to this provider's own base URL, never to a URL the reply
    names; but for streams, which live on another host and are opened without the key
    (https://github.com/replicate/replicate-javascript opens them so, too).
    """

    name = "replicate"
    base_url = "https://api.replicate.com/v1"
    key_env = ("REPLICATE_API_TOKEN", "REPLICATE_API_KEY")
    wires = {"chat": ReplicatePrediction, "models": ReplicateModels}
    more_wires = {"image": "images.inputs:ReplicateImages"}
    quirks = {
        "image": {
            "": Profile(
                takes=frozenset({"prompt", "n", "size", "output_format"}), fixed={"response_format": "url"}
            )
        }
    }

    namespaced_models = True
    vision_support = True
    streaming_support = True
    token_by_token_support = True
    tools_support = False

    poll_interval: ClassVar[float] = 0.5
    """Seconds between two questions whether a prediction is done."""

    async def send(self, io: IO, call: WireCall) -> Reply:
        if call.method == "GET":
            return await io.send(call)
        ends = io.now() + call.timeout
        headers = call.headers if call.stream else {**call.headers, **_patience(call.timeout)}
        reply = await io.send(replace(call, headers=headers, stream=False))
        stream = self._stream_of(_prediction(reply)) if call.stream else None
        if stream:
            return await io.send(self._streaming(call, stream))
        return await self._waited(io, call, reply, ends)

    def _stream_of(self, prediction: Json) -> str | None:
        """Where the answer is told as it is made; a place that this provider itself could be."""
        urls = prediction.get("urls")
        url = urls.get("stream") if isinstance(urls, dict) else None
        schemes = ("https://", f"{self.base_url.partition('://')[0]}://")
        is_one = isinstance(url, str) and url.isascii() and url.isprintable() and " " not in url
        return url if is_one and url.startswith(schemes) else None  # type: ignore[union-attr]  # a text by now

    async def _waited(self, io: IO, call: WireCall, reply: Reply, ends: float) -> Reply:
        """The reply that tells how the prediction ended."""
        prediction = _prediction(reply)
        where = f"{self.base_url}/predictions/{quote(str(prediction.get('id')), safe='', errors='replace')}"
        question = replace(call, url=where, body=b"", stream=False, method="GET")
        while prediction.get("status") in RUNNING:
            left = ends - io.now()
            if left <= 0:
                await io.send(replace(question, url=f"{where}/cancel", method="POST", timeout=CANCEL_TIMEOUT))
                raise errors.connection_error("the prediction took too long", url=where, timeout=True)
            await io.sleep(min(self.poll_interval, left))
            question.timeout = max(ends - io.now(), self.poll_interval)
            polled = await io.send(question)
            if polled.status < 300:
                reply, prediction = polled, _prediction(polled)
            elif polled.status < 500 and polled.status != 429:  # the others pass, and the prediction goes on
                return polled
        return reply

    def _streaming(self, call: WireCall, url: str) -> WireCall:
        origin = "/".join(self.base_url.split("/")[:3])
        accept = {"accept": "text/event-stream", "cache-control": "no-store"}
        headers = {**accept, **self.authorize()} if url.startswith(f"{origin}/") else accept
        return replace(call, url=url, headers=headers, body=b"", method="GET")


def _patience(timeout: float) -> dict[str, str]:
    """How long Replicate holds the reply back, and after how long it gives the prediction up by itself, even
    if nobody is left to cancel it (https://replicate.com/changelog/2025-10-16-prediction-deadlines).
    """
    wait, give_up = min(max(int(timeout), 1), MOST_WAIT), min(max(ceil(timeout), 5), 86_400)
    return {"prefer": f"wait={wait}", "cancel-after": f"{give_up}s"}


def _prediction(reply: Reply) -> Json:
    """What *reply* holds; nothing if it is no prediction, which is for the codec to say."""
    try:
        raw = loads(reply.content) if reply.status < 300 else None
    except WireError:
        return {}
    return raw if isinstance(raw, dict) else {}


# ------------------------------------------------------------------------------------------ tables

RUNNING = ("starting", "processing")

MOST_WAIT = 60
"""Seconds: https://replicate.com/docs/topics/predictions/create-a-prediction."""

CANCEL_TIMEOUT = 5.0
"""Seconds to wait for the answer to a cancellation."""
