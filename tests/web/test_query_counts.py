"""Every list page of 50, for every role, with ten thousand of everything: the same few queries whatever there is."""

import json
from pathlib import Path

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.core import clock
from portal.web.nav import NAV
from tests.crowd import fill, projects

COUNT = 10_000
MOST = 12
BASELINE = json.loads((Path(__file__).parent.parent / "query_counts.json").read_text())
LISTS = [place.url_name for place in NAV] + ["notices"]
PAGES = [*LISTS, "profile"]
"""The profile is no list: it gathers roles, tokens, sessions and ways to sign in, one query each."""


@pytest.fixture
def crowd(market):
    fill(market.world, market.server, market.aws, count=COUNT, places=projects(market.world, 40))
    with database.cursor() as cursor:
        cursor.execute("ANALYZE")


def test_every_place_of_the_navigation_has_a_baseline():
    assert sorted(BASELINE) == sorted(PAGES)
    assert max(BASELINE[page] for page in LISTS) <= MOST


@pytest.mark.timeout(600)
def test_pages_stay_at_their_baseline_with_ten_thousand_rows(crowd, signed_in):
    with clock.travel(clock.now()):  # once a minute a session notes that it lives, and the test may take longer than that
        over, seen = counted(signed_in)
    assert not over, "\n".join(over)
    assert seen == set(PAGES)


def counted(signed_in):
    """What is over its baseline, and the pages that anybody could open."""
    over, seen = [], set()
    for name in ("alice", "bob", "carol", "dave", "erin"):
        browser = signed_in(name)
        for page in PAGES:
            with CaptureQueriesContext(database) as queries:
                answer = browser.get(reverse(page))
            if answer.status_code == 404:
                continue
            assert answer.status_code == 200, page
            seen.add(page)
            if len(queries) > BASELINE[page]:
                said = "\n  ".join(query["sql"][:300] for query in queries)
                over.append(f"{page} for {name}: {len(queries)} queries, baseline {BASELINE[page]}\n  {said}")
    return over, seen
