"""Google's Application Default Credentials: an access token, by Google's own library (`muxi-llm[google]`).

Source: https://cloud.google.com/docs/authentication/application-default-credentials.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

from muxi_llm import errors


def default_credentials(file: str | None, seconds: float) -> tuple[dict[str, str], str | None]:
    """Headers of Application Default Credentials, or of those in *file*, and their project; blocking, for so
    many *seconds* at the most. Two threads may refresh at once: both tokens are good.
    """
    try:
        import google.auth  # noqa: PLC0415 - an extra
        from google.auth import exceptions  # noqa: PLC0415 - likewise
        from google.auth.transport.requests import Request  # noqa: PLC0415 - likewise
    except ImportError as error:
        raise errors.MissingCredentialsError(f"vertex: {error}; {WANTED}") from error
    try:
        if file not in _found:
            _found[file] = _in_file(file) if file else google.auth.default(scopes=SCOPES)
        credentials, project = _found[file]
        if not credentials.valid:
            credentials.refresh(partial(Request(), timeout=min(seconds, LONGEST)))
    except exceptions.DefaultCredentialsError as error:
        raise errors.MissingCredentialsError(f"vertex: {error} {WANTED}") from error
    except exceptions.GoogleAuthError as error:
        message = f"vertex: no access token: {error}"
        if error.retryable or isinstance(error, exceptions.TransportError):
            raise errors.connection_error(message, url=TOKENS) from error
        raise errors.status_error(401, message, url=TOKENS, headers={}, body=None) from error
    headers: dict[str, str] = {}
    credentials.apply(headers)
    return headers, project


def _in_file(file: str) -> tuple[Any, str | None]:
    """The account itself said where: that it may be of any kind is no news to it."""
    from google.auth import load_credentials_from_file  # noqa: PLC0415 - an extra

    with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):
        return load_credentials_from_file(file, scopes=SCOPES)  # type: ignore[no-any-return, no-untyped-call]


_found: dict[str | None, tuple[Any, str | None]] = {}
"""Credentials by the file they came from: they keep their token until it expires."""


# ------------------------------------------------------------------------------------------- tables

WANTED = (
    "pip install 'muxi-llm[google]' and set GOOGLE_APPLICATION_CREDENTIALS (or log in with gcloud), "
    "or pass an access token as api_key="
)

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
LONGEST = 120.0
"""Seconds Google's library waits for a token by itself."""

TOKENS = "https://oauth2.googleapis.com/token"
