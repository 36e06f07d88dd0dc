"""`manage.py demo`: make the demo workspace and wait until its training has begun."""

import json
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from apps.pipeline.demo import ensure_demo, start_waiting_demo_training

PATIENCE_SECONDS = 180


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
