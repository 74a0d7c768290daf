"""What somebody may choose who drops recordings onto the page."""

from pathlib import Path
from typing import get_args

from starlette.testclient import TestClient

from daemon.config.settings import Database, Settings, Watch, Watching
from daemon.config.web import Web, WebUser
from daemon.store.migrate import migrate
from daemon.web.application import make_app
from daemon.web.drop_zone import TASKS, drop_zone
from daemon.web.people import ANYBODY, Person, Users


def test_the_choice_is_what_the_daemon_would_take(tmp_path: Path) -> None:
    watch = (Watch(path=tmp_path / "a"), Watch(path=tmp_path / "b"))
    settings = Settings(watch=watch, watching=Watching(extensions=(".xyz", "-.mp3")), web=Web(upload_max_gb=2.5))
    zone = drop_zone(settings, ANYBODY)
    assert zone.folders == (str(tmp_path / "a"), str(tmp_path / "b")) and zone.max_bytes == 2_500_000_000
    assert ".xyz" in zone.extensions and ".wav" in zone.extensions and ".mp3" not in zone.extensions
    assert "de" in zone.languages and not zone.sniff
    assert drop_zone(settings, Person("ada", (str(tmp_path / "b"),))).folders == (str(tmp_path / "b"),)
    assert drop_zone(settings, Person("eve", read_only=True)).folders == ()


def test_every_task_can_be_chosen() -> None:
    assert tuple(TASKS) == get_args(Watch.model_fields["task"].annotation)


def test_the_page_has_a_place_to_drop_for_those_who_may(tmp_path: Path) -> None:
    database, web = (
        tmp_path / "jobs.db",
        Web(users_file=str(tmp_path / "users.json"), users={"eve": WebUser(read_only=True)}),
    )
    migrate(database)
    watch, url = (Watch(path=tmp_path / "inbox"),), f"sqlite:///{database}"
    settings = Settings(watch=watch, web=web, database=Database(url=url))
    users = Users(settings)
    shown = {}
    for name in ("ada", "eve"):
        headers = {"Authorization": f"Bearer {users.add_token(name, 'test')}"}
        shown[name] = TestClient(make_app(settings, "127.0.0.1"), "http://127.0.0.1", headers=headers).get("/").text
    assert 'id="drop"' in shown["ada"] and f"<option>{tmp_path / 'inbox'}</option>" in shown["ada"]
    assert 'id="drop"' not in shown["eve"] and "tus.min.js" not in shown["eve"]
