"""The form on the OpenAPI page."""

from daemon.config.settings import Settings
from daemon.web.openai_page import FIELDS, FORM
from daemon.web.openai_request import FORMS, wanted


def test_every_default_on_the_page_is_one() -> None:
    said = {name: [str(field["default"]).lower()] for name, field in FIELDS.items() if "default" in field}
    assert wanted(said, "transcribe", Settings()) == wanted({}, "transcribe", Settings())


def test_every_format_on_the_page_is_taken() -> None:
    assert FORM["requestBody"]["content"]["multipart/form-data"]["schema"]["required"] == ["file"]
    for form in FIELDS["response_format"]["enum"]:
        assert wanted({"response_format": [form]}, "transcribe", Settings()).form == form
    assert FIELDS["response_format"]["enum"] == list(FORMS)
