"""Files on their way in from a form and out to a browser, for API and admin."""

from collections.abc import Sequence
from typing import Any

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from rest_framework.renderers import JSONRenderer

from tickets.files import UNKNOWN, NewFile, shown_type
from tickets.models import Attachment, read_content
from tickets.services.filing import check_sizes


class AnyRenderer(JSONRenderer):
    """Whatever the asker accepts, a download comes as what it is; only errors are JSON."""

    media_type = "*/*"


def as_files(uploads: Sequence[Any]) -> list[NewFile]:
    """The files of a form.

    :raises UnknownNames: they are too large. Then none of them is read into memory.
    """
    check_sizes([(upload.name or "", upload.size) for upload in uploads])
    return [
        NewFile(upload.name or "", upload.content_type or "", upload.read()) for upload in uploads
    ]


def download(attachment: Attachment) -> StreamingHttpResponse:
    """The file as an answer."""
    answer = stream(
        attachment.content_id,
        name=attachment.name,
        content_type=shown_type(attachment.content_type),
    )
    answer["Content-Length"] = str(attachment.size)
    return answer


def stream(sha256: str, *, name: str, content_type: str = UNKNOWN) -> StreamingHttpResponse:
    """A content as an answer that a browser saves and never opens under our address."""
    return StreamingHttpResponse(
        read_content(sha256),
        content_type=content_type,
        headers={
            "Content-Disposition": content_disposition_header(True, name) or "",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        },
    )
