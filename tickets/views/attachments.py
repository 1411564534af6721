"""`tickets/{id}/attachments/` and `attachments/{id}/`: files come in, are listed, fetched and removed."""

from typing import Any, Final

from django.conf import settings
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tickets import services
from tickets.downloads import AnyRenderer, as_files, download
from tickets.models import Attachment, Comment, Ticket
from tickets.pagination import HistoryCursor
from tickets.schema import DeletedSerializer
from tickets.serializers import AttachmentSerializer, NewFilesSerializer

_FORM_BYTES: Final = 1024 * 1024  # what a form needs beside its files


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"


class BoundedMultiPartParser(MultiPartParser):
    """Forms with files, refused by their announced size before a byte of them is read."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        announced = int((parser_context or {})["request"].META.get("CONTENT_LENGTH") or 0)
        if announced > settings.MESSAGE_MAX_MB * 1024 * 1024 + _FORM_BYTES:
            raise TooLarge(f"At most {settings.MESSAGE_MAX_MB} MB can be sent at once.")
        return super().parse(stream, media_type, parser_context)


class TicketAttachmentsView(GenericAPIView[Attachment]):
    queryset = Attachment.objects.none()
    serializer_class = AttachmentSerializer
    pagination_class = HistoryCursor
    parser_classes = (BoundedMultiPartParser,)
    permissions = {"GET": "tickets.view_attachment", "POST": "tickets.add_attachment"}

    def get(self, request: Request, ticket_id: int) -> Response:
        """The ticket's files and those of its comments, oldest first."""
        page = self.paginate_queryset(Attachment.objects.filter(ticket=self._ticket(ticket_id)))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        request={"multipart/form-data": NewFilesSerializer},
        responses={201: AttachmentSerializer(many=True)},
    )
    def post(self, request: Request, ticket_id: int) -> Response:
        """Attach files to the ticket, or to one of its comments: all of them or, if one is too large, none."""
        ticket = self._ticket(ticket_id)
        form = NewFilesSerializer(
            data=request.data, context={"comments": Comment.objects.filter(ticket=ticket)}
        )
        form.is_valid(raise_exception=True)
        made = services.attach_files(
            ticket=ticket,
            files=as_files(form.validated_data["files"]),
            comment=form.validated_data["comment"],
            actor=request.user.get_username(),
            now=timezone.now(),
        )
        return Response(self.get_serializer(made, many=True).data, status=201)

    def _ticket(self, pk: int) -> Ticket:
        return get_object_or_404(Ticket.objects.visible_to(self.request.user), pk=pk)


class AttachmentView(APIView):
    permissions = {"GET": "tickets.view_attachment", "DELETE": "tickets.delete_attachment"}
    renderer_classes = (AnyRenderer,)

    @extend_schema(
        responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY)}
    )
    def get(self, request: Request, attachment_id: int) -> HttpResponseBase:
        """Download a file. It is never shown inside a page."""
        return download(self._attachment(attachment_id))

    @extend_schema(responses={200: DeletedSerializer})
    def delete(self, request: Request, attachment_id: int) -> Response:
        """Remove a file. The history keeps its name."""
        attachment = self._attachment(attachment_id)
        services.remove_attachment(
            attachment=attachment, actor=request.user.get_username(), now=timezone.now()
        )
        return Response({"message": f"Attachment {attachment_id} deleted successfully"})

    def _attachment(self, pk: int) -> Attachment:
        visible = Ticket.objects.visible_to(self.request.user)
        return get_object_or_404(Attachment.objects.filter(ticket__in=visible), pk=pk)
