"""The app of leases."""

from django.apps import AppConfig


class LeasesConfig(AppConfig):
    name = "portal.leases"
