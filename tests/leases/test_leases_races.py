"""Many asks, takes and readings of one lease at the same moment: one of each counts."""

from portal.core.errors import Refused
from portal.leases import minting, services
from portal.leases.models import Lease, LeaseState
from tests.leases.cloud import Lending
from tests.races import at_once


def test_one_key_at_the_same_moment_is_one_lease(fresh_db, desk):
    made = at_once(*[desk.ask] * 4)
    assert {lease.pk for lease in made} == {Lease.objects.get().pk}


def test_the_last_place_is_taken_once(fresh_db, desk):
    for number in range(services.MOST_HELD - 1):
        desk.ask(key=str(number))
    made = at_once(*[lambda key=key: desk.ask(key=key) for key in ("a", "b", "c")])
    assert sum(isinstance(one, Lease) for one in made) == 1
    assert sum(isinstance(one, Refused) for one in made) == 2


def test_workers_at_once_mint_once_and_a_secret_is_read_once(fresh_db, desk):
    lease = desk.ask()
    at_once(*[lambda: minting.settle(lease.pk)] * 4)
    assert (desk.seen(lease).state, Lending.calls) == (LeaseState.HELD, ["lease reader"])
    read = at_once(*[lambda: services.take_secret(lease, actor=desk.world.actor("alice"))] * 4)
    assert sum(one is not None for one in read) == 1
    assert not [one for one in read if isinstance(one, Exception)]


def test_an_end_beside_a_worker_leaves_nothing_behind(fresh_db, desk):
    lease = desk.ask()
    at_once(
        lambda: minting.settle(lease.pk),
        lambda: services.end_lease(lease, actor=desk.world.actor("alice")),
        lambda: minting.settle(lease.pk),
    )
    desk.sweep(minutes=3)
    assert (desk.seen(lease).state, Lending.held) == (LeaseState.ENDED, {})
