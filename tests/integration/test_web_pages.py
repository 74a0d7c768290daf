"""The pages that people see, as HTML."""

import re
from dataclasses import replace
from math import nan

import pytest

from daemon.chunk import Suppressed
from daemon.web.pages import clock, marked
from tests.integration.web_house import PASSWORD, WebHouse, said


def test_the_queue_says_what_runs_waits_and_failed_and_what_can_be_done(web: WebHouse) -> None:
    done = web.add("talk.opus", said("good morning", 0.0, 1.0))
    web.add("bad.opus", state="dead")
    running = web.add("long.opus", said("half of it", 0.0, 1.0), state="running")
    web.add("memo.opus", state="queued")
    page = web.client().get("/").text
    for words in ("1 done", "1 queued", "1 dead", "1 running", "the decoder died of it", f'href="/jobs/{done}"'):
        assert words in page
    assert f'action="/jobs/{running}/cancel"' in page and f'action="/jobs/{done}/cancel"' not in page
    assert "daemon does not run" in page
    changing = page.partition('data-from="/now')[2].partition(">")[2].rpartition("</div>")[0]
    speed = re.compile(r"[\d.]+ × real time")
    assert speed.sub("", web.client().get("/now").text).split() == speed.sub("", changing).split()


def test_a_form_asks_the_daemon_and_leads_back(web: WebHouse) -> None:
    job_id = web.add("memo.opus", state="queued")
    answer = web.client().post(f"/jobs/{job_id}/cancel", data={"here": "path=memo"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?path=memo")
    assert web.store.take_requests() == [("cancel", job_id)]
    web.client().post(f"/jobs/{job_id}/resume")
    assert web.store.take_requests() == [], "there is nothing to resume"


def test_who_may_only_read_sees_nothing_to_press(web: WebHouse) -> None:
    web.add("memo.opus", state="queued")
    page = web.of("bob").get("/").text
    assert "memo.opus" in page and "<form method" not in page


def test_the_reader_shows_lines_words_and_what_was_left_out(web: WebHouse) -> None:
    lines = [said("good morning", 0.0, 2.0, timed=True), said("mumble", 2.0, 3.0, avg_logprob=-1.5)]
    left_out = Suppressed(5.0, 6.0, "Thanks for watching!", "a phrase that the model makes up")
    page = web.client().get(f"/jobs/{web.add('talk.opus', *lines, suppressed=[left_out])}").text
    assert re.findall(r'<span data-start="([\d.]+)"', page) == ["0.0", "1.0"]
    assert "text unsure" in page and page.count("unsure") == 1
    assert "Thanks for watching!" in page and "/transcript.srt" in page and "<audio" in page


def test_what_no_engine_says_how_sure_it_is_of_is_shown_as_it_is(web: WebHouse) -> None:
    line = said("good morning", 0.0, 2.0, timed=True, avg_logprob=nan, no_speech_prob=nan)
    line = replace(line, words=tuple(replace(word, probability=None) for word in line.words or ()))
    answer = web.client().get(f"/jobs/{web.add('talk.opus', line)}")
    assert answer.status_code == 200 and "morning" in answer.text and "unsure" not in answer.text


def test_channels_are_told_apart(web: WebHouse) -> None:
    lines = [said("hello", 0.0, 1.0, channel=1), said("hi", 1.0, 2.0, channel=2)]
    page = web.client().get(f"/jobs/{web.add('call.opus', *lines)}").text
    assert "channel-1" in page and "channel-2" in page


@pytest.mark.parametrize(
    "name", ["<script>alert(1)<script>.opus", '" onmouseover=alert(1) .opus', "\u202ecod.opus", "{{ 9973*9967 }}.opus"]
)
def test_names_and_texts_are_never_code(web: WebHouse, name: str) -> None:
    job_id = web.add(name, said('<img src=x onerror="alert(1)"> {{ 9973*9967 }}', 0.0, 1.0))
    client = web.client()
    for path in ("/", f"/jobs/{job_id}", "/search?q=img", f"/?path={name}"):
        page = client.get(path).text
        assert "<script>alert" not in page and "<img" not in page and '" onmouseover' not in page
        assert "99400891" not in re.sub(r'data-[a-z]+="[^"]*"', "", page)


def test_what_was_found_is_marked_and_leads_to_its_second(web: WebHouse) -> None:
    job_id = web.add(
        "talk.opus", said("before", 0.0, 1.0), said("the budget is fine", 1.5, 3.0), said("after", 3.0, 4.0)
    )
    page = web.client().get("/search", params={"q": "budget"}).text
    assert "<mark>budget</mark>" in page and f"/jobs/{job_id}#t=1.50" in page and "1 line<" in page
    assert 'value="budget"' in page
    assert "no letter" in web.client().get("/search", params={"q": "???"}).text
    assert web.client().get("/search").status_code == 200


def test_a_login_leads_to_where_somebody_wanted_to_go(web: WebHouse) -> None:
    web.users.set_password("ada", PASSWORD)
    client = web.client()
    assert client.get("/search?q=a b").headers["location"] == "/login?next=/search%3Fq%3Da%2520b"
    assert 'value="/search?q=a b"' in client.get("/login?next=/search%3Fq%3Da%20b").text
    answer = client.post("/login", data={"name": "ada", "password": PASSWORD, "next": "/search?q=a"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/search?q=a")
    assert re.search(r"httponly.*samesite=lax", answer.headers["set-cookie"], re.IGNORECASE)
    assert client.get("/").status_code == 200 and "Log out ada" in client.get("/").text
    assert client.post("/logout").status_code == 303 and client.get("/").status_code == 303


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb"]
)
def test_a_login_leads_to_no_other_site(web: WebHouse, elsewhere: str) -> None:
    web.users.set_password("ada", PASSWORD)
    answer = web.client().post("/login", data={"name": "ada", "password": PASSWORD, "next": elsewhere})
    assert answer.headers["location"] == "/"


def test_wrong_passwords_are_refused_and_soon_have_to_wait(web: WebHouse) -> None:
    web.users.set_password("ada", PASSWORD)
    client = web.client()
    codes = [client.post("/login", data={"name": "ada", "password": "wrong"}).status_code for _ in range(6)]
    assert codes == [403] * 5 + [429]
    answer = client.post("/login", data={"name": "ada", "password": PASSWORD})
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 200


def test_errors_are_pages_for_people(web: WebHouse) -> None:
    page = web.client().get("/jobs/99")
    assert page.status_code == 404 and "there is no job 99" in page.text and "<h1>Not Found</h1>" in page.text
    assert web.client().get("/?cursor=what").status_code == 422


def test_times_and_marks() -> None:
    assert [clock(at) for at in (None, 0.0, 59.9, 61.0, 3599.0, 3600.0, 36_061.0, 90_000.0)] == [
        "",
        "0:00",
        "0:59",
        "1:01",
        "59:59",
        "1:00:00",
        "10:01:01",
        "25:00:00",
    ]
    assert marked("a budget b", [(2, 8)]) == [("a ", False), ("budget", True), (" b", False)]
    assert marked("budget", [(0, 6)]) == [("budget", True)] and marked("none", []) == [("none", False)]
