"""Money, secrets, addresses, ids and forms."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core import clock, crypto, money, outbound, parcels, schema
from portal.core.errors import Invalid, Refused
from portal.core.forms import SchemaForm
from portal.core.journal import back_off
from portal.core.models import Parcel, new_id

SERVER = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "Name", "minLength": 1, "maxLength": 40},
        "disk_gib": {"type": "integer", "minimum": 8, "maximum": 500, "default": 20},
        "image": {"type": "string", "enum": ["debian", "ubuntu"]},
        "zone": {"const": "a"},
        "password": {"type": "string", "writeOnly": True},
    },
    "required": ["name", "image"],
}


def test_a_cost_is_exact_to_the_last_digit():
    assert money.multiply(Decimal("730.1234"), Decimal("0.00012345")) == Decimal("0.090133733730")


@given(st.decimals(0, 10**9, places=12), st.lists(st.decimals(0, 10**6, places=3), min_size=1, max_size=30))
def test_the_shares_of_a_split_add_up_to_the_whole(amount, weights):
    shares = money.split(amount, weights)
    assert sum(shares, Decimal()) == amount
    assert min(shares) >= 0


def test_yen_has_no_minor_unit_and_the_dinar_three():
    assert money.round_money(Decimal("10.5"), "JPY") == 10
    assert money.round_money(Decimal("1.23456"), "BHD") == Decimal("1.235")


@pytest.mark.parametrize(
    ("failures", "least_s"), [(0, 5), (1, 5), (2, 10), (7, 320), (8, 600), (1_100, 600), (32_767, 600), (2**31, 600)]
)
def test_a_wait_doubles_up_to_ten_minutes_however_often_it_failed(failures, least_s):
    assert timedelta(seconds=least_s) <= back_off(failures) <= timedelta(seconds=least_s * 1.25)


def test_a_ciphertext_opens_only_for_its_own_row():
    blob = crypto.seal(b"s3cret", aad="clouds.connection:1")
    assert crypto.open_sealed(blob, aad="clouds.connection:1") == b"s3cret"
    with pytest.raises(crypto.Unreadable):
        crypto.open_sealed(blob, aad="clouds.connection:2")
    with pytest.raises(crypto.Unreadable):
        crypto.open_sealed(blob[:-1] + bytes([blob[-1] ^ 1]), aad="clouds.connection:1")


def test_a_parcel_is_read_once_by_whom_it_is_for(world):
    parcel = parcels.put("dsn", for_user_id=world.alice.pk, about="resource:1")
    assert parcels.take(parcel, for_user_id=world.bob.pk) is None
    assert parcels.take(parcel, for_user_id=world.alice.pk) == "dsn"
    assert parcels.take(parcel, for_user_id=world.alice.pk) is None


def test_a_parcel_is_gone_after_ten_minutes(world):
    parcel = parcels.put("dsn", for_user_id=world.alice.pk, about="resource:1")
    with clock.travel(clock.now() + timedelta(minutes=11)):
        assert parcels.waiting("resource:1", for_user_id=world.alice.pk) is None
        assert parcels.take(parcel, for_user_id=world.alice.pk) is None
    assert not Parcel.objects.exists()


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "fe80::1",
        "::ffff:169.254.169.254",
        "0.0.0.0",
        "fd00:ec2::254",
    ],
)
def test_metadata_addresses_are_never_called_even_when_allowed(address):
    assert not outbound.may_reach(address, ["0.0.0.0/0", "::/0"])


def test_private_addresses_need_the_operators_word():
    assert not outbound.may_reach("127.0.0.1", [])
    assert outbound.may_reach("127.0.0.1", ["127.0.0.0/8"])
    with pytest.raises(Refused):
        outbound.check_url("file:///etc/passwd", allow=[])


def test_ids_sort_by_the_time_they_were_made():
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n) for n in range(20)]
    ids = []
    for moment in moments:
        with clock.travel(moment):
            ids.append(new_id())
    assert ids == sorted(ids)
    assert {one.version for one in ids} == {7}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"image": "debian"}, "name"),
        ({"name": "a", "image": "windows"}, "image"),
        ({"name": "a", "image": "debian", "disk_gib": 9999}, "disk_gib"),
        ({"name": "a", "image": "debian", "admin": True}, "admin"),
        ({"name": "a" * 20_000, "image": "debian"}, "name"),
        ({"name": "a\x00b", "image": "debian"}, "name"),
        ({"name": "a", "image": "debian", "zone": "b"}, "zone"),
    ],
)
def test_what_does_not_fit_the_schema_is_named_by_field(value, field):
    with pytest.raises(Invalid) as error:
        schema.validate(SERVER, value)
    assert list(error.value.extra["fields"]) == [field]


def test_a_form_is_drawn_from_the_schema_and_gives_the_spec_back():
    form = SchemaForm(SERVER, {"name": "web-1", "image": "debian", "disk_gib": "20", "password": ""})
    assert list(form.fields) == ["name", "disk_gib", "image", "password"]
    assert form.is_valid(), form.errors
    assert form.spec() == {"name": "web-1", "image": "debian", "disk_gib": 20, "zone": "a"}


def test_a_narrowed_schema_offers_less():
    narrowed = schema.narrow(SERVER, {"properties": {"image": {"const": "debian"}}})
    assert "image" not in SchemaForm(narrowed).fields
    with pytest.raises(Invalid):
        schema.narrow(SERVER, {"properties": {"gpu": {"const": 1}}})
