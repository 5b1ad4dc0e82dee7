"""What tenancy keeps, one subject a file."""

from portal.tenancy.models.quotas import Hold, Quota

__all__ = ["Hold", "Quota"]
