from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class SmartOpsConfig(AppConfig):
    name = "smartops"

    def ready(self) -> None:
        from smartops import wiring
        from tickets.services.access import sync_roles

        wiring.connect()
        # The last app with models: by then every permission exists.
        last = apps.get_app_config("triage")
        post_migrate.connect(sync_roles, sender=last, dispatch_uid="smartops.roles")
