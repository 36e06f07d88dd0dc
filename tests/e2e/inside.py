"""The product's own code, run for a test inside its stack: one process loads everything once, each piece of code runs in a fork of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SERVER = """
import faulthandler, json, os, sys, tempfile, traceback
os.environ["DJANGO_SETTINGS_MODULE"] = "einstein.settings"
import django; django.setup()
import apps.pipeline.tasks

def run(code):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            failed = 1
            os.dup2(out.fileno(), 1); os.dup2(err.fileno(), 2)
            faulthandler.dump_traceback_later(240, exit=True)  # says where it waits for ever, before the test's own time is over
            try:
                exec(compile(code, "<test>", "exec"), {"__name__": "__main__"})
                failed = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush(); sys.stderr.flush()
                os._exit(failed)
        _, status = os.waitpid(child, 0)
        out.seek(0); err.seek(0)
        return {"status": status, "printed": out.read().decode(), "errors": err.read().decode()}

for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
"""


class Inside:
    """Waits for code of tests; ends with `leave`."""

    def __init__(self, root: Path, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER], cwd=root, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, code: str) -> str:
        """What the code printed; an `AssertionError` with its errors when it failed."""
        print(json.dumps(code), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        assert answer, "the product could not be loaded; its errors are above"
        done = json.loads(answer)
        assert done["status"] == 0, done["errors"]
        return done["printed"].strip()

    def leave(self) -> None:
        """The embedded PostgreSQL stops with the last that uses it, so this process must not stay."""
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def run_once(root: Path, env: dict[str, str], code: str) -> str:
    """The same for an installation in which nothing may stay behind."""
    inside = Inside(root, env)
    try:
        return inside.run(code)
    finally:
        inside.leave()
