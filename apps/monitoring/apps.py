from typing import Any

from django.apps import AppConfig

from einstein.postgres import moment


class MonitoringConfig(AppConfig):
    name = "apps.monitoring"

    def ready(self) -> None:
        from apps.outbox.bounces import address_refused

        address_refused.connect(look_again)


def look_again(**_: Any) -> None:
    """Somebody cannot be reached: open alerts are looked at again at once, so that another person hears of them."""

    from apps.monitoring.models import Alert, Watch

    alerted = Alert.objects.filter(state="open").values("prediction_id")
    Watch.objects.filter(prediction_id__in=alerted).update(next_check_at=moment.now())
