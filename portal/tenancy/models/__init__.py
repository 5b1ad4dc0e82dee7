"""What tenancy keeps, one subject a file."""

from portal.tenancy.models.asks import AskState, JoinAsk, ProjectAsk, ProjectEnd
from portal.tenancy.models.glass import BreakGlass, Finding
from portal.tenancy.models.invitations import Invitation, InvitationMail, InvitationState, standing
from portal.tenancy.models.quotas import Hold, Quota, QuotaAsk
from portal.tenancy.models.reviews import Review, ReviewItem, Verdict
from portal.tenancy.models.role_asks import RoleAsk
from portal.tenancy.models.rules import HouseRule
from portal.tenancy.models.share_asks import ShareAsk
from portal.tenancy.models.terms import Acceptance, Terms

__all__ = [
    "Acceptance",
    "AskState",
    "BreakGlass",
    "Finding",
    "Hold",
    "HouseRule",
    "Invitation",
    "InvitationMail",
    "InvitationState",
    "JoinAsk",
    "ProjectAsk",
    "ProjectEnd",
    "Quota",
    "QuotaAsk",
    "Review",
    "ReviewItem",
    "RoleAsk",
    "ShareAsk",
    "Terms",
    "Verdict",
    "standing",
]
