"""Keystone as uwsgi runs it for the tests, in its own environment.

SQLite leaves rows behind that refer to one that is gone, and gives its number to the next, unless it is told to mind them;
the databases of real clouds do. Without this a credential would now and then be refused as there already.
"""

from typing import Any

from keystone.wsgi.api import application
from sqlalchemy import event
from sqlalchemy.engine import Engine

__all__ = ["application"]


@event.listens_for(Engine, "connect")
def mind_references(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA foreign_keys=ON")
