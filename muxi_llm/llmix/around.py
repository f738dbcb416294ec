"""The harness as a pipeline wants it: with the keys it was given, and LLMix's cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from muxi_llm.harness.cache import STRATEGIES
from muxi_llm.harness.canonical import cache_key
from muxi_llm.harness.pipeline import Harness, Stages
from muxi_llm.harness.replies import Replies, whose
from muxi_llm.llmix.dispatching import Answer, DispatchProvider
from muxi_llm.llmix.values import ProviderResult
from muxi_llm.providers.spelling import key_fields

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from muxi_llm.core.request import Candidate, Request
    from muxi_llm.harness.cache import TwoTierCache as Tiers
    from muxi_llm.harness.places import Place, Pool
    from muxi_llm.llmix.key_pool import KeyPool
    from muxi_llm.llmix.response_cache import TwoTierCache
    from muxi_llm.models import Adaptation, Report


class Around(Harness):
    """The harness, with the keys a pipeline was given."""

    def __init__(self, stages: Stages, pools: Mapping[str, KeyPool], **parts: Any) -> None:
        super().__init__(stages, **parts)
        self._pools = pools

    def pool_of(self, candidate: Candidate) -> Pool | None:
        return cast("Pool | None", self._pools.get(candidate.ref.provider))

    def places_of(self, provider: str, base_url: str | None = None) -> list[Place]:
        """What the calls to *provider* share, by base URL."""
        wanted = None if base_url is None else base_url.rstrip("/")
        return [
            place for place in self.places if place.provider == provider and wanted in {None, place.base_url}
        ]

    def forget(self, provider: str) -> None:
        """Begin anew with *provider*."""
        self.places.forget(provider)


class Texts(Replies):
    """LLMix's cache: the text alone, under the key every language makes of a call."""

    def __init__(self, cache: TwoTierCache | None) -> None:
        super().__init__()
        self._tiers = cache

    def cache_of(self, request: Request, candidates: Sequence[Candidate]) -> Tiers | None:  # noqa: ARG002
        caching = _config_of(candidates).get("caching") or {}
        if self._tiers is None or caching.get("strategy") not in STRATEGIES:
            return None
        return self._tiers.like(caching["strategy"], caching.get("ttl"), caching.get("max_items"))

    def key_of(self, request: Request, candidates: Sequence[Candidate]) -> str | None:
        provider = candidates[0].provider
        return cache_key(key_fields(_config_of(candidates), request.body["messages"], provider.base_url))

    def is_mergeable(self, request: Request) -> bool:  # noqa: ARG002 - LLMix merges whatever is equal
        return True

    def is_shareable(self, value: Any) -> bool:  # noqa: ARG002 - and shares whatever comes of it
        return True

    def flight_key(self, request: Request, candidates: Sequence[Candidate], key: str) -> Hashable:
        chosen: str | None = request.body["singleflight_key"]
        return chosen or (super().flight_key(request, candidates, key), whose(request, candidates))

    def written(self, value: Any, report: Report) -> str | None:  # noqa: ARG002 - the text alone is kept
        result = value.result
        return None if result.tool_calls else result.content or ""

    def read(self, text: str, request: Request) -> tuple[Any, str, tuple[Adaptation, ...]]:  # noqa: ARG002
        return Answer(ProviderResult(text, "")), "", ()


def _config_of(candidates: Sequence[Candidate]) -> Mapping[str, Any]:
    return cast("DispatchProvider", candidates[0].provider).config
