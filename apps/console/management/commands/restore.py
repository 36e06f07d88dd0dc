"""`manage.py restore BACKUP`: bring a backup back into an empty installation."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.console.backup import BackupFailed, bring_back, rehearse
from einstein.temporary import use_own_folder


class Command(BaseCommand):
    help = "Restore a backup into an empty database and an empty file store, or only rehearse it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("backup", type=Path)
        parser.add_argument(
            "--rehearse",
            action="store_true",
            help="read it into a scratch database and compare; nothing else is touched",
        )

    def handle(self, *args: Any, backup: Path, **options: Any) -> None:
        use_own_folder()
        try:
            facts = rehearse(backup) if options["rehearse"] else bring_back(backup)
        except BackupFailed as problem:
            raise CommandError(str(problem)) from problem
        rows = sum(facts.tables.values())
        if options["rehearse"]:
            self.stdout.write(
                f"Rehearsed: {rows:,} rows of {len(facts.tables)} tables and {len(facts.files):,} files come back whole."
            )
            return
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--skip-checks"],
            cwd=settings.BASE_DIR,
            check=True,
        )
        self.stdout.write(
            f"Restored {rows:,} rows of {len(facts.tables)} tables and {len(facts.files):,} files of {facts.made_at[:16]}."
        )
