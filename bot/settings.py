"""Every setting, once: read from the environment, or from a `.env` file in the folder Segin is started in.

`segin --help` and the README list them from here.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from dotenv import dotenv_values

from bot import mail

TELEGRAM_MODES = ("webhook", "polling")

ROOT = Path(__file__).resolve().parent.parent


class BadSetting(ValueError):
    """A setting can't be read; the message names it and says what it takes."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What can be set from outside. `SEGIN_` and the upper-case name of a field is its variable."""

    database_url: str = field(
        default="",
        metadata={"doc": "Database: sqlite:///path or postgresql://… (default: segin.db in the data folder)"},
    )
    data_dir: Path = field(default=Path("data"), metadata={"doc": "Folder of the embedded database and the keys"})
    library_dir: Path = field(default=ROOT, metadata={"doc": "Folder that holds flows/, content/ and locales/"})
    host: str = field(default="127.0.0.1", metadata={"doc": "Address to listen at"})
    port: int = field(default=8080, metadata={"doc": "Port to listen at"})
    public_url: str = field(
        default="", metadata={"doc": "Address people reach Segin at, such as https://segin.example.org"}
    )
    behind_proxy: bool = field(
        default=False, metadata={"doc": "1 when one proxy of yours stands in front: X-Forwarded-For is believed"}
    )
    keys: str = field(
        default="",
        metadata={"doc": "Key ring itself (default: the file keys in the data folder, made at the first start)"},
    )
    audit_file: str = field(
        default="",
        metadata={"doc": "Keeps the audit log's head; best on another disk (default: audit-heads in the data folder)"},
    )
    demo: bool = field(
        default=False, metadata={"doc": "1: channels other than web and terminal may serve a demonstration"}
    )
    writers: int = field(default=2, metadata={"doc": "Writer threads on PostgreSQL"})
    metrics_public: bool = field(
        default=False, metadata={"doc": "1: /metrics answers addresses other than this machine's"}
    )

    file_mb: int = field(default=16, metadata={"doc": "Largest voice note, photo or document taken from an app, in MB"})
    unlimited_rates: bool = field(
        default=False, metadata={"doc": "1: send as fast as can be, for measuring against a server of your own"}
    )
    telegram_token: str = field(default="", metadata={"doc": "Token of the bot; with it there is a Telegram channel"})
    telegram_secret: str = field(
        default="", metadata={"doc": "What Telegram proves itself with to the webhook: up to 256 of A-Z a-z 0-9 _ -"}
    )
    telegram_mode: str = field(
        default="webhook", metadata={"doc": "webhook, or polling where nothing can reach this machine"}
    )
    telegram_api_url: str = field(
        default="https://api.telegram.org", metadata={"doc": "Everything before /bot<token>/<method>"}
    )
    whatsapp_token: str = field(
        default="", metadata={"doc": "Access token of the Cloud API; with it there is a WhatsApp channel"}
    )
    whatsapp_phone_id: str = field(default="", metadata={"doc": "Id of the phone number that sends"})
    whatsapp_app_secret: str = field(default="", metadata={"doc": "Secret of the app: signs what the webhook gets"})
    whatsapp_verify_token: str = field(
        default="", metadata={"doc": "Word of your choice that proves the webhook yours"}
    )
    whatsapp_api_url: str = field(
        default="https://graph.facebook.com/v26.0", metadata={"doc": "Everything before /<phone id>/messages"}
    )
    smtp_url: str = field(
        default="",
        metadata={"doc": "Mail server that pages go out by: smtp://user:password@host:587 (STARTTLS) or smtps://…"},
    )
    mail_from: str = field(default="", metadata={"doc": "Address that pages by e-mail come from"})

    @property
    def url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'segin.db'}"

    @property
    def audit_path(self) -> Path:
        return Path(self.audit_file) if self.audit_file else self.data_dir / "audit-heads"

    @property
    def page_ways(self) -> tuple[str, ...]:
        """How staff on call can be told: the ways that are set up."""
        return (*(("email",) if self.smtp_url else ()), *(("telegram",) if self.telegram_token else ()))

    @property
    def key_file(self) -> Path:
        return self.data_dir / "keys"

    @classmethod
    def variables(cls) -> Mapping[str, tuple[str, str]]:
        """Variable → (default, what it does)."""
        shown = {f.name: "" if f.default == ROOT else str(f.default) for f in fields(cls)}
        return {f"SEGIN_{f.name.upper()}": (shown[f.name], f.metadata["doc"]) for f in fields(cls)}

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """From the environment, which goes before `.env`. Raises `BadSetting`."""
        given = environment if environment is not None else {**dotenv_values(".env"), **os.environ}
        values: dict[str, object] = {}
        for one in fields(cls):
            name = f"SEGIN_{one.name.upper()}"
            raw = given.get(name)
            if raw:
                values[one.name] = _read(name, raw, one.type)
        ours = {name for name in given if name.startswith("SEGIN_")}
        unknown = sorted(ours - set(cls.variables()))
        if unknown:
            raise BadSetting(f"unknown setting {', '.join(unknown)}; segin --help lists them all")
        settings = cls(**values)  # type: ignore[arg-type]
        settings._check()
        return settings

    def _check(self) -> None:
        """What only makes sense together. Raises `BadSetting`; no message quotes a secret."""
        if self.telegram_mode not in TELEGRAM_MODES:
            raise BadSetting(f"SEGIN_TELEGRAM_MODE takes {' or '.join(TELEGRAM_MODES)}, not {self.telegram_mode!r}")
        if self.whatsapp_token:
            needed = ("whatsapp_phone_id", "whatsapp_app_secret", "whatsapp_verify_token")
            missing = [f"SEGIN_{name.upper()}" for name in needed if not getattr(self, name)]
            if missing:
                raise BadSetting(f"SEGIN_WHATSAPP_TOKEN needs {', '.join(missing)} as well")
        if self.smtp_url:
            self._check_mail()

    def _check_mail(self) -> None:
        try:
            mail.read_server(self.smtp_url)
        except mail.NotSetUp as error:
            raise BadSetting(f"SEGIN_SMTP_URL takes {error}") from None
        if not mail.is_address(self.mail_from):
            raise BadSetting("SEGIN_SMTP_URL needs SEGIN_MAIL_FROM as well: an address such as garde@example.org")


def _read(name: str, raw: str, kind: object) -> object:
    if kind is int:
        if not raw.isascii() or not raw.isdigit():
            raise BadSetting(f"{name} takes a whole number, not {raw!r}")
        return int(raw)
    if kind is bool:
        if raw.lower() not in ("0", "1", "true", "false", "yes", "no"):
            raise BadSetting(f"{name} takes 1 or 0, not {raw!r}")
        return raw.lower() in ("1", "true", "yes")
    return Path(raw) if kind is Path else raw
