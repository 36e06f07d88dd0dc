"""Every command, process and web server begins by loading the apps: what only trainings and scorings need is left until then."""

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


def test_loading_the_apps_loads_nothing_large():
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "einstein.settings"}
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
