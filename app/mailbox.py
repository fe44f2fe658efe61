"""The development mail process: takes every mail, keeps it as a file, prints its links. Loopback only."""

from __future__ import annotations

import datetime as dt
import re
import sys
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from app.settings import Settings

LINK = re.compile(r"https?://[^\s\"'<>]+")


class Mailbox:
    """aiosmtpd's handler: one .eml file a mail, named by the moment it came."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Keep one mail."""
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        path = self._folder / f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H%M%S.%f}.eml"
        path.write_bytes(content)
        print(f"mail to {', '.join(envelope.rcpt_tos)}: {path}", *find_links(content), sep="\n  ", flush=True)
        return "250 kept"


def find_links(content: bytes) -> list[str]:
    """Return the addresses in a mail's plain text, each once."""
    message = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
    body = message.get_body(("plain",))
    return list(dict.fromkeys(LINK.findall(body.get_content()))) if body else []


def run(settings: Settings, stop: threading.Event) -> None:
    """Take mails until told to stop."""
    controller = Controller(Mailbox(Path(settings.instance_dir) / "mail"), "127.0.0.1", settings.mail_port)
    controller.start()
    print(f"mail listens on 127.0.0.1:{settings.mail_port}", file=sys.stderr, flush=True)
    stop.wait()
    controller.stop()
