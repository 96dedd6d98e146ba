"""The pages' script in Chromium: what it seals opens with ``trust.sealing``, what it signs verifies there."""

import json

import pytest
import pytest_asyncio
from joserfc.jwk import ECKey

from schemas.lending import AmendmentAction, ReaderAmendment, ReaderOrder
from tests.trust.samples import LOAN, YANGPU, random_bytes, sealing_key
from trust.errors import SealRefused
from trust.sealing import (
    Secret,
    SessionKey,
    open_address,
    open_sealed,
    seal_address,
    seal_to,
    to_jwk,
    verify_session_jws,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = sealing_key("home")
CREDENTIALS = {"card": "31010㛃", "pin": "Pässwort 密码 🔑", "challenge": "c" * 32,
               "public_key": {"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}}
SEAL = """async ([key, document]) => (await import("/assets/sealing.js")).seal(key, document)"""
SIGN = """async (document) => {
  const { newSessionKey, publicJwk, sign } = await import("/assets/sealing.js");
  const { privateKey, publicKey } = await newSessionKey();
  return [await sign(privateKey, document), await publicJwk(publicKey)];
}"""
OPEN = """async ([key, sealed]) => {
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const number = (value) => [value >> 24, value >> 16, value >> 8, value].map((byte) => byte & 255);
  const [header, , iv, text, tag] = sealed.split(".");
  const curve = { name: "ECDH", namedCurve: "P-256" };
  const { alg, enc, epk } = JSON.parse(new TextDecoder().decode(bytes(header)));
  const own = await crypto.subtle.importKey("jwk", key, curve, false, ["deriveBits"]);
  const once = await crypto.subtle.importKey("jwk", epk, curve, false, []);
  const shared = new Uint8Array(await crypto.subtle.deriveBits({ name: "ECDH", public: once }, own, 256));
  const id = new TextEncoder().encode(enc);
  const told = [...number(1), ...shared, ...number(id.length), ...id, ...number(0), ...number(0), ...number(256)];
  const derived = await crypto.subtle.digest("SHA-256", new Uint8Array(told));
  const aes = await crypto.subtle.importKey("raw", derived, "AES-GCM", false, ["decrypt"]);
  const algorithm = { name: "AES-GCM", iv: bytes(iv), additionalData: new TextEncoder().encode(header) };
  const opened = await crypto.subtle.decrypt(algorithm, aes, new Uint8Array([...bytes(text), ...bytes(tag)]));
  return [alg, enc, new TextDecoder().decode(opened)];
}"""
VERIFY = """async ([jwk, signed]) => {
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const key = await crypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
  const [header, payload, signature] = signed.split(".");
  return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, bytes(signature),
    new TextEncoder().encode(`${header}.${payload}`));
}"""
EXPORT = """async () => {
  const { privateKey } = await (await import("/assets/sealing.js")).newSessionKey();
  return crypto.subtle.exportKey("jwk", privateKey).then(() => "exported", (error) => error.name);
}"""
SMALL_TARGETS = """() => [...document.querySelectorAll("a, button, input, select")].filter((element) => {
  const { width, height } = element.getBoundingClientRect();
  return element.checkVisibility() && (width < 24 || height < 24);
}).map((element) => element.outerHTML)"""
TOO_WIDE = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser, address):
    """A phone's page; whatever it complains about, a blocked script say, fails the test."""
    context = await browser.new_context(viewport={"width": 360, "height": 740}, locale="zh-CN", base_url=address)
    page = await context.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if "Failed to load" not in line.text else None)
    await page.goto("/")
    yield page
    await context.close()
    assert complaints == []


@pytest.mark.parametrize("document", [CREDENTIALS, {}, {"card": "9" * 3000}])
async def test_what_the_page_seals_only_the_library_opens(page, document):
    jwk = dict(to_jwk(KEY.private.public_key()))
    sealed = await page.evaluate(SEAL, [jwk, document])
    assert json.loads(open_sealed(KEY, sealed)) == document
    with pytest.raises(SealRefused):
        open_sealed(sealing_key("other"), sealed)


async def test_sealing_the_same_twice_gives_two_texts(page):
    jwk = dict(to_jwk(KEY.private.public_key()))
    assert await page.evaluate(SEAL, [jwk, CREDENTIALS]) != await page.evaluate(SEAL, [jwk, CREDENTIALS])


async def test_the_page_signs_orders_and_wishes_that_the_library_reads(page):
    created = await page.evaluate("""async () => (await import("/assets/session.js")).now()""")
    order = {"conv": LOAN, "home": YANGPU, "pickup": {"agency": YANGPU, "point": "总服务台"}, "created": created,
             "bib": {"cluster": "c1", "title": "東方快車謀殺案", "author": "", "isbn13": "", "volume": ""}}
    signed, public = await page.evaluate(SIGN, order)
    payload = verify_session_jws(signed, public)
    assert json.loads(payload) == order
    assert ReaderOrder.model_validate_json(payload, strict=True).conv == LOAN
    signed, public = await page.evaluate(SIGN, {"conv": LOAN, "action": "Renew", "created": created})
    wish = ReaderAmendment.model_validate_json(verify_session_jws(signed, public), strict=True)
    assert wish.action is AmendmentAction.RENEW


@pytest.mark.parametrize("told", ["王小波 13800000000\n上海市杨浦区平凉路1490弄", "䶮 🔑", "x"])
async def test_an_address_that_the_page_seals_opens_at_the_library_for_this_loan_alone(page, told):
    jwk = dict(to_jwk(KEY.private.public_key()))
    sealed = await page.evaluate(SEAL, [jwk, {"conv": LOAN, "address": told}])
    assert open_address([sealing_key("former"), KEY], sealed, LOAN) == Secret(told)
    for keys, conv in (([KEY], "loan-9999"), ([sealing_key("other")], LOAN)):
        with pytest.raises(SealRefused):
            open_address(keys, sealed, conv)


@pytest.mark.parametrize("text", ["card and PIN 密码 🔑", ""])
async def test_what_our_side_seals_a_browser_s_webcrypto_opens(page, text):
    private = ECKey.import_key(KEY.private).as_dict(private=True)
    sealed = seal_to(to_jwk(KEY.private.public_key()), text.encode())
    assert await page.evaluate(OPEN, [private, sealed]) == ["ECDH-ES", "A256GCM", text]
    sealed = seal_address(to_jwk(KEY.private.public_key()), LOAN, Secret(text))
    assert json.loads((await page.evaluate(OPEN, [private, sealed]))[2]) == {"conv": LOAN, "address": text}


async def test_what_our_side_signs_a_browser_s_webcrypto_verifies(page):
    key, other = (SessionKey.generate(random_bytes(name)) for name in ("reader", "other"))
    signed = key.sign("订单 order".encode())
    assert await page.evaluate(VERIFY, [dict(key.public_jwk), signed])
    assert not await page.evaluate(VERIFY, [dict(other.public_jwk), signed])


async def test_another_session_s_signature_is_refused(page):
    signed, _ = await page.evaluate(SIGN, {"conv": LOAN})
    _, other = await page.evaluate(SIGN, {"conv": LOAN})
    with pytest.raises(SealRefused):
        verify_session_jws(signed, other)


async def test_not_even_the_page_reads_the_session_s_key(page):
    assert await page.evaluate(EXPORT) == "InvalidAccessError"


async def test_what_is_missing_is_said_at_its_field(page):
    await page.goto("/sign-in")
    await page.click("#sign-in")
    for name, words in (("home", "请选择您的图书馆。"), ("card", "请填写读者证号。"), ("pin", "请填写密码。")):
        field = page.locator(f"#{name}")
        assert await field.get_attribute("aria-invalid") == "true"
        assert f"{name}-error" in str(await field.get_attribute("aria-describedby"))
        assert await page.text_content(f"#{name}-error") == words
    assert await page.evaluate("() => document.activeElement.id") == "home"


async def test_a_library_that_does_not_answer_is_said_and_nothing_is_kept(page):
    await page.goto("/sign-in?lang=en")
    await page.select_option("#home", YANGPU)
    await page.fill("#card", "R1")
    await page.fill("#pin", "1234")
    await page.click("#sign-in")
    await page.wait_for_selector("#sign-in-error:not(:empty)")
    assert "does not answer" in str(await page.text_content("#sign-in-error"))
    assert await page.is_enabled("#sign-in")
    assert await page.input_value("#pin") == ""
    assert await page.evaluate("() => [sessionStorage.length, localStorage.length]") == [0, 0]


async def test_shelves_that_do_not_answer_are_shown_as_unknown(page):
    await page.goto("/?q=红楼梦")
    await page.click(".hits a")
    await page.wait_for_selector(".shelf[data-state=unknown]")
    assert await page.locator(".shelf").all_text_contents() == ["未能及时确认"] * 2


async def test_a_request_asks_to_sign_in_and_remembers_the_way_back(page):
    await page.goto("/?q=红楼梦&lang=en")
    await page.click(".hits a")
    await page.wait_for_selector("#request:enabled")
    work = page.url
    await page.select_option("#pickup", index=2)
    await page.click("#request")
    await page.wait_for_selector("#sign-in-form")
    assert work.endswith(str(await page.get_attribute("#sign-in-form", "data-after")))
    await page.goto(work)
    await page.wait_for_selector("#request:enabled")
    assert await page.eval_on_selector("#pickup", "(field) => field.selectedIndex") == 2


async def test_delivery_is_offered_where_a_point_delivers_and_only_to_who_has_signed_in(page):
    await page.goto("/?q=红楼梦")
    await page.click(".hits a")
    await page.wait_for_selector("#request:enabled")
    assert await page.is_hidden("#delivery")
    await page.evaluate("() => sessionStorage.setItem('reader', JSON.stringify({ session: 's', home: 'none' }))")
    await page.reload()
    await page.wait_for_selector("#request:enabled")
    delivers = []
    for index in range(await page.locator("#pickup option").count()):
        await page.select_option("#pickup", index=index)
        delivers.append(await page.is_visible("#delivery"))
    assert delivers == [True, False] * 2
    await page.select_option("#pickup", index=0)
    assert await page.is_hidden("#address")
    await page.check("#to-door")
    await page.click("#request")
    assert await page.text_content("#address-error") == "请填写收件人、电话和地址。"
    assert await page.evaluate("() => document.activeElement.id") == "address"
    assert not await page.evaluate(TOO_WIDE)
    assert await page.evaluate(SMALL_TARGETS) == []


async def test_loans_ask_to_sign_in(page):
    await page.goto("/loans")
    await page.wait_for_selector("#sign-in-form")
    assert await page.get_attribute("#sign-in-form", "data-after") == "/loans"


@pytest.mark.parametrize("width", [320, 360, 640, 1280])
@pytest.mark.parametrize("path", ["/", "/?q=红楼梦", "/?q=攻击", "/sign-in", "/alliance", "/works/nothing"])
async def test_pages_fit_the_screen_with_targets_for_fingers(page, path, width):
    await page.set_viewport_size({"width": width, "height": 740})
    await page.goto(path)
    assert not await page.evaluate(TOO_WIDE)
    assert await page.evaluate(SMALL_TARGETS) == []
