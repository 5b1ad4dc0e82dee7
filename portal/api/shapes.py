"""The small shapes that others are made of: amounts, people, names of things."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import get_attribute

Shape = serializers.Serializer
Method = TypeVar("Method", bound=Callable[..., Any])


class MoneySerializer(Shape[Any]):
    """An exact amount as text, with its currency."""

    amount = serializers.CharField()
    currency = serializers.CharField()


class Exact(serializers.Field[Any, Any, Any, Any]):
    """An exact number as text: no digit is lost, none is added."""

    def to_representation(self, value: Any) -> str:
        return exact(value)


class MoneyField(serializers.Field[Any, Any, Any, Any]):
    """Amount and currency of a thing as one value; null where there is no amount."""

    def __init__(self, amount: str, currency: str = "currency", **kwargs: Any) -> None:
        super().__init__(source="*", read_only=True, **kwargs)
        self.amount, self.currency = amount, currency

    def to_representation(self, thing: Any) -> dict[str, str] | None:
        return money(get_attribute(thing, [self.amount]), get_attribute(thing, [self.currency]))


extend_schema_field({"type": "string", "format": "decimal"})(Exact)
extend_schema_field(MoneySerializer(allow_null=True))(MoneyField)


def as_money(method: Method) -> Method:
    """Says that a method of a serializer gives what `money` gives."""
    said: Method = extend_schema_field(MoneySerializer(allow_null=True))(method)
    return said


class PersonSerializer(Shape[Any]):
    """Somebody who acts."""

    id = serializers.UUIDField()
    name = serializers.CharField(source="__str__")


class NamedSerializer(Shape[Any]):
    """Something by its id and its name."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class ReasonSerializer(Shape[Any]):
    """Why, for those who read of it later."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")


def exact(value: Decimal | int | str) -> str:
    """The number in plain digits."""
    return format(Decimal(value).normalize(), "f")


def money(amount: Any, currency: str) -> dict[str, str] | None:
    """Amount and currency as one value; None where there is no amount."""
    return None if amount in (None, "") else {"amount": exact(amount), "currency": currency}


class QuoteLineSerializer(Shape[Any]):
    """One component of a quote."""

    component = serializers.CharField()
    quantity = Exact()
    unit = serializers.CharField()
    unit_price = Exact()
    per_month = Exact()


class QuoteSerializer(Shape[Any]):
    """What it costs while it runs, exactly; a month is 730 hours."""

    lines = QuoteLineSerializer(many=True)
    per_hour = MoneyField("per_hour")
    per_month = MoneyField("per_month")
