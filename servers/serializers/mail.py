"""Mailboxes and mails as the API shows them. Passwords are written, never read."""

from typing import Any

from rest_framework import serializers

from servers.models import Integration, Mailbox, MailMessage, Source
from servers.services.mailboxes import problems
from tickets.serializers import NameField


class MailboxSerializer(serializers.ModelSerializer[Mailbox]):
    integration = NameField(queryset=Integration.objects.filter(source=Source.EMAIL))
    password = serializers.CharField(write_only=True, required=False, max_length=500)

    class Meta:
        model = Mailbox
        fields = (
            *("id", "integration", "enabled", "host", "port", "security", "user", "password"),
            *("folder", "move_to", "since", "accept_generated"),
            *("read_at", "failures", "last_error", "next_at", "created_at"),
        )
        read_only_fields = ("read_at", "failures", "last_error", "next_at", "created_at")
        extra_kwargs = {"since": {"required": False}}

    def validate_integration(self, integration: Integration) -> Integration:
        others = Mailbox.objects.filter(integration=integration)
        if isinstance(self.instance, Mailbox):
            others = others.exclude(pk=self.instance.pk)
        if others.exists():
            raise serializers.ValidationError("It has a mailbox already.")
        return integration

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        errors = problems(data, mailbox=self.instance)
        if errors:
            raise serializers.ValidationError(errors)
        return data


class MailSerializer(serializers.ModelSerializer[MailMessage]):
    integration = serializers.SlugRelatedField(slug_field="name", read_only=True)
    kept = serializers.SerializerMethodField(help_text="Whether it is still kept as it came")

    class Meta:
        model = MailMessage
        fields = (
            *("id", "integration", "message_id", "sender", "subject", "received_at"),
            *("result", "detail", "ticket", "kept"),
        )
        read_only_fields = fields

    def get_kept(self, mail: MailMessage) -> bool:
        return mail.raw_id is not None
