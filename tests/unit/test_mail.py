"""Mails: written with what they tell of, and sent once, to a real SMTP server."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import socket
import threading
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from aiosmtpd.smtp import Session as SMTPSession
from sqlalchemy.orm import Session

from app import mail
from app.database import Database
from app.mail import Letter
from app.models import OutgoingMail
from app.settings import Settings
from tests.processes import find_free_port

NOW = dt.datetime(2026, 5, 4, 12, 0, tzinfo=dt.UTC)
# Where the databases do not differ, one of them is enough.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
CONTEXT = {"link": "http://localhost:5000/reset_password?token=abc", "site_url": "http://localhost:5000"}


class Office:
    """A mail server that keeps what it takes, and answers as it is told."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.answers: list[str] = []  # to the next mails; then it takes all

    async def handle_RCPT(
        self, _server: SMTP, _session: SMTPSession, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, _server: SMTP, _session: SMTPSession, envelope: Envelope) -> str:
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.taken.append(
                email.message_from_bytes(envelope.content, _class=EmailMessage, policy=email.policy.default)
            )
            self.recipients += envelope.rcpt_tos
        return answer


@pytest.fixture
def office() -> Iterator[Office]:
    office = Office()
    controller = Controller(office, "127.0.0.1", find_free_port())
    controller.start()
    office.port = controller.port  # type: ignore[attr-defined]
    yield office
    controller.stop()


@pytest.fixture
def settings(office: Office) -> Settings:
    return Settings(smtp_host="127.0.0.1", smtp_port=office.port, smtp_tls="off")  # type: ignore[attr-defined]


def write(
    database: Database, recipient: str = "ada@example.org", *, is_decoy: bool = False, made_at: dt.datetime = NOW
) -> None:
    with database.transaction() as connection, Session(bind=connection) as session:
        mail.enqueue(session, Letter(recipient, "reset_password", CONTEXT, is_decoy), made_at)


def count(database: Database) -> int:
    return database.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(OutgoingMail)) or 0)


def send_all(database: Database, settings: Settings, now: dt.datetime = NOW) -> int:
    """Send what is due and return how many mails were looked at."""
    looked_at = 0
    while mail.send_next(database, settings, lambda: now):
        looked_at += 1
        assert looked_at < 100
    return looked_at


def test_a_mail_goes_out_as_text_and_as_html_and_its_row_is_gone(
    database: Database, office: Office, settings: Settings
) -> None:
    write(database)
    assert send_all(database, settings) == 1
    assert count(database) == 0
    (message,) = office.taken
    assert office.recipients == ["ada@example.org"]
    assert message["To"] == "ada@example.org"
    assert message["Subject"] == "Choose a new password for Manyhands"
    assert message["From"] == "Manyhands <no-reply@localhost>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == NOW
    assert message["Message-ID"].endswith("@localhost>")
    plain, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert plain
    assert html
    assert CONTEXT["link"] in plain.get_content().splitlines(), "the plain address stands on a line of its own"
    assert html.get_content().count(f'href="{CONTEXT["link"]}"') == 2, "a button, and the plain address"
    for fetched in ("<img", "src=", "<link", "url(", "@import"):
        assert fetched not in html.get_content()


@on_sqlite
def test_a_transaction_that_fails_sends_nothing(database: Database, office: Office, settings: Settings) -> None:
    def fail(connection: sa.Connection) -> None:
        with Session(bind=connection) as session:
            mail.enqueue(session, Letter("ada@example.org", "reset_password", CONTEXT), NOW)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write(fail)
    assert send_all(database, settings) == 0
    assert office.taken == []


@on_sqlite
def test_a_decoy_is_taken_away_and_never_sent(database: Database, office: Office, settings: Settings) -> None:
    write(database, is_decoy=True)
    assert send_all(database, settings) == 1
    assert (count(database), office.taken) == (0, [])


@on_sqlite
def test_a_server_that_says_not_now_is_asked_again_later_and_gets_the_same_mail(
    database: Database, office: Office, settings: Settings
) -> None:
    office.answers = ["451 not now", "250 taken", "250 taken"]
    write(database)
    assert send_all(database, settings) == 1
    assert count(database) == 1
    row = database.read(lambda c: c.execute(sa.select(OutgoingMail.tries, OutgoingMail.last_error)).one())
    assert row[0] == 1
    assert "not now" in row[1]
    assert send_all(database, settings, NOW + dt.timedelta(seconds=29)) == 0
    assert send_all(database, settings, NOW + dt.timedelta(seconds=31)) == 1
    assert (count(database), len(office.taken)) == (0, 1)


@on_sqlite
def test_a_mail_keeps_its_message_id_so_that_a_second_copy_is_known_as_one(
    database: Database, settings: Settings
) -> None:
    write(database)
    write(database)
    claimed = [database.write(lambda c: mail.claim(c, NOW)) for _ in range(2)]
    again = [database.write(lambda c: mail.claim(c, NOW + mail.CLAIMED_FOR)) for _ in range(2)]
    ids = [{mail.compose(one, settings)["Message-ID"] for one in some if one} for some in (claimed, again)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 2, "and no other mail has it"


def test_waits_double_up_to_some_hours() -> None:
    waits = [mail.find_wait(tries).total_seconds() for tries in range(1, 200)]
    assert waits[:4] == [30, 60, 120, 240]
    assert waits == sorted(waits)
    assert max(waits) == mail.LAST_RETRY.total_seconds()


@on_sqlite
def test_after_three_days_a_mail_is_given_up_with_a_line_in_the_log(
    database: Database, office: Office, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    office.answers = ["451 not now"] * 2
    write(database)
    send_all(database, settings, NOW + mail.GIVE_UP_AFTER - dt.timedelta(seconds=1))
    assert count(database) == 1
    send_all(database, settings, NOW + mail.GIVE_UP_AFTER + mail.LAST_RETRY)
    assert count(database) == 0
    assert "could not be sent for 3 days" in caplog.text
    assert "ada@" not in caplog.text


@on_sqlite
@pytest.mark.parametrize(
    ("recipient", "answer"), [("nobody@example.org", "250 taken"), ("ada@example.org", "554 spam")]
)
def test_a_mail_that_is_refused_for_good_is_not_tried_again(
    database: Database,
    office: Office,
    settings: Settings,
    recipient: str,
    answer: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    office.answers = [answer]
    write(database, recipient)
    assert send_all(database, settings) == 1
    assert (count(database), office.taken) == (0, [])
    assert "refused for good" in caplog.text


@on_sqlite
def test_a_mail_that_cannot_be_sent_holds_up_no_other(database: Database, office: Office, settings: Settings) -> None:
    office.answers = ["451 not now"]
    write(database, "first@example.org")
    write(database, "second@example.org", made_at=NOW + dt.timedelta(seconds=1))
    send_all(database, settings, NOW + dt.timedelta(seconds=1))
    assert office.recipients == ["second@example.org"]


@on_sqlite
def test_a_server_that_is_away_is_tried_again(database: Database) -> None:
    write(database)
    away = Settings(smtp_host="127.0.0.1", smtp_port=find_free_port(), smtp_tls="off")
    assert send_all(database, away) == 1
    assert count(database) == 1


@on_sqlite
def test_a_server_that_vanishes_after_it_took_a_mail_is_not_sent_it_again(database: Database) -> None:
    """The answer to DATA is the server's word; what comes of the farewell does not matter (M3)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bodies: list[bytes] = []

        def serve() -> None:
            peer, _ = listener.accept()
            with peer, peer.makefile("rwb", buffering=0) as lines:
                peer.sendall(b"220 hello\r\n")
                for answer in (b"250 hello", b"250 fine", b"250 fine", b"354 go on"):
                    lines.readline()
                    peer.sendall(answer + b"\r\n")
                body = b""
                while not body.endswith(b"\r\n.\r\n"):
                    body += lines.readline()
                bodies.append(body)
                peer.sendall(b"250 taken\r\n")
                lines.readline()
                peer.sendall(b"421 I am leaving\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        write(database)
        brusque = Settings(smtp_host="127.0.0.1", smtp_port=listener.getsockname()[1], smtp_tls="off")
        send_all(database, brusque)
        thread.join(10)
    assert len(bodies) == 1
    assert count(database) == 0


def test_many_background_processes_send_every_mail_once(
    database: Database, database_url: str, office: Office, settings: Settings
) -> None:
    for number in range(20):
        write(database, f"person{number}@example.org")

    def work() -> None:
        own = Database(database_url)
        while mail.send_next(own, settings, lambda: NOW):
            pass
        own.dispose()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(office.recipients) == sorted(f"person{number}@example.org" for number in range(20))
    assert count(database) == 0


def test_a_mail_whose_process_died_is_sent_by_another_after_a_while(
    database: Database, office: Office, settings: Settings
) -> None:
    write(database)
    assert database.write(lambda c: mail.claim(c, NOW)) is not None
    assert send_all(database, settings, NOW + mail.CLAIMED_FOR - dt.timedelta(seconds=1)) == 0
    assert send_all(database, settings, NOW + mail.CLAIMED_FOR) == 1
    assert len(office.taken) == 1


@pytest.mark.parametrize("evil", ["a\r\nBcc: all@example.org", "a\nX-Evil: 1", "a\rX-Evil: 1"])
def test_no_line_end_becomes_a_header(settings: Settings, evil: str) -> None:
    made = mail.Mail(1, "ada@example.org", evil, "text\n", "<p>html</p>", False, NOW, 1)
    with pytest.raises(ValueError, match="newline|linefeed|carriage"):
        mail.compose(made, settings)
    other = mail.Mail(1, f"{evil}@example.org", "subject", "text\n", "<p>html</p>", False, NOW, 1)
    with pytest.raises(ValueError, match="."):
        mail.compose(other, settings)


def test_an_address_in_another_script_goes_out_as_mail_servers_take_it(settings: Settings) -> None:
    made = mail.Mail(1, "ada@bücher.example", "subject", "text\n", "<p>html</p>", False, NOW, 1)
    assert mail.compose(made, settings)["To"] == "ada@xn--bcher-kva.example"


@on_sqlite
def test_what_somebody_typed_is_text_in_the_html(database: Database) -> None:
    with database.transaction() as connection, Session(bind=connection) as session:
        link = {**CONTEXT, "link": 'http://localhost/"><script>alert(1)</script>'}
        mail.enqueue(session, Letter("ada@example.org", "reset_password", link), NOW)
    assert "<script>" not in str(database.read(lambda c: c.scalar(sa.select(OutgoingMail.html))))


@on_sqlite
class TestSignIn:
    """At a mail server that asks for a name and a password."""

    @pytest.fixture
    def port(self, office: Office) -> Iterator[int]:
        def check(
            _server: SMTP, _session: SMTPSession, _envelope: Envelope, _mechanism: str, data: object
        ) -> AuthResult:
            assert isinstance(data, LoginPassword)
            return AuthResult(success=(data.login, data.password) == (b"manyhands", b"a secret"), handled=False)

        controller = Controller(
            office,
            "127.0.0.1",
            find_free_port(),
            authenticator=check,
            auth_required=True,
            auth_require_tls=False,
        )
        controller.start()
        yield controller.port
        controller.stop()

    @pytest.mark.parametrize(("password", "sent"), [("a secret", 1), ("another", 0)])
    def test_the_settings_say_who_we_are(
        self, database: Database, office: Office, port: int, password: str, sent: int
    ) -> None:
        write(database)
        settings = Settings(
            smtp_host="127.0.0.1",
            smtp_port=port,
            smtp_tls="off",
            smtp_username="manyhands",
            smtp_password=password,
            mail_from="Our Site <mail@site.example>",
        )
        send_all(database, settings)
        assert len(office.taken) == sent
        assert count(database) == 1 - sent, "a password that is wrong here may be put right: the mail waits"
        assert all(message["From"] == "Our Site <mail@site.example>" for message in office.taken)

    def test_without_tls_a_server_that_must_have_it_gets_no_password(
        self, database: Database, office: Office, port: int
    ) -> None:
        write(database)
        send_all(database, Settings(smtp_host="127.0.0.1", smtp_port=port, smtp_username="a", smtp_password="b"))
        assert "STARTTLS" in str(database.read(lambda c: c.scalar(sa.select(OutgoingMail.last_error))))
        assert office.taken == []
