"""Timed work of tenancy: mails of invitations, access reviews whose day comes, roles and projects that end."""

from uuid import UUID

from celery import shared_task

from portal.core import clock, queue
from portal.tenancy import invitation_mail, project_ends, reviews, role_ends
from portal.users.actor import Actor

BATCH = 200


@shared_task(name="tenancy.mail_invitation", soft_time_limit=60, time_limit=90)
def mail_invitation(pk: str) -> None:
    invitation_mail.deliver(UUID(pk), at=clock.now())


@shared_task(name="tenancy.sweep_invitations", soft_time_limit=60, time_limit=90)
def sweep_invitations() -> None:
    for mail in invitation_mail.due(clock.now())[:BATCH]:
        queue.after_commit("tenancy.mail_invitation", mail.pk)


@shared_task(name="tenancy.sweep_reviews", soft_time_limit=300, time_limit=330)
def sweep_reviews() -> None:
    """Close reviews whose day has passed, and remind of those near it; asked twice it does no harm."""
    now, actor = clock.now(), Actor.system()
    for pk in reviews.due_reviews(now).values_list("pk", flat=True)[:BATCH]:
        reviews.close_overdue(pk, actor=actor)
    reviews.remind(now, actor=actor)


@shared_task(name="tenancy.tell_role_ends", soft_time_limit=60, time_limit=90)
def tell_role_ends() -> None:
    """Tell of roles that end within a week; told twice it is told once."""
    role_ends.tell_role_ends(actor=Actor.system())


@shared_task(name="tenancy.tell_project_ends", soft_time_limit=60, time_limit=90)
def tell_project_ends() -> None:
    """Tell of projects that end within a fortnight, and on their last day; told twice it is told once."""
    project_ends.tell_project_ends(actor=Actor.system())
