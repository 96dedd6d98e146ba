"""The login by prompts, pure and between our client and server; the words are those of the Perl SIPServer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sip2.client import Credentials, Sip2Client
from connectors.sip2.errors import LineDown, LoginRefused, Unencodable
from connectors.sip2.messages import Message, build
from connectors.sip2.profile import Login, Profile, Terminator
from connectors.sip2.server import Limits, LineState, serve
from connectors.sip2.telnet import LINE_BYTES_MAX, Gate, Prompt, PromptReader

DATE = "20260101    120000"
TELNET = Profile(login=Login.TELNET)
ITEM = build("17", transaction_date=DATE, AB="B1")


async def shelf(request: Message, line: LineState) -> Message:
    if request.id == "93":
        return build("94", ok=(request.get("CN"), request.get("CO")) == ("kiosk", "s3cret"))
    if request.id == "99":
        return build("98", on_line_status=True, BX="Y" * 16)
    return build("18", circulation_status="03", transaction_date=DATE, AB=request.get("AB"), AF=line.user)


# Pure


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        (b"login: ", Prompt.LOGIN),
        (b"Welcome to the library\r\n\r\nLogin:", Prompt.LOGIN),
        (b"Username: ", Prompt.LOGIN),
        (b"password: ", Prompt.PASSWORD),
        (b"Enter User Name : ", Prompt.LOGIN),
        ("请输入用户名：".encode(), Prompt.LOGIN),
        ("账号:".encode("gbk"), Prompt.LOGIN),
        (b"login> \xff\xfd\x18", Prompt.LOGIN),
        (b"Passwd:", Prompt.PASSWORD),
        ("密码：".encode("gbk"), Prompt.PASSWORD),
        (b"Shopping:", Prompt.NOTHING),
        (b"last login: yesterday\r\n", Prompt.NOTHING),
        (b"", Prompt.NOTHING),
    ],
)
def test_a_prompt_is_what_the_text_ends_with(text: bytes, prompt: Prompt) -> None:
    whole, single = PromptReader(), PromptReader()
    whole.feed(text)
    for byte in text:
        single.feed(bytes([byte]))
    assert whole.prompt is single.prompt is prompt


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\r\0"])
def test_the_gate_takes_name_and_password_whole_and_byte_by_byte(end: bytes) -> None:
    data = b"kiosk" + end + b"s3cret" + end + b"9900802.00"
    assert Gate().feed(data) == (b"password: ", (b"kiosk", b"s3cret"))
    gate, said, found = Gate(), b"", []
    for byte in data:
        text, credentials = gate.feed(bytes([byte]))
        said += text
        found += [credentials] if credentials else []
    assert (said, found) == (b"password: ", [(b"kiosk", b"s3cret")])
    assert gate.rest().lstrip(b"\n\0") == b"9900802.00"


def test_an_empty_password_is_one() -> None:
    assert Gate().feed(b"kiosk\r\n\r\n")[1] == (b"kiosk", b"")


@given(st.lists(st.binary(max_size=LINE_BYTES_MAX), max_size=5))
def test_nothing_that_is_typed_makes_the_gate_grow(chunks: list[bytes]) -> None:
    gate = Gate()
    for chunk in chunks:
        try:
            gate.feed(chunk)
        except ValueError:
            assert len(gate.rest()) <= 2 * LINE_BYTES_MAX
            return


# On the wire


@pytest.mark.parametrize("terminator", list(Terminator))
async def test_our_client_logs_in_at_our_server_by_prompts(terminator: Terminator) -> None:
    profile = Profile(login=Login.TELNET, terminator=terminator)
    async with (
        serve("127.0.0.1", 0, profile, shelf) as server,
        Sip2Client("127.0.0.1", server.port, profile, Credentials("kiosk", "s3cret"), deadline_seconds=3) as ils,
    ):
        assert (await ils.request(ITEM)).get("AF") == "kiosk"


async def test_a_wrong_password_is_refused_by_name() -> None:
    async with (
        serve("127.0.0.1", 0, TELNET, shelf) as server,
        Sip2Client("127.0.0.1", server.port, TELNET, Credentials("kiosk", "wrong"), deadline_seconds=3) as ils,
    ):
        with pytest.raises(LoginRefused, match="user 'kiosk'") as refused:
            await ils.request(ITEM)
        assert "wrong" not in str(refused.value)


async def test_a_password_that_would_type_a_second_line_is_not_typed() -> None:
    async with (
        serve("127.0.0.1", 0, TELNET, shelf) as server,
        Sip2Client("127.0.0.1", server.port, TELNET, Credentials("kiosk", "a\rb"), deadline_seconds=3) as ils,
    ):
        with pytest.raises(Unencodable, match="CO"):
            await ils.request(ITEM)


@asynccontextmanager
async def terminal(
    limits: Limits | None = None,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with serve("127.0.0.1", 0, TELNET, shelf, limits=limits) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            yield reader, writer
        finally:
            writer.close()


async def test_three_wrong_passwords_close_the_line() -> None:
    async with terminal() as (reader, writer):
        writer.write(b"a\rb\r" * 3)
        said = await asyncio.wait_for(reader.read(), 2)
        assert said.count(b"Invalid login") == 3
        assert said.count(b"login: ") == 3


async def test_sip2_may_follow_the_password_in_one_segment() -> None:
    async with terminal() as (reader, writer):
        writer.write(b"kiosk\r\ns3cret\r\n9900802.00\r")
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n"), 2)).endswith(b"Login OK.  Initiating SIP\r\n")
        assert (await asyncio.wait_for(reader.readuntil(b"\r"), 2)).startswith(b"98Y")


async def test_sip2_without_the_password_is_no_way_in() -> None:
    async with terminal(Limits(login_seconds=0.3)) as (reader, writer):
        writer.write(b"9300CNkiosk|COs3cret|\r1720260101    120000AB1|\r")
        said = await asyncio.wait_for(reader.read(), 2)
        assert b"18" not in said


async def test_a_login_line_that_never_ends_closes_the_line() -> None:
    async with terminal() as (reader, writer):
        writer.write(b"x" * (LINE_BYTES_MAX + 1))
        assert await asyncio.wait_for(reader.read(), 2) == b"login: "


@pytest.mark.parametrize("said", [b"", b"Hello\r\n", b"login: "])
async def test_a_server_that_falls_silent_at_the_login_is_down_in_time(said: bytes) -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Sip2Client("127.0.0.1", port, TELNET, Credentials("k", "p"), deadline_seconds=0.4) as ils:
        with pytest.raises(LineDown):
            await asyncio.wait_for(ils.request(ITEM), 2)
