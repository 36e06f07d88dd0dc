"""`manage.py web`: the web server alone, for a host that does nothing else."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from einstein.cores import environment_of_web
from einstein.postgres.safety import start_safely
from einstein.serve import web_command


class Command(BaseCommand):
    help = "Serve pages and REST. The database must be migrated and the static files collected."

    def handle(self, *args: Any, **options: Any) -> None:
        start_safely()
        os.chdir(settings.BASE_DIR)
        os.execve(sys.executable, web_command(), os.environ | environment_of_web())
