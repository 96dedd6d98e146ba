// Suggestions while a reader types in the search field: a combobox with a list (WAI-ARIA APG, "list autocomplete with
// manual selection"). Without this script the field is a search field like any other.

import { byId, show, speech, text } from "./page.js";
import { ask } from "./session.js";

const PAUSE_MILLISECONDS = 150;

export function searchPart(form) {
  const field = byId("q");
  const [list, told] = parts(form, field);
  let timer = 0;
  let wanted = "";
  let current = -1;

  const close = () => {
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
    current = -1;
  };
  const look = async () => {
    const typed = wanted = field.value.trim();
    if (!typed) return close();
    const found = await ask(`/api/suggestions?q=${encodeURIComponent(typed)}`).catch(() => ({ suggestions: [] }));
    if (typed !== wanted || document.activeElement !== field) return;
    close();
    list.replaceChildren(...found.suggestions.map(option));
    show(told, text("suggest.count", { count: found.suggestions.length }));
    if (found.suggestions.length === 0) return;
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
  };
  const move = (step) => {
    const options = [...list.children];
    if (list.hidden || options.length === 0) return;
    options[current]?.setAttribute("aria-selected", "false");
    current = (current + step + options.length + (current < 0 && step < 0 ? 1 : 0)) % options.length;
    options[current].setAttribute("aria-selected", "true");
    options[current].scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", options[current].id);
  };
  const choose = (chosen) => {
    field.value = chosen.dataset.query;
    wanted = "";
    close();
    form.requestSubmit();
  };

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE_MILLISECONDS);
  });
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") move(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Enter" && current >= 0) choose(list.children[current]);
    else if (event.key === "Escape" && !list.hidden) close();
    else return;
    event.preventDefault();
  });
  field.addEventListener("blur", close);
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const chosen = event.target.closest("[role=option]");
    if (chosen) choose(chosen);
  });
}

/** Make the field a combobox; return its list, and the line that tells a screen reader how many there are. */
function parts(form, field) {
  const [list, told] = ["ul", "p"].map((tag) => document.createElement(tag));
  Object.assign(list, { id: "suggestions", className: "suggestions", hidden: true });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", text("suggest.list"));
  told.className = "unseen";
  told.setAttribute("role", "status");
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", "suggestions"],
    ["aria-expanded", "false"]]) field.setAttribute(name, value);
  form.append(list, told);
  return [list, told];
}

function option({ kind, text: words }, place) {
  const [line, name, what] = ["li", "span", "span"].map((tag) => document.createElement(tag));
  line.id = `suggestion-${place}`;
  line.setAttribute("role", "option");
  line.setAttribute("aria-selected", "false");
  line.dataset.query = kind === "author" ? `${text("suggest.field")}:"${words.replaceAll('"', "")}"` : words;
  show(name, words, speech(words));
  show(what, text(`suggest.${kind}`));
  what.className = "hint";
  line.append(name, what);
  return line;
}
