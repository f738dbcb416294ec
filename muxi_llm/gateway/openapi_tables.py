"""What there is at which path, and what is said there: tables, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from muxi_llm.wire.base import Json


class Operation(NamedTuple):
    """What is at a path. takes: the fields of its body, `!` behind those it cannot do without. said: media
    types of its answers. is_form: whether its body is a form. is_open: whether no token is asked for.
    """

    what: str
    takes: str = ""
    said: tuple[str, ...] = ("application/json",)
    is_form: bool = False
    is_open: bool = False


STREAMED = ("application/json", "text/event-stream")
SOUND = ("audio/*", "text/event-stream")
CHAT = "temperature top_p stream tools tool_choice"

OPERATIONS = {
    "POST /v1/chat/completions": Operation(
        "OpenAI's chat", f"model! messages! max_tokens n stop response_format {CHAT}", STREAMED
    ),
    "POST /v1/completions": Operation(
        "OpenAI's completions", "model! prompt! max_tokens n stop temperature top_p stream", STREAMED
    ),
    "POST /v1/responses": Operation(
        "OpenAI's responses", f"model! input! instructions max_output_tokens store {CHAT}", STREAMED
    ),
    "POST /v1/responses/compact": Operation("OpenAI's own compaction", "model! input! instructions"),
    "GET /v1/responses/{id}": Operation("a response that is kept here"),
    "DELETE /v1/responses/{id}": Operation("forget it"),
    "GET /v1/responses/{id}/input_items": Operation("what it answered"),
    "POST /v1/responses/{id}/cancel": Operation("stop it, which is too late here"),
    "POST /v1/messages": Operation(
        "Anthropic's messages",
        f"model! messages! max_tokens! system thinking stop_sequences {CHAT}",
        STREAMED,
    ),
    "POST /v1/messages/count_tokens": Operation("tokens, counted here", "model! messages! system tools"),
    "POST /v1/embeddings": Operation("OpenAI's embeddings", "model! input! dimensions encoding_format"),
    "POST /v1/rerank": Operation("documents by how well they answer", "model! query! documents! top_n"),
    "POST /v1/moderations": Operation("OpenAI's moderations", "model! input!"),
    "POST /v1/images/generations": Operation("OpenAI's images", "model! prompt! n size stream", STREAMED),
    "POST /v1/images/edits": Operation(
        "OpenAI's edits", "model! prompt! image! n size", STREAMED, is_form=True
    ),
    "POST /v1/audio/speech": Operation("OpenAI's speech", "model! input! voice! stream_format", SOUND),
    "POST /v1/audio/transcriptions": Operation(
        "OpenAI's transcriptions",
        "model! file! language temperature",
        (*STREAMED, "text/plain"),
        is_form=True,
    ),
    "POST /v1/audio/translations": Operation(
        "OpenAI's translations", "model! file! temperature", ("application/json", "text/plain"), is_form=True
    ),
    "POST /v1/files": Operation("keep a file at a provider", "file! purpose! provider", is_form=True),
    "GET /v1/files": Operation("one's own files"),
    "GET /v1/files/{id}": Operation("what is known of a file"),
    "DELETE /v1/files/{id}": Operation("delete it"),
    "GET /v1/files/{id}/content": Operation("what is in it", said=("application/octet-stream",)),
    "POST /v1/batches": Operation(
        "requests to be answered later", "input_file_id! endpoint! completion_window!"
    ),
    "GET /v1/batches": Operation("one's own batches"),
    "GET /v1/batches/{id}": Operation("how far a batch is"),
    "POST /v1/batches/{id}/cancel": Operation("stop it"),
    "GET /v1/models": Operation("names, context windows, capabilities, prices"),
    "GET /v1/models/{id}": Operation("one of them"),
    "POST /control/explain": Operation(
        "where a request would go, and why not elsewhere", "model! messages input"
    ),
    "GET /health/live": Operation("whether it runs", is_open=True),
    "GET /health/ready": Operation("whether to send requests here", is_open=True),
    "GET /openapi.json": Operation("this", is_open=True),
}
"""Method and path → what is there."""

STRING: Json = {"type": "string"}
NAME: Json = {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"}
FLAG: Json = {"type": "boolean"}
WHOLE: Json = {"type": "integer", "minimum": 1}
PART: Json = {"type": "number", "minimum": 0, "maximum": 1}
OBJECT: Json = {"type": "object"}
LISTED: Json = {"type": "array", "items": OBJECT, "minItems": 1}
TEXT: Json = {"anyOf": [STRING, {"type": "array", "items": STRING, "minItems": 1}]}
PIECES: Json = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["type", "text"],
        "properties": {"type": {"enum": ["text", "input_text"]}, "text": STRING},
    },
}
SAID: Json = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["role", "content"],
        "properties": {
            "role": {"enum": ["user", "assistant", "system"]},
            "content": {"anyOf": [STRING, PIECES]},
        },
    },
}
FILE: Json = {"type": "string", "contentMediaType": "application/octet-stream"}
FUNCTION: Json = {
    "type": {"const": "function"},
    **dict.fromkeys(("input_schema", "parameters"), OBJECT),
    "name": NAME,
    "function": {
        "type": "object",
        "required": ["name", "parameters"],
        "properties": {"name": NAME, "parameters": OBJECT},
    },
}
TOOLS: dict[str, Json] = {
    f"{path}.tools": {
        "type": "array",
        "items": {
            "type": "object",
            "required": fields,
            "properties": {name: FUNCTION[name] for name in fields},
        },
    }
    for path, fields in (
        ("messages", ["name", "input_schema"]),
        ("count_tokens", ["name", "input_schema"]),
        ("responses", ["type", "name", "parameters"]),
        ("completions", ["type", "function"]),
    )
}
"""A list of functions, in each protocol's words."""

FIELDS: dict[str, Json] = {
    **dict.fromkeys(("model", "instructions", "query", "size", "voice", "language", "purpose"), STRING),
    **dict.fromkeys(("provider", "input_file_id", "endpoint", "completion_window", "stream_format"), STRING),
    **dict.fromkeys(("max_tokens", "max_output_tokens", "n", "top_n", "dimensions"), WHOLE),
    **dict.fromkeys(("temperature", "top_p"), PART),
    **dict.fromkeys(("stream", "store"), FLAG),
    "messages": SAID,
    "thinking": OBJECT,
    "response_format": {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": ["text", "json_object", "json_schema"]}},
    },
    **dict.fromkeys(("file", "image"), FILE),
    **dict.fromkeys(("prompt", "stop", "stop_sequences"), TEXT),
    "input": {"anyOf": [*TEXT["anyOf"], SAID]},
    "system": {"anyOf": [STRING, LISTED]},
    "tool_choice": {"anyOf": [STRING, OBJECT]},
    "documents": {"type": "array", "minItems": 1, "items": {"anyOf": [STRING, OBJECT]}},
    "speech.input": STRING,
    "moderations.input": {"anyOf": [*TEXT["anyOf"], PIECES]},
    **dict.fromkeys(("generations.prompt", "edits.prompt"), STRING),
    **TOOLS,
    "encoding_format": {"enum": ["float", "base64"]},
}

SCHEMAS: Json = {
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type"],
                "properties": {"message": STRING, "type": STRING},
            }
        },
    }
}
TEXTS: dict[str, Json] = {"application/json": OBJECT}
SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}
