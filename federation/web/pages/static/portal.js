// Starts what a page needs: its header, and its form or list. Every page can be read without this script; what needs a
// reader (sign-in, order, loans) needs it.

import { livePart } from "./live.js";
import { loansPart } from "./loans.js";
import { byId, leaveFor, markField, missingFields, run, show, text } from "./page.js";
import { currentReader, signIn, signOut } from "./session.js";
import { searchPart } from "./suggest.js";
import { workPart } from "./work.js";

function headerPart() {
  const isSignedIn = currentReader() !== null;
  byId("sign-in-link").hidden = isSignedIn;
  byId("sign-out").hidden = !isSignedIn;
  byId("sign-out").addEventListener("click", async () => {
    await signOut();
    await leaveFor(byId("sign-in-link").href);
  });
}

function signInPart(form) {
  const [home, card, pin] = ["home", "card", "pin"].map(byId);
  const button = byId("sign-in");
  if (sessionStorage.getItem("ended")) show(byId("sign-in-error"), text("session_ended"));
  sessionStorage.removeItem("ended");
  button.disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [first] = missingFields([home, card, pin]);
    if (first) return first.focus();
    await run(button, byId("sign-in-error"), async () => {
      const secret = pin.value;
      pin.value = "";
      await signIn(home.value, card.value.trim(), secret).catch((problem) => {
        for (const field of [card, pin]) markField(field, problem.code === "sign_in_refused");
        throw problem;
      });
      await leaveFor(form.dataset.after);
    });
  });
}

const PARTS = { search: searchPart, live: livePart, "sign-in-form": signInPart, work: workPart, loans: loansPart };
headerPart();
for (const [id, part] of Object.entries(PARTS)) if (byId(id)) part(byId(id));
