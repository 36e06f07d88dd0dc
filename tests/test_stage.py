"""The tests stand on data of their own."""

from pathlib import Path

from django.conf import settings

from einstein.postgres.embedded import EmbeddedServer
from tests.conftest import VAR


def test_the_tests_never_touch_the_installations_own_data():
    assert Path(settings.VAR_DIR) == VAR
    assert settings.DATABASES["default"]["OPTIONS"]["host"] == str(EmbeddedServer(VAR).socket_dir)
