"""Mail: written with what it tells of, sent afterwards by the background process.

M1 a mail is a row of outgoing_mail, written in the transaction of what it tells of: neither is without the other.
M2 nobody waits for a mail server but the thread that talks to it.
M3 a mail that went out is not sent again. A process that dies between the server's word and the row's end cannot
   know: then the mail goes out twice, with the same Message-ID.
M4 a mail server that is away is tried again, later and later, for GIVE_UP_AFTER; one that refuses one for good is not.
M5 what somebody typed does not become a header line or HTML.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import email.policy
import functools
import hashlib
import logging
import smtplib
import ssl
from collections.abc import Callable
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import email_validator
import jinja2
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import Database
from app.models import OutgoingMail
from app.settings import Settings

log = logging.getLogger(__name__)
TEMPLATES = Path(__file__).parent / "templates" / "mail"
SMTP_TIMEOUT_S = 20.0
# Longer than a whole conversation with a mail server takes: who claimed a mail and has not ended it by then is dead.
CLAIMED_FOR = dt.timedelta(minutes=5)
FIRST_RETRY = dt.timedelta(seconds=30)
LAST_RETRY = dt.timedelta(hours=4)
GIVE_UP_AFTER = dt.timedelta(days=3)
ERROR_MAX = 500


@dataclasses.dataclass(frozen=True)
class Letter:
    """A mail to be written: to whom, on which template of templates/mail/, and with what in it."""

    recipient: str
    template: str
    context: dict[str, object]
    is_decoy: bool = False  # costs the same, and is never sent


@dataclasses.dataclass(frozen=True)
class Mail:
    """A mail that one process has claimed, to send it."""

    id: int
    recipient: str
    subject: str
    text: str
    html: str
    is_decoy: bool
    made_at: dt.datetime
    tries: int  # with this one


class Refused(Exception):
    """The mail server will never take this mail."""


# Writing


def enqueue(session: Session, letter: Letter, now: dt.datetime) -> None:
    """Write a mail in the caller's transaction (M1)."""
    text, subject = _render(f"{letter.template}.txt", letter.context)
    html, _ = _render(f"{letter.template}.html", {**letter.context, "subject": subject})
    session.add(
        OutgoingMail(
            recipient=letter.recipient,
            subject=subject,
            text=text,
            html=html,
            is_decoy=letter.is_decoy,
            made_at=now,
            next_try_at=now,
        )
    )
    session.flush()


def say_moment(now: dt.datetime) -> str:
    """Return a moment in UTC as mails tell it."""
    return f"{now.day} {now:%B %Y at %H:%M}"


def forget_mails_to(session: Session, recipient: str) -> None:
    """Delete what waits to be sent to somebody."""
    session.execute(sa.delete(OutgoingMail).where(OutgoingMail.recipient == recipient))


def _render(name: str, context: dict[str, object]) -> tuple[str, str]:
    """Return a template's text and the subject that it sets, if any, in one line."""
    module = _load_templates().get_template(name).make_module(context)
    subject = " ".join(str(getattr(module, "subject", "")).split())
    return str(module).strip() + "\n", subject


@functools.cache
def _load_templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


# Sending


def send_next(database: Database, settings: Settings, clock: Callable[[], dt.datetime]) -> bool:
    """Send one mail that is due, and return whether there was one."""
    # Looked for before it is claimed: on SQLite a claim stops everybody else's writing for a moment.
    if database.read(lambda connection: connection.execute(_find_due(clock())).first()) is None:
        return False
    mail = database.write(lambda connection: claim(connection, clock()))
    if mail is None:
        return False
    try:
        if not mail.is_decoy:
            deliver(mail, settings)
    except Refused as error:
        log.warning("mail %d was refused for good and is dropped: %s", mail.id, error)
    except Exception as error:  # whatever is wrong with one mail, or with the server: the others go on
        reason = _describe(error)
        database.write(lambda connection: _postpone(connection, mail, reason, clock()))
        return True
    database.write(lambda connection: _forget(connection, mail))
    return True


def claim(connection: sa.Connection, now: dt.datetime) -> Mail | None:
    """Take a mail that is due from all other processes for CLAIMED_FOR, or return None (M3)."""
    mail_id = connection.execute(_find_due(now).with_for_update(skip_locked=True)).scalar_one_or_none()
    if mail_id is None:
        return None
    update = sa.update(OutgoingMail).where(OutgoingMail.id == mail_id)
    update = update.values(next_try_at=now + CLAIMED_FOR, tries=OutgoingMail.tries + 1)
    columns = [getattr(OutgoingMail, field.name) for field in dataclasses.fields(Mail)]
    return Mail(*connection.execute(update.returning(*columns)).one())


def _find_due(now: dt.datetime) -> sa.Select[int]:
    due = sa.select(OutgoingMail.id).where(OutgoingMail.next_try_at <= now)
    return due.order_by(OutgoingMail.next_try_at).limit(1)


def _postpone(connection: sa.Connection, mail: Mail, error: str, now: dt.datetime) -> None:
    if now - mail.made_at >= GIVE_UP_AFTER:
        log.error("mail %d could not be sent for %d days and is dropped: %s", mail.id, GIVE_UP_AFTER.days, error)
        _forget(connection, mail)
        return
    wait = find_wait(mail.tries)
    log.warning("mail %d could not be sent and is tried again in %d s: %s", mail.id, wait.total_seconds(), error)
    update = sa.update(OutgoingMail).where(OutgoingMail.id == mail.id, OutgoingMail.tries == mail.tries)
    connection.execute(update.values(next_try_at=now + wait, last_error=error))


def _forget(connection: sa.Connection, mail: Mail) -> None:
    connection.execute(sa.delete(OutgoingMail).where(OutgoingMail.id == mail.id))


def find_wait(tries: int) -> dt.timedelta:
    """Return how long to wait after so many tries that failed: twice as long each time, up to LAST_RETRY."""
    return min(LAST_RETRY, FIRST_RETRY * (1 << min(tries - 1, 30)))


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:ERROR_MAX]


def compose(mail: Mail, settings: Settings) -> EmailMessage:
    """Return a mail as it goes out: plain text first, then the same as HTML (M5: the policy refuses line ends)."""
    message = EmailMessage(policy=email.policy.SMTP)
    host = urlsplit(settings.site_url).hostname or "localhost"
    recipient = email_validator.validate_email(mail.recipient, check_deliverability=False)
    message["From"] = settings.mail_from or f"Manyhands <no-reply@{host}>"
    message["To"] = Address(username=recipient.local_part, domain=recipient.ascii_domain)
    message["Subject"] = mail.subject
    message["Date"] = mail.made_at
    # The same each time that it is tried, so that a second copy is known as one (M3).
    name = hashlib.sha256(f"{mail.id} {mail.made_at.timestamp()} {mail.subject}".encode()).hexdigest()[:32]
    message["Message-ID"] = f"<{name}@{host}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def deliver(mail: Mail, settings: Settings) -> None:
    """Hand a mail to the mail server.

    Raises:
        Refused: it will never take this mail.
        OSError, smtplib.SMTPException: it could not be reached, or would not take it now.
    """
    message = compose(mail, settings)
    server = _connect(settings)
    try:
        server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        _refuse_if_final([code for code, _ in error.recipients.values()], error)
        raise
    except smtplib.SMTPDataError as error:
        _refuse_if_final([error.smtp_code], error)
        raise
    finally:
        # The server has the mail by now, or never will: a farewell that fails must not make us send it again (M3).
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.quit()
        server.close()


def _refuse_if_final(codes: list[int], error: Exception) -> None:
    # RFC 5321 section 4.2.1: 5xx says no for good, 4xx not now.
    if all(code >= 500 for code in codes):
        raise Refused(_describe(error)) from error


def _connect(settings: Settings) -> smtplib.SMTP:
    if not settings.smtp_host:
        return smtplib.SMTP("127.0.0.1", settings.mail_port, timeout=SMTP_TIMEOUT_S)
    context = ssl.create_default_context()
    if settings.smtp_tls == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            settings.smtp_host, settings.smtp_port or 465, timeout=SMTP_TIMEOUT_S, context=context
        )
    else:
        server = smtplib.SMTP(settings.smtp_host, settings.smtp_port or 587, timeout=SMTP_TIMEOUT_S)
    try:
        if settings.smtp_tls == "starttls":
            server.starttls(context=context)
        if settings.smtp_username:
            server.login(settings.smtp_username, settings.smtp_password)
    except BaseException:
        server.close()
        raise
    return server
