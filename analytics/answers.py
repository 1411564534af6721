"""The files of exports as answers, for API and admin."""

from typing import Any

from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from rest_framework.request import Request

from analytics.byteranges import NothingThere, asked
from analytics.models import Export, ExportFormat
from analytics.services import downloads
from analytics.services.copying import Block
from analytics.services.downloads import TYPES
from analytics.services.streaming import Stream
from workers.context import current_request_id
from workers.problems import MEDIA_TYPE, problem


def as_answer(export: Export, request: HttpRequest | Request) -> HttpResponseBase:
    """The file of a finished export, or the part of it that is asked for. It counts as a stream of its owner.

    :raises Gone: there is none.
    :raises LinkRefused: its owner may see less by now.
    :raises TooManyStreams: one more would leave too few threads for others.
    """
    downloads.check_file(export)
    headers = _headers(export)
    if request.method == "HEAD":  # nothing is read
        return StreamingHttpResponse((), headers={**headers, "Content-Length": str(export.size)})
    try:
        part = _part(export, request, headers["ETag"])
    except NothingThere:
        return _beyond_the_end(export)
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{export.size}"
    headers["Content-Length"] = str(export.size if part is None else len(part))
    blocks = (Block(piece, 0) for piece in downloads.pieces_of(export, part))
    return StreamingHttpResponse(
        Stream(blocks, who=export.owner_id or 0),
        status=200 if part is None else 206,
        headers=headers,
    )


def _headers(export: Export) -> dict[str, str]:
    return {
        "Content-Type": TYPES[ExportFormat(export.format)],
        "Content-Disposition": content_disposition_header(True, downloads.file_name(export)) or "",
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
        "ETag": f'"export-{export.pk}"',  # a file never changes
    }


def _part(export: Export, request: Any, tag: str) -> range | None:
    """:raises NothingThere: it begins behind the end."""
    if request.headers.get("If-Range", tag) != tag:
        return None
    return asked(request.headers.get("Range", ""), export.size)


def _beyond_the_end(export: Export) -> JsonResponse:
    says = f"The file has {export.size} bytes: the range begins behind its end."
    return JsonResponse(
        problem(416, says, current_request_id()),
        status=416,
        content_type=MEDIA_TYPE,
        headers={"Content-Range": f"bytes */{export.size}"},
    )
