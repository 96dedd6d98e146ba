"""What a kiosk is told: local requests as the ILS answers them, the alliance's copies and readers by the connector."""

import asyncio

import pytest

from connectors.kiosk import KioskSettings, serve_kiosks
from connectors.kiosk.routing import ROUTES
from connectors.sip2.dates import encode_date
from connectors.sip2.messages import build
from connectors.sip2.server import Sip2Server
from schemas.lending import Custody
from tests.connectors.kiosk.city import DATE, LIBRARIES, MORNING, machine_at

EXTRA = (("KQ", "A-3"), ("U1", ""), ("ZZ", "东"), ("KQ", "B-1"))


async def test_our_own_reader_borrows_and_returns_our_own_copy_at_every_librarys_kiosk(city):
    for member in city.members:
        barcode, card = member.own_barcode(), f"{member.library.division_code}000001"
        assert (await member.ask("17", AB=barcode)).fixed["circulation_status"] == "03"
        lent = await member.takes(card, barcode)
        assert lent.flag("ok"), lent
        assert (lent.get("AO"), lent.get("AA")) == (f"kiosk-{member.library.slug}", card)
        assert (await member.ask("63", AA=card)).count("charged_items_count") == 1
        assert (await member.ask("29", AA=card, AB=barcode)).flag("renewal_ok")
        assert (await member.returns(barcode)).flag("ok")
        assert await member.shelf(barcode) == "03"
        assert await member.alarms() == []


async def test_a_refusal_of_the_ils_is_its_own(member):
    blocked = await member.takes(member.reader(5).card, member.own_barcode())
    assert (blocked.flag("ok"), blocked.get("AF")) == (False, "读者证已停用，请到服务台办理")
    unknown = await member.ask("17", AB="no-such-copy")
    assert (unknown.fixed["circulation_status"], unknown.get("AF")) == ("01", "册条码不存在")


async def test_the_same_meaning_arrives_in_the_ilss_own_dialect(city):
    """Unknown fields pass in order; characters, institution and prefix are each side's own."""
    member, heard = city.members[1], []

    async def ils(request, line):
        heard.append(request)
        return await serve(request, line)

    server: Sip2Server = member.ils._sip2
    serve, server.handler = server.handler, ils
    answer = await member.ask("17", *EXTRA, AB=f"{member.library.agency_id}.{member.own_barcode()}")
    (request,) = (request for request in heard if request.id == "17")
    assert [field for field in request.fields if field in EXTRA] == list(EXTRA)
    assert (request.get("AO"), request.get("AB")) == (member.library.agency_id, member.own_barcode())
    assert answer.get("AB") == f"{member.library.agency_id}.{member.own_barcode()}"


async def test_every_request_gets_an_answer_of_its_kind(city, caplog):
    for member in city.members:
        for id_ in (*ROUTES, "99"):
            for values in ({"AA": "nobody", "AB": "nothing"}, {"AA": f"{LIBRARIES[1].agency_id}.1", "AB": "x" * 200},
                           {"AA": "x" * 200, "AB": f"{LIBRARIES[1].agency_id}.{'9' * 80}"},
                           {"AO": LIBRARIES[2].agency_id, "AA": "", "AB": ""}):
                codes = build(id_).spec.codes
                asked = {code: value for code, value in values.items() if code in codes}
                answer = await member.ask(id_, **asked)
                assert answer.id == build(id_).spec.answer
    assert "failed" not in caplog.text


async def test_the_status_says_that_offline_records_are_welcome(member):
    status = await member.ask("99", status_code="0", max_print_width="080", protocol_version="2.00")
    assert status.flag("off_line_ok")
    assert status.get("AM") == LIBRARIES[0].name_zh
    assert status.fixed["date_time_sync"] == encode_date(MORNING, member.machine.profile.zone)


async def test_a_copy_that_waits_is_handed_to_the_reader_who_ordered_it(city):
    loan, reader = await city.lend(), city.reader()
    assert (await city.home.ask("17", AB=city.label(loan))).fixed["circulation_status"] == "08"
    other = await city.home.takes(city.reader(1).card, city.label(loan))
    assert (other.flag("ok"), other.get("AF")) == (False, "本书不是为该读者预留的，外馆读者请扫描取书码")
    wrong = await city.home.takes(reader.card, city.label(loan), AD="000000")
    assert not wrong.flag("ok")
    answer = await city.home.takes(reader.card, city.label(loan), AD=reader.pin)
    assert (answer.flag("ok"), answer.get("AJ"), answer.get("AH")) == (
        True, loan.title, f"{loan.due_date:%Y%m%d}    235959")
    await city.until_custody(loan, Custody.READER, city.supplier(loan))
    assert (await city.home.ask("17", AB=city.label(loan))).fixed["circulation_status"] == "04"
    again = await city.home.takes(reader.card, city.label(loan))
    assert not again.flag("ok")


async def test_a_reader_who_is_blocked_since_is_sent_to_staff(city):
    loan = await city.lend()

    def block(unit):
        unit.db.execute("UPDATE patron SET block = 'card_lost' WHERE card = ?", (city.reader().card,))

    await city.home.ils.database.write(block)
    answer = await city.home.takes(city.reader().card, city.label(loan))
    assert (answer.flag("ok"), answer.get("AF")) == (False, "读者证无效、密码错误或已停借，请到服务台办理")


async def test_a_visitor_collects_with_the_pick_up_code_and_with_nothing_else(city):
    away = city.members[2]
    loan = await city.lend(pickup=away)
    label, card = city.label(loan), f"{LIBRARIES[0].agency_id}.{city.reader().card}"
    refused = await away.ask("63", AA=card)
    assert refused.get("BL") == "N"
    assert "取书码" in refused.get("AF")
    assert not (await away.takes(card, label)).flag("ok")
    known = await away.ask("63", AA=loan.conv, summary="Y         ")
    assert (known.get("BL"), known.count("hold_items_count"), known.all("AS")) == ("Y", 1, (loan.barcode,))
    assert known.get("AE") == "联盟读者"
    assert (await away.ask("23", AA=loan.conv)).get("BL") == "Y"
    assert (await away.ask("35", AA=card)).flag("end_session")
    assert (await away.takes(loan.conv, label)).flag("ok")
    assert (await away.ask("63", AA=loan.conv)).get("BL") != "Y"


async def test_what_only_a_home_library_can_do_is_refused_politely(city):
    loan = await city.lent()
    for id_, values in {"29": {"AB": city.label(loan)}, "15": {"AB": city.label(loan)}}.items():
        answer = await city.home.ask(id_, AA=city.reader().card, **values)
        assert (answer.flag("ok"), answer.get("AF")) == (False, "联盟图书请在网上办理")
    visitor = f"{LIBRARIES[1].agency_id}.310000"
    assert "取书码" in (await city.home.takes(visitor, city.home.own_barcode())).get("AF")
    assert "取书码" in (await city.home.ask("37", AA=visitor, fee_type="01", payment_type="00", currency_type="CNY",
                                            BV="1.00")).get("AF")


async def test_a_dead_ils_is_said_so_and_the_line_stays(member):
    barcode = member.own_barcode()
    await member.ils._sip2.close()
    answer = await member.ask("17", AB=barcode)
    assert (answer.fixed["circulation_status"], answer.get("AF")) == ("01", "图书馆系统暂时无法使用，请稍后再试")
    assert not (await member.takes(member.reader().card, barcode)).flag("ok")
    assert (await member.ask("99", status_code="0", max_print_width="080", protocol_version="2.00")).id == "98"


async def test_an_unknown_message_gets_96_and_a_bad_one_never_closes_the_line(member):
    reader, writer = await asyncio.open_connection("127.0.0.1", member.kiosks.ports[0])
    try:
        for bad in (b"hello\r", b"77\r", b"172026\r", b"\xff\xfe\xfd\r", b"XS\r", b"941\r"):
            writer.write(bad)
            assert await asyncio.wait_for(reader.readuntil(b"\n"), 2) == b"96AZFEF6\r\n"
        writer.write(f"17{DATE}AO|AB{member.own_barcode()}|KQ\xff\r".encode("latin-1"))
        assert (await asyncio.wait_for(reader.readuntil(b"\n"), 2)).startswith(b"1803")
    finally:
        writer.close()


@pytest.mark.parametrize("charset", ["ascii", "cp850", "big5"])
async def test_a_kiosk_without_our_characters_is_answered_in_english(member, charset):
    table = {"port": 0, "place": "1F", "charset": charset}
    request = build("63", transaction_date=DATE, language="001", AO="", AA=f"{LIBRARIES[1].agency_id}.1")
    async with (serve_kiosks(member.connector, KioskSettings.read([table])) as kiosks,
                machine_at(kiosks.ports[0], table) as machine):
        assert (await machine.request(request)).get("AF").startswith("your home library vouches online")
