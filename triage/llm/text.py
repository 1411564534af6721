"""What a model says may hold characters that no table can keep."""


def storable(text: str) -> str:
    """Return `text` without NUL and with halves of characters replaced."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
