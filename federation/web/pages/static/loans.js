// The page of a reader's loans: where each stands, and the wish to renew or cancel, signed here.

import { byId, day, libraryNames, page, run, show, showPlace, signInFirst, speech, text } from "./page.js";
import { ask, currentReader, now, signed } from "./session.js";

const REFRESH_MILLISECONDS = 10 * 1000;

export function loansPart(list) {
  if (!currentReader()) return signInFirst();
  const refresh = byId("refresh");
  let names = null;
  const load = async () => {
    names ??= await libraryNames();
    const loans = await ask("/api/loans");
    for (const loan of [...loans].reverse()) showLoan(list, loan, names);
    byId("no-loans").hidden = loans.length > 0;
  };
  const ordered = sessionStorage.getItem("ordered");
  sessionStorage.removeItem("ordered");
  if (ordered) show(byId("loans-status"), text("ordered"));
  refresh.addEventListener("click", () => run(refresh, byId("loans-error"), load));
  setInterval(() => { if (!document.hidden) load().catch(() => {}); }, REFRESH_MILLISECONDS);
  return run(refresh, byId("loans-error"), load);
}

/** Show a loan in its card, a new one at the top. A card stays the same element, so focus stays where it is. */
function showLoan(list, loan, names) {
  const id = `loan-${loan.conv}`;
  const card = byId(id) ?? newCard(list, id);
  const part = (name) => card.querySelector(name);
  const { step, offer, is_out: isOut } = page.stages[loan.stage];
  show(part("h2"), loan.title, speech(loan.title));
  card.dataset.stage = loan.stage;
  show(part(".stage"), text(`stage.${loan.stage}`));
  part(".way").hidden = step === null;
  Object.assign(part("progress"), { max: page.steps, value: step ?? 0 });
  show(part(".step"), text("step", { step, steps: page.steps }));
  showFact(part(".due"), isOut && loan.due_date && day(loan.due_date));
  showPlace(part(".pickup dd"), loan.pickup, names);
  showFact(part(".supplier"), loan.supplier && (names.get(loan.supplier) ?? loan.supplier));
  showFact(part(".note"), loan.note && (page.texts[`note.${loan.note}`] ?? loan.note));
  showFact(part(".number"), loan.conv);
  const limit = offer === "Renew" && loan.renewals >= page.renewals_max;
  const renewed = loan.renewals > 0 ? [text("renewed", { count: loan.renewals })] : [];
  show(part(".renewals"), [...renewed, ...(limit ? [text("renew_limit")] : [])].join(" · "));
  showOffer(card, loan, limit ? null : offer);
}

function newCard(list, id) {
  const card = byId("loan").content.firstElementChild.cloneNode(true);
  card.id = id;
  list.prepend(card);
  return card;
}

function showFact(row, words) {
  row.hidden = !words;
  show(row.lastElementChild, words || "");
}

function showOffer(card, loan, offer) {
  const button = card.querySelector("button");
  const said = card.querySelector(".said");
  if (said.dataset.of !== `${loan.stage} ${loan.renewals}`) show(said, "");
  button.hidden = offer === null || said.textContent !== "";
  if (offer === null) return;
  const name = offer.toLowerCase();
  show(button, text(name));
  button.setAttribute("aria-label", text(`${name}_named`, { title: loan.title }));
  button.onclick = () => run(button, card.querySelector(".error"), async () => {
    const wish = { conv: loan.conv, action: offer, created: now() };
    await ask(`/api/loans/${encodeURIComponent(loan.conv)}/amendments`, { signed_amendment: await signed(wish) });
    said.dataset.of = `${loan.stage} ${loan.renewals}`;
    show(said, text(`asked_${name}`));
    button.hidden = true;
  });
}
