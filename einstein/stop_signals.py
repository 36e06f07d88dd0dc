"""Being asked to stop by a signal."""

import signal
import threading
from queue import SimpleQueue


def stop_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set, however many come at once. To be called in the main thread.

    No handler may call `Event.set` itself: a second signal in the middle of it would wait for ever for the lock that the first one holds.
    `SimpleQueue.put` is made for that (its documentation: reentrant).
    """
    asked: SimpleQueue[int] = SimpleQueue()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: asked.put(number))
    threading.Thread(target=_pass_on, args=(asked, stop), name="stop signals", daemon=True).start()
    return stop


def _pass_on(asked: SimpleQueue[int], stop: threading.Event) -> None:
    asked.get()
    stop.set()
