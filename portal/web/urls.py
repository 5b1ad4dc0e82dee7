"""The pages and the choices of the frame."""

from django.urls import path

from portal.web import choices, home, signin, style

urlpatterns = [
    path("", home.home, name="home"),
    path("signin/", signin.signin, name="signin"),
    path("signout/", signin.signout, name="signout"),
    path("scope/", choices.choose_scope, name="choose-scope"),
    path("theme/", choices.choose_theme, name="choose-theme"),
    path("style/", style.style, name="style"),
]
