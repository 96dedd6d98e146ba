// What the readers' pages share: texts in the page's language, elements, and what a button does while it waits.
// Whatever comes from outside is set as text, never as HTML.

import { Problem, ask, currentReader, signOut } from "./session.js";

export const page = JSON.parse(byId("script-data").textContent);

export function byId(id) {
  return document.getElementById(id);
}

export function text(name, values = {}) {
  const form = values.count === 1 && `${name}.one` in page.texts ? `${name}.one` : name;
  return page.texts[form].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

export function speech(words) {
  if (/[\u3041-\u30ff]/.test(words)) return "ja";
  return /\p{Script=Han}/u.test(words) ? "zh" : "en";
}

/** Show words in an element, marked with their language where that is not the page's own text. */
export function show(element, words, language) {
  element.textContent = words;
  if (language) element.lang = language;
}

/** Return a library's own words as an element that says which language they are in. */
function quoted(words) {
  const element = document.createElement("span");
  show(element, words, speech(words));
  return element;
}

/** Show a pickup point: its library in the page's language, its name as the library gives it. */
export function showPlace(element, { agency, point }, names) {
  element.replaceChildren(names.get(agency) ?? agency, " · ", quoted(point));
}

export function yuan(fen) {
  return text("money", { yuan: `${Math.trunc(fen / 100)}.${String(fen % 100).padStart(2, "0")}` });
}

export function day(isoDate) {
  return new Intl.DateTimeFormat(page.language, { dateStyle: "long", timeZone: "UTC" }).format(new Date(isoDate));
}

/** Go to another page in place of this one. It never settles, so the button that led here stays disabled. */
export function leaveFor(url) {
  location.replace(url);
  return new Promise(() => {});
}

export function signInFirst() {
  const url = new URL(page.sign_in, location.origin);
  url.searchParams.set("next", page.here);
  return leaveFor(url);
}

function tell(errorBox, problem, names = {}) {
  const name = `problem.${names[problem.code] ?? problem.code}`;
  errorBox.replaceChildren(text(name in page.texts ? name : "problem.other"), quoted(problem.words ?? ""));
}

/** Do something for a button: disabled meanwhile, a problem told in its place. `names` are texts for codes. */
export async function run(button, errorBox, work, names) {
  if (button.disabled) return;
  button.disabled = true;
  show(errorBox, "");
  try {
    await work();
  } catch (problem) {
    if (!(problem instanceof Problem)) console.error(problem);
    if (problem.code === "not_signed_in" && currentReader()) await endSession();
    tell(errorBox, problem, names);
  }
  button.disabled = false;
  if (errorBox.textContent) button.focus();
}

async function endSession() {
  await signOut();
  sessionStorage.setItem("ended", "yes");
  await signInFirst();
}

export function markField(field, isWrong) {
  field.setAttribute("aria-invalid", String(isWrong));
}

/** Say at each field that is empty what is missing; return these fields. */
export function missingFields(fields) {
  return fields.filter((field) => {
    const isMissing = field.value.trim() === "";
    markField(field, isMissing);
    show(byId(`${field.id}-error`), isMissing ? text(`missing.${field.id}`) : "");
    return isMissing;
  });
}

export async function libraryNames() {
  const key = page.language === "en" ? ["name_en", "name_zh"] : ["name_zh", "name_en"];
  const libraries = await ask("/api/libraries");
  return new Map(libraries.map((library) => [library.agency, library[key[0]] || library[key[1]]]));
}

