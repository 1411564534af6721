"""Bodies that are files."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser
from rest_framework.settings import api_settings

from sla.yamlfile import MOST_BYTES

#: How JSON is read everywhere else.
StrictParser: Any = api_settings.DEFAULT_PARSER_CLASSES[0]


class FileParser(BaseParser):
    """The body as bytes, and at most one more than is allowed: whoever reads it says that it is too much."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return stream.read(MOST_BYTES + 1)


class YamlParser(FileParser):
    media_type = "application/yaml"


class ICalendarParser(FileParser):
    media_type = "text/calendar"
