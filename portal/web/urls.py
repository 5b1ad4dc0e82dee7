"""The pages and the choices of the frame."""

from django.urls import path

from portal.web import budgets, choices, cost, events, exports, home, inbox, notices, profile, scopes, signin, style

urlpatterns = [
    path("", home.home, name="home"),
    path("signin/", signin.signin, name="signin"),
    path("signout/", signin.signout, name="signout"),
    path("scope/", choices.choose_scope, name="choose-scope"),
    path("theme/", choices.choose_theme, name="choose-theme"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/<uuid:pk>/", inbox.approval, name="approval"),
    path("cost/", cost.cost, name="cost"),
    path("cost/meter/", cost.meter_now, name="meter-now"),
    path("budgets/set/", budgets.set_budget, name="budget-set"),
    path("budgets/<uuid:pk>/", budgets.budget, name="budget"),
    path("budgets/<uuid:pk>/remove/", budgets.remove_budget, name="budget-remove"),
    path("exports/", exports.exports, name="exports"),
    path("exports/<uuid:pk>/", exports.export, name="export"),
    path("exports/<uuid:pk>/download/", exports.download, name="export-download"),
    path("scopes/", scopes.scopes, name="scopes"),
    path("scopes/<uuid:pk>/", scopes.scope, name="scope"),
    path("events/", events.events, name="events"),
    path("notices/", notices.notices, name="notices"),
    path("notices/read/", notices.read_all, name="notices-read"),
    path("notices/switch/", notices.switch, name="notice-switch"),
    path("notices/<uuid:pk>/read/", notices.read_notice, name="notice-read"),
    path("profile/", profile.profile, name="profile"),
    path("profile/tokens/", profile.create_token, name="token-create"),
    path("profile/tokens/<uuid:pk>/revoke/", profile.revoke_token, name="token-revoke"),
    path("profile/end-sessions/", profile.end_sessions, name="end-sessions"),
    path("style/", style.style, name="style"),
]
