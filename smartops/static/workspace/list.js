// The list after it was painted: a cursor for the keyboard, changes of many, counts beside the filters, and every few
// seconds what changed. Rows never move under the reader: what is new waits until it is asked for.
import { call, h, note, retime, whileSeen } from "../desk/desk.js";
import { askBulk } from "./bulk.js";
import { onKeys } from "./keys.js";
import { lately } from "./lately.js";
import { palette, places } from "../desk/palette.js";
import { written } from "./tags.js";
import { saveView } from "./views.js";

const EVERY = 10000, COUNT_EVERY = 60000; // ms
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const part = (name) => document.querySelector(`[data-part=${name}]`);
const desk = read("desk"), views = read("views"), body = part("rows");
const picked = new Set();

// --- rows and the cursor: the focused title, or where it was last

const rows = () => [...body.children];
const row = (id) => document.getElementById(`t-${id}`);
const idOf = (line) => Number(line.dataset.id);
const link = (line) => line.querySelector(".ws-title a");
let at = null;
const current = () => document.activeElement?.closest?.("[data-id]") ?? (at && row(at));
const setAt = (line) => {
  body.querySelector(".ws-at")?.classList.remove("ws-at");
  line.classList.add("ws-at");
  at = idOf(line);
};
const step = (by) => {
  const all = rows(), line = current();
  const next = line ? all[all.indexOf(line) + by] : all[by > 0 ? 0 : all.length - 1];
  if (!next) return;
  link(next).focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
};
body.addEventListener("focusin", ({ target }) => setAt(target.closest("tr")));

// --- selecting

const box = (line) => line.querySelector(".ws-pick input");
let last = null;
const showPicked = () => {
  for (const line of rows()) {
    const chosen = picked.has(idOf(line));
    line.classList.toggle("ws-picked", chosen);
    if (box(line)) box(line).checked = chosen;
  }
  if (!part("bulk")) return;
  part("bulk").hidden = !picked.size;
  part("picked").textContent = picked.size;
  part("all").checked = picked.size > 0 && rows().every((line) => picked.has(idOf(line)));
  part("all").indeterminate = picked.size > 0 && !part("all").checked;
};
const pick = (line, through = false) => {
  if (!line || !desk.mayChange) return;
  const wanted = !picked.has(idOf(line)), all = rows(), from = through && last ? all.indexOf(row(last)) : -1, to = all.indexOf(line);
  const span = from < 0 ? [line] : all.slice(Math.min(from, to), Math.max(from, to) + 1);
  for (const one of span) picked[from < 0 && !wanted ? "delete" : "add"](idOf(one));
  last = idOf(line);
  showPicked();
};
const unpick = () => { picked.clear(); showPicked(); };
body.addEventListener("click", (event) => {
  const choice = event.target.closest(".ws-pick input");
  if (choice) pick(choice.closest("tr"), event.shiftKey);
});
part("all")?.addEventListener("change", ({ target }) => {
  for (const line of rows()) picked[target.checked ? "add" : "delete"](idOf(line));
  showPicked();
});
const act = (action) => {
  if (!desk.mayChange || (action === "comment" && !desk.mayComment)) return;
  const ids = picked.size ? [...picked] : current() ? [idOf(current())] : [];
  if (!ids.length) return note("Select a ticket first: J and K move, X selects.");
  askBulk(action, ids, desk, async (changed) => {
    for (const id of changed) picked.delete(id);
    showPicked();
    await look();
    count();
  });
};

// --- what changed meanwhile

const exchange = (line, html) => {
  const made = new DOMParser().parseFromString(`<table>${html}</table>`, "text/html").querySelector("tr");
  const focused = line.contains(document.activeElement) && (document.activeElement.matches("input") ? ".ws-pick input" : ".ws-title a");
  made.querySelector("[data-people]").replaceChildren(...line.querySelector("[data-people]").childNodes);
  if (line.classList.contains("ws-at")) made.classList.add("ws-at");
  made.classList.add("ws-new");
  line.replaceWith(made);
  if (focused) made.querySelector(focused)?.focus({ preventScroll: true });
};
const upToDate = lately(part("stale"));
let asked = 0;
const look = async () => {
  const turn = ++asked;
  const shown = rows().map(idOf).join(",");
  const form = new URLSearchParams({ shown });
  const options = { method: "POST", body: form, credentials: "same-origin", redirect: "manual", headers: { "X-CSRFToken": document.querySelector("meta[name=csrf-token]").content } };
  const answer = await fetch(`${body.dataset.address}${location.search}`, options).catch(() => null);
  if (answer?.type === "opaqueredirect") return location.reload(); // signed out: the login brings back here
  const told = answer?.ok ? await answer.json().catch(() => null) : null;
  if (turn !== asked) return undefined; // it was overtaken by one that knows more
  upToDate(Boolean(told));
  if (!told) return undefined;
  const { rows: fresh, gone, fresh: came } = told;
  for (const line of rows()) {
    const news = fresh[idOf(line)];
    if (news && news.stamp !== line.dataset.stamp) exchange(line, news.html);
  }
  const left = new Set(gone);
  for (const line of rows()) {
    line.classList.toggle("ws-gone", left.has(idOf(line)));
    line.title = left.has(idOf(line)) ? "It does not belong to this list any more" : "";
  }
  const pill = part("fresh");
  pill.hidden = !came.length;
  pill.textContent = came.length === 1 ? "1 new ticket" : `${came.length >= 50 ? "50 or more" : came.length} new tickets`;
  showPicked();
  retime();
  await faces();
  return undefined;
};
const faces = async () => {
  const ids = rows().map(idOf);
  if (!ids.length) return;
  const answer = await call(`tickets/presence/?ids=${ids.join(",")}`).catch(() => null);
  if (!answer) return;
  for (const line of rows()) {
    const people = answer.tickets[idOf(line)] ?? [];
    line.querySelector("[data-people]").replaceChildren(...people.slice(0, 3).map(face));
  }
};
const face = ({ name, writing }) => {
  const said = `${name} ${writing ? "is writing" : "is looking at this"}`;
  const initials = name.split(/\s+/).map((word) => [...word][0]).slice(0, 2).join("").toUpperCase();
  return h("span", { class: "ws-face", title: said, "data-writing": writing }, h("span", { "aria-hidden": "true" }, initials), h("span", { class: "unseen" }, said));
};
part("fresh").addEventListener("click", () => location.reload());

// --- counts beside the filters

const number = (count, exact) => `${count.toLocaleString("en")}${exact ? "" : "+"}`;
const toggled = (name, value) => {
  const query = new URLSearchParams(location.search);
  query.delete("cursor");
  query.set(name, [query.get(name), written(value)].filter(Boolean).join(","));
  return `?${query.toString().replaceAll("%2C", ",")}`;
};
const count = async () => {
  const query = new URLSearchParams(location.search);
  for (const name of ["cursor", "page_size"]) query.delete(name);
  const answer = await call(`tickets/facets/?${query}`).catch(() => null);
  if (!answer) return;
  part("total").textContent = answer.count === 1 && answer.exact ? "1 ticket" : `${number(answer.count, answer.exact)} tickets`;
  for (const facet of document.querySelectorAll("[data-facet]")) {
    const plain = (value) => (facet.dataset.facet === "tag" ? value : value.toLowerCase()); // of tags the case counts
    const told = answer.facets[facet.dataset.facet], left = new Map(told.values.map((one) => [plain(one.value), one]));
    for (const line of facet.querySelectorAll("[data-value]")) {
      const key = plain(line.dataset.value), word = key === "me" ? desk.me.toLowerCase() : key, one = left.get(word);
      if (key !== "me") left.delete(word);
      line.querySelector("[data-count]").textContent = one ? number(one.count, told.exact) : told.exact ? "0" : "";
      line.classList.toggle("ws-zero", !one);
    }
    if (!["assignee", "tag"].includes(facet.dataset.facet)) continue;
    if (facet.dataset.facet === "assignee") left.delete(desk.me.toLowerCase());
    facet.querySelector("ul").append(...[...left.values()].map(({ value, label, count: many }) => h("li", {},
      h("a", { href: toggled(facet.dataset.facet, value), "data-value": value }, h("span", { class: "cut" }, label),
        h("span", { class: "ws-count", "data-count": true }, number(many, told.exact))))));
  }
};

// --- keys, palette, buttons

const choose = (rel) => { const page = document.querySelector(`.ws-pages [rel=${rel}]`); if (page) location.href = page.href; };
const open = () => { if (current()) location.href = link(current()).href; };
const bulkLabels = { move: "Move…", assign: "Assign…", priority: "Set the priority…", route: "Send to a department…", tag: "Tags…", comment: "Comment…" };
const openPalette = palette(() => [
  ...(desk.mayChange && (picked.size || current()) ? Object.entries(bulkLabels).map(([action, label]) => ({
    label, hint: picked.size ? `${picked.size} selected` : `#${idOf(current())}`, run: () => act(action),
  })) : []),
  ...places(views),
  { label: "All tickets", hint: "view", run: () => { location.href = "/tickets/?ordering=-opened_at"; } },
  { label: "Save this list as a view…", hint: "S", run: () => saveView(desk, views) },
]);
const work = { "save-view": () => saveView(desk, views), palette: openPalette, help: () => part("help").showModal(), unpick };
for (const button of document.querySelectorAll("[data-do]")) button.addEventListener("click", () => work[button.dataset.do]?.());
for (const button of document.querySelectorAll("[data-bulk]")) button.addEventListener("click", () => act(button.dataset.bulk));
const fold = document.querySelector(".ws-fold");
fold.addEventListener("click", () => {
  const shown = document.querySelector(".ws-rail-body").classList.toggle("ws-open");
  fold.setAttribute("aria-expanded", String(shown));
});
onKeys({
  j: () => step(1), k: () => step(-1), Enter: open, o: open, x: () => pick(current()), "shift+x": () => pick(current(), true),
  "/": () => { const search = document.querySelector(".ws-search input[type=search]"); search.focus(); search.select(); },
  "?": work.help, "ctrl+k": openPalette, s: work["save-view"], n: () => choose("next"), b: () => choose("prev"), r: () => location.reload(),
  m: () => act("move"), a: () => act("assign"), p: () => act("priority"), d: () => act("route"), t: () => act("tag"), c: () => act("comment"),
  Escape: unpick,
});
sessionStorage.setItem("workspace-list", JSON.stringify({ address: location.search, ids: rows().map(idOf) }));
showPicked();
count();
faces();
whileSeen(EVERY, look);
whileSeen(COUNT_EVERY, count);
document.documentElement.dataset.ready = "yes";
