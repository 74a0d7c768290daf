"""Errors as programs get them: below /v1 in the shape of OpenAI's API, elsewhere in ours."""

from typing import Any

from starlette.exceptions import HTTPException

OPENAI = "/v1/"
KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
NOT_AGAIN = {"X-Should-Retry": "false"}
"""Tells OpenAI's clients, which by themselves send a recording again after a 409 or 500, that this is of no use."""


class Problem(HTTPException):
    """A request that cannot be answered as it was meant.

    Args:
        status: The status of the answer.
        message: What is wrong, and the way out.
        param: The field of the request that is to blame.
        again: Whether the same request may have more luck later.
    """

    def __init__(self, status: int, message: str, param: str | None = None, *, again: bool = False) -> None:
        super().__init__(status, message, None if again else dict(NOT_AGAIN))
        self.param = param


def body(path: str, status: int, message: str, hint: str = "", param: str | None = None) -> dict[str, Any]:
    """Return the body of an answer that tells of an error.

    Args:
        path: That of the request.
        status: The status of the answer.
        message: What is wrong.
        hint: The way out.
        param: The field of the request that is to blame, if it is one.
    """
    if not path.startswith(OPENAI):
        return {"error": {"message": message, "hint": hint}}
    kind = KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    whole = f"{message}; {hint}" if hint else message
    return {"error": {"message": whole, "type": kind, "param": param, "code": None}}
