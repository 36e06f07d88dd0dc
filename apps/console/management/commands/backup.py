"""`manage.py backup FOLDER`: the database and every stored file into a new folder below."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.console.backup import BackupFailed, back_up, read_facts, rehearse
from einstein.temporary import use_own_folder


class Command(BaseCommand):
    help = "Back up the database and the stored files, consistent with each other. The keys in `var` or the environment are not among them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--rehearse", action="store_true", help="read it back into a scratch database and compare")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        use_own_folder()
        try:
            made = back_up(folder)
            facts = rehearse(made) if options["rehearse"] else read_facts(made)
        except BackupFailed as problem:
            raise CommandError(str(problem)) from problem
        rows = sum(facts.tables.values())
        self.stdout.write(
            f"Backed up {rows:,} rows of {len(facts.tables)} tables and {len(facts.files):,} files ({facts.bytes / 1e6:,.1f} MB) to {made}"
        )
        if options["rehearse"]:
            self.stdout.write("Rehearsed: it comes back whole.")
