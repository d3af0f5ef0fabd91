"""A stand-in for an OpenID Connect provider, which checks what it is sent,
and answers as it is told to.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from tests.fakes import FakeClock

ISSUER = "https://auth.example/realms/home"
CLIENT, CLIENT_SECRET = "mediavault", "a secret of the client"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


@dataclass
class StubProvider:
    """``claims`` change those of the ID token, where None removes one;
    ``answers`` replace whole answers, by URL.
    """

    clock: FakeClock
    subject: str = "4711"
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    configuration: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, tuple[int, bytes] | Exception] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "one"})
    key: Any = field(default_factory=lambda: KEY)
    asked: list[tuple[str, Mapping[str, str] | None, Mapping[str, str]]] = field(
        default_factory=list
    )
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def sign_in(self, address: str) -> dict[str, str]:
        """Sign the user in on the page at ``address``;
        return the query with which the browser comes back.
        """
        assert address.startswith(f"{ISSUER}/authorize?")
        query = dict(parse_qsl(urlsplit(address).query))
        assert (query["response_type"], query["client_id"]) == ("code", CLIENT)
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        return {"code": code, "state": query["state"]}

    async def fetch(
        self,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        self.asked.append((url, form, headers or {}))
        path = url.removeprefix(ISSUER)
        answer = self.answers.get(path)
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return answer
        match path:
            case "/.well-known/openid-configuration":
                return 200, self._json(self._configuration())
            case "/keys":
                return 200, self._json(KeySet([KEY]).as_dict())
            case "/token":
                return self._token(dict(form or {}), headers or {})
            case "/userinfo":
                assert (headers or {})["authorization"] == "Bearer access"
                return 200, self._json(self.userinfo)
        return 404, b"no such page"

    def _configuration(self) -> dict[str, Any]:
        names = {
            "authorization_endpoint": "/authorize",
            "token_endpoint": "/token",
            "jwks_uri": "/keys",
        }
        if self.userinfo is not None:
            names["userinfo_endpoint"] = "/userinfo"
        return {
            "issuer": ISSUER,
            **{name: ISSUER + path for name, path in names.items()},
            **self.configuration,
        }

    def _token(self, form: dict[str, str], headers: Mapping[str, str]) -> tuple[int, bytes]:
        asked = self._codes.pop(form["code"], None)
        if asked is None:
            return 400, self._json({"error": "invalid_grant"})
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        assert form["redirect_uri"] == asked["redirect_uri"]
        pair = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET.replace(' ', '+')}".encode()).decode()
        assert headers.get("authorization") == f"Basic {pair}" or form["client_id"] == CLIENT
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": ISSUER,
            "aud": CLIENT,
            "sub": self.subject,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.claims,
        }
        signed = {name: value for name, value in claims.items() if value is not None}
        if self.header["alg"] == "none":  # which no library makes any more
            parts = (
                base64.urlsafe_b64encode(self._json(part)).rstrip(b"=").decode()
                for part in (self.header, signed)
            )
            token = ".".join([*parts, ""])
        else:
            token = jwt.encode(self.header, signed, self.key, algorithms=[self.header["alg"]])
        return 200, self._json(
            {"access_token": "access", "token_type": "Bearer", "id_token": token}
        )

    @staticmethod
    def _json(value: Any) -> bytes:
        return json.dumps(value).encode()
