"""The choice of a language at the foot of each page."""

from enum import Enum
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from daemon.web.catalogs import CATALOGS
from daemon.web.pages import inside, is_secure
from daemon.web.translation import ADDRESS_MAX, COOKIE

LASTS_S = 400 * 86_400
"""Browsers keep no cookie for longer."""

router = APIRouter(include_in_schema=False)
Language = Enum("Language", {code: code for code in CATALOGS}, type=str)  # type: ignore[misc]


@router.post("/language")
def choose(
    request: Request, language: Annotated[Language, Form()], here: Annotated[str, Form(max_length=ADDRESS_MAX)] = "/"
) -> Response:
    """Remember the language in this browser, and go back to the page."""
    answer = RedirectResponse(inside(here), 303)
    answer.set_cookie(COOKIE, language.value, max_age=LASTS_S, httponly=True, samesite="lax", secure=is_secure(request))
    return answer
