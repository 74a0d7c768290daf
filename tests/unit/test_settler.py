from daemon.watch.settler import TOLD_MAX, Settler


def test_a_file_is_due_once_nothing_changed_for_the_settle_time() -> None:
    settler: Settler[str] = Settler(2.0)
    assert settler.seen("a", "1", now=10.0)
    assert settler.due(11.9) == []
    assert settler.due(12.0) == ["a"]


def test_a_change_starts_the_wait_anew() -> None:
    settler: Settler[str] = Settler(2.0)
    settler.seen("a", "1", now=10.0)
    assert settler.seen("a", "2", now=11.5)
    assert settler.due(12.0) == []
    assert settler.due(13.5) == ["a"]


def test_looking_again_at_the_same_version_does_not() -> None:
    settler: Settler[str] = Settler(2.0)
    settler.seen("a", "1", now=10.0)
    assert not settler.seen("a", "1", now=11.5)
    assert settler.due(12.0) == ["a"]


def test_a_file_still_open_waits_again() -> None:
    settler: Settler[str] = Settler(2.0)
    settler.seen("a", "1", now=10.0)
    settler.again("a", now=12.0)
    assert settler.due(13.0) == []
    assert settler.next_due() == 14.0


def test_next_due_is_the_first_of_all() -> None:
    settler: Settler[str] = Settler(2.0)
    assert settler.next_due() is None
    settler.seen("a", "1", now=10.0)
    settler.seen("b", "1", now=9.0)
    assert settler.next_due() == 11.0
    settler.drop("b")
    assert settler.next_due() == 12.0


def test_what_changes_or_is_open_for_long_is_told_of_now_and_then() -> None:
    settler: Settler[str] = Settler(2.0)
    for key in "abcd":
        settler.seen(key, "1", now=10.0)
    settler.seen("b", "2", now=11.0)
    settler.again("c", now=12.0)
    settler.seen("d", "2", now=11.0)
    settler.say_no_more("d")
    assert settler.changing(20.0, for_s=10.0) == []
    settler.seen("b", "3", now=20.5)
    assert settler.changing(21.0, for_s=10.0) == ["b"]
    assert settler.changing(22.0, for_s=10.0) == ["c"]
    assert settler.changing(31.0, for_s=10.0) == ["b"]
    settler.drop("d")
    settler.seen("d", "1", now=40.0)
    settler.seen("d", "2", now=41.0)
    assert settler.changing(51.0, for_s=10.0) == ["b", "c", "d"]


# -- what is known to be complete ---------------------------------------------------------------------------------


def test_what_is_complete_does_not_wait() -> None:
    """Be it told before or after it is seen; another version of it waits."""
    settler: Settler[str] = Settler(60.0)
    settler.complete("1:2:3:4")
    settler.seen("a", "1:2:3:4:5", now=10.0)
    settler.seen("b", "1:9:3:4:5", now=10.0)
    assert settler.due(10.0) == ["a"] and settler.next_due() == 10.0
    settler.seen("a", "1:2:3:4:6", now=11.0)
    assert settler.due(11.0) == ["a"], "only its name has changed"
    settler.seen("a", "1:2:4:5:6", now=12.0)
    assert settler.due(13.0) == [] and settler.next_due() == 70.0
    settler.complete("1:9:3:4")
    assert settler.due(13.0) == ["b"]


def test_what_is_complete_waits_if_somebody_has_it_open() -> None:
    settler: Settler[str] = Settler(60.0)
    settler.complete("1:2:3:4")
    settler.seen("a", "1:2:3:4:5", now=10.0)
    settler.again("a", now=11.0)
    assert settler.due(12.0) == [] and settler.next_due() == 71.0


def test_what_was_told_is_forgotten_with_the_file() -> None:
    settler: Settler[str] = Settler(60.0)
    settler.complete("1:2:3:4")
    settler.seen("a", "1:2:3:4:5", now=10.0)
    settler.drop("a")
    settler.seen("a", "1:2:3:4:5", now=20.0)
    assert settler.due(20.0) == []
    for number in range(TOLD_MAX + 1):
        settler.complete(f"0:0:0:{number}")
    settler.seen("old", "0:0:0:0:0", now=20.0)
    settler.seen("new", f"0:0:0:{TOLD_MAX}:0", now=20.0)
    assert settler.due(20.0) == ["new"]
