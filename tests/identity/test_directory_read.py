"""A real directory, read whole by the portal's service account."""

from portal.identity import directory_sync
from portal.identity.plane import issuer
from portal.users.actor import Actor
from portal.users.models import Identity


def synced():
    row = directory_sync.ask(actor=Actor.system())
    directory_sync.run(row.pk)
    row.refresh_from_db()
    return row


def test_everybody_is_read_with_her_groups_and_who_is_deleted_is_out(world, realm):
    zoe = realm.person("zoe", groups=["/viewers/deep", "/équipe"])
    gone = realm.person("gus")
    first = synced()
    assert (first.state, first.error, first.counts["new"]) == ("done", "", 2)
    assert Identity.objects.get(issuer=issuer(), subject=zoe.id).claims["groups"] == ["/viewers/deep", "/équipe"]
    realm.admin.delete_user(gone.id)
    assert synced().counts["leaving"] == 1
    assert not Identity.objects.get(subject=gone.id).user.is_active
