from daemon.watch.settler import Settler


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
