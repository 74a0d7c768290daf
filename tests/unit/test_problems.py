"""The shapes of errors that programs get."""

import pytest

from daemon.web.problems import Problem, body


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"), (401, "authentication_error"), (403, "permission_error"),
        (404, "not_found_error"), (409, "invalid_request_error"), (500, "server_error"), (503, "server_error"),
    ],
)  # fmt: skip
def test_below_v1_errors_are_as_openai_has_them(status: int, kind: str) -> None:
    assert body("/v1/models", status, "no", "try on", "file") == {
        "error": {"message": "no; try on", "type": kind, "param": "file", "code": None}
    }


def test_elsewhere_the_way_out_stands_by_itself() -> None:
    assert body("/api/jobs", 503, "no", "try on") == {"error": {"message": "no", "hint": "try on"}}


def test_clients_are_told_whether_to_send_a_recording_again() -> None:
    assert Problem(500, "dead").headers == {"X-Should-Retry": "false"}
    assert Problem(503, "busy", again=True).headers is None
