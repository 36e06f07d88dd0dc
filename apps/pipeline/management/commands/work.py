"""`manage.py work QUEUE`: a django-q cluster for one queue whose children never outlive it."""

import os
import signal
import sys
import time
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connection
from django_q import cluster
from django_q.signals import post_spawn

from apps.runs.die_with_parent import die_with_parent
from apps.runs.drain import host_is_drained
from apps.runs.lost_lock import Sentinel
from einstein.cores import environment_of_worker
from einstein.postgres.safety import start_safely
from einstein.temporary import use_own_folder

LOOKS_EVERY = 1.0
LARGE_NICE = 10  # as a training: what many wait for comes first


class Command(BaseCommand):
    help = "Work on one queue: interactive, train or large."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("queue", choices=list(settings.WORKERS))

    def handle(self, *args: Any, queue: str, **options: Any) -> None:
        start_safely()
        wanted = environment_of_worker(queue)
        if not wanted.items() <= os.environ.items():
            # django-q reads its queue's name, and libraries their threads, when they are imported, which has happened: start over.
            os.execve(sys.executable, sys.orig_argv, os.environ | wanted)

        # Once, before anything is forked: else every worker, and every one that follows it, would load it all again.
        import_module("apps.pipeline.tasks")

        # Sentinel, workers, pusher and monitor are all forked: each dies with the one that forked it. An orphaned pusher
        # would go on taking tasks from the broker into a queue that nobody reads.
        os.register_at_fork(after_in_child=die_with_parent)
        die_with_parent()
        post_spawn.connect(_with_own_folder)
        if queue == "large":
            os.nice(LARGE_NICE)
        cluster.Sentinel = Sentinel
        while _work_until_drained():
            while _drained():
                time.sleep(LOOKS_EVERY)


def _with_own_folder(**signal: Any) -> None:
    use_own_folder()


def _work_until_drained() -> bool:
    """Work; True once this host was drained and its work has ended, False once it was asked to stop."""
    connection.close()  # children are forked from here
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    running = cluster.Cluster()
    running.start()
    while running.sentinel.is_alive():
        running.sentinel.join(timeout=LOOKS_EVERY)
        if running.sentinel.is_alive() and _drained():
            running.stop()
            for number, handler in before.items():  # while it waits there is nothing to end first
                signal.signal(number, handler)
            return True
    return False


def _drained() -> bool:
    """Whether an operator has drained this host. Without the database it goes on: workers wait for that themselves."""
    try:
        return host_is_drained(settings.WORKER_HOST)
    except DatabaseError:
        connection.close()
        return False
