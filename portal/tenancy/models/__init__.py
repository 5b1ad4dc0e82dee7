"""What tenancy keeps, one subject a file."""

from portal.tenancy.models.quotas import Hold, Quota
from portal.tenancy.models.reviews import Review, ReviewItem, Verdict
from portal.tenancy.models.terms import Acceptance, Terms

__all__ = ["Acceptance", "Hold", "Quota", "Review", "ReviewItem", "Terms", "Verdict"]
