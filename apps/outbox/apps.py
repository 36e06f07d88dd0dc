from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "apps.outbox"

    def ready(self) -> None:
        from apps.outbox import checks  # noqa: F401 registers the start-up checks
