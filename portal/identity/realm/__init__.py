"""Concord's realm in Keycloak as code: what it should be, what differs, and how to bring it there.

It loads python-keycloak, so only commands, tasks and tests import from here.
"""
