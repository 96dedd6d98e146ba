// Live search on the page of results: libraries' states and works as they come, each work in its place once it is there.

import { byId, libraryNames, page, show, speech, text } from "./page.js";

export function livePart(section) {
  byId("live-start").addEventListener("click", async (event) => {
    event.preventDefault();
    byId("live-start").hidden = true;
    const names = await libraryNames().catch(() => new Map());
    show(byId("live-state"), text("live.asking", { count: names.size }));
    listen(section, names);
  });
}

function listen(section, names) {
  const query = section.dataset.query;
  const [hits, libraries] = [list("ol", "hits"), list("ul", "states")];
  section.append(hits, libraries);
  const shown = new Map();
  const source = new EventSource(`/api/live?${new URLSearchParams({ q: query })}`);
  source.addEventListener("library", (event) => {
    const heard = JSON.parse(event.data);
    libraries.append(stateLine(heard, names));
    for (const work of heard.works) {
      const line = shown.get(work.number) ?? document.createElement("li");
      if (!shown.has(work.number)) hits.append(line);
      shown.set(work.number, line);
      line.replaceChildren(...workLine(work, names));
    }
  });
  const end = () => {
    source.close();
    show(byId("live-state"), text("live.done", { count: shown.size }));
  };
  source.addEventListener("done", end);
  source.addEventListener("error", end);
}

function list(kind, name) {
  const element = document.createElement(kind);
  element.className = name;
  return element;
}

function stateLine(heard, names) {
  const line = document.createElement("li");
  line.dataset.agency = heard.agency;
  line.dataset.state = heard.state;
  const parts = [names.get(heard.agency) ?? heard.agency, text(`live.${heard.state}`)];
  if (heard.hits) parts.push(text("live.hits", { count: heard.hits }));
  if (heard.changes.length) parts.push(text("live.changed"));
  show(line, parts.join(" · "));
  return line;
}

function workLine(work, names) {
  const title = document.createElement(work.cluster ? "a" : "span");
  show(title, work.title, speech(work.title));
  if (work.cluster) title.href = worksLink(work.cluster);
  const heading = document.createElement("h3");
  heading.append(title);
  const said = document.createElement("p");
  const libraries = work.found_at.map((agency) => names.get(agency) ?? agency).join("、");
  const parts = [work.author, work.publisher, work.year, text("live.at", { libraries })];
  show(said, parts.filter(Boolean).join(" · "));
  return [heading, said];
}

/** Return a link to a work that keeps the page's language, as the links of the page itself do. */
function worksLink(cluster) {
  const url = new URL(page.loans, location.origin);
  url.pathname = `/works/${encodeURIComponent(cluster)}`;
  return url.href;
}
