"""What is signed of a body with files."""

from __future__ import annotations

from muxi_llm.providers.aws_signing import signed_headers
from muxi_llm.wire.base import WireCall
from muxi_llm.wire.upload import File, Upload


def test_an_upload_goes_unsigned_and_says_so() -> None:
    """It would have to be read twice; whoever takes no such thing refuses it."""
    settings = {"access_key_id": "AKIA1", "secret_access_key": "s"}
    call = WireCall("https://b.s3.test/x", {}, Upload(file=File("x", "text/plain", b"content")), method="PUT")
    headers = signed_headers(call, settings, "s3", "us-east-1")
    assert headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert "x-amz-content-sha256" in headers["authorization"]
