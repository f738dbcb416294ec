"""What AWS's runtimes say when they fail: as the body of a reply, or as a frame of a stream.

Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html (errors),
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from muxi_llm.wire.base import Fault, WireError, decode_fault

if TYPE_CHECKING:
    from muxi_llm.wire.aws.eventstream import Frame


def decode_aws_fault(status: int, data: bytes) -> Fault:
    """An error reply. A model's own status, where AWS passes it on, says more than AWS's 424."""
    fault = decode_fault(status, data)
    if not isinstance(fault.body, dict):
        return fault
    body = {name.lower(): value for name, value in fault.body.items()}  # `message` here, `Message` there
    original = body.get("originalstatuscode")
    if isinstance(original, int) and 400 <= original < 600:
        fault = replace(fault, status=original)
    kind = str(body.get("__type") or "").rpartition("#")[2] or None
    return replace(fault, message=str(body.get("message") or fault.message), type=fault.type or kind)


def raise_exception(frame: Frame) -> None:
    """Raise if *frame* tells of an error instead of going on with the answer."""
    headers = frame.headers
    if headers.get(":message-type", "event") == "event":
        return
    name = headers.get(":exception-type") or headers.get(":error-code") or "unknown"
    status = STATUS_BY_EXCEPTION.get(name.lower().removesuffix("exception"), 500)
    fault = decode_aws_fault(status, frame.payload or headers.get(":error-message", name).encode())
    raise WireError("fault", fault.message, replace(fault, type=name, code=name))


# ------------------------------------------------------------------------------------------ tables

STATUS_BY_EXCEPTION = {
    "accessdenied": 403,
    "modelnotready": 429,
    "modeltimeout": 408,
    "resourcenotfound": 404,
    "servicequotaexceeded": 400,
    "serviceunavailable": 503,
    "throttling": 429,
    "validation": 400,
}
"""What is not here is a 500, model errors in a stream among them: "Retry your request", says AWS of those."""
