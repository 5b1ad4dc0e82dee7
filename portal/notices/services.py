"""Tell people something, mark it read, choose what to be told."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from portal.core import clock, queue
from portal.core.errors import Invalid, NotFound
from portal.core.models import Base
from portal.events.models import Event
from portal.notices.messages import MESSAGES, message_of, say
from portal.notices.models import Channel, Delivery, Notice, Preference, text_params
from portal.users.actor import Actor
from portal.users.models import User, UserKind


@transaction.atomic
def notify(
    users: Iterable[User], topic: str, *, target: Base, actor: Actor, event: Event | None = None, **params: object
) -> list[Notice]:
    """Tell each of `users` about `target`, in the caller's transaction; mail leaves after commit.

    A service account's notices go to its owner. Nobody is told twice, nor of what she did herself, nor once she is
    disabled. The page of `target` is found by its kind; `label` is always among the parameters.
    """
    message = message_of(topic)
    words = text_params({"label": target.label, **params})
    _ = say(message.title, words), say(message.body, words)  # a missing parameter is found here, not by the reader
    people = addressees(users, actor)
    off, on = (set(), set()) if message.always else _switches(people, topic)
    notices = [
        Notice(
            user=person,
            topic=topic,
            params=words,
            link_kind=target.kind(),
            link_id=str(target.pk),
            event=event,
            in_bell=(person.pk, Channel.BELL) not in off,
        )
        for person in people
    ]
    mailed = [
        notice
        for notice in notices
        if notice.user.email
        and (notice.user_id, Channel.MAIL) not in off
        and (message.mail or (notice.user_id, Channel.MAIL) in on)
    ]
    notices = [notice for notice in notices if notice.in_bell or notice in mailed]
    Notice.objects.bulk_create(notices)
    for delivery in Delivery.objects.bulk_create([Delivery(notice=notice) for notice in mailed]):
        queue.after_commit("notices.deliver", delivery.pk)
    return notices


def addressees(users: Iterable[User], actor: Actor) -> list[User]:
    """The people behind these users, each once, without the one who acts."""
    people: dict[object, User] = {}
    for user in users:
        person = user.owner if user.kind_of_user == UserKind.SERVICE and user.owner else user
        if person.is_active and person.kind_of_user == UserKind.PERSON and person.pk != actor.person_id:
            people[person.pk] = person
    return list(people.values())


def mark_read(notice_id: UUID, *, actor: Actor) -> Notice:
    """Mark one of her notices as read; reading it again changes nothing."""
    Notice.objects.filter(pk=notice_id, user=actor.user, read_at=None).update(read_at=clock.now())
    notice = Notice.objects.filter(pk=notice_id, user=actor.user).first()
    if notice is None:
        raise NotFound()
    return notice


def mark_all_read(*, actor: Actor, until: datetime | None = None) -> int:
    """Mark what she was told up to `until` (now, unless given) as read; returns how many that were."""
    unread = Notice.objects.filter(user=actor.user, read_at=None, created_at__lte=until or clock.now())
    return unread.update(read_at=clock.now())


def set_preference(topic: str, channel: str, is_on: bool, *, actor: Actor) -> Preference:
    """Move one of her own switches."""
    if topic not in MESSAGES or MESSAGES[topic].always or channel not in Channel.values:
        raise Invalid(fields={"topic": [f"{topic} {channel}"]})
    preference, _ = Preference.objects.update_or_create(
        user=actor.user, topic=topic, channel=channel, defaults={"is_on": is_on}
    )
    return preference


def _switches(people: list[User], topic: str) -> tuple[set[tuple[UUID, str]], set[tuple[UUID, str]]]:
    """Who switched this topic off, and who on, by which channel."""
    rows = Preference.objects.filter(user__in=people, topic=topic).values_list("user_id", "channel", "is_on")
    moved = list(rows)
    return {(user, by) for user, by, is_on in moved if not is_on}, {(user, by) for user, by, is_on in moved if is_on}
