// The page of one work: what stands on the shelves now, and the loan from offer to order.

import { byId, leaveFor, libraryNames, missingFields, page, run, show, showPlace, signInFirst, speech, text, yuan }
  from "./page.js";
import { seal } from "./sealing.js";
import { ask, currentReader, now, signed } from "./session.js";

const PICKUP = "pickup";

export function workPart(work) {
  showShelves(work.dataset.cluster);
  const form = byId("request-form");
  if (form) requestPart(form, work.dataset.cluster);
}

async function showShelves(cluster) {
  const shelves = [...document.querySelectorAll(".holdings .shelf")];
  for (const shelf of shelves) setShelf(shelf, "asking");
  const holdings = await ask(`/api/works/${encodeURIComponent(cluster)}`).then((found) => found.holdings, () => []);
  const states = new Map(holdings.map(({ agency, on_shelf: onShelf }) => [agency, onShelf]));
  for (const shelf of shelves) {
    const onShelf = states.get(shelf.closest("li").dataset.agency) ?? null;
    setShelf(shelf, onShelf === null ? "unknown" : onShelf ? "yes" : "no");
  }
  const count = shelves.filter((shelf) => shelf.dataset.state === "yes").length;
  show(byId("shelf-summary"), text("shelf.summary", { count }));
}

function setShelf(shelf, state) {
  shelf.dataset.state = state;
  show(shelf, text(`shelf.${state}`));
}

function requestPart(form, cluster) {
  const [button, pickup, proposalBox] = [byId("request"), byId("pickup"), byId("proposal")];
  const reader = currentReader();
  let proposal = null;
  choosePickup(pickup, reader);
  const address = deliveryPart(pickup, reader);
  if (!reader) show(button, text("sign_in_first"));
  byId("own-library").hidden = !document.querySelector(`.holdings [data-agency="${CSS.escape(reader?.home ?? "")}"]`);
  button.disabled = false;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [missing] = missingFields(address() === null ? [] : [byId("address")]);
    if (missing) return missing.focus();
    const chosen = { agency: pickup.selectedOptions[0].dataset.agency, point: pickup.value };
    sessionStorage.setItem(PICKUP, JSON.stringify(chosen));
    await run(button, byId("request-error"), async () => {
      if (!reader) await signInFirst();
      proposal = await ask("/api/proposals", { cluster, pickup: chosen });
      await showProposal(proposal, address());
      form.hidden = true;
      proposalBox.hidden = false;
      byId("proposal-title").focus();
    }, { not_found: "no_supplier" });
  });
  byId("confirm").addEventListener("click", () => run(byId("confirm"), byId("confirm-error"), async () => {
    await ask("/api/loans", { conv: proposal.conv, signed_order: await signedOrder(proposal, address()) });
    byId("address").value = "";
    sessionStorage.setItem("ordered", proposal.conv);
    await leaveFor(page.loans);
  }, { not_found: "lapsed" }));
  byId("change").addEventListener("click", () => {
    proposalBox.hidden = true;
    form.hidden = false;
    pickup.focus();
  });
}

/** Offer delivery where the chosen point delivers. Returns what reads the address to bring it to; null: collected. */
function deliveryPart(pickup, reader) {
  const [part, toDoor, field] = ["delivery", "to-door", "address-field"].map(byId);
  const update = () => {
    part.hidden = !reader || !("delivers" in pickup.selectedOptions[0].dataset);
    field.hidden = !toDoor.checked;
  };
  pickup.addEventListener("change", update);
  toDoor.addEventListener("change", update);
  update();
  return () => part.hidden || field.hidden ? null : byId("address").value.trim();
}

/** Sign the order of what was proposed; an address is sealed into it, for the home library and this loan alone. */
async function signedOrder({ conv, home, bib, pickup, sealing_key: sealingKey }, address) {
  const order = { conv, home, bib, pickup, created: now() };
  return signed(address === null ? order : { ...order, address: await seal(sealingKey, { conv, address }) });
}

/** Choose the point used last in this tab, else one of the reader's own library. */
function choosePickup(pickup, reader) {
  const last = JSON.parse(sessionStorage.getItem(PICKUP));
  const options = [...pickup.options];
  const same = options.find((option) => option.dataset.agency === last?.agency && option.value === last.point);
  const own = options.find((option) => option.dataset.agency === reader?.home);
  (same ?? own ?? options[0]).selected = true;
}

async function showProposal({ pickup, quote, rota }, address) {
  const names = await libraryNames();
  showPlace(byId("proposal-pickup"), pickup, names);
  byId("proposal-delivery").hidden = address === null;
  show(byId("proposal-address"), address ?? "");
  show(byId("cost-fee"), yuan(quote.fee_fen));
  show(byId("cost-carriage-out"), yuan(quote.carriage_out_fen));
  show(byId("cost-carriage-back"), yuan(quote.carriage_back_fen));
  show(byId("cost-total"), yuan(quote.fee_fen + quote.carriage_out_fen + quote.carriage_back_fen));
  show(byId("cost-guarantee"), yuan(quote.guarantee_fen));
  byId("suppliers").replaceChildren(...rota.map((entry) => supplier(entry, names)));
}

function supplier({ agency, reasons }, names) {
  const [line, name, list] = ["li", "strong", "ul"].map((tag) => document.createElement(tag));
  show(name, names.get(agency) ?? agency);
  list.className = "reasons";
  list.append(...reasons.map((reason) => {
    const item = document.createElement("li");
    const words = inPageLanguage(reason);
    show(item, words, speech(words));
    return item;
  }));
  line.append(name, list);
  return line;
}

/** Return a reason of the rota without its points, in the page's language where that has the words. */
function inPageLanguage(reason) {
  const words = reason.replace(/\([+-]\d+\)$/, "");
  const form = words.replace(/\d+/g, "{}");
  const numbers = words.match(/\d+/g) ?? [];
  return form in page.reasons ? page.reasons[form].replace(/\{\}/g, () => numbers.shift()) : words;
}
