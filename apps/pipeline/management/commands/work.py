"""`manage.py work QUEUE`: a django-q cluster for one queue whose children never outlive it."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django_q import cluster, signals

from apps.runs.die_with_parent import die_with_parent


class Command(BaseCommand):
    help = "Work on one queue: interactive or train."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("queue", choices=list(settings.WORKERS))

    def handle(self, *args: Any, queue: str, **options: Any) -> None:
        if os.environ.get("Q_CLUSTER_NAME") != queue:
            # django-q reads its queue's name when it is imported, which has happened: start over with the name set.
            os.execve(sys.executable, sys.orig_argv, os.environ | {"Q_CLUSTER_NAME": queue})

        class DutifulSentinel(cluster.Sentinel):
            def __init__(self, *arguments: Any, **named: Any) -> None:
                die_with_parent()
                super().__init__(*arguments, **named)

        cluster.Sentinel = DutifulSentinel
        signals.post_spawn.connect(lambda **_: die_with_parent(), weak=False)
        die_with_parent()
        running = cluster.Cluster()
        running.start()
        running.sentinel.join()
