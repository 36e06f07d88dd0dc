from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "apps.console"

    def ready(self) -> None:
        from einstein import unsafe_settings  # noqa: F401 registers the start-up checks
