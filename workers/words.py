"""Numbers in sentences for people."""


def number_of(count: int, one: str, many: str) -> str:
    """1 body waits, 2,000 bodies wait."""
    return f"{count:,} {one if count == 1 else many}"
