"""Fixtures of the API: a caller with a token for each of the cast, and a count of what a list asks."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.core import clock
from portal.identity.tokens import create_token
from tests.api.portal import running_portal
from tests.cast import World

MOST_QUERIES = 12


class Caller:
    """One program with a token. `get` and `post` send and read JSON."""

    def __init__(self, plain: str) -> None:
        self.client = Client()
        self.headers = {"Authorization": f"Bearer {plain}"}

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(f"/api/{path}", headers={**self.headers, **headers})

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, str | bytes) else json.dumps(body or {})
        sent = {"content_type": "application/json", "headers": {**self.headers, **named}}
        return self.client.generic(method, f"/api/{path}", content, **sent)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, body, **headers)


@pytest.fixture(autouse=True)
def _no_rates() -> None:
    """What other tests asked for does not count."""
    cache.clear()


@pytest.fixture
def caller(world: World) -> Callable[..., Caller]:
    """`caller("alice")` calls with a token of hers; more arguments narrow it."""

    def make(name: str, **limits: Any) -> Caller:
        given = {"name": "test", "expires": clock.now() + timedelta(days=7), **limits}
        return Caller(create_token(actor=world.actor(name), **given)[1])

    return make


@pytest.fixture
def in_few_queries() -> Callable[..., Any]:
    """`in_few_queries(caller, path)` gets a list and fails with the statements where there are too many."""

    def get(who: Caller, path: str, most: int = MOST_QUERIES) -> Any:
        with CaptureQueriesContext(connection) as queries:
            answer = who.get(path)
        assert len(queries) <= most, f"{len(queries)}\n" + "\n".join(query["sql"][:300] for query in queries)
        return answer

    return get


@pytest.fixture
def portal_url(fresh_db: str, tmp_path: Any) -> Iterator[str]:
    """The portal as a process of its own, on the test's database."""
    with running_portal(fresh_db, tmp_path / "portal.log") as url:
        yield url
