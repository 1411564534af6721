"""What is counted, as SQL."""

from typing import Final

from analytics.models import Dimension, FlowKind

_K = FlowKind


def _of(kind: FlowKind, condition: str = "") -> str:
    return f"coalesce(sum(n) FILTER (WHERE kind = {kind:d}{condition}), 0)"


#: Each over rows of flows with `n`: 1, or -1 to take one away.
COUNTERS: Final[dict[str, str]] = {
    "created": _of(_K.CREATED),
    "created_resolved": _of(_K.CREATED, " AND flag"),
    "confident": _of(_K.CREATED, " AND confidence IS NOT NULL"),
    "confidence": f"coalesce(sum(n * confidence) FILTER (WHERE kind = {_K.CREATED:d}), 0)",
    "resolved": _of(_K.RESOLVED),
    "resolved_reopened": _of(_K.RESOLVED, " AND flag"),
    **{
        kind.name.lower(): _of(kind)
        for kind in FlowKind
        if kind not in (FlowKind.CREATED, FlowKind.RESOLVED)
    },
}

#: The properties by which a ticket is counted, as SQL over a row of its facts.
DIMENSIONS: Final = f"""(VALUES ({Dimension.STATUS:d}, status), ({Dimension.PRIORITY:d}, priority::text),
                       ({Dimension.CATEGORY:d}, category_id::text), ({Dimension.GROUP:d}, group_id::text),
                       ({Dimension.TIER:d}, customer_tier), ({Dimension.AGENT:d}, agent_id::text)
               ) AS what (dimension, key)"""
