"""A Concord of processes for each module of live tests."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.conf import settings
from django.test import override_settings

from portal.celery import app
from scripts.launcher.valkey import Valkey
from tests import cast, databases
from tests.endpoints import running_moto
from tests.live.points import ARMED, FIRED
from tests.live.site import Site
from tests.market import open_market

pytest.register_assert_rewrite("tests.live.tally")


@pytest.fixture(scope="module")
def whole_site(django_db_blocker: Any) -> Iterator[Site]:
    """Database, broker, clouds and market; no worker yet. Nothing of it is left at the end."""
    folder = Path(tempfile.mkdtemp(prefix="concord-live-"))
    folder.chmod(0o755)
    for name in (ARMED, FIRED):
        (folder / name).mkdir()
    name, valkey = databases.new_name("live"), Valkey(folder)
    databases.clone(name)
    lake = override_settings(LAKE_URL=str(folder / "lake"), BLOB_URL=str(folder / "blobs"))
    try:
        valkey.start()
        with running_moto() as moto, django_db_blocker.unblock(), databases.using(name), lake:
            site = Site(folder, name, valkey, moto, open_market(cast.build(), moto))
            try:
                yield site
            finally:
                site.stop()
    finally:
        valkey.stop(0)
        databases.drop(name)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def site(whole_site: Site) -> Iterator[Site]:
    """The same with a broker that is up, an empty queue and nobody at work; this process sends to the real broker."""
    if whole_site.valkey.process is None or whole_site.valkey.process.poll() is not None:
        whole_site.valkey.start_again()
    sender = Celery("sender", broker=whole_site.valkey.url(), set_as_current=False)
    sender.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    sender.set_current()
    sender.control.purge()
    try:
        yield whole_site
    finally:
        whole_site.stop()
        whole_site.disarm()
        sender.close()
        app.set_current()
