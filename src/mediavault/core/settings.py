"""Settings: one frozen record, read once from MEDIAVAULT_* variables,
every value checked before anything starts.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from mediavault.core.bandwidth import parse_bandwidth
from mediavault.core.failures import BadSetting, BadUrl
from mediavault.core.hours import parse_quiet_hours
from mediavault.core.job import DEFAULT_MAX_ATTEMPTS
from mediavault.core.messages import Message
from mediavault.core.name_template import DEFAULT_NAME_TEMPLATE, check_template
from mediavault.core.profiles import BEST, is_profile_name
from mediavault.core.shows import Layout
from mediavault.core.upstream_proxies import parse_choice, parse_upstream_proxy
from mediavault.core.urls import parse_http_url
from mediavault.core.users import Role

ENV_PREFIX = "MEDIAVAULT_"
SECRETS = (
    "database_url",
    "media_server_token",
    "oidc_client_secret",
    "proxies",
    "proxy",
    "proxy_secret",
    "token",
    "vault_url",
)  # settings that a file can hold
FILE_SUFFIX = "_FILE"
RUN_SECRETS = "/run/secrets"  # where Docker, Podman and Kubernetes mount them
MAX_SECRET_CHARS = 10_000
GIB = 1 << 30
LOW_SPACE_FACTOR = 4  # times ``reserve_mb``: less free space is worth a warning
MAX_SLOWER = 20.0  # times; beyond that a site's jobs would hardly move
MAX_SHOWN_CHARS = 60
MAX_HOSTS = 200
_PARSING_PROBLEMS = {
    "int_parsing": Message("is not an integer"),
    "float_parsing": Message("is not a number"),
    "bool_parsing": Message("is neither true nor false"),
}


def default_state_dir() -> Path:
    """``$XDG_STATE_HOME/mediavault``, else ``~/.local/state/mediavault`` (XDG Base Directory
    Specification).
    """
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "mediavault"


class MediaServer(StrEnum):
    """The media servers that can be asked to look for new videos."""

    JELLYFIN = "jellyfin"
    EMBY = "emby"
    PLEX = "plex"

    @property
    def label(self) -> str:
        return self.value.capitalize()


class UpgradeSchedule(StrEnum):
    """How often a newer yt-dlp is looked for."""

    OFF = "off"
    WEEKLY = "weekly"
    NIGHTLY = "nightly"


class ChangeableSettings(BaseModel):
    """Settings that can be changed live: from the next job on,
    in every process of the vault (store.live_settings).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    concurrency: Annotated[int, Field(ge=1, le=64)] = Field(
        3, description="Jobs at a time, of each worker."
    )
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        DEFAULT_MAX_ATTEMPTS, description="Attempts for each post; 1 means no retry."
    )
    profile: str = Field(
        BEST.name,
        description=(
            "The profile for posts that are submitted without one: `best`, `compatible`, `1080p`,"
            " `audio`, `pictures` or one of yours."
        ),
    )
    site_profiles: Annotated[Mapping[str, str], NoDecode] = Field(
        default_factory=dict,
        description="The same for individual sites, such as `youtube=1080p,soundcloud=audio`.",
    )
    first_player_sites: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            "Sites, such as `news.example`, whose first player is saved where nothing says which"
            " video is the post's. Adverts never are."
        ),
    )
    name_template: str = Field(
        DEFAULT_NAME_TEMPLATE,
        description=(
            "The file name of a saved video, with folders if it has slashes. `{id}` is required;"
            " `{year} {site} {account}` are available too."
        ),
    )
    layout: Layout = Field(
        Layout.ACCOUNTS,
        description=(
            "`accounts`: a folder for each account. `shows`: each account is a show for media"
            " servers, with a season for each year; `name_template` does not apply."
        ),
    )
    nfo: bool = Field(
        default=True,
        description=(
            "Write an NFO and a `-thumb` picture next to each video, for media servers. Default for"
            " object storage: false."
        ),
    )
    pace: Annotated[Mapping[str, float], NoDecode] = Field(
        default_factory=dict,
        description=(
            "Multiplies a site's usual wait between two posts, as in `tiktok=2,x=1.5`. It can only"
            " slow down: from 1 to 20."
        ),
    )
    bandwidth: str = Field(
        "",
        description=(
            "The speed limit for all downloads together, such as `2 MB/s` or `20 MB/s; mon-fri"
            " 08:00-23:00 2 MB/s`. Default: unlimited."
        ),
    )
    site_bandwidth: Annotated[Mapping[str, str], NoDecode] = Field(
        default_factory=dict,
        description="The same for individual sites, such as `youtube=1 MB/s,x=500 KB/s`.",
    )
    quiet_hours: str = Field(
        "",
        description=(
            "Hours in which no download starts, such as `08:00-12:00, 14:00-23:00`, `mon-fri"
            " 08:00-18:00` or `only 23:00-07:00`. Default: none."
        ),
    )
    daily_volume_gb: Annotated[float, Field(ge=0, le=100_000)] = Field(
        0,
        description=(
            "Once this many gigabytes have been downloaded in a day, no download starts until the"
            " next; 0: no limit."
        ),
    )
    retention_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        0,
        description=(
            "Failed and cancelled jobs without a saved file are removed after this many days; 0:"
            " never. Files never are."
        ),
    )

    trash_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        30, description="How many days deleted posts and their files stay in the trash."
    )
    verify_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        90,
        description=(
            "Every saved file is read again within this many days, compared with its checksum and"
            " examined; 0: never. Default for object storage: 0."
        ),
    )
    verify_mb_s: Annotated[int, Field(ge=1, le=10_000)] = Field(
        20, description="How many megabytes a second of each worker the comparison may take."
    )

    @field_validator("name_template")
    @classmethod
    def _check_name_template(cls, template: str) -> str:
        return check_template(template)

    @field_validator("profile")
    @classmethod
    def _check_profile(cls, name: str) -> str:
        name = name.strip().lower()
        if not is_profile_name(name):
            raise ValueError(
                Message("%(name)s is not a valid profile name", name=f"{name[:MAX_SHOWN_CHARS]!r}")
            )
        return name

    @field_validator("site_profiles")
    @classmethod
    def _check_site_profiles(cls, profiles: Mapping[str, str]) -> Mapping[str, str]:
        return {
            site: cls._check_profile(name)
            for site, name in sorted(profiles.items())
            if name.strip()
        }

    @field_validator("first_player_sites", mode="before")
    @classmethod
    def _read_hosts(cls, value: Any) -> Any:
        """Read hosts as people write them: separated by commas or spaces,
        with ``www.`` or as a whole URL.
        """
        parts = re.split(r"[\s,]+", value) if isinstance(value, str) else value
        return tuple(sorted({site_host(str(part)) for part in parts if str(part).strip()}))

    @field_validator("first_player_sites")
    @classmethod
    def _not_too_many(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        if len(hosts) > MAX_HOSTS:
            raise ValueError(Message("at most %(most)s sites", most=str(MAX_HOSTS)))
        return hosts

    @field_validator("bandwidth")
    @classmethod
    def _check_bandwidth(cls, text: str) -> str:
        return str(parse_bandwidth(text))

    @field_validator("site_bandwidth")
    @classmethod
    def _check_site_bandwidth(cls, limits: Mapping[str, str]) -> Mapping[str, str]:
        return {
            site: limit
            for site, text in sorted(limits.items())
            if (limit := cls._check_bandwidth(text))
        }

    @field_validator("quiet_hours")
    @classmethod
    def _check_quiet_hours(cls, text: str) -> str:
        return str(parse_quiet_hours(text))

    @field_validator("pace", "site_bandwidth", "site_profiles", mode="before")
    @classmethod
    def _read_pairs(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        return {name.strip().lower(): factor.strip() for name, _, factor in pairs}

    @field_validator("pace")
    @classmethod
    def _only_slower(cls, pace: Mapping[str, float]) -> Mapping[str, float]:
        """Refuse a faster pace: the usual one is what a site tolerates of a user;
        more gets the account locked.
        """
        if not all(1 <= factor <= MAX_SLOWER for factor in pace.values()):
            raise ValueError(
                Message(
                    "a factor must be between 1 and %(max_slower)s",
                    max_slower=f"{MAX_SLOWER:g}",
                )
            )
        return {name: factor for name, factor in sorted(pace.items()) if factor != 1}


class Settings(ChangeableSettings, BaseSettings):
    """All settings. Each is read from ``MEDIAVAULT_`` + its name in capitals.

    ``mediavault doctor`` lists unknown variables.
    The fields of ``ChangeableSettings`` can also be changed on the settings page, unless the
    environment sets them.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,  # it may be a password, and tracebacks show an error's cause
    )

    state_dir: Path = Field(
        default_factory=default_state_dir, description="Database, locks, browser profile."
    )
    download_dir: Path = Field(
        default_factory=lambda: Path.home() / "Videos" / "mediavault",
        description="The library; it contains the staging folders.",
    )
    database_url: str | None = Field(
        None,
        description=(
            "`postgresql://…`, `mongodb://…` or `sqlite:///PATH`. Default: SQLite in the state"
            " folder."
        ),
    )
    allow_unprotected_database: bool = Field(
        default=False,
        description="Reach a MongoDB over the network although TLS or a password is missing.",
    )
    vault_url: str | None = Field(
        None,
        description=(
            "The library in an object storage: `s3://`, `gs://` or `az://`. Default: the download"
            " folder."
        ),
    )
    sponsorblock_url: str = Field(
        "https://sponsor.ajay.app",
        description=(
            "The server that profiles with `sponsorblock` ask for segments of YouTube videos."
        ),
    )
    host: str = Field(
        "127.0.0.1",
        description="The address to listen on; beyond loopback, a password or token is needed.",
    )
    port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        8420, description="The port; 0 for any free one."
    )
    host_names: tuple[str, ...] = Field(
        (),
        description=(
            "JSON list of further host names of the vault, for example behind a reverse proxy."
        ),
    )
    base_path: str = Field(
        "",
        description=(
            "The path below which a reverse proxy serves the vault, as in `/mediavault`. Default:"
            " the root."
        ),
    )
    token: SecretStr | None = Field(
        None,
        description=(
            "An admin token, in addition to those of `mediavault token add`: `Authorization: Bearer"
            " …`."
        ),
    )
    setup: bool = Field(
        default=False,
        description=(
            "Without a password: serve only the set-up page, for the one-time token printed at the"
            " start."
        ),
    )
    trusted_proxies: tuple[str, ...] = Field(
        (),
        description=(
            "JSON list of reverse proxies, whose `X-Forwarded-For` is believed, as in"
            ' `["127.0.0.1"]`.'
        ),
    )
    proxy_header: str | None = Field(
        None, description="The header in which they name the signed-in user, such as `Remote-User`."
    )
    proxy_user: str | None = Field(None, description="Its value for the owner of the vault.")
    proxy_secret: SecretStr | None = Field(
        None, description="The secret that they send in `X-Mediavault-Proxy-Secret`."
    )
    oidc_issuer: str | None = Field(
        None,
        description="The OpenID Connect provider that signs users in, as in `https://auth.example`.",
    )
    oidc_client_id: str | None = Field(None, description="The vault's client id at the provider.")
    oidc_client_secret: SecretStr | None = Field(
        None,
        description="Its secret. Default: none, for a public client; PKCE is used in any case.",
    )
    oidc_name: str | None = Field(
        None, description="What the sign-in page calls the provider. Default: its host."
    )
    oidc_scopes: str = Field(
        "openid profile email groups",
        description="The scopes that the vault asks for, separated by spaces.",
    )
    oidc_groups_claim: str = Field(
        "groups",
        description="The claim with a user's groups; a path such as `realm_access.roles` too.",
    )
    oidc_roles: dict[str, Role] = Field(
        default_factory=dict,
        description=(
            'JSON object of groups and their roles, as in `{"family": "member", "*": "viewer"}`;'
            " `*` is everybody."
        ),
    )
    oidc_owner: str | None = Field(None, description="The owner's `sub` at the provider.")
    media_server: MediaServer | None = Field(
        None,
        description=(
            "`jellyfin`, `emby` or `plex`: the media server that is asked to scan its libraries"
            " after videos were saved."
        ),
    )
    media_server_url: str | None = Field(
        None, description="Its address, such as `http://nas.lan:8096`."
    )
    media_server_token: SecretStr | None = Field(
        None, description="An API key of Jellyfin or Emby, or a Plex token."
    )
    platforms: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            "Comma-separated names: the worker takes only jobs of these platforms. Default: all."
        ),
    )
    poll_interval_s: Annotated[float, Field(ge=0.05, le=3600)] = Field(
        1.0, description="How often an idle worker looks for jobs that no message announced."
    )
    heartbeat_interval_s: Annotated[float, Field(ge=0.1, le=3600)] = Field(
        30.0, description="How often a worker says that it is alive and extends its leases."
    )
    lease_s: Annotated[float, Field(ge=0.5, le=86_400)] = Field(
        90.0, description="How long a job belongs to a worker that says nothing more."
    )
    extraction_timeout_s: Annotated[float, Field(ge=1, le=3600)] = Field(
        180.0, description="Time limit for reading a post."
    )
    retry_base_s: Annotated[float, Field(ge=0.0, le=86_400)] = Field(
        60.0,
        description=(
            "Wait before the second attempt; each further one waits five times as long, at most a"
            " day."
        ),
    )
    shutdown_grace_s: Annotated[float, Field(ge=0, le=3600)] = Field(
        20.0,
        description=(
            "How long running jobs may continue after SIGTERM, before they go back to the queue."
        ),
    )
    max_file_gb: Annotated[float, Field(gt=0, le=100_000)] = Field(
        50.0, description="The largest file, in GiB."
    )
    reserve_mb: Annotated[int, Field(ge=0)] = Field(
        500, description="Free space that a download never eats into."
    )
    stall_timeout_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        30.0, description="A download without a byte for this long is ended, and resumed."
    )
    recordings: Annotated[int, Field(ge=0, le=64)] = Field(
        2,
        description=(
            "Live streams that each worker records at once, in addition to its jobs. Others wait"
            " and are checked again every two minutes; 0 records none."
        ),
    )
    segment_concurrency: Annotated[int, Field(ge=1, le=16)] = Field(
        4, description="Segments of one stream that are fetched at a time."
    )
    save_quoted: bool = Field(
        default=False, description="Save the videos of quoted and reposted posts too."
    )
    browser: Path | None = Field(
        None, description="Path of a Chromium, Chrome or Edge that decodes H.264."
    )
    browser_headless: bool = Field(
        default=True, description="`false` shows the browser's window, for debugging."
    )
    browser_memory_mb: Annotated[int, Field(ge=300)] | None = Field(
        None,
        description=(
            "For all of the browser's processes together. Default: half of the memory, 1,024 to"
            " 4,096."
        ),
    )
    ytdlp_upgrade: UpgradeSchedule = Field(
        UpgradeSchedule.OFF,
        description=(
            "`weekly` or `nightly`: the worker upgrades yt-dlp at night, between 2 and 5 o'clock of"
            " the machine's time."
        ),
    )
    allow_private: tuple[str, ...] = Field(
        (),
        description=(
            "JSON list of exact `host`, `host:port` or narrow CIDR of the private network that"
            " posts may reach; those that a source's list names, only on the list's own server."
        ),
    )
    proxy: SecretStr | None = Field(
        None,
        description=(
            "The proxy for posts, media and notifications: `http://`, `https://` or `socks5://`,"
            " such as `socks5://user:password@gluetun:1080`."
        ),
    )
    proxies: Annotated[Mapping[str, SecretStr], NoDecode] = Field(
        default_factory=dict,
        description=(
            'The same for individual sites: a JSON object such as `{"youtube":'
            ' "http://gluetun:8888", "x": "direct"}`; `direct` means no proxy.'
        ),
    )
    timestamp_url: str | None = Field(
        None,
        description=(
            "The authority that timestamps sealed copies (RFC 3161), such as"
            " `https://tsa.example/tsr`. Default: none."
        ),
    )
    log_level: str = Field("info", description="`debug`, `info`, `warning` or `error`.")

    @field_validator("platforms", mode="before")
    @classmethod
    def _split_names(cls, names: Any) -> Any:
        return (
            tuple(name.strip().lower() for name in names.split(",") if name.strip())
            if isinstance(names, str)
            else names
        )

    @field_validator("allow_private")
    @classmethod
    def _check_allow_rules(cls, rules: tuple[str, ...]) -> tuple[str, ...]:
        for rule in rules:
            check_allow_rule(rule)
        return rules

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            check_proxy(proxy)
        return proxies

    @field_validator("proxy")
    @classmethod
    def _check_proxy(cls, address: SecretStr | None) -> SecretStr | None:
        if address is None or not address.get_secret_value().strip():
            return None
        parse_upstream_proxy(address.get_secret_value())
        return address

    @field_validator("proxies", mode="before")
    @classmethod
    def _read_sites(cls, value: Any) -> Any:
        """Read the JSON here: the library's own error would quote the passwords in it."""
        if not isinstance(value, str):
            return value
        try:
            sites = json.loads(value) if value.strip() else {}
        except ValueError:
            sites = None
        if not isinstance(sites, dict):
            raise ValueError(
                Message("it must be a JSON object, as in %(example)s", example=_PROXIES_EXAMPLE)
            ) from None
        return {name.strip().lower(): address for name, address in sites.items()}

    @field_validator("proxies")
    @classmethod
    def _check_proxies_of_sites(cls, sites: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
        for site, address in sites.items():
            try:
                parse_choice(address.get_secret_value())
            except ValueError as exc:
                raise ValueError(
                    Message("%(site)s: %(problem)s", site=site, problem=exc.args[0])
                ) from None
        return sites

    @field_validator("timestamp_url")
    @classmethod
    def _check_timestamp_url(cls, url: str | None) -> str | None:
        try:
            return str(parse_http_url(url)) if url else None
        except BadUrl as exc:
            raise ValueError(exc.message) from None

    @field_validator("base_path")
    @classmethod
    def _check_base_path(cls, path: str) -> str:
        path = path.rstrip("/")
        if not re.fullmatch(r"(?:/[A-Za-z0-9._~-]+)*", path) or "/." in path:
            raise ValueError(Message("it must be a path of plain letters, as in /mediavault"))
        return path

    @field_validator("media_server_url")
    @classmethod
    def _check_media_server_url(cls, url: str | None) -> str | None:
        if url and not re.fullmatch(r"https?://[^\s/?#@\\]+(?:/[^\s?#\\]*)?", url):
            raise ValueError(Message("it must be an address such as http://nas.lan:8096"))
        return url.rstrip("/") if url else None

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, level: str) -> str:
        if level.lower() not in {"debug", "info", "warning", "error"}:
            raise ValueError(Message("it must be debug, info, warning or error"))
        return level.lower()

    @model_validator(mode="after")
    def _ask_no_bucket_unasked(self) -> Self:
        """Verify an object storage, and put files for media servers into it, only on request:
        it charges for requests.
        """
        for name, value in (("verify_days", 0), ("nfo", False)):
            if self.vault_url is not None and name not in self.model_fields_set:
                self.__dict__[name] = value  # a default, so model_fields_set must not name it
        return self

    @property
    def effective_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.state_dir}/mediavault.db"

    @property
    def max_file_bytes(self) -> int:
        return int(self.max_file_gb * GIB)


WIDEST_PROXIES = {4: 8, 6: 32}  # prefix bits


def site_host(text: str) -> str:
    """Return the host of a site, without ``www.``, from its name or any URL on it. Raises
    ValueError for anything else.
    """
    try:
        return parse_http_url(text if "://" in text else f"https://{text}").host.removeprefix(
            "www."
        )
    except BadUrl as exc:
        shown = f"{text[:MAX_SHOWN_CHARS]!r}"
        raise ValueError(
            Message("%(host)s is not a host name, such as news.example", host=shown)
        ) from exc


def is_on_site(url: str, hosts: Collection[str]) -> bool:
    """Whether a URL's host is one of ``hosts``, as of :func:`site_host`, or below one."""
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    return any(host == one or host.endswith(f".{one}") for one in hosts)


def check_proxy(proxy: str) -> None:
    """Accept an address or a CIDR of /8 (IPv4), /32 (IPv6) or narrower;
    raise ValueError otherwise.
    """
    try:
        network = ipaddress.ip_network(proxy, strict=False)
    except ValueError:
        raise ValueError(
            Message("%(proxy)s is neither an address nor a CIDR", proxy=f"{proxy!r}")
        ) from None
    if network.prefixlen < WIDEST_PROXIES[network.version]:
        raise ValueError(
            Message("%(proxy)s is too wide: list only the proxies", proxy=f"{proxy!r}")
        )


_HOST = re.compile(
    r"^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$",
    re.IGNORECASE,
)


def check_allow_rule(rule: str) -> None:
    """Accept an exact host, host:port, or a CIDR of /8 (IPv4), /32 (IPv6) or narrower; raise
    ValueError otherwise.

    Loopback, link-local, multicast and unspecified addresses are never opened by a CIDR or a bare
    host, only by an exact ``host:port``: services on such addresses trust everyone who can reach
    them.
    """
    if "/" in rule:
        _check_network(rule)
        return
    host, port = _split_rule(rule)
    if port is not None and not 1 <= port <= 65_535:
        raise ValueError(Message("%(rule)s: %(port)s is not a port", rule=f"{rule!r}", port=port))
    try:
        address: Any = ipaddress.ip_address(host)
    except ValueError:
        if not _HOST.match(host) or re.fullmatch(r"[0-9.]+|0x.*", host):
            raise ValueError(
                Message("%(rule)s is not an exact host, host:port or CIDR", rule=f"{rule!r}")
            ) from None
        special = host.lower() == "localhost" or host.lower().endswith(".localhost")
    else:
        special = _needs_exact_port(address)
    if special and port is None:
        raise ValueError(
            Message(
                "%(rule)s needs a port: name it exactly, as in 127.0.0.1:8096", rule=f"{rule!r}"
            )
        )


def _check_network(rule: str) -> None:
    network = ipaddress.ip_network(rule, strict=False)
    widest = 8 if network.version == 4 else 32
    if network.prefixlen < widest:
        raise ValueError(
            Message(
                "%(rule)s is too wide: /%(widest)s or narrower", rule=f"{rule!r}", widest=widest
            )
        )
    for special in (
        "127.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "0.0.0.0/8",
        "::1/128",
        "fe80::/10",
        "ff00::/8",
    ):
        other = ipaddress.ip_network(special)
        if other.version == network.version and network.overlaps(other):
            raise ValueError(
                Message(
                    "%(rule)s covers loopback, link-local or multicast; name an exact host:port"
                    " instead",
                    rule=f"{rule!r}",
                )
            )


def _split_rule(rule: str) -> tuple[str, int | None]:
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::(\d{1,5}))?", rule)
    if bracketed:
        return bracketed[1], int(bracketed[2]) if bracketed[2] else None
    if rule.count(":") == 1:
        host, _, port = rule.partition(":")
        if not port.isdigit():
            raise ValueError(
                Message("%(rule)s: %(port)s is not a port", rule=f"{rule!r}", port=f"{port!r}")
            )
        return host, int(port)
    return rule, None


def _needs_exact_port(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    # an IPv4-mapped address is the IPv4 address; newer Pythons already treat it so
    address = getattr(address, "ipv4_mapped", None) or address
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
    )


_PROXIES_EXAMPLE = '{"youtube": "socks5://gluetun:1080"}'
_JSON = {
    "trusted_proxies": '["127.0.0.1"]',
    "host_names": '["vault.example"]',
    "allow_private": '["nas.lan:8096"]',
    "oidc_roles": '{"family": "member"}',
}


def load_settings(**overrides: Any) -> Settings:
    """Read the environment and files of secrets; raise :class:`BadSetting` that names what is
    wrong, and where.
    """
    try:
        return Settings(**(_values_of_files(os.environ) | overrides))
    except ValidationError as exc:
        first = exc.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else "?"
        raise BadSetting(
            Message(
                "%(setting)s: %(problem)s.", setting=variable(field), problem=describe_error(first)
            )
        ) from exc
    except SettingsError as exc:  # the value of a list or an object is not JSON
        raise _not_json(exc) from exc


def variable(setting: str) -> str:
    """Return the environment variable from which a setting is read."""
    return f"{ENV_PREFIX}{setting.upper()}"


def _values_of_files(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets that are in files, by the setting's name. Raises BadSetting.

    A file is named by ``MEDIAVAULT_TOKEN_FILE``, or is called ``mediavault_token`` and lies where
    systemd (``LoadCredential=``) or a container's runtime puts secrets. A variable of the
    environment wins over the latter.
    """
    values: dict[str, str] = {}
    folders = [
        Path(folder) for folder in (environ.get("CREDENTIALS_DIRECTORY"), RUN_SECRETS) if folder
    ]
    for setting in SECRETS:
        name = variable(setting)
        named = environ.get(f"{name}{FILE_SUFFIX}")
        if named and environ.get(name):
            raise BadSetting(
                Message(
                    "%(name)s and %(file)s are both set.", name=name, file=f"{name}{FILE_SUFFIX}"
                )
            )
        if named:
            values[setting] = _secret_in(Path(named), f"{name}{FILE_SUFFIX}")
        elif name not in environ:
            file = next(
                (path for folder in folders if _is_readable(path := folder / name.lower())), None
            )
            if file is not None:
                values[setting] = _secret_in(file, name)
    return values


def _is_readable(path: Path) -> bool:
    return os.access(path, os.R_OK)  # False also where the folder itself is not ours to look into


def _secret_in(file: Path, name: str) -> str:
    try:
        with file.open(encoding="utf-8") as stream:
            secret = stream.read(MAX_SECRET_CHARS).strip()
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise BadSetting(
            Message(
                "%(name)s: %(file)s cannot be read: %(reason)s.",
                name=name,
                file=file,
                reason=reason,
            )
        ) from exc
    if not secret:
        raise BadSetting(Message("%(name)s: %(file)s is empty.", name=name, file=file))
    return secret


def _not_json(exc: SettingsError) -> BadSetting:
    field = next((name for name in _JSON if f'"{name}"' in str(exc)), None)
    if field is None:
        return BadSetting(Message("A setting cannot be read: %(error)s", error=exc))
    name = variable(field)
    text = next((value for key, value in os.environ.items() if key.upper() == name), "")
    return BadSetting(
        Message(
            "%(name)s: %(given)s is not JSON, as in %(example)s.",
            name=name,
            given=f"{text[:MAX_SHOWN_CHARS]!r}",
            example=_JSON[field],
        )
    )


def unknown_variables(environ: dict[str, str]) -> list[str]:
    """MEDIAVAULT_* variables that no setting reads: usually a typo."""
    known = {variable(name) for name in Settings.model_fields}
    known |= {f"{variable(name)}{FILE_SUFFIX}" for name in SECRETS}
    return sorted(
        name
        for name in environ
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in known
    )


def validate_setting(name: str, value: Any) -> Any:
    """Return ``value`` as the setting ``name`` stores it. Raises BadSetting,
    or KeyError for an unknown name.
    """
    if name not in ChangeableSettings.model_fields:
        raise KeyError(name)
    try:
        return getattr(ChangeableSettings.model_validate({name: value}), name)
    except ValidationError as exc:
        raise BadSetting(_sentence(describe_error(exc.errors()[0]))) from exc


def describe_error(error: Any) -> str:
    """Describe the error, in our own words where pydantic's speak of parsing.
    Only text is quoted, cut short.
    """
    value, kind = error["input"], str(error["type"])
    if isinstance(value, str) and kind in _PARSING_PROBLEMS:
        return Message(
            "%(value)s %(problem)s",
            value=repr(value[:MAX_SHOWN_CHARS]),
            problem=_PARSING_PROBLEMS[kind],
        )
    raised = error.get("ctx", {}).get("error")
    if isinstance(raised, ValueError) and raised.args and isinstance(raised.args[0], Message):
        return raised.args[0]  # from one of our own checks
    return Message(str(error["msg"]).removeprefix("Value error, "))


def _sentence(text: str) -> str:
    return text if text.endswith(".") else Message("%(text)s.", text=text)
