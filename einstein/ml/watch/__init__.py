"""Watching a stream of batches against what a model learnt from. Pure statistics; `python -m einstein.ml watch` is its command."""

from einstein.ml.watch.watcher import Settings, Watcher

__all__ = ["Settings", "Watcher"]
