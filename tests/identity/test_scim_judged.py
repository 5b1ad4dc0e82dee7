"""A judge of SCIM servers, made by others, finds nothing wrong with ours."""

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_tester import Status, check_server

from portal.wsgi import application
from tests.identity.scim import token

WRONG = {Status.ERROR, Status.CRITICAL, Status.DEVIATION}


@pytest.fixture
def _one_connection():
    """The application runs in the transaction of the test, so no request closes its connection."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.usefixtures("_one_connection")
def test_the_judge_finds_no_error(world, settings):
    headers = {"Authorization": f"Bearer {token(world.nordwind, world.actor('erin'))}"}
    client = WSGISCIMClient(application, base_url=f"{settings.PUBLIC_URL}/scim/v2", headers=headers)
    results = check_server(client)
    assert [f"{each.title}: {each.reason}" for each in results if each.status in WRONG] == []
    assert len([each for each in results if each.status == Status.SUCCESS]) > 100
