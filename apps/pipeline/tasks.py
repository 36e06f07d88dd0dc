"""The django-q entry point."""

from apps.pipeline import story
from apps.runs.lease import claim


def perform(workspace_id: int, run_id: int) -> None:
    """Claim the Run and do it; a Run that is taken or ended already is left alone."""
    work = claim(workspace_id, run_id)
    if work is not None:
        story.perform(work)
