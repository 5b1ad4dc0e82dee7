"""Vote in a process of its own and be killed while the effect is under way: run by a test with the database in the environment."""

import os
import signal
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.conf import settings  # noqa: E402

from portal.access.models import Scope  # noqa: E402
from portal.approvals import services  # noqa: E402
from portal.approvals.models import Approval  # noqa: E402
from portal.users.actor import Actor, Auth  # noqa: E402
from portal.users.models import User  # noqa: E402
from tests.approvals import wish  # noqa: E402


class Killed(wish.WishKind):
    """Its effect is written, and then the process dies before it is committed."""

    def apply(self, subject, *, actor):
        super().apply(subject, actor=actor)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    settings.PORTAL_APPROVAL_KINDS = ["tests.approvals.racer.Killed"]
    approval = Approval.objects.get(pk=sys.argv[1])
    wish.WishKind.wishes[approval.subject_id] = wish.Wish(approval.subject_id, Scope.objects.get(pk=approval.scope_id))
    actor = Actor(User.objects.get(username="bob"), Auth("password"))
    services.vote(approval, "approve", approval.card_hash, actor=actor)
