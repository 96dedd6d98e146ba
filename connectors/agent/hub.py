"""What a connector reads of the gateway over plain HTTP: its log and its directory. All of it is signed or proven."""

from ssl import SSLContext

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from yarl import URL

ANSWER_BYTES_MAX = 16_777_216


class HubUnreachable(Exception):
    """The gateway does not answer now, or with something that cannot be verified; to be asked again later."""


def open_session(tls: SSLContext | None, seconds: float) -> ClientSession:
    """Return a session with the gateway, whose certificate ``tls`` verifies; a request takes ``seconds`` at most."""
    return ClientSession(connector=TCPConnector(ssl=tls or True), timeout=ClientTimeout(total=seconds))


async def fetch(http: ClientSession, link: str, path: str, limit: int = ANSWER_BYTES_MAX, **query: int | str) -> bytes:
    """Return what the gateway behind the address of its ``link`` has at a path.

    Raises:
        HubUnreachable: no answer, a refusal, more than ``limit`` bytes, or a way to somebody else.
    """
    try:
        async with http.get(address(link, path), params=query, allow_redirects=False) as answer:
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise HubUnreachable(f"{path} answered with more than {limit} bytes")
            if answer.status != 200:
                raise HubUnreachable(f"{path} answered {answer.status}")
            return bytes(body)
    except (ClientError, OSError, TimeoutError) as error:
        raise HubUnreachable(f"{path}: no answer ({type(error).__name__})") from error


def address(link: str, path: str) -> URL:
    """Return the web address of a path beside the link."""
    url = URL(link)
    return url.with_scheme({"ws": "http", "wss": "https"}.get(url.scheme, url.scheme)).with_path(path)
