#!/usr/bin/env python
"""Django's command line. Commands that change the schema connect as the owner of the tables, all others as the application."""

import os
import sys

OWNER_COMMANDS = {"migrate", "makemigrations", "sqlmigrate", "showmigrations"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "einstein.settings")
    if len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS:
        os.environ["EINSTEIN_DATABASE_ROLE"] = "owner"
    # Commands that wait say for what; in a log or a pipe nobody would read it before they end.
    sys.stdout.reconfigure(line_buffering=True)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
