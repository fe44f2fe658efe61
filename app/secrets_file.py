"""The secret key that signs cookies and tickets: from the settings, or made once in the instance folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from app.settings import Settings


def get_secret_key(settings: Settings) -> str:
    """Return the secret key, making it at the first start. Only the account that runs the site can read the file."""
    if settings.secret_key:
        return settings.secret_key
    path = Path(settings.instance_dir) / "secret_key"
    os.makedirs(path.parent, exist_ok=True)
    try:
        return _create(path)
    except FileExistsError:
        return path.read_text().strip()


def _create(path: Path) -> str:
    # The processes start together. A finished file is linked into place, so that none of them reads half a key.
    key = secrets.token_hex(32)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with open(descriptor, "w") as file:
            file.write(key)
        os.link(draft, path)
    finally:
        draft.unlink()
    return key
