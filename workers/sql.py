"""Set-based writes that Django's ORM has no statement for."""

import json
from collections.abc import Sequence
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models


def update_rows(
    model: type[models.Model], rows: Sequence[dict[str, Any]], columns: Sequence[str]
) -> int:
    """Set `columns` of many rows to different values in one statement; each row dict has `id` too.

    Names are the database's columns (`category_id`). Returns how many rows were updated. One JSON
    parameter carries all values: `bulk_update`'s CASE expressions take 20 times as long for 100 rows.
    """
    if not rows:
        return 0
    table = connection.ops.quote_name(model._meta.db_table)
    names = [connection.ops.quote_name(column) for column in columns]
    assignments = ", ".join(f"{name} = new.{name}" for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {table} AS old SET {assignments}
                  FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb) AS new
                 WHERE old.id = new.id""",
            [json.dumps(rows, cls=DjangoJSONEncoder)],
        )
        return int(cursor.rowcount)
