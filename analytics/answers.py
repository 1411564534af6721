"""The files of exports as answers, for API and admin."""

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from analytics.models import Export, ExportFormat
from analytics.services import downloads
from analytics.services.copying import Block
from analytics.services.downloads import TYPES
from analytics.services.streaming import Stream


def as_answer(export: Export) -> StreamingHttpResponse:
    """The file of a finished export, for API and admin. It counts as a stream of its owner.

    :raises Gone: there is none.
    :raises LinkRefused: its owner may see less by now.
    :raises TooManyStreams: one more would leave too few threads for others.
    """
    pieces = (Block(piece, 0) for piece in downloads.pieces_of(export))
    return StreamingHttpResponse(
        Stream(pieces, who=export.owner_id or 0),
        content_type=TYPES[ExportFormat(export.format)],
        headers={
            "Content-Length": str(export.size),
            "Content-Disposition": content_disposition_header(True, downloads.file_name(export))
            or "",
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
