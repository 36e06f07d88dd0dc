"""The start-up check: the application's role must be unable to walk through row-level security."""

from __future__ import annotations

from django.core.management.base import CommandError
from django.db import connection

QUESTION = """
SELECT r.rolsuper, r.rolbypassrls,
       EXISTS (SELECT 1 FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relowner = r.oid
               AND c.relnamespace = 'public'::regnamespace),
       pg_has_role(current_user, COALESCE((SELECT tableowner FROM pg_tables WHERE tablename = 'django_migrations'
               AND schemaname = 'public'), current_user), 'USAGE')
       AND EXISTS (SELECT 1 FROM pg_tables WHERE tablename = 'django_migrations' AND schemaname = 'public')
FROM pg_roles r WHERE r.rolname = current_user
"""


class UnsafeDatabaseRole(Exception):
    """The application would connect as a role that ignores the walls between workspaces."""


def refuse_unsafe_role() -> None:
    """Raise `UnsafeDatabaseRole` when the current role is a superuser, bypasses row-level security, or owns tables."""
    with connection.cursor() as cursor:
        cursor.execute(QUESTION)
        superuser, bypasses, owns, member_of_owner = cursor.fetchone()
    faults = [
        (superuser, "is a superuser"),
        (bypasses, "has BYPASSRLS"),
        (owns, "owns the tables"),
        (member_of_owner and not owns, "is a member of the role that owns the tables"),
    ]
    found = [words for fault, words in faults if fault]
    if found:
        raise UnsafeDatabaseRole(
            f"The database role in DATABASE_URL {' and '.join(found)}, so the walls between workspaces would not hold. "
            "Give DATABASE_URL a plain role, and DATABASE_OWNER_URL the role that owns the tables. "
            "docs/operating.md shows the four commands."
        )


def start_safely() -> None:
    """For commands that run for long: end them with the sentence, without a stack trace."""
    try:
        refuse_unsafe_role()
    except UnsafeDatabaseRole as unsafe:
        raise CommandError(str(unsafe)) from unsafe
