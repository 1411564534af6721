// One ticket after it was painted. Whatever is done goes to the API with the version that the reader saw; then the
// page is fetched again and those of its parts are exchanged that differ, but never one in which somebody types.
import { call, h, note, retime, whileSeen } from "../desk/desk.js";
import { composer } from "./composer.js";
import { askForm, confirmed, field, options, routeFields } from "./dialogs.js";
import { onKeys } from "./keys.js";
import { palette, places } from "./palette.js";
import { similar } from "./similar.js";

const EVERY = 10000, WHOLE_EVERY = 60000; // ms
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const page = document.getElementById("ticket"), id = Number(page.dataset.id);
const desk = read("desk"), views = read("views");
const part = (name) => page.querySelector(`[data-part=${name}]`) ?? document.querySelector(`[data-part=${name}]`);
const region = (name) => page.querySelector(`[data-region=${name}]`);
const here = `tickets/${id}/`;
let version = Number(region("head").dataset.version);

// --- parts of the page that changed

const regions = (root) => new Map([...root.querySelectorAll("[data-region]")].map((one) => [one.dataset.region, one.outerHTML]));
let shown = regions(page);
const typing = (element) => element.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
const fetchPage = async () => {
  const answer = await fetch(location.pathname, { credentials: "same-origin", redirect: "manual" });
  if (answer.type === "opaqueredirect") return location.reload(); // signed out: the login brings back here
  if (answer.status === 404) throw new Error("You do not see this ticket any more.");
  if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
};
const refresh = async ({ force = false } = {}) => {
  const fresh = await fetchPage();
  if (!fresh) return;
  const found = regions(fresh);
  for (const [name, html] of found) {
    const old = region(name);
    if (shown.get(name) === html || !old || (!force && typing(old))) continue;
    const made = fresh.querySelector(`[data-region=${name}]`), open = [...old.querySelectorAll("details")].map((one) => one.open);
    const focused = old.contains(document.activeElement) ? [...old.querySelectorAll("button, a, input, select, summary")].indexOf(document.activeElement) : -1;
    old.replaceWith(made);
    [...made.querySelectorAll("details")].forEach((one, place) => { one.open = open[place] ?? one.open; });
    if (focused >= 0) (made.querySelectorAll("button, a, input, select, summary")[focused] ?? made).focus({ preventScroll: true });
    if (!made.hidden) made.classList.add("wt-flash");
    shown.set(name, html);
  }
  version = Number(region("head").dataset.version);
  retime();
};

// --- doing something

const conflict = (again) => {
  const newest = region("history").querySelector("li div")?.textContent.replace(/\s+/g, " ").trim() ?? "";
  const box = part("conflict"), close = () => { box.hidden = true; };
  box.replaceChildren(h("p", {}, h("b", {}, "This ticket changed while you were reading it. "), "Your change was not made. ", newest && `The newest: ${newest}.`),
    h("div", { class: "ws-acts" }, h("button", { type: "button", class: "button", onclick: () => { close(); again(); } }, "Make my change now"),
      h("button", { type: "button", class: "button", onclick: close }, "Leave it")));
  box.hidden = false;
  box.querySelector("button").focus();
};
/** Do `work`, which asks the API; show what came of it. A conflict is shown calmly, and the work can be done again. */
const act = async (work, said = "") => {
  try {
    const answer = await work();
    if (answer?.version) version = answer.version;
    part("conflict").hidden = true;
    await refresh({ force: true });
    if (said) note(said);
  } catch (error) {
    await refresh({ force: true }).catch(() => null);
    if (error.status === 412) conflict(() => act(work, said));
    else note(error.message, { bad: true });
  }
};
const guarded = () => ({ headers: { "If-Match": `"${version}"` } });
const patch = (values, said) => act(() => call(here, values, { method: "PATCH", ...guarded() }), said);
const moveTo = (status, reason = "") => act(() => call(`${here}status/`, { status, reason }, { method: "PUT", ...guarded() }));
const move = async (status) => {
  const children = Number(region("head").dataset.openChildren);
  if (!children || !["resolved", "closed"].includes(status)) return moveTo(status);
  const { results } = await call(`${here}children/`);
  const goes = results.filter(({ on_resolve: what }) => what === "resolves");
  return confirmed("Resolve what is attached, too?",
    h("ul", {}, goes.map((child) => h("li", {}, `#${child.id} ${child.title}`))), `Resolve ${goes.length + 1} tickets`, () => moveTo(status));
};
const facts = () => region("facts").dataset;
const tags = () => facts().tags.split(",").filter(Boolean);
const numberForm = (title, label, path, name, button, done) => askForm(title, [
  field(label, h("input", { name, required: true, inputmode: "numeric", pattern: "#?[0-9]{1,18}", placeholder: "#number", autocomplete: "off" })),
  field("Why, for the history", h("input", { name: "reason", maxlength: 300, autocomplete: "off" })),
], { label: button, work: async (data) => {
  const number = Number(data.get(name).replace("#", ""));
  await call(`${here}${path}/`, { [name]: number, reason: data.get("reason") });
  await done(number);
} });
const levels = [["", "As triage decides"], [1, "1 high"], [2, "2 medium"], [3, "3 low"]];
const edit = () => {
  const now = facts();
  askForm(`Edit #${id}`, [
    field("Title", h("input", { name: "title", value: now.title, required: true, maxlength: 255 })),
    field("Description", h("textarea", { name: "description", rows: 10 }, part("description").textContent)),
    field("Requester", h("input", { name: "requester_name", value: now.requester, maxlength: 150 })),
    field("Their mail address", h("input", { name: "requester_email", type: "email", value: now.email, maxlength: 254 })),
    field("Customer", h("select", { name: "customer_tier" }, options([["gold", "Gold"], ["silver", "Silver"], ["bronze", "Bronze"], ["standard", "Standard"]], now.tier))),
    field("Impact", h("select", { name: "impact" }, options(levels, now.impact))),
    field("Urgency", h("select", { name: "urgency" }, options(levels, now.urgency))),
  ], { work: async (data) => {
    const before = { title: now.title, description: part("description")?.textContent ?? "", requester_name: now.requester, requester_email: now.email, customer_tier: now.tier, impact: now.impact, urgency: now.urgency };
    const values = Object.fromEntries([...data].filter(([name, value]) => value.replaceAll("\r\n", "\n") !== before[name])
      .map(([name, value]) => [name, ["impact", "urgency"].includes(name) ? (value ? Number(value) : null) : value]));
    if (!Object.keys(values).length) return;
    const answer = await call(here, values, { method: "PATCH", ...guarded() }).catch(async (error) => {
      if (error.status === 412) await refresh({ force: true });
      throw error;
    });
    version = answer.version;
    await refresh({ force: true });
  } });
};
const route = () => askForm(`Send #${id} to a department`, [
  ...routeFields(desk, facts().department, facts().group), field("Why, for the history", h("input", { name: "reason", maxlength: 300, autocomplete: "off" })),
], { label: "Send", work: async (data) => {
  await call(`route/${id}/`, { department: data.get("department"), group: data.get("group") || null, reason: data.get("reason") }, { method: "PUT" });
  await refresh({ force: true });
} });
const merge = (into = "") => into
  ? confirmed(`Merge #${id} into #${into}?`, `Its comments and files move to #${into}, which goes on for both; this one is cancelled.`, "Merge",
    async () => { await call(`${here}merge/`, { into }); location.href = `/tickets/${into}/`; })
  : numberForm(`Merge #${id} into another ticket`, "The ticket that goes on", "merge", "into", "Merge", async (number) => { location.href = `/tickets/${number}/`; });
const attach = (to = "") => to
  ? confirmed(`Attach #${id} to #${to}?`, `#${to} is worked on for both: what is done there is done here.`, "Attach",
    async () => { await call(`${here}attach/`, { to }); await refresh({ force: true }); })
  : numberForm(`Attach #${id} to another ticket`, "The ticket that is worked on for both", "attach", "to", "Attach", () => refresh({ force: true }));
const work = {
  "assign-me": () => patch({ assignee: desk.me }, "It is yours."),
  confirm: () => act(() => call(`review/${id}/`, { accept: true, version }), "Confirmed."),
  detach: () => act(() => call(`${here}detach/`, {})),
  edit, route, merge: () => merge(), help: () => part("help").showModal(), palette: () => openPalette(),
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { do: name, move: status, untag, removeFile } = button.dataset;
  if (name) work[name]?.();
  if (status) move(status);
  if (untag) patch({ tags: tags().filter((tag) => tag !== untag) });
  if (removeFile) confirmed("Remove this file?", "The history keeps its name.", "Remove", () => act(() => call(`attachments/${removeFile}/`, undefined, { method: "DELETE" })));
});
const changed = (input) => {
  const value = input.value.trim(), name = input.dataset.field;
  if (name === "tag") {
    if (value && !tags().includes(value)) return patch({ tags: [...tags(), value] });
    input.value = "";
    return undefined;
  }
  return patch({ [name]: name === "priority" && value ? Number(value) : value || null });
};
page.addEventListener("change", ({ target }) => { if (target.dataset.field) changed(target); });
page.addEventListener("submit", (event) => {
  if (event.target.dataset.part !== "acknowledge") return;
  event.preventDefault();
  const minutes = Number(new FormData(event.target).get("minutes")) || null;
  act(() => call(`${here}acknowledge/`, { minutes }), "Acknowledged: the next levels wait.");
});

// --- who else is here

const writer = composer({ id, me: desk.me, sent: () => refresh({ force: true }), began: () => present() });
const others = (people) => {
  const names = (which) => people.filter(({ writing }) => writing === which).map(({ name }) => name);
  const said = (list, verb, verbs) => list.length && `${list.join(" and ")} ${list.length > 1 ? verbs : verb}`;
  const text = [said(names(true), "is writing", "are writing"), said(names(false), "is looking at this", "are looking at this")].filter(Boolean).join("; ");
  if (part("others").textContent !== text) part("others").textContent = text;
};
let wholeAt = Date.now();
const present = async () => {
  const answer = await call(`${here}presence/`, { writing: writer.writing() }).catch(() => null);
  if (!answer) return;
  others(answer.others);
  if (answer.version === version && Date.now() - wholeAt < WHOLE_EVERY) return;
  wholeAt = Date.now();
  await refresh().catch(() => null);
};
addEventListener("pagehide", () => { call(`${here}presence/`, { leaving: true }, { keepalive: true }).catch(() => null); });
addEventListener("pageshow", ({ persisted }) => { if (persisted) present(); });
present();
whileSeen(EVERY, present);

// --- the list that one came from

const list = JSON.parse(sessionStorage.getItem("workspace-list") ?? "null");
const place = list?.ids.indexOf(id) ?? -1;
const way = { before: place > 0 && list.ids[place - 1], after: place >= 0 && list.ids[place + 1] };
if (list) part("back").href = `/tickets/${list.address}`;
for (const [name, to] of Object.entries(way)) {
  if (!to) continue;
  part(name).href = `/tickets/${to}/`;
  part(name).hidden = false;
}
const go = (name) => () => { if (way[name]) location.href = part(name).href; };

// --- keys and palette

const may = desk.mayChange && Boolean(page.querySelector(".wt-moves"));
const focus = (selector) => () => { const one = page.querySelector(selector); one?.focus(); one?.select?.(); one?.scrollIntoView({ block: "nearest" }); };
const moves = () => [...page.querySelectorAll("[data-move]")].map((button) => ({ label: button.textContent, hint: `move #${id}`, run: () => move(button.dataset.move) }));
const openPalette = palette(() => [
  ...(may ? [
    ...moves(),
    { label: "Assign to me", hint: `#${id}`, run: work["assign-me"] }, { label: "Send to a department…", hint: `#${id}`, run: route },
    { label: "Edit the request…", hint: `#${id}`, run: edit }, { label: "Merge into…", hint: `#${id}`, run: () => merge() }, { label: "Attach to…", hint: `#${id}`, run: () => attach() },
  ] : []),
  ...(writer.can ? [{ label: "Comment", hint: `#${id}`, run: () => writer.write(false) }, { label: "Internal note", hint: `#${id}`, run: () => writer.write(true) }] : []),
  { label: "Copy the address", hint: `#${id}`, run: () => navigator.clipboard?.writeText(location.href).then(() => note("Copied.")) },
  ...places(views),
]);
onKeys({
  j: go("after"), k: go("before"), u: () => { location.href = part("back").href; }, "?": work.help, "ctrl+k": openPalette,
  c: () => writer.write(false), i: () => writer.write(true),
  ...(may ? { a: work["assign-me"], m: focus("[data-move]"), p: focus("#priority"), d: route, t: focus("[name=tag]"), e: edit } : {}),
});
if (part("similar")) similar(part("similar"), id, { may, merge, attach });
document.documentElement.dataset.ready = "yes";
