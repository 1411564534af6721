from django.apps import AppConfig
from django.db.models.signals import post_migrate


class SmartOpsConfig(AppConfig):
    name = "smartops"

    def ready(self) -> None:
        from smartops import wiring
        from tickets.services.access import sync_roles

        wiring.connect()
        # This app comes last, so by now every permission exists.
        post_migrate.connect(sync_roles, sender=self, dispatch_uid="smartops.roles")
