"""What each operation of the API takes: the permission it asks for, or why it asks for none.

Every operation has its line here, by its id in the schema, which shows it; a test tries each line.
"""

from enum import Enum


class Free(Enum):
    """Why an operation asks for no permission."""

    OWN = "the caller's own account, notices, tokens and service accounts"
    SIGNED = "whoever signs with the secret of a decision hook, which votes as its account"
    EACH = "it shows what each may see, perhaps nothing"


Line = str | tuple[str, ...] | Free

ACCESS, PEOPLE, SIGN_IN = "manage_members", "manage_people", "manage_identity_providers"
ACCOUNTS, CLOUDS = "manage_service_accounts", "manage_connections"
TAKES: dict[str, Line] = {
    # The caller's own
    "me_read": Free.OWN,
    **dict.fromkeys(("tokens_list", "tokens_create", "tokens_read", "tokens_revoke", "tokens_rotate"), Free.OWN),
    "service_accounts_create_token": Free.OWN,
    **dict.fromkeys(("notices_list", "notices_read", "notices_read_all"), Free.OWN),
    **dict.fromkeys(("leases_list", "leases_take", "leases_secret"), Free.OWN),
    **dict.fromkeys(("project_asks_list", "project_asks_create", "project_asks_read", "project_asks_withdraw"), Free.OWN),
    **dict.fromkeys(("join_asks_list", "join_asks_create", "join_asks_read", "join_asks_withdraw"), Free.OWN),
    **dict.fromkeys(("quota_asks_list", "quota_asks_create", "quota_asks_read", "quota_asks_withdraw"), Free.OWN),
    **dict.fromkeys(("budget_asks_list", "budget_asks_create", "budget_asks_read", "budget_asks_withdraw"), Free.OWN),
    **dict.fromkeys(("break_glass_list", "break_glass_create", "break_glass_read", "break_glass_end"), Free.OWN),
    **dict.fromkeys(("subscriptions_resume", "subscriptions_rotate", "subscriptions_test"), Free.OWN),
    **dict.fromkeys(("subscriptions_replay", "subscriptions_deliveries", "subscriptions_replay_delivery"), Free.OWN),
    **dict.fromkeys(("order_drafts_list", "order_drafts_create", "order_drafts_read"), Free.OWN),
    **dict.fromkeys(("order_drafts_change", "order_drafts_delete"), Free.OWN),
    **dict.fromkeys(("delegations_list", "delegations_create", "delegations_read", "delegations_end"), Free.OWN),
    # Lists, cut to what the caller may see
    **dict.fromkeys(("scopes_list", "offerings_list", "orders_list", "approvals_list", "approvals_inbox"), Free.EACH),
    **dict.fromkeys(("resources_list", "resources_unmanaged", "connections_list", "providers_list"), Free.EACH),
    **dict.fromkeys(("budgets_list", "exports_list", "cost_read", "events_list", "access_why"), Free.EACH),
    **dict.fromkeys(("people_list", "leavings_list", "reviews_list", "roles_list", "service_accounts_list"), Free.EACH),
    **dict.fromkeys(("identity_providers_list", "identity_providers_protocols", "lease_offers_list"), Free.EACH),
    "subscriptions_list": Free.EACH,
    # Work
    "offerings_read": "view_offering",
    "offerings_options": "view_offering",
    "offerings_quote": "view_offering",
    "orders_create": "place_order",
    **dict.fromkeys(("orders_read", "orders_revisions"), "view_order"),
    **dict.fromkeys(("orders_amend", "orders_resubmit"), "place_order"),
    **dict.fromkeys(("orders_withdraw", "orders_retry", "orders_give_up"), "place_order"),
    "approvals_read": ("view_order", "vote"),
    **dict.fromkeys(
        ("approvals_files", "approvals_file", "approvals_comments", "approvals_questions"), ("view_order", "vote")
    ),
    **dict.fromkeys(("approvals_vote", "approvals_vote_many", "approvals_ask"), "vote"),
    **dict.fromkeys(("approvals_add_file", "approvals_comment"), "vote"),  # and who asked, for whom it is hers
    # Of who put the file there, who asked, who was asked
    **dict.fromkeys(("approvals_remove_file", "approvals_answer", "approvals_take_back"), Free.OWN),
    "approvals_statistics": ("vote", "manage_policies"),
    "approvals_resubmit": "place_order",
    "approvals_pass_on": ACCESS,  # and her own seat who sits in it
    "approvals_withdraw": "place_order",
    **dict.fromkeys(("policies_list", "policy_changes_list"), Free.EACH),
    "policies_read": ("view_scope", "manage_policies"),
    **dict.fromkeys(("policies_propose", "policies_retire", "policies_simulate"), "manage_policies"),
    "calendars_list": Free.EACH,
    **dict.fromkeys(("calendars_create", "calendars_read", "calendars_change", "scopes_choose_calendar"), "manage_policies"),
    "policy_changes_read": ("manage_policies", "vote"),
    **dict.fromkeys(("policy_changes_withdraw", "policy_changes_put_through"), "manage_policies"),
    **dict.fromkeys(("resources_read", "resources_steps", "resources_lifelines"), "view_resource"),
    "resources_operate": "operate_resource",
    "resources_retry": ("operate_resource", "operate_platform"),
    **dict.fromkeys(("resources_secret", "resources_rotate"), "view_secret"),
    "resources_hand_over": "share_resource",
    **dict.fromkeys(("resource_shares_list", "resource_shares_create", "resource_shares_end"), "share_resource"),
    # Money
    "budgets_set": "manage_budgets",
    **dict.fromkeys(("exports_create", "exports_read", "exports_download"), "export_cost"),
    "meter_now": "operate_platform",
    # Clouds
    "connections_read": "view_connection",
    **dict.fromkeys(("connections_create", "connections_check", "connections_credentials", "connections_disable"), CLOUDS),
    **dict.fromkeys(("connections_leases", "connections_end_leases", "connections_lease_offers"), CLOUDS),
    **dict.fromkeys(("lease_offers_create", "lease_offers_withdraw"), CLOUDS),
    **dict.fromkeys(("lease_offers_read", "leases_ask"), "take_lease"),
    **dict.fromkeys(("leases_read", "leases_end"), CLOUDS),  # of others; the caller's own are hers
    # Events
    **dict.fromkeys(("subscriptions_create", "events_export"), "view_event"),
    "decision_hooks_answer": Free.SIGNED,
    **dict.fromkeys(("subscriptions_read", "subscriptions_pause", "subscriptions_end"), ACCESS),  # of others
    # Organization
    **dict.fromkeys(("scopes_read", "scopes_quotas", "assignments_list", "groups_list", "groups_read"), "view_scope"),
    "rules_list": "view_scope",
    **dict.fromkeys(("rules_set", "rules_remove"), "manage_policies"),
    "scopes_classify": ("manage_tenants", "manage_projects"),  # the one of its kind
    "scopes_hand_over": ("manage_tenants", "manage_projects"),  # the one of its kind
    **dict.fromkeys(("scope_shares_list", "scope_shares_create", "scope_shares_end"), "share_resource"),
    "scopes_end": "view_scope",
    "scopes_set_end": "manage_projects",
    "invitations_list": Free.EACH,
    **dict.fromkeys(("invitations_create", "invitations_read", "invitations_resend", "invitations_revoke"), ACCESS),
    **dict.fromkeys(("assignments_create", "assignments_end"), ACCESS),
    **dict.fromkeys(("groups_create", "groups_rename", "groups_delete", "groups_add", "groups_remove"), ACCESS),
    **dict.fromkeys(("reviews_start", "reviews_read", "reviews_items", "reviews_decide", "reviews_close"), ACCESS),
    **dict.fromkeys(("roles_create", "roles_read", "roles_change", "roles_delete"), "manage_roles"),
    "terms_list": "view_scope",
    "terms_publish": "manage_terms",
    **dict.fromkeys(("people_read", "people_disable", "people_enable", "people_leave_plan", "people_leave"), PEOPLE),
    **dict.fromkeys(("leavings_read", "leavings_call_off"), PEOPLE),
    **dict.fromkeys(("service_accounts_create", "service_accounts_read", "service_accounts_end"), ACCOUNTS),
    "service_accounts_tokens": ACCOUNTS,
    **dict.fromkeys(("service_accounts_give_over", "service_accounts_disable", "service_accounts_enable"), ACCOUNTS),
    **dict.fromkeys(("identity_providers_create", "identity_providers_read", "identity_providers_change"), SIGN_IN),
    **dict.fromkeys(("identity_providers_remove", "identity_providers_check"), SIGN_IN),
    **dict.fromkeys(("identity_providers_on", "identity_providers_off"), SIGN_IN),
}


def permissions_for(operation: str) -> list[str]:
    """The permissions of which one is needed; empty where none is."""
    line = TAKES.get(operation, ())
    if isinstance(line, Free):
        return []
    return [line] if isinstance(line, str) else list(line)
