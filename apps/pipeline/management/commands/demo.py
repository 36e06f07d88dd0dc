"""`manage.py demo`: make the demo workspace, start its training when its file is read, and say how it goes."""

import json
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from apps.pipeline.demo import STAGES, ensure_demo, first_stages, start_waiting_demo_training
from apps.workspaces.models import Workspace

PATIENCE_SECONDS = 300


class Command(BaseCommand):
    help = "Make the demo workspace (once) and start its training when its file is read."

    def handle(self, *args: Any, **options: Any) -> None:
        user, password, workspace = ensure_demo()
        login = settings.VAR_DIR / "demo-login.json"
        if password:
            login.touch(mode=0o600)
            login.write_text(json.dumps({"email": user.email, "password": password}))
        shown = json.loads(login.read_text())["password"] if login.exists() else "(as it was)"
        self.stdout.write(
            f"\n  Einstein is running at {settings.PUBLIC_URL}\n  Log in as {user.email} with the password {shown}\n"
        )
        self.stdout.flush()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not start_waiting_demo_training(workspace) and time.monotonic() < deadline:
            time.sleep(0.5)
        if password:
            self._tell_first_stages(workspace, deadline)

    def _tell_first_stages(self, workspace: Workspace, deadline: float) -> None:
        """Say when the file is read, the model trained, the customers scored and the first checks done."""
        told: set[str] = set()
        while len(told) < len(STAGES) and time.monotonic() < deadline:
            for stage, words in first_stages(workspace).items():
                if stage not in told:
                    self.stdout.write(f"  {words}")
                    self.stdout.flush()
                    told.add(stage)
            time.sleep(0.5)
