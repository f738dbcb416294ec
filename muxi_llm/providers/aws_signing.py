"""Signatures and credentials of AWS, by botocore; imported when the first request is signed."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from botocore.auth import S3SigV4Auth, SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError  # type: ignore[import-untyped]
from botocore.session import Session  # type: ignore[import-untyped]

from muxi_llm.wire.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import WireCall


class CredentialsError(Exception):
    """There are none, or they could not be had or renewed."""


def signed_headers(call: WireCall, settings: Mapping[str, str], service: str, region: str) -> dict[str, str]:
    """The headers of *call*, with a signature over them, its URL and its body.

    An upload is not signed, it would have to be read twice: S3 takes that over TLS, other services do not.
    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
    """
    if isinstance(call.body, Upload):
        unsigned = {**call.headers, "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
        request = AWSRequest(method=call.method, url=call.url, headers=unsigned)
    else:
        request = AWSRequest(method=call.method, url=call.url, data=call.body, headers=call.headers)
    auth = SigV4Auth
    if service == "s3":  # it has its own way with paths, and wants the hash of every body in a header
        auth = S3SigV4Auth
        signs = not isinstance(call.body, Upload)
        request.context["client_config"] = SimpleNamespace(s3={"payload_signing_enabled": signs})
    try:
        auth(_credentials(settings, region), service, region).add_auth(request)
    except (BotoCoreError, ClientError) as error:  # the second: a role that may not be taken
        raise CredentialsError(str(error)) from error
    return {name.lower(): value for name, value in request.headers.items()}


def _credentials(settings: Mapping[str, str], region: str) -> Any:
    key_id, secret = settings.get("access_key_id"), settings.get("secret_access_key")
    if key_id and secret:
        return Credentials(key_id, secret, settings.get("session_token"))
    return found_credentials(settings.get("profile"), region)


@cache
def found_credentials(profile: str | None, region: str) -> Any:
    """What botocore finds, which renews what expires by itself. Once found it is kept; raises
    `NoCredentialsError` until then: somebody may log in. region: where roles are asked for.
    """
    session = Session(profile=profile)
    session.set_config_variable("region", region)
    found = session.get_credentials()
    if found is None:
        raise NoCredentialsError
    return found
