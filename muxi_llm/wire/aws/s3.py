"""Files of Bedrock's batches, in S3: known as `s3://bucket/key`.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html, .../API_GetObject.html,
.../API_DeleteObject.html and .../API_ListObjectsV2.html.
"""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from muxi_llm.errors import InvalidRequestError
from muxi_llm.types.stored import FileObject
from muxi_llm.wire import stored
from muxi_llm.wire.aws.faults import decode_aws_fault
from muxi_llm.wire.base import Fault, Json, WireError
from muxi_llm.wire.stored import Walked
from muxi_llm.wire.stored_words import bucket_of, epoch_of, purpose_of, told_losses
from muxi_llm.wire.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Reply, WireCall


def object_path(uri: str) -> str:
    """Where S3 has `s3://bucket/key`. Raises for what is none of its names."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key:
        raise InvalidRequestError("file_id must be like 'bedrock/s3://bucket/key'", param="file_id")
    return f"/{quote(bucket, safe='')}/{quote(key, safe='/')}"


def objects_in(xml: bytes) -> list[Json]:
    """The objects a list tells of. Read by pattern: nothing of XML's own powers is wanted here."""
    found = []
    text = xml.decode("utf-8", "replace")
    bucket = value_in(text, "Name")
    for entry in CONTENTS.findall(text):
        key = value_in(entry, "Key")
        found.append(
            {
                "id": f"s3://{bucket}/{key}",
                "object": "file",
                "bytes": int(value_in(entry, "Size") or 0),
                "created_at": epoch_of(value_in(entry, "LastModified")) or 0,
                "filename": key.rpartition("/")[2],
                "purpose": purpose_of(key),
                "status": "processed",
            }
        )
    return found


def value_in(xml: str, tag: str) -> str:
    """The text of the first *tag*, "" where there is none."""
    found = re.search(rf"<{tag}>([^<]*)</{tag}>", xml)
    return unescape(found[1]) if found else ""


class InS3(stored.Stored):
    """Errors are XML."""

    @classmethod
    def decode_fault(cls, status: int, data: bytes) -> Fault:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html."""
        text = data.decode("utf-8", "replace")
        if "<Error>" not in text:
            return decode_aws_fault(status, data)
        code = value_in(text, "Code")
        return Fault(status, value_in(text, "Message") or code, type=code, code=code, body=text[:1000])


class OfObject(InS3, stored.OfFile):
    """An operation whose answer is an object: a list of names that begin like its own, and its own in it."""

    def listing(self, uri: str) -> str:
        """Where that list is."""
        self._uri = uri
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        query = urlencode({"list-type": "2", "prefix": key, "max-keys": "1"})
        return f"{self.storage}/{quote(bucket, safe='')}?{query}"

    def decode_response(self, data: bytes, *, created: int) -> Any:  # noqa: ARG002
        found = next((one for one in objects_in(data) if one["id"] == self._uri), None)
        if found is None:
            raise WireError("fault", "there is no such file", Fault(404, "there is no such file"))
        return FileObject.construct(**found)


class FileCreate(OfObject, stored.FileCreate):
    """Put into the bucket in one piece, then looked at."""

    method = "PUT"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        rest = dict(body)
        told_losses(self, rest, {"expires_after": "objects stay until they are deleted"})
        bucket, folder = bucket_of(self.settings, "bedrock", "s3://", "AWS_S3_BUCKET_NAME")
        uri = f"s3://{bucket}/{folder}/{rest['purpose']}/{rest['job']}/{rest['file'].name}"
        self.path = self.storage + object_path(uri)
        self._listing = self.listing(uri)
        return rest

    def content_of(self, body: Json) -> Upload:
        return Upload(file=body["file"])

    def following(self, call: WireCall, reply: Reply) -> WireCall | None:  # noqa: ARG002 - there is nothing in it
        if call.method == "GET":
            return None
        return replace(call, url=self._listing, method="GET", body=b"")


class FileRetrieve(OfObject, stored.FileRetrieve):
    """What is known of it."""

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        object_path(str(body["file_id"]))  # raises for what is none
        self.path = self.listing(str(body["file_id"]))
        return {}


class FileDelete(InS3, stored.FileDelete):
    """No more of it."""

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        super().encode_request(body, stream=stream)
        self.path = self.storage + object_path(self._id)
        return {}


class FileList(InS3, Walked, stored.FileList):
    """What is in the folder of ours."""

    query = ()
    size = ("max-keys", 1000)
    token = ("continuation-token", "NextContinuationToken")

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        Walked.encode_request(self, body, stream=stream)
        bucket, folder = bucket_of(self.settings, "bedrock", "s3://", "AWS_S3_BUCKET_NAME")
        query = urlencode({"list-type": "2", "prefix": f"{folder}/", "max-keys": self.size[1]})
        self.path = f"{self.storage}/{quote(bucket, safe='')}?{query}"
        return {}

    def loaded(self, data: bytes) -> Any:
        token = value_in(data.decode("utf-8", "replace"), self.token[1])
        return {"data": objects_in(data), self.token[1]: token}

    def told(self, row: Json) -> Json:
        return row


# ------------------------------------------------------------------------------------------ tables

CONTENTS = re.compile(r"<Contents>(.*?)</Contents>", re.DOTALL)
