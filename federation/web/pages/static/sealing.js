// What a reader's page seals and signs, with nothing but WebCrypto: a JWE that only the home library opens (RFC 7516,
// ECDH-ES on P-256 with A256GCM), and a JWS that only this session makes (RFC 7515, ES256). No page, no network here.

const CURVE = "P-256";
const ENC = "A256GCM";
const encoder = new TextEncoder();

/** Return a key pair that signs and can never be read, not even by this page. */
export function newSessionKey() {
  return crypto.subtle.generateKey({ name: "ECDSA", namedCurve: CURVE }, false, ["sign"]);
}

/** Return a public key as kty, crv, x, y. */
export async function publicJwk(publicKey) {
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  return { kty, crv, x, y };
}

/** Return a document as a compact JWS; WebCrypto's signature already has the form r || s of RFC 7518 §3.4. */
export async function sign(privateKey, document) {
  const signed = `${base64url(json({ alg: "ES256" }))}.${base64url(json(document))}`;
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, encoder.encode(signed));
  return `${signed}.${base64url(new Uint8Array(signature))}`;
}

/** Return a document as a compact JWE to the holder of the key (a JWK). */
export async function seal(sealingKey, document) {
  const { kty, crv, x, y } = sealingKey;
  const agreement = { name: "ECDH", namedCurve: CURVE };
  const receiver = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, agreement, false, []);
  const once = await crypto.subtle.generateKey(agreement, false, ["deriveBits"]);
  const header = base64url(json({ alg: "ECDH-ES", enc: ENC, epk: await publicJwk(once.publicKey) }));
  const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: receiver }, once.privateKey, 256);
  const key = await crypto.subtle.importKey("raw", await derivedKey(shared), "AES-GCM", false, ["encrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const algorithm = { name: "AES-GCM", iv, additionalData: encoder.encode(header) };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, json(document)));
  const [text, tag] = [sealed.slice(0, -16), sealed.slice(-16)];
  return [header, "", base64url(iv), base64url(text), base64url(tag)].join(".");
}

// RFC 7518 §4.6.2: Concat KDF with SHA-256. One round gives the 256 bits that are needed; agreed directly, the
// algorithm's id is that of the content encryption, and the parties' names (apu, apv) are empty.
function derivedKey(shared) {
  const id = encoder.encode(ENC);
  return crypto.subtle.digest("SHA-256", joined(number(1), new Uint8Array(shared), number(id.length), id,
    number(0), number(0), number(256)));
}

function number(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function joined(...parts) {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function json(document) {
  return encoder.encode(JSON.stringify(document));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
