from django.apps import AppConfig
from django.db.models.signals import post_migrate


class WorkspacesConfig(AppConfig):
    name = "apps.workspaces"

    def ready(self) -> None:
        from django.conf import settings

        from apps.workspaces import checks  # noqa: F401 registers the start-up checks
        from apps.workspaces.tenancy import build_walls, grant_to_application

        if settings.DATABASE_ROLE == "owner":
            post_migrate.connect(build_walls, sender=self, dispatch_uid="build_walls")
            post_migrate.connect(grant_to_application, sender=self, dispatch_uid="grant_to_application")
