// The reader's session in this browser, and the JSON interface. The session's name lives in this tab
// (sessionStorage), its key in IndexedDB where no script can read it; card and PIN are kept nowhere.

import { newSessionKey, publicJwk, seal, sign } from "./sealing.js";

const READER = "reader";
const SESSION_MILLISECONDS = 3600 * 1000;
const REQUEST_MILLISECONDS = 20 * 1000;

/** What did not work: a code of the interface or network, insecure, sign_in_refused; `words` are a library's own. */
export class Problem extends Error {
  constructor(code, words = "") {
    super(code);
    this.code = code;
    this.words = words;
  }
}

/** Return who is signed in here ({session, home}), or null. */
export function currentReader() {
  return JSON.parse(sessionStorage.getItem(READER));
}

/** Ask the interface; with a body it is a POST. Returns the answer, or throws a Problem. */
export async function ask(path, body) {
  const answered = await answer(path, body);
  const document = await answered.json().catch(() => ({}));
  if (answered.ok) return document;
  if (document.signed_in === false) throw new Problem("sign_in_refused", document.reason);
  throw new Problem(document.code ?? "other");
}

/** Sign in with what the reader typed: sealed here, opened by the home library only. */
export async function signIn(home, card, pin) {
  if (!globalThis.crypto?.subtle) throw new Problem("insecure");
  const { session, challenge, sealing_key: sealingKey } = await ask("/api/sessions", { home });
  const pair = await newSessionKey();
  const sealed = await seal(sealingKey, { card, pin, challenge, public_key: await publicJwk(pair.publicKey) });
  await ask("/api/sessions/sign-in", { session, sealed });
  await keepKey(session, pair.privateKey);
  sessionStorage.setItem(READER, JSON.stringify({ session, home }));
}

/** Forget the session and its key in this browser. */
export async function signOut() {
  const reader = currentReader();
  sessionStorage.clear();
  if (reader) await withKeys("readwrite", (keys) => keys.delete(reader.session));
}

/** Return a document signed with the session's key. */
export async function signed(document) {
  const reader = currentReader();
  const kept = reader && await withKeys("readonly", (keys) => keys.get(reader.session));
  if (!kept) throw new Problem("not_signed_in");
  return sign(kept.key, document);
}

/** Return the time as a signed document states it: the reader's own clock, in UTC. */
export function now() {
  return new Date().toISOString();
}

async function answer(path, body) {
  const headers = {};
  const reader = currentReader();
  if (reader) headers.Authorization = `Bearer ${reader.session}`;
  const request = { headers, signal: AbortSignal.timeout(REQUEST_MILLISECONDS) };
  if (body) {
    headers["Content-Type"] = "application/json";
    Object.assign(request, { method: "POST", body: JSON.stringify(body) });
  }
  try {
    return await fetch(path, request);
  } catch {
    throw new Problem("network");
  }
}

/** Keep a session's key; those of sessions that have ended by themselves go. */
async function keepKey(session, key) {
  await withKeys("readwrite", (keys) => {
    keys.openCursor().onsuccess = ({ target: { result: cursor } }) => {
      if (!cursor) return;
      if (cursor.value.until < Date.now()) cursor.delete();
      cursor.continue();
    };
    return keys.put({ key, until: Date.now() + SESSION_MILLISECONDS }, session);
  });
}

function withKeys(mode, use) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("delta", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction("keys", mode);
      const request = use(transaction.objectStore("keys"));
      transaction.oncomplete = () => { database.close(); resolve(request.result); };
      transaction.onabort = () => { database.close(); reject(transaction.error); };
    };
  });
}
