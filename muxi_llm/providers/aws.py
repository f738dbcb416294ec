"""What Amazon's services share: regions, signatures, errors.

A request is signed (SigV4) last of all, when the caller's headers and query are in it. Signing and the search
for credentials (environment, profiles, SSO, roles of containers and machines) are botocore's: `[aws]`.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from muxi_llm import errors
from muxi_llm.providers.base import Provider
from muxi_llm.providers.tokens import left

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.core.port import IO
    from muxi_llm.wire.base import Fault, Reply, Wire, WireCall


class AWSProvider(Provider, register=False):
    """A service of one region.

    host: before the region in its name. signing_name: what its signatures are for.
    """

    host: ClassVar[str] = ""
    signing_name: ClassVar[str] = ""
    key_required = False
    settings_env = {
        "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
        "profile": ("AWS_PROFILE",),
        "access_key_id": ("AWS_ACCESS_KEY_ID",),
        "secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
        "session_token": ("AWS_SESSION_TOKEN",),
    }

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        named = REGION.search(self.base_url)
        self.region = named[1] if named else self.settings.get("region", "")
        self._by_region = not self.base_url
        if self.region and self._by_region:
            partition = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
            self.base_url = f"https://{self.host}.{self.region}.{partition}"

    def prepare(
        self, wire: Wire, body: Mapping[str, Any], *, stream: bool, extra: Mapping[str, Any]
    ) -> WireCall:
        arn = ARN.match(wire.model)
        if arn is not None and self._by_region and arn[1] != self.region:  # known in its own region alone
            settings = {**self.settings, "region": arn[1]}
            there = type(self)(api_key=self.api_key, headers=self.headers, settings=settings)
            return there.prepare(wire, body, stream=stream, extra=extra)
        if not self.base_url:
            raise self._no_region()
        return super().prepare(wire, body, stream=stream, extra=extra)

    @property
    def storage(self) -> str:
        """Where its S3 is, for a service that keeps files there."""
        return ""

    async def send(self, io: IO, call: WireCall) -> Reply:
        in_storage = bool(self.storage) and call.url.startswith(self.storage)
        signed = call.headers.get("authorization", "")
        if signed.startswith(SIGNED) or in_storage:  # for the request before, or a key that S3 does not know
            call.headers = {
                name: value for name, value in call.headers.items() if not OF_SIGNATURES.fullmatch(name)
            }
        if "authorization" not in call.headers:  # neither a key nor the caller's own
            ends = io.now() + call.timeout
            service = "s3" if in_storage else self.signing_name
            call.headers = await io.run(partial(self._signed, call, service))
            call.timeout = left(io, ends)  # credentials may have to be fetched
        reply = await io.send(call)
        request_id = reply.headers.get("x-amzn-requestid")
        if request_id:
            reply.headers = {"x-request-id": request_id, **reply.headers}
        return reply

    def classify(self, fault: Fault, *, url: str, reply: Reply) -> errors.MuxiLLMError:
        kind = reply.headers.get("x-amzn-errortype", "").partition(":")[0] or fault.type
        return super().classify(replace(fault, type=kind, code=fault.code or kind), url=url, reply=reply)

    def _signed(self, call: WireCall, service: str) -> dict[str, str]:
        named = REGION.search(call.url)
        region = named[1] if named else self.region
        if not region:
            raise self._no_region()
        try:
            from muxi_llm.providers import aws_signing  # noqa: PLC0415 - an extra, and heavy
        except ImportError as error:
            raise self._no_credentials("it needs botocore: pip install 'muxi-llm[aws]'") from error
        try:
            return aws_signing.signed_headers(call, self.settings, service, region)
        except aws_signing.CredentialsError as error:
            raise self._no_credentials(str(error)) from error

    def _no_region(self) -> errors.InvalidRequestError:
        hint = f"set AWS_REGION or muxi_llm.{self.name}_region, or pass a base_url= that names it"
        return errors.InvalidRequestError(f"{self.name}: no region; {hint}", param="base_url")

    def _no_credentials(self, why: str) -> errors.MissingCredentialsError:
        wanted = " or ".join((*self.key_env, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"))
        message = f"no signature for {self.name}: {why}. Set {wanted}, or AWS_PROFILE"
        return errors.MissingCredentialsError(message)


# ------------------------------------------------------------------------------------------ tables

ARN = re.compile(r"arn:[\w-]+:[\w-]+:([a-z]{2}(?:-[a-z]+)+-\d+):")
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html."""

SIGNED = "AWS4-"
OF_SIGNATURES = re.compile("authorization|x-amz-(date|content-sha256|security-token)")
REGION = re.compile(r"\.([a-z]{2}(?:-[a-z]+)+-\d+)\.(?:vpce\.)?(?:amazonaws\.com|api\.aws)")
