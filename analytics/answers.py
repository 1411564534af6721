"""The files of exports as answers, for API and admin."""

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from analytics.models import Export, ExportFormat
from analytics.services import downloads
from analytics.services.downloads import TYPES


def as_answer(export: Export) -> StreamingHttpResponse:
    """The file of a finished export, for API and admin.

    :raises Gone: there is none.
    :raises LinkRefused: its owner may see less by now.
    """
    return StreamingHttpResponse(
        downloads.pieces_of(export),
        content_type=TYPES[ExportFormat(export.format)],
        headers={
            "Content-Length": str(export.size),
            "Content-Disposition": content_disposition_header(True, downloads.file_name(export))
            or "",
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
