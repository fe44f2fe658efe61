"""Every setting: its name, its default and what it is for.

A setting is read from the environment variable of the same name in capitals. ``python -m app settings`` prints this
list with the values in force; a test holds ``docs/operations.md`` against it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.errors import SettingsError

MEGABYTE = 1 << 20


def setting(default: Any, help: str, *, parse: Callable[[str], Any] | None = None, secret: bool = False) -> Any:
    """Declare one setting of `Settings` with its default, its help and, where its type does not say, its parser."""
    return dataclasses.field(default=default, metadata={"help": help, "parse": parse, "secret": secret})


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser that takes exactly the given words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text

    return parse


def _flag(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off", ""):
        return False
    raise ValueError("must be on or off")


def _number(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError("must not be negative")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 65535:
        raise ValueError("must be a port, from 1 to 65535")
    return value


_PARSERS: dict[str, Callable[[str], Any]] = {"int": _number, "float": float, "bool": _flag, "str": str}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings in force; frozen, and handed to whoever needs them."""

    # Where things are.
    port: int = setting(5000, "Port of the web process: the site.", parse=_port)
    socket_port: int = setting(5001, "Port of the socket process: embed pages and volunteers' sockets.", parse=_port)
    mail_port: int = setting(5002, "Port of the development mail process (SMTP, loopback only).", parse=_port)
    bind_host: str = setting("127.0.0.1", "Address that the web and socket processes listen on.")
    instance_dir: str = setting("instance", "Folder of the database, the secret key and kept mails.")
    database_url: str = setting("", "SQLAlchemy address of the database. Empty: SQLite in the instance folder.")
    site_url: str = setting("", "Public address of the site. Empty: http://localhost:PORT.")
    compute_url: str = setting("", "Public address of the embed pages. Empty: http://localhost:SOCKET_PORT.")
    socket_url: str = setting("", "Public address of the volunteers' socket. Empty: COMPUTE_URL as ws(s)://…/ws.")
    hsts_subdomains: bool = setting(
        False, "on: browsers take https alone, for a year, for all hosts under those of SITE_URL and COMPUTE_URL too."
    )
    secret_key: str = setting("", "Signs cookies and tickets. Empty: made once in the instance folder.", secret=True)

    # Processes.
    web_workers: int = setting(1, "Workers of the web process.")
    socket_workers: int = setting(1, "Workers of the socket process; on SQLite it must be 1.")
    trusted_proxies: str = setting("127.0.0.1", "Addresses of proxies whose X-Forwarded headers are believed.")
    sandbox: str = setting(
        "strict",
        "strict, or best-effort: generators run also where the kernel has no Landlock or seccomp.",
        parse=one_of("strict", "best-effort"),
    )
    generators_at_once: int = setting(2, "Dataset generators that the background process runs at the same time.")
    generators_alive: int = setting(
        8, "Lock-step generators that the background process keeps alive; one that is ended is replayed when needed."
    )

    # Accounts.
    captcha: str = setting("altcha", "Proof of work at sign-up: altcha or off.", parse=one_of("altcha", "off"))
    captcha_cost: int = setting(2_000_000, "The most hashes that a browser makes to sign up.")
    session_days: int = setting(30, "Days after which a sign-in ends.")

    throttle_window_s: float = setting(900.0, "Seconds over which tries are counted against the limits below.")
    signin_failures_per_address: int = setting(30, "Failed sign-ins from one address in that time; 0: no limit.")
    signin_failures_per_account: int = setting(
        10,
        "Wrong passwords for one account from all browsers new to it, and from each known one; 0: no limit.",
    )
    provider_signins_per_address: int = setting(
        100, "Sign-ins with a provider that one address may begin and not end well in that time; 0: no limit."
    )
    provider_signins_per_account: int = setting(
        10, "Good sign-ins of one account of a provider in that time that do not count for their address; 0: all."
    )
    signups_per_address: int = setting(10, "Sign-ups from one address in that time; 0: no limit.")
    challenges_per_address: int = setting(100, "Proofs of work handed out to one address in that time; 0: no limit.")
    mails_per_address: int = setting(10, "Mails that one address may ask for in that time; 0: no limit.")
    mails_per_recipient: int = setting(3, "Mails that anybody may ask for to one recipient in that time; 0: no limit.")

    changes_per_account: int = setting(
        10, "Changes of one account's password or linked providers in that time, each told by mail; 0: no limit."
    )

    # Mail.
    smtp_host: str = setting("", "Mail server that takes our mails. Empty: the development mail process.")
    smtp_port: int = setting(0, "Its port. 0: 465 with tls, otherwise 587; the development mail process' own.")
    smtp_username: str = setting("", "Name to sign in with at the mail server. Empty: without.")
    smtp_password: str = setting("", "Password to sign in with at the mail server.", secret=True)
    smtp_tls: str = setting(
        "starttls",
        "starttls, tls (from the first byte on) or off; always off towards the development mail process.",
        parse=one_of("starttls", "tls", "off"),
    )
    mail_from: str = setting("", "Sender of our mails. Empty: Manyhands <no-reply@HOST of SITE_URL>.")

    # Signing in with a provider.
    github_client_id: str = setting("", "Client ID of the site's OAuth app at GitHub. Empty: no sign-in with GitHub.")
    github_client_secret: str = setting("", "Client secret of that app.", secret=True)
    github_url: str = setting("https://github.com", "Address of GitHub, or of a GitHub Enterprise server.")
    google_client_id: str = setting("", "Client ID of the site at Google. Empty: no sign-in with Google.")
    google_client_secret: str = setting("", "Client secret of the site at Google.", secret=True)
    oidc_issuer: str = setting("", "Issuer of any OpenID Connect provider, exactly as it writes it itself.")
    oidc_client_id: str = setting("", "Client ID of the site at that provider. Empty: no sign-in with it.")
    oidc_client_secret: str = setting("", "Client secret of the site at that provider.", secret=True)
    oidc_name: str = setting("OpenID", "What people call that provider: the text of its button.")

    # What one user may use.
    campaigns_per_user: int = setting(100, "Campaigns that one user may have, with deleted ones that can be restored.")
    stored_bytes_per_user: int = setting(
        4096 * MEGABYTE, "Bytes that one user's campaigns may have: sources, datasets and results."
    )
    datasets_per_user: int = setting(10_000_000, "Datasets that one user's campaigns may have together.")
    restore_days: int = setting(30, "Days for which a deleted campaign can be restored; then it is erased.")

    # Downloads of results.
    snapshots_max_bytes: int = setting(
        1024 * MEGABYTE, "Bytes of finished campaigns' downloads that a web host keeps as files; 0: none."
    )

    # Limits on what an owner uploads.
    kernel_max_bytes: int = setting(1 * MEGABYTE, "Largest kernel.")
    static_dataset_max_bytes: int = setting(16 * MEGABYTE, "Largest static dataset.")
    generator_max_bytes: int = setting(1 * MEGABYTE, "Largest dataset generator.")
    datasets_max: int = setting(1_000_000, "Largest number of datasets in a campaign.")
    datasets_max_bytes: int = setting(64 * MEGABYTE, "Largest size of all datasets of a campaign together.")
    dataset_max_bytes: int = setting(1 * MEGABYTE, "Largest single dataset.")
    generator_wall_s: float = setting(
        5.0, "Seconds that a dataset generator may run: an array's in all, a lock-step one's in each pull."
    )
    generator_replay_s: float = setting(60.0, "Seconds that a generator may take to repeat what it had made before.")
    pending_high_water: int = setting(
        50_000, "Pending datasets up to which a lock-step generator is pulled; the next pull comes at half of it."
    )

    previews_per_user: int = setting(4, "Previews of generators that are kept for a user; a new one ends the oldest.")
    preview_ttl_s: float = setting(600.0, "Seconds after which a preview of a generator is gone.")

    # Volunteers.
    result_max_bytes: int = setting(16 * MEGABYTE, "Largest single result.")
    batch_max_bytes: int = setting(32 * MEGABYTE, "Largest frame that a volunteer may send.")
    dataset_deadline_s: float = setting(60.0, "Seconds that one dataset may take, unless its campaign says otherwise.")
    lease_grace_s: float = setting(15.0, "Seconds beyond its deadline after which a dataset is given to another.")
    hello_timeout_s: float = setting(10.0, "Seconds that a new connection has to say hello.")
    ping_interval_s: float = setting(20.0, "Seconds between pings to a silent connection.")
    ping_timeout_s: float = setting(20.0, "Seconds after which an unanswered ping ends a connection.")
    max_want: int = setting(1024, "Most datasets that one volunteer may hold.")
    max_attempts: int = setting(3, "Times that a dataset is tried before it counts as failed.")
    max_losses: int = setting(10, "Times that a dataset's volunteer may vanish before the dataset counts as failed.")
    pause_patience_s: float = setting(
        900.0, "Seconds that browsers stay connected to a paused campaign, to go on when its owner does."
    )
    max_spares: int = setting(16, "Spare copies of one campaign's last datasets that idle volunteers compute at once.")
    memory_budget_bytes: int = setting(
        128 * MEGABYTE, "Bytes of messages and datasets that one socket process holds; over it, it reads no more."
    )
    connections_max: int = setting(12_000, "Most sockets that one socket process holds.")
    connections_per_address: int = setting(256, "Most sockets from one address.")

    # Scheduling.
    process_ttl_s: float = setting(15.0, "Seconds after which a socket process that gives no sign counts as dead.")
    heartbeat_s: float = setting(3.0, "Seconds between a socket process' signs of life.")
    change_poll_s: float = setting(0.25, "Seconds between looks at what owners and other processes changed.")
    block_max: int = setting(4096, "Most datasets that a socket process takes from the database at once.")
    block_max_bytes: int = setting(4 * MEGABYTE, "Most bytes of datasets taken from the database at once.")

    def __post_init__(self) -> None:
        """Fill the addresses that follow from others, and refuse pairs that would undo the walls between them."""
        derived = {
            "instance_dir": str(Path(self.instance_dir).resolve()),
            "site_url": (self.site_url or f"http://localhost:{self.port}").rstrip("/"),
            "compute_url": (self.compute_url or f"http://localhost:{self.socket_port}").rstrip("/"),
        }
        derived["socket_url"] = self.socket_url or _socket_address(derived["compute_url"])
        derived["database_url"] = self.database_url or f"sqlite:///{derived['instance_dir']}/manyhands.sqlite3"
        for name, value in derived.items():
            object.__setattr__(self, name, value)
        self._refuse_shared_host()
        self._refuse_half_providers()
        if self.uses_sqlite and self.socket_workers != 1:
            raise SettingsError(
                f"SOCKET_WORKERS is {self.socket_workers}, but SQLite has room for one socket process. "
                "Set DATABASE_URL to a PostgreSQL database to run several."
            )

    def _refuse_shared_host(self) -> None:
        site, compute = urlsplit(self.site_url), urlsplit(self.compute_url)
        if site.scheme == "https" and site.hostname == compute.hostname:
            raise SettingsError(
                f"SITE_URL and COMPUTE_URL are both on {site.hostname}. Cookies ignore ports, so kernels would share "
                "the site's cookies: give COMPUTE_URL a host name of its own."
            )

    def _refuse_half_providers(self) -> None:
        for names in (
            ("github_client_id", "github_client_secret"),
            ("google_client_id", "google_client_secret"),
            ("oidc_issuer", "oidc_client_id", "oidc_client_secret"),
        ):
            missing = [name.upper() for name in names if not getattr(self, name)]
            if 0 < len(missing) < len(names):
                given = [name.upper() for name in names if name.upper() not in missing]
                raise SettingsError(f"{' and '.join(given)} set, but not {' and '.join(missing)}: set all or none.")
        for name in ("github_url", "oidc_issuer"):
            address = getattr(self, name)
            if address and urlsplit(address).scheme != "https" and not is_private_address(address):
                raise SettingsError(f"{name.upper()}={address!r} cannot be used: sign-ins need https.")

    @property
    def uses_sqlite(self) -> bool:
        """Say whether the embedded database is in use."""
        return self.database_url.startswith("sqlite")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings from environment variables.

        Raises:
            SettingsError: a value cannot be read; the message names the variable and says what it takes.
        """
        given = [field for field in dataclasses.fields(cls) if environ.get(field.name.upper(), "").strip()]
        values = {field.name: _read(field, environ) for field in given}
        return cls(**values)


def is_private_address(address: str) -> bool:
    """Say whether an address without TLS cannot be listened in to: http, to this machine."""
    parts = urlsplit(address)
    return parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")


def describe(settings: Settings) -> list[tuple[str, str, str]]:
    """Return (variable, value in force, help) for every setting; secrets are not shown."""
    return [
        (field.name.upper(), _shown(field, getattr(settings, field.name)), str(field.metadata["help"]))
        for field in dataclasses.fields(settings)
    ]


def _shown(field: dataclasses.Field[Any], value: Any) -> str:
    if field.metadata["secret"]:
        unset = "(made in the instance folder)" if field.name == "secret_key" else "(not set)"
        return "(set)" if value else unset
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _read(field: dataclasses.Field[Any], environ: Mapping[str, str]) -> Any:
    text = environ[field.name.upper()].strip()
    try:
        return (field.metadata["parse"] or _PARSERS[str(field.type)])(text)
    except ValueError as error:
        raise SettingsError(f"{field.name.upper()}={text!r} cannot be used: {error}.") from error


def _socket_address(compute_url: str) -> str:
    scheme, _, rest = compute_url.partition("://")
    return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/ws"
