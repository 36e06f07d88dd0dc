"""django-q's queue in PostgreSQL, going by PostgreSQL's clock: what a host whose clock is ahead puts in is seen by the others at once."""

from __future__ import annotations

import time
from datetime import timedelta

from django.db.models.functions import Now
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ


class Broker(ORM):
    """Like django-q's own, which compares with the clock of whichever host asks."""

    def queue_size(self) -> int:
        return self.get_connection().filter(key=self.list_key, lock__lte=Now()).count()

    def lock_size(self) -> int:
        return self.get_connection().filter(key=self.list_key, lock__gt=Now()).count()

    def enqueue(self, task: str) -> int:
        return self.get_connection().create(key=self.list_key or Conf.CLUSTER_NAME, payload=task, lock=Now()).pk

    def dequeue(self) -> list[tuple[int, str]] | None:
        free = self.get_connection().filter(key=self.list_key, lock__lt=Now()).order_by("lock")[: Conf.BULK]
        taken = [(task.pk, task.payload) for task in free if self._take(task)]
        if not taken:
            time.sleep(Conf.POLL)
        return taken or None

    def _take(self, task: OrmQ) -> bool:
        """Whether nobody else was faster."""
        end = Now() + timedelta(seconds=Conf.RETRY)
        return bool(self.get_connection().filter(id=task.id, lock=task.lock).update(lock=end))
