"""Fixtures of the pages: a browser without a script, signed in as one of the cast, and a count of what a page asks."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import PASSWORD, World

MOST_QUERIES = 12


@pytest.fixture
def signed_in(client: Client, world: World) -> Callable[[str], Client]:
    """`signed_in("alice")` is a client with her session."""

    def sign_in(name: str) -> Client:
        client.post("/signin/", {"username": name, "password": PASSWORD})
        return client

    return sign_in


@pytest.fixture
def in_few_queries() -> Callable[..., Any]:
    """`in_few_queries(client, url)` gets a page and fails with the statements where there are too many."""

    def get(client: Client, url: str, most: int = MOST_QUERIES) -> Any:
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(url)
        assert len(queries) <= most, f"{len(queries)}\n" + "\n".join(query["sql"][:400] for query in queries)
        return answer

    return get
