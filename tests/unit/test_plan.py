"""Which checks the doctor makes."""

from dataclasses import replace

from daemon.doctor.case import READABLE, Facts, Order
from daemon.doctor.plan import Step, plan


def test_a_path_that_gives_no_answer_is_named() -> None:
    step = Step("folder", Order("program", None, "/mnt/nas"))
    assert step.no_answer("why").text == "/mnt/nas: the check gave no answer: why"
    assert Step("folder", Order("program", None, "3")).no_answer("why").text == "the check gave no answer: why"


ALWAYS = ["libraries", "service", "clock"]
USABLE = Facts("/c.toml", is_usable=True, folders=("/a", "/b"), models=("base", "small"), uid=1)


def subjects(facts: Facts) -> list[str]:
    return [step.subject for step in plan(facts)]


def test_the_checks_of_a_good_configuration() -> None:
    expected = [
        "database",
        "disk",
        "folder",
        "folder",
        "inotify",
        "GPU",
        "model",
        "model",
        "speakers",
        "cluster",
        "engine",
    ]
    assert subjects(USABLE) == ALWAYS + expected
    arguments = [step.order.argument for step in plan(USABLE) if step.order.argument]
    assert arguments == ["0", "1", "base", "small"]


def test_the_checks_that_need_no_configuration() -> None:
    facts = Facts(None, is_usable=False, folders=(), models=(), uid=1)
    assert subjects(facts) == [*ALWAYS, "GPU"]
    assert not any(step.order.reads_settings for step in plan(facts))


def test_folders_that_may_be_why_reading_it_hangs_are_asked_for_an_answer() -> None:
    facts = Facts("/c.toml", is_usable=False, folders=("/mnt/nas",), models=(), uid=1)
    (folder,) = [step for step in plan(facts) if step.subject == "folder"]
    assert folder.order.argument == "/mnt/nas" and not folder.order.reads_settings and "umount" in folder.cure


def test_as_root_the_checks_become_the_daemons_user() -> None:
    steps = plan(replace(USABLE, uid=7, changes_user=True, may_run=False))
    (readable,) = [step for step in steps if step.subject == "configuration"]
    assert readable.order.argument == READABLE and {step.order.uid for step in steps} == {7}
    assert {"GPU", "model", "engine"}.isdisjoint(step.subject for step in steps), "they start programs of ours"


def test_a_stranger_cannot_tell_what_the_daemon_may_do() -> None:
    assert subjects(replace(USABLE, is_stranger=True)) == [*ALWAYS, "GPU"]
