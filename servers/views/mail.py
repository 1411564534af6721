"""`mailboxes/` and `mails/`: where mail is read, and what became of each."""

from typing import Any

from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from servers.models import Mailbox, MailMessage, MailResult
from servers.serializers.mail import MailboxSerializer, MailSerializer
from servers.services import mailboxes, mails
from tickets.downloads import AnyRenderer, stream
from tickets.pagination import HistoryCursor, NewestCursor
from workers.errors import PermanentError


class MailboxViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Mailbox],
):
    """Mailboxes that are read. Passwords are never shown."""

    queryset = Mailbox.objects.select_related("integration").order_by("id")
    serializer_class = MailboxSerializer
    pagination_class = HistoryCursor
    filterset_class: Any = None
    lookup_value_regex = r"\d{1,18}"
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    permissions = {
        "GET": "servers.view_mailbox",
        "POST": "servers.add_mailbox",
        "PATCH": "servers.change_mailbox",
        "DELETE": "servers.delete_mailbox",
        "read": "servers.change_mailbox",
    }

    @extend_schema(request=MailboxSerializer, responses={201: MailboxSerializer})
    def create(self, request: Request) -> Response:
        """Have a mailbox read, from today's mails on."""
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = mailboxes.save_mailbox(mailbox=None, values=form.validated_data)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=MailboxSerializer, responses=MailboxSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a mailbox. It is read again soon, also when it failed before."""
        mailbox = self.get_object()
        form = self.get_serializer(mailbox, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        changed = mailboxes.save_mailbox(mailbox=mailbox, values=form.validated_data)
        return Response(self.get_serializer(changed).data)

    @extend_schema(request=None, responses={202: MailboxSerializer})
    @action(detail=True, methods=["POST"])
    def read(self, request: Request, pk: str) -> Response:
        """Read a mailbox without waiting for its time."""
        mailbox = self.get_object()
        mailboxes.read_soon(ids=[mailbox.pk])
        return Response(self.get_serializer(mailbox).data, status=202)


class MailFilter(filters.FilterSet):
    integration = filters.CharFilter(field_name="integration__name")
    result = filters.ChoiceFilter(choices=MailResult.choices)
    ticket = filters.NumberFilter(field_name="ticket", min_value=1, max_value=2**63 - 1)
    sender = filters.CharFilter(field_name="sender", lookup_expr="iexact")

    class Meta:
        model = MailMessage
        fields = ("integration", "result", "ticket", "sender")


class MailViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[MailMessage]
):
    """Mails that came, newest first, and what became of them."""

    queryset = MailMessage.objects.none()
    serializer_class = MailSerializer
    pagination_class = NewestCursor
    filterset_class: Any = MailFilter
    lookup_value_regex = r"\d{1,18}"
    permissions = {"GET": "servers.view_mailmessage", "POST": "servers.change_mailmessage"}

    def get_queryset(self) -> Any:
        return MailMessage.objects.visible_to(self.request.user).select_related("integration")

    @extend_schema(responses={(200, "message/rfc822"): OpenApiResponse(OpenApiTypes.BINARY)})
    @action(detail=True, renderer_classes=[AnyRenderer], filterset_class=None)
    def original(self, request: Request, pk: str) -> HttpResponseBase:
        """Download a mail as it came."""
        mail = self.get_object()
        if mail.raw_id is None:
            raise Http404
        return stream(mail.raw_id, name=f"mail-{mail.pk}.eml", content_type="message/rfc822")

    @extend_schema(request=None, responses=MailSerializer)
    @action(detail=True, methods=["POST"], filterset_class=None)
    def retry(self, request: Request, pk: str) -> Response:
        """Take in a mail again that failed, was held or ignored, as if a person had written it."""
        mail = self.get_object()
        if not mails.retry_mails(ids=[mail.pk], now=timezone.now()):
            raise PermanentError(f"Mail {mail.pk} was {mail.result}, or is no longer kept.")
        return Response(self.get_serializer(self.get_object()).data)
