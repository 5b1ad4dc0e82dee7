"""What each address of the pages takes: the permission it asks for, or why it asks for none.

Every URL name of `portal.web.urls` has its line here; a test reads the addresses and proves each line. Pages are shown to
who looks as another person by what stands here, so one without a line is not.
"""

from enum import Enum
from typing import NamedTuple

Permission = str | tuple[str, ...]


class Takes(NamedTuple):
    """The permission to read a page (GET) and the one to act on it (POST).

    Empty where the address has no such method. A permission is asked of the thing that the address names, of the scope that
    is sent, or, for a list, anywhere. Where there are several one is enough: any, or for a scope the one of its kind.
    """

    reading: Permission = ""
    acting: Permission = ""


class Free(Enum):
    """Why an address asks for no permission."""

    OUTSIDE = "for who is not signed in: the way in, and what a provider calls"
    FRAME = "how the frame is shown, kept in the browser or the session"
    OWN = "her own account, notices, agreements"
    EACH = "for everybody signed in: it shows what each may see, perhaps nothing"
    CODE = "for who works on the portal itself: nothing where it is in production"


ACCESS, PEOPLE, SIGN_IN = "manage_members", "manage_people", "manage_identity_providers"
ACCOUNTS, POLICIES = "manage_service_accounts", "manage_policies"
SCOPES = ("manage_tenants", "manage_projects")
RETRY = ("operate_resource", "operate_platform")
TAKES: dict[str, Takes | Free] = {
    "home": Free.EACH,
    # The way in
    **dict.fromkeys(
        ("signin", "signin-code", "signin-find", "forgotten", "forgotten-sent", "reset", "reset-done"), Free.OUTSIDE
    ),
    **dict.fromkeys(("auth-login", "auth-callback", "auth-backchannel-logout", "invited", "decide"), Free.OUTSIDE),
    # The frame
    **dict.fromkeys(("choose-scope", "choose-theme", "signout", "looking-stop"), Free.FRAME),
    "style": Free.CODE,
    # Her own
    **dict.fromkeys(
        ("profile", "profile-reading", "token-create", "token-revoke", "session-end", "end-sessions", "token"), Free.OWN
    ),
    **dict.fromkeys(("password", "second-factor", "second-factor-set-up", "second-factor-confirm"), Free.OWN),
    **dict.fromkeys(("second-factor-codes", "second-factor-remove", "choose-language", "terms-asked"), Free.OWN),
    **dict.fromkeys(("notices", "notices-read", "notice-switch", "notice-read"), Free.OWN),
    # Work
    "inbox": Takes("vote"),
    "approval": Takes("view_order", "vote"),
    "inbox-several": Takes("", "vote"),
    "approval-statistics": Takes(("vote", POLICIES)),
    # Files, words and questions also from who asked and who stands in; her own seat is passed on by who sits in it
    **dict.fromkeys(("approval-file-add", "approval-say", "approval-ask"), Takes("", "vote")),
    "approval-file": Takes(("view_order", "vote")),
    "approval-pass-on": Takes("", ACCESS),
    # Of who put the file there, who asked, who was asked, and whose it is that was returned
    **dict.fromkeys(("approval-file-remove", "approval-take-back", "approval-answer", "approval-again"), Free.OWN),
    **dict.fromkeys(("delegations", "delegation", "delegation-end"), Free.OWN),
    "catalogue": Free.EACH,
    "offering": Takes("view_offering"),
    "order-new": Takes("", "place_order"),
    "orders": Free.EACH,
    **dict.fromkeys(("order-drafts", "order-draft-delete"), Free.OWN),
    "order": Takes("view_order"),
    "order-withdraw": Takes("", "place_order"),
    "order-amend": Takes("place_order", "place_order"),
    "order-resubmit": Takes("", "place_order"),
    "order-retry": Takes("", "place_order"),
    "order-give-up": Takes("", "place_order"),
    # A lease is its holder's; of those of others, who manages the connection sees and ends them
    "leases": Takes("take_lease"),
    "leaseoffer": Takes("take_lease", "take_lease"),
    "lease": Takes("manage_connections"),
    "lease-end": Takes("", "manage_connections"),
    **dict.fromkeys(("lease-take", "lease-show", "lease-file"), Free.OWN),
    "resources": Free.EACH,
    "resource": Takes("view_resource"),
    "resource-operate": Takes("", "operate_resource"),
    "resource-retry": Takes("", RETRY),
    "resource-secret": Takes("", "view_secret"),
    "resource-rotate": Takes("", "view_secret"),
    "resource-end": Takes("place_order", "place_order"),
    "resource-owner": Takes("", "share_resource"),
    "resource-share": Takes("", "share_resource"),
    "resource-share-end": Takes("", "share_resource"),
    # Money
    "cost": Takes("view_cost"),
    "meter-now": Takes("", "operate_platform"),
    "budget-set": Takes("manage_budgets", "manage_budgets"),
    "budget": Takes("view_cost"),
    "budget-remove": Takes("", "manage_budgets"),
    "exports": Takes("export_cost", "export_cost"),
    "export": Takes("export_cost"),
    "export-download": Takes("export_cost"),
    # Clouds
    "connections": Takes("view_connection"),
    "connection-new": Takes("manage_connections", "manage_connections"),
    "connection": Takes("view_connection"),
    "connection-check": Takes("", "manage_connections"),
    "connection-sync": Takes("", "manage_connections"),
    "connection-credentials": Takes("manage_connections", "manage_connections"),
    "connection-rename": Takes("", "manage_connections"),
    "connection-disable": Takes("manage_connections", "manage_connections"),
    "connection-leases": Takes("manage_connections"),
    "connection-leases-offers": Takes("manage_connections", "manage_connections"),
    "connection-leases-end": Takes("", "manage_connections"),
    "connection-leases-read": Takes("", "manage_connections"),
    "connection-leases-withdraw": Takes("", "manage_connections"),
    "queue": Takes("view_platform"),
    "queue-run": Takes("", "operate_platform"),
    "queue-retry": Takes("", RETRY),
    # Organization
    "scopes": Free.EACH,
    "scope": Takes("view_scope"),
    "scope-create": Takes("", SCOPES),
    "scope-rename": Takes("", SCOPES),
    "scope-close": Takes("", SCOPES),
    "scope-owner": Takes("", SCOPES),
    "scope-end": Takes("manage_projects", "manage_projects"),
    **dict.fromkeys(("project-ask", "project-join"), Free.EACH),
    **dict.fromkeys(("quota-more", "budget-more"), Free.EACH),  # a place that binds her
    **dict.fromkeys(("asks", "ask-withdraw", "break-glass-end"), Free.OWN),
    "break-glass": Free.EACH,  # who holds anything in the organization
    "scope-shares": Takes("share_resource", "share_resource"),
    "scope-share-end": Takes("", "share_resource"),
    "scope-shares-report": Takes("share_resource"),
    "scope-role-give": Takes("", ACCESS),
    "scope-role-end": Takes("", ACCESS),
    "scope-groups": Takes("view_scope", ACCESS),
    "group": Takes("view_scope"),
    **dict.fromkeys(("group-add", "group-remove", "group-rename", "group-delete"), Takes("", ACCESS)),
    "scope-classify": Takes("", SCOPES),
    **dict.fromkeys(("rule-set", "rule-remove"), Takes("", "manage_policies")),
    "quota-set": Takes("", "manage_quotas"),
    "service-accounts": Free.EACH,
    "serviceaccount": Takes(ACCOUNTS),
    **dict.fromkeys(("serviceaccount-token", "serviceaccount-rotate", "serviceaccount-revoke"), Takes("", ACCOUNTS)),
    **dict.fromkeys(("serviceaccount-give-over", "serviceaccount-disable"), Takes("", ACCOUNTS)),
    **dict.fromkeys(("serviceaccount-enable", "serviceaccount-end"), Takes("", ACCOUNTS)),
    "invitations": Takes(ACCESS, ACCESS),
    "invitation-resend": Takes("", ACCESS),
    "invitation-revoke": Takes("", ACCESS),
    "why": Free.EACH,
    "scope-terms": Takes("manage_terms", "manage_terms"),
    "scope-terms-withdraw": Takes("", "manage_terms"),
    "scope-terms-accepted": Takes("manage_terms"),
    "terms": Takes("view_scope"),
    "person": Takes(PEOPLE),
    "person-disable": Takes("", PEOPLE),
    "person-enable": Takes("", PEOPLE),
    "person-leave": Takes(PEOPLE, PEOPLE),
    "person-look": Takes("", "view_as"),
    "leavings": Takes(PEOPLE),
    "leaving": Takes(PEOPLE),
    "leaving-call-off": Takes("", PEOPLE),
    "roles": Takes("manage_roles"),
    "role-new": Takes("manage_roles", "manage_roles"),
    "role": Takes("manage_roles", "manage_roles"),
    "role-delete": Takes("", "manage_roles"),
    "policies": Takes(POLICIES),
    "policies-simulator": Takes(POLICIES),
    "policy": Takes(("view_scope", POLICIES)),
    "policy-new": Takes(POLICIES, POLICIES),
    "policy-change": Takes(POLICIES, POLICIES),
    "policy-retire": Takes("", POLICIES),
    "policychange": Takes((POLICIES, "vote")),
    **dict.fromkeys(("policychange-withdraw", "policychange-put-through"), Takes("", POLICIES)),
    **dict.fromkeys(("calendars", "calendar"), Takes(POLICIES, POLICIES)),
    "calendars-choose": Takes("", POLICIES),
    "reviews": Takes(ACCESS, ACCESS),
    "review": Takes(ACCESS),
    "review-decide": Takes("", ACCESS),
    "review-close": Takes("", ACCESS),
    "review-report": Takes(ACCESS),
    "mapping": Takes(ACCESS),
    "mapping-add": Takes("", ACCESS),
    "mapping-preview": Takes("", ACCESS),
    "mapping-remove": Takes("", ACCESS),
    "imports": Takes(ACCESS, ACCESS),
    "import": Takes(ACCESS),
    "import-carry-out": Takes("", ACCESS),
    "import-template": Takes(ACCESS),
    "import-result": Takes(ACCESS),
    "identity-providers": Takes(SIGN_IN),
    "identityprovider-new": Takes(SIGN_IN, SIGN_IN),
    "identityprovider": Takes(SIGN_IN),
    "identityprovider-check": Takes("", SIGN_IN),
    "identityprovider-on": Takes("", SIGN_IN),
    "identityprovider-change": Takes(SIGN_IN, SIGN_IN),
    "identityprovider-stop": Takes(SIGN_IN, SIGN_IN),
    "identityprovider-scim": Takes(SIGN_IN, SIGN_IN),
    "identityprovider-scim-rotate": Takes("", SIGN_IN),
    "identityprovider-scim-revoke": Takes("", SIGN_IN),
    "directory": Takes("operate_platform", "operate_platform"),
    "directory-go-on": Takes("", "operate_platform"),
    "events": Free.EACH,
    **dict.fromkeys(("event-proof", "seals", "seals-published", "seals-checker"), Takes("view_event")),
    "event": Takes("view_event"),
    "events-export": Takes("view_event"),
    "evidence": Free.EACH,
    "evidencepack": Takes("view_event"),
    "evidencepack-download": Takes("view_event"),
    **dict.fromkeys(("order-evidence", "approval-evidence"), Takes("", "view_event")),
    # A subscription is its owner's; of those of others, who manages members there sees that they are, and stops them
    "subscriptions": Free.EACH,
    "subscription": Takes(ACCESS),
    **dict.fromkeys(("subscription-pause", "subscription-remove"), Takes("", ACCESS)),
    **dict.fromkeys(("subscription-resume", "subscription-rotate", "subscription-test"), Free.OWN),
    **dict.fromkeys(("subscription-replay", "subscription-delivery-replay"), Free.OWN),
}

OF_THE_FRAME = frozenset(name for name, takes in TAKES.items() if takes is Free.FRAME)
HANDED_OUT = frozenset(
    {"approval-file", "event-proof", "seals-published", "seals-checker", "evidencepack-download", "events-export"}
    | {"export-download", "scope-shares-report", "import-template", "import-result", "review-report", "scope-terms-accepted"}
)
"""Files: whoever looks as another person takes nothing home in her name."""


def is_shown_to_who_looks(name: str) -> bool:
    """Whether the page of this URL name is shown to who looks as another person who may open it."""
    takes = TAKES.get(name)
    return takes is Free.EACH or (isinstance(takes, Takes) and bool(takes.reading) and name not in HANDED_OUT)
