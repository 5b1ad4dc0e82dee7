"""App configuration of clouds."""

from django.apps import AppConfig


class CloudsConfig(AppConfig):
    name = "portal.clouds"
    label = "clouds"
