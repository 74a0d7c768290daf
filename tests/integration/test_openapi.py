"""The OpenAPI page tells the truth, and nothing that is sent to any of its addresses ends in an error of ours."""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import characters, dictionaries, fixed_dictionaries, integers, just, sampled_from, text
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from daemon.config.folder_settings import FolderSettings
from daemon.config.reader import load
from daemon.guests.request import MEDIA_TYPE
from daemon.store.migrate import migrate
from daemon.store.store import Store
from daemon.web.openai_page import FIELDS
from daemon.web.openai_request import FORMS, GRANULARITIES
from tests.builders import result
from tests.integration.test_search_queries import MADE_WITH
from tests.support import Daemon, queue
from tests.webs import Web

schemathesis.serializer.alias(MEDIA_TYPE, "application/octet-stream")
ENDLESS = "/api/events"
EXAMPLES = (4, 12)
"""Of each operation, in the small dose and in the full one."""
JOBS = 3
UNTIL_A_DAEMON_RUNS = 503


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A server over a database with a job that is done, one that is dead and one that waits; no daemon runs."""
    daemon = Daemon(tmp_path_factory.mktemp("openapi"), fake={}, web="share_days_max = 30")
    migrate(daemon.database)
    store, root = Store(daemon.database), str(daemon.inbox)
    for number in range(2):
        queue(store, f"talk-{number}.wav", root=root)
        (job,) = store.claim(1)
        store.begin(job.id, content_hash=f"{number}", duration_s=60.0, made_with=MADE_WITH, language="en")
        store.save([result(job.id, 0, "good morning")])
        store.finish(job.id)
    queue(store, "next.wav", root=root)
    store.close()
    with Web(daemon) as served:
        yield served
    assert "Traceback" not in served.log.read_text()


@pytest.mark.parametrize("examples", [EXAMPLES[0], pytest.param(EXAMPLES[1], marks=pytest.mark.faults)])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_nothing_that_is_sent_ends_in_an_error_of_ours(web: Web, mode: GenerationMode, examples: int) -> None:
    schema: Any = schemathesis.openapi.from_url(f"{web.address}/api/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    tried = {each.label: send(each, mode, examples) for each in operations if each.path != ENDLESS}
    assert len(tried) > 10, "few addresses are on the page"
    assert mode is GenerationMode.NEGATIVE or {200, 201, 202} <= set().union(*tried.values()), "nothing was right"
    assert set().union(*tried.values()) <= {200, 201, 202, 204, 400, 404, 405, 409, 412, 413, 422, UNTIL_A_DAEMON_RUNS}


def send(operation: Any, mode: GenerationMode, examples: int) -> set[int]:
    """Send many requests to an address, half of them about a job that there is; return how they were answered."""
    statuses: set[int] = set()
    exists = itertools.cycle([True, False])

    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode), job=integers(1, JOBS))
    def ask(case: Case, job: int) -> None:
        if "job_id" in case.path_parameters and next(exists):
            case.path_parameters["job_id"] = job
        if case.path.startswith("/v1/audio/") and next(exists):
            case.headers["Prefer"] = "respond-async"
        answer = case.call()
        statuses.add(answer.status_code)
        if answer.status_code != UNTIL_A_DAEMON_RUNS:
            case.validate_response(answer, checks=[not_a_server_error])
        if answer.status_code in (200, 201):
            case.validate_response(answer, checks=[response_schema_conformance])

    with suppress(Unsatisfiable):  # Where there is nothing to send, nothing can be wrong with it.
        ask()
    return statuses


ANYTHING = dictionaries(
    sampled_from([*FIELDS, "languages[]"]).filter(lambda name: name != "file"),
    sampled_from([*FORMS, *GRANULARITIES, "en", "true", "0.5"]) | text(max_size=40),
)
FITTING = fixed_dictionaries(
    {"prompt": text(max_size=200)},
    optional={
        "response_format": sampled_from(FORMS), "timestamp_granularities[]": sampled_from(GRANULARITIES),
        "language": sampled_from(["en", "de-CH", "German"]), "model": text(max_size=20), "temperature": just("0.5"),
        "keywords[]": text(characters(categories=["L", "N", "P", "Zs"]), max_size=40),
    },
)  # fmt: skip
BOUNDED = settings(
    max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def sent(web: Web, fields: dict[str, str], name: str) -> httpx.Response:
    return httpx.post(
        f"{web.address}/v1/audio/transcriptions", timeout=30,
        data=fields, files={"file": (name, b"RIFF" * 100)}, headers={"Prefer": "respond-async"},
    )  # fmt: skip


@BOUNDED
@given(fields=ANYTHING, name=text(max_size=20), suffix=sampled_from([".wav", ".MP3", "", ".txt"]))
def test_whatever_a_form_says_it_is_taken_or_what_is_wrong_is_told(
    web: Web, fields: dict[str, str], name: str, suffix: str
) -> None:
    answer = sent(web, fields, name + suffix)
    assert answer.status_code in (202, 400), answer.text
    assert answer.status_code == 202 or answer.json()["error"]["message"]


@BOUNDED
@given(fields=FITTING, name=text(max_size=20))
def test_whatever_a_prompt_says_the_daemon_can_read_it(web: Web, fields: dict[str, str], name: str) -> None:
    answer = sent(web, fields, name + ".wav")
    assert answer.status_code == 202, answer.text
    where = parse_qs(urlsplit(answer.headers["location"]).query)["path"][0]
    resolved, errors = FolderSettings(load(web.daemon.config)).resolve(where.encode())
    assert not errors and resolved.options.initial_prompt.split() == fields["prompt"].split()
