"""What the OpenAPI page says about the form of the API that other programs already speak."""

from typing import Any

from daemon.web.openai_request import FORMS, GRANULARITIES


def _of(kind: str, description: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "description": description, **more}


FIELDS = {
    "file": _of("string", "The recording, in any format that a watched folder takes.", format="binary"),
    "model": _of("string", "One of /v1/models; every other name means the daemon's own model.", default="whisper-1"),
    "language": _of("string", "The code of the language that is spoken; left out, as the watched folder has it."),
    "prompt": _of("string", "A text before the recording, whose style and spelling the model goes on in."),
    "response_format": _of("string", "The shape of the answer.", enum=list(FORMS), default="json"),
    "temperature": _of(
        "number", "Without effect: it is raised by itself where a text is bad.", minimum=0, maximum=1, default=0
    ),
    "timestamp_granularities[]": _of(
        "array", "What verbose_json lists.", items={"type": "string", "enum": list(GRANULARITIES)}
    ),
    "stream": _of("boolean", "Send the text as it grows (server-sent events).", default=False),
    "keywords[]": _of("array", "Words that may come: hotwords.", items={"type": "string"}),
}
PREFER = {
    "name": "Prefer", "in": "header", "required": False, "schema": {"type": "string"},
    "description": "`respond-async`: answer with the address of the job (202) instead of its text.",
}  # fmt: skip
SCHEMA = {"type": "object", "required": ["file"], "properties": FIELDS}
FORM: dict[str, Any] = {
    "parameters": [PREFER],
    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": SCHEMA}}},
    "responses": {"202": {"description": "The job, which will have the text."}},
}
