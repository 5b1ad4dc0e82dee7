"""Tables of identity, one file for each thing they are about."""

from portal.identity.models.accounts import AccountState, ServiceAccount
from portal.identity.models.imports import Import, ImportKind, ImportState
from portal.identity.models.leaving import HandOver, Leaving, LeavingState
from portal.identity.models.local import Factor, RecoveryCode, ResetMail
from portal.identity.models.looks import Look, LookEnd
from portal.identity.models.providers import IdentityProvider, ProviderDomain, ProviderProtocol, ProviderState
from portal.identity.models.rules import Compare, MappingRule
from portal.identity.models.scim import ALIAS, ScimGroup, ScimMember, ScimToken, ScimUser, scim_issuer
from portal.identity.models.sessions import Session, SessionEnd, SpentToken
from portal.identity.models.upstream import OPEN_SYNCS, DirectorySync, Feed, Heard, ProviderStep, SyncState

__all__ = [
    "ALIAS",
    "OPEN_SYNCS",
    "AccountState",
    "Compare",
    "DirectorySync",
    "Factor",
    "Feed",
    "HandOver",
    "Heard",
    "IdentityProvider",
    "Import",
    "ImportKind",
    "ImportState",
    "Leaving",
    "LeavingState",
    "Look",
    "LookEnd",
    "MappingRule",
    "ProviderDomain",
    "ProviderProtocol",
    "ProviderState",
    "ProviderStep",
    "RecoveryCode",
    "ResetMail",
    "ScimGroup",
    "ScimMember",
    "ScimToken",
    "ScimUser",
    "ServiceAccount",
    "Session",
    "SessionEnd",
    "SpentToken",
    "SyncState",
    "scim_issuer",
]
