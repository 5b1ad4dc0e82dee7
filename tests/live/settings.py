"""Settings of the processes under test: the portal's own, quicker to look again, with points at which a worker dies."""

from portal.settings import *  # noqa: F403
from portal.settings import CELERY_BEAT_SCHEDULE, CELERY_BROKER_TRANSPORT_OPTIONS

PORTAL_PROVIDERS = ["tests.live.clouds.WatchedAws", "portal.clouds.adapters.postgresql.Postgresql"]
CELERY_IMPORTS = ["tests.live.faults"]
CELERY_BROKER_TRANSPORT_OPTIONS = {**CELERY_BROKER_TRANSPORT_OPTIONS, "unacked_restore_interval": 1}
SOONER = {"schedule": 1, "options": {"expires": 2}}
CELERY_BEAT_SCHEDULE = {
    name: {**entry, **(SOONER if name in ("provisioning.sweep", "orders.sweep") else {})}
    for name, entry in CELERY_BEAT_SCHEDULE.items()
}
