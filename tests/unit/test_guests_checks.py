"""Values of somebody else's JSON: of their type and within their limits, or refused."""

from typing import Any

import pytest

from daemon.guests import checks
from daemon.guests.checks import Check, Malformed


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (checks.number(0, 1), [0, 0.5, 1], [True, "1", None, 1.01, -1, float("nan"), float("inf"), 10**400]),
        (checks.whole(1, 3), [1, 3], [True, 1.0, "1", None, 0, 4]),
        (checks.text(3), ["", "äöü"], [None, 7, "abcd", "\udc80"]),
        (checks.one_of("a", "b"), ["a"], ["c", None, ["a"], {}]),
        (checks.language("auto"), ["en", "auto"], ["", "EN", None, ["en"]]),
        (checks.flag, [True, False], [0, 1, None, "true"]),
        (checks.maybe(checks.flag), [None, True], [0]),
    ],
)
def test_a_value_is_what_it_is_to_be(check: Check, right: list[Any], wrong: list[Any]) -> None:
    for value in right:
        assert check(value) == value
    for value in wrong:
        with pytest.raises(Malformed):
            check(value)


def test_a_list_is_of_a_length() -> None:
    check = checks.several(checks.flag, 2, 1)
    assert check([True]) == (True,)
    wrong: list[Any] = [[], [True] * 3, [7], "ab", None, (True,)]
    for value in wrong:
        with pytest.raises(Malformed):
            check(value)


def test_a_number_may_be_missing() -> None:
    assert checks.number_or(-1.0, 0, 1)(None) == -1.0
    assert (checks.or_null(0.5), checks.or_null(float("nan")), checks.or_null(float("-inf"))) == (0.5, None, None)


def test_an_object_has_its_fields_and_no_others() -> None:
    a_and_b = {"a": checks.flag, "b": checks.flag}
    assert checks.fields({"a": True, "b": False}, a_and_b) == {"a": True, "b": False}
    wrong: list[Any] = [{"a": True}, {"a": True, "b": False, "c": 1}, [], None]
    for value in wrong:
        with pytest.raises(Malformed, match="exactly a, b"):
            checks.fields(value, a_and_b)
    with pytest.raises(Malformed, match="b: it is neither"):
        checks.fields({"a": True, "b": 7}, a_and_b)


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"-Infinity", b"[" * 100_000, b'"\xff"', b"1" * 5000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed, match="not JSON"):
        checks.document(body)
