"""`make secrets`: write what docker-compose.yml needs and nobody should have to think of into .env.

Only what is missing is added: a secret that is there stays, since data may be encrypted with it. Prometheus reads
its token from a file, which is written anew from .env each time. Python's own library is enough.
"""

import re
import secrets
import sys
from pathlib import Path

HEAD = """\
# Secrets of docker-compose.yml, made up by `make secrets`. Keep a copy of SECRET_KEY where your backups are not:
# without it, what a backup holds encrypted stays unreadable. Every other setting is in .env.example.
"""


def token(characters: int = 40) -> str:
    """Return a random text that neither a shell, Compose nor an address must quote."""
    return secrets.token_urlsafe(characters)[:characters]


MADE = {
    "SECRET_KEY": lambda: token(64),
    "POSTGRES_PASSWORD": token,
    "FLOWER_BASIC_AUTH": lambda: f"admin:{token(24)}",
    "METRICS_TOKEN": token,
    "GRAFANA_ADMIN_PASSWORD": lambda: token(24),
}


def write(path: Path) -> list[str]:
    """Add what is missing to `path`, which only its owner may read. Returns the names that were added."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    text = path.read_text()
    there = set(
        re.findall(r"^\s*(?:export\s+)?([A-Z_]+)=[ \t]*(?!\"\"|'')[^\s#]", text, re.MULTILINE)
    )
    added = [name for name in MADE if name not in there]
    if added:
        lines = "".join(f"{name}={MADE[name]()}\n" for name in added)
        between = "" if not text or text.endswith("\n") else "\n"
        path.write_text((text or HEAD) + between + lines)
    return added


def write_token(path: Path) -> Path:
    """Write the METRICS_TOKEN of `path` into the file beside it that Prometheus reads.

    The container's user, who is nobody here, must be able to read the file; the folder keeps all others from it.
    """
    found = re.findall(r"^\s*(?:export\s+)?METRICS_TOKEN=(.*)$", path.read_text(), re.MULTILINE)
    quoted = re.match(r"""\s*(["'])(.*?)\1""", found[-1])
    value = quoted[2] if quoted else re.split(r"\s#", found[-1])[0].strip()
    folder = path.parent / ".secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    file = folder / "metrics_token"
    file.write_text(value)
    file.chmod(0o644)
    return file


def main() -> None:
    path = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).resolve().parent.parent / ".env"
    added = write(path)
    write_token(path)
    if added:
        print(f"{path}: added {', '.join(added)}. Next: docker compose up -d --wait")
    else:
        print(f"{path}: nothing was missing.")


if __name__ == "__main__":
    main()
