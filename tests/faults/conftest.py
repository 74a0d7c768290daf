"""Namespaces that are certainly gone after the test."""

from collections.abc import Callable, Iterator

import pytest

from tests.faults.namespace import Namespace
from tests.support import Daemon


@pytest.fixture
def make_namespace() -> Iterator[Callable[..., Namespace]]:
    made: list[Namespace] = []

    def make(daemon: Daemon, first: str = "true") -> Namespace:
        made.append(Namespace(daemon, first))
        return made[-1]

    yield make
    for namespace in made:
        namespace.end()
