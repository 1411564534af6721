from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class SmartOpsConfig(AppConfig):
    name = "smartops"

    def ready(self) -> None:
        from smartops import wiring
        from tickets.services.access import sync_roles
        from triage.services import install_shipped

        wiring.connect()
        # The last app with models: by then every permission exists.
        last = apps.get_app_config("analytics")
        post_migrate.connect(sync_roles, sender=last, dispatch_uid="smartops.roles")
        post_migrate.connect(
            lambda **_: install_shipped(), sender=last, weak=False, dispatch_uid="smartops.model"
        )
