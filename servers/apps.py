from django.apps import AppConfig


class ServersConfig(AppConfig):
    name = "servers"
    verbose_name = "Servers and alerts"

    def ready(self) -> None:
        from servers import metrics

        metrics.register()
