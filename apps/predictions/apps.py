from django.apps import AppConfig


class PredictionsConfig(AppConfig):
    name = "apps.predictions"

    def ready(self) -> None:
        from apps.predictions import checks  # noqa: F401 registers the start-up checks
