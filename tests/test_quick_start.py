"""What is loaded when: the apps alone by every command; every view by a web process, before its first visitor comes."""

import os
import subprocess
import sys

from tests.conftest import ROOT

LOADED = """
import sys
import django
django.setup()
print([name for name in ("pandas", "scipy", "sklearn", "flaml", "lightgbm", "xgboost", "plotly") if name in sys.modules])
"""

SERVED = """
import sys
from einstein.wsgi import application
print([name for name in ("apps.scoring.views", "apps.scoring.api", "apps.deliveries.widget_views") if name not in sys.modules])
"""


def test_loading_the_apps_loads_nothing_large():
    assert printed_by(LOADED) == "[]\n"


def test_a_web_process_has_loaded_its_views_before_the_first_visitor_comes():
    assert printed_by(SERVED) == "[]\n"


def printed_by(code: str) -> str:
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "einstein.settings"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
