"""An HTTP proxy between this hospital and the coordinator: which one, and what its refusals mean.

The client asks it for a tunnel (CONNECT, RFC 9110 section 9.3.6) and speaks TLS through that, so a proxy sees the
coordinator's address and nothing else.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import urllib.parse
import urllib.request
from dataclasses import dataclass, field

from fedchemo.shared.errors import FedchemoError

_REFUSED = re.compile(r"Tunnel connection failed: (\d{3})")
"""What http.client raises for every answer of a proxy but 200."""


@dataclass(frozen=True)
class Proxy:
    """A proxy.

    Attributes:
        host: name or address.
        port: TCP port.
        source: where it was named: an option or a variable of the environment.
        authorization: the header by which this machine says who it is; never shown.
    """

    host: str
    port: int
    source: str
    authorization: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        """Where it is, without name and password."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def headers(self, target: str) -> dict[str, str]:
        """Return the headers of the request for a tunnel to ``target``, host:port."""
        own = {"proxy-authorization": self.authorization} if self.authorization else {}
        return {"host": target, **own}

    def refusal(self, error: Exception, target: str) -> FedchemoError:
        """Return the numbered error for a tunnel that did not come about."""
        found = _REFUSED.match(str(error))
        if found is None:
            reason = getattr(error, "strerror", None) or error or type(error).__name__
            return FedchemoError("FC618", f"{self.address} ({self.source}): {reason}")
        status = int(found.group(1))
        if status == 407:
            given = "does not accept the name and password" if self.authorization else "wants them"
            return FedchemoError("FC619", f"{self.address} ({self.source}) {given}")
        code = "FC621" if status >= 500 or status in {404, 408, 429} else "FC620"
        return FedchemoError(code, f"{self.address} ({self.source}) answers {status} to CONNECT {target}")


def find_proxy(host: str, option: str | None = None) -> Proxy | None:
    """Return the proxy for connections to a host, or None for none.

    ``HTTPS_PROXY`` names it and ``NO_PROXY`` hosts without, as for other programs (also in lower case). This machine
    itself is never reached by the environment's proxy.

    Args:
        host: of the coordinator.
        option: the proxy that the user named; it overrules the environment. Empty: none.

    Raises:
        FedchemoError: FC617 if it is no address of an HTTP proxy.
    """
    if option is not None:
        return _parsed(option, "--proxy") if option else None
    url = urllib.request.getproxies_environment().get("https")
    if not url or _loopback(host) or urllib.request.proxy_bypass(host):
        return None
    return _parsed(url, "HTTPS_PROXY")


def _parsed(url: str, source: str) -> Proxy:
    try:
        parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        raise FedchemoError("FC617", f"{source} is no address: http://HOST:PORT is one") from None
    if parts.scheme != "http" or not host or parts.path.strip("/") or parts.query:
        # Never the value: it may hold a password.
        raise FedchemoError("FC617", f"{source} must be http://[NAME:PASSWORD@]HOST:PORT")
    authorization = ""
    if parts.username is not None:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(host, port, source, authorization)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
