"""`manage.py work QUEUE`: a django-q cluster for one queue whose children never outlive it."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django_q import cluster

from apps.runs.die_with_parent import die_with_parent
from apps.runs.lost_lock import Sentinel


class Command(BaseCommand):
    help = "Work on one queue: interactive or train."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("queue", choices=list(settings.WORKERS))

    def handle(self, *args: Any, queue: str, **options: Any) -> None:
        if os.environ.get("Q_CLUSTER_NAME") != queue:
            # django-q reads its queue's name when it is imported, which has happened: start over with the name set.
            os.execve(sys.executable, sys.orig_argv, os.environ | {"Q_CLUSTER_NAME": queue})

        # Sentinel, workers, pusher and monitor are all forked: each dies with the one that forked it. An orphaned pusher
        # would go on taking tasks from the broker into a queue that nobody reads.
        os.register_at_fork(after_in_child=die_with_parent)
        die_with_parent()
        cluster.Sentinel = Sentinel
        running = cluster.Cluster()
        running.start()
        running.sentinel.join()
