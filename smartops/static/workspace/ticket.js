// One ticket after it was painted. Whatever is done goes to the API with the version that the reader saw; then the
// page is fetched again and those of its parts are exchanged that differ, but never one in which somebody types: that
// one keeps its version with what it shows.
import { call, h, note, retime, whileSeen } from "../desk/desk.js";
import { composer } from "./composer.js";
import { askForm, confirmed, field, openDialog, options, routeFields } from "./dialogs.js";
import { onKeys } from "./keys.js";
import { lately } from "./lately.js";
import { palette, places } from "../desk/palette.js";
import { similar } from "./similar.js";
import { tagsOf } from "./tags.js";

const EVERY = 10000, WHOLE_EVERY = 60000; // ms
const NAMED = 100; // attached tickets that are named before they are resolved
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const page = document.getElementById("ticket"), id = Number(page.dataset.id);
const desk = read("desk"), views = read("views");
document.getElementById("everybody")?.append(...desk.people.map(([login, name]) => h("option", { value: login }, name)));
const part = (name) => page.querySelector(`[data-part=${name}]`) ?? document.querySelector(`[data-part=${name}]`);
const region = (name) => page.querySelector(`[data-region=${name}]`);
const here = `tickets/${id}/`;

// --- parts of the page that changed

/** A part as the server wrote it: without what the times in it say now. */
const written = (element) => {
  const copy = element.cloneNode(true);
  for (const time of copy.querySelectorAll("time")) { time.textContent = ""; time.removeAttribute("title"); }
  return copy.outerHTML;
};
const regions = (root) => new Map([...root.querySelectorAll("[data-region]")].map((one) => [one.dataset.region, written(one)]));
const shown = regions(page);
const versionOf = (root) => Number(root.querySelector("[data-region=head]").dataset.version);
const versions = new Map([...shown.keys()].map((name) => [name, versionOf(page)])); // of the ticket that each part shows
const oldest = () => Math.min(...versions.values());
const upToDate = lately(part("stale"));
const typing = (element) => element.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
let isGone = false;
const gone = () => {
  if (isGone) return null;
  isGone = true;
  const list = part("back").href, leave = () => { location.href = list; };
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
  page.hidden = true;
  openDialog("You do not see this ticket any more", h("p", { class: "ws-told" }, "It was deleted, or sent to a department whose tickets its members only see."),
    h("form", { method: "dialog", class: "ws-acts" }, h("button", { class: "button main" }, "Back to the list"))).addEventListener("close", leave);
  return null;
};
const from = new URLSearchParams(location.search); // how far back comments, events and decisions are shown
const fetchParts = async () => {
  const answer = await fetch(`${location.pathname}?${new URLSearchParams([...from, ["parts", ""]])}`, { credentials: "same-origin", redirect: "manual" });
  if (answer.type === "opaqueredirect") return location.reload(); // signed out: the login brings back here
  if (answer.status === 404) return gone();
  if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
};
/** Whoever signed out and in again in another tab goes on in this one: drafts are kept, the API takes the token. */
const signedInAgain = ({ me, login, token }) => {
  if (me !== desk.me || login === page.dataset.login) return;
  page.dataset.login = login;
  document.querySelector("meta[name=csrf-token]").content = token;
  delete document.documentElement.dataset.signedOut;
};
const refresh = async ({ force = false, flash = true } = {}) => {
  const fresh = await fetchParts();
  if (!fresh) return;
  signedInAgain(fresh.getElementById("ticket").dataset);
  const found = regions(fresh), version = versionOf(fresh);
  if (version < versionOf(page)) return; // asked for before what is shown
  for (const [name, html] of found) {
    const old = region(name);
    if (!old || (shown.get(name) !== html && !force && typing(old))) continue;
    versions.set(name, version);
    if (shown.get(name) === html) continue;
    const made = fresh.querySelector(`[data-region=${name}]`), open = [...old.querySelectorAll("details")].map((one) => one.open);
    const focused = old.contains(document.activeElement) ? [...old.querySelectorAll("button, a, input, select, summary")].indexOf(document.activeElement) : -1;
    const field = old.contains(document.activeElement) && document.activeElement.matches("input, textarea") ? document.activeElement : null;
    const typed = field && field.value !== field.defaultValue ? { name: field.name, value: field.value } : null;
    old.replaceWith(made);
    if (typed && made.querySelector(`[name="${typed.name}"]`)) made.querySelector(`[name="${typed.name}"]`).value = typed.value;
    [...made.querySelectorAll("details")].forEach((one, place) => { one.open = open[place] ?? one.open; });
    if (focused >= 0) (made.querySelectorAll("button, a, input, select, summary")[focused] ?? made).focus({ preventScroll: true });
    if (flash && !made.hidden && name !== "clocks") made.classList.add("wt-flash"); // clocks always go on
    shown.set(name, html);
  }
  retime();
};
/** Show more of what a part has. What was seen before stays where it is. */
const showOlder = async (link) => {
  const part = link.closest("[data-region]"), where = part.dataset.region, mark = part.querySelector("article")?.id;
  const height = () => (mark ? document.getElementById(mark).getBoundingClientRect().top : 0);
  const before = height();
  for (const [name, value] of new URLSearchParams(link.search)) from.set(name, value);
  try {
    await refresh({ flash: false });
    scrollBy(0, height() - before);
    region(where).tabIndex = -1; // where there is no more to ask for, the reader goes on from here
    (region(where).querySelector("[data-older]") ?? region(where)).focus({ preventScroll: true });
  } catch (error) { note(error.message, { bad: true }); }
};
/** Show what came of something that is done: that this fails does not undo it. */
const showDone = () => refresh({ force: true }).catch((error) => note(`It is done, but not shown here yet: ${error.message}`, { bad: true }));

// --- doing something

const newestEvent = () => region("history").querySelector("li div")?.textContent.replace(/\s+/g, " ").trim() ?? "";
const conflict = (again) => {
  const newest = newestEvent();
  const box = part("conflict"), close = () => { box.hidden = true; };
  box.replaceChildren(h("p", {}, h("b", {}, "This ticket changed while you were reading it. "), "Your change was not made. ", newest && `The newest: ${newest}.`),
    h("div", { class: "ws-acts" }, h("button", { type: "button", class: "button", onclick: () => { close(); again(); } }, "Make my change now"),
      h("button", { type: "button", class: "button", onclick: close }, "Leave it")));
  box.hidden = false;
  box.querySelector("button").focus();
};
/** Do `work`, which asks the API, after what was asked before; show what came of it and return whether it was done.
    A conflict is shown calmly, and the work can be done again. `said` is what `note` shall say then. */
let turn = Promise.resolve();
const act = (work, said = "") => (turn = turn.then(() => doNow(work, said)));
const doNow = async (work, said) => {
  try {
    await work();
  } catch (error) {
    await refresh({ force: true }).catch(() => null);
    if (error.status === 412) conflict(() => act(work, said));
    else note(error.message, { bad: true });
    return false;
  }
  part("conflict").hidden = true;
  await showDone();
  if (said) note(...[said].flat());
  return true;
};
const guarded = (version) => ({ headers: { "If-Match": `"${version}"` } });
const patch = (values, said) => act(() => call(here, values(), { method: "PATCH", ...guarded(versions.get("facts")) }), said);
const moveTo = (status, reason = "") => act(() => call(`${here}status/`, { status, reason }, { method: "PUT", ...guarded(versions.get("head")) }));
const move = async (status) => {
  const children = Number(region("head").dataset.openChildren);
  if (!children || !["resolved", "closed"].includes(status)) return moveTo(status);
  const goes = [];
  try {
    for (let next = `${here}children/?page_size=500`; next;) {
      const found = await call(next);
      goes.push(...found.results.filter(({ on_resolve: what }) => what === "resolves"));
      ({ next } = found);
    }
  } catch (error) { return note(error.message, { bad: true }); }
  return confirmed("Resolve what is attached, too?",
    h("ul", {}, goes.slice(0, NAMED).map((child) => h("li", {}, `#${child.id} ${child.title}`)), goes.length > NAMED && h("li", {}, `and ${goes.length - NAMED} more`)), `Resolve ${goes.length + 1} tickets`, () => () => moveTo(status));
};
const facts = () => region("facts").dataset;
const tags = () => [...region("facts").querySelectorAll("[data-untag]")].map((button) => button.dataset.untag);
const numberForm = (title, label, path, name, button, done) => askForm(title, [
  field(label, h("input", { name, required: true, inputmode: "numeric", pattern: "#?[0-9]{1,18}", placeholder: "#number", autocomplete: "off" })),
  field("Why, for the history", h("input", { name: "reason", maxlength: 300, autocomplete: "off" })),
], { label: button, work: async (data) => {
  const number = Number(data.get(name).replace("#", ""));
  await call(`${here}${path}/`, { [name]: number, reason: data.get("reason") });
  return () => done(number);
} });
const levels = [["", "As triage decides"], [1, "1 high"], [2, "2 medium"], [3, "3 low"]];
const editable = () => {
  const now = facts();
  return { title: now.title, description: part("description").textContent, requester_name: now.requester, requester_email: now.email,
    customer_tier: now.tier, impact: now.impact, urgency: now.urgency };
};
const edit = () => {
  // What the reader saw when the dialog opened: the page behind it goes on.
  let before = editable(), version = Math.min(versions.get("facts"), versions.get("request"));
  const plain = (value) => value.replaceAll("\r\n", "\n");
  const merged = async () => {
    await refresh({ force: true });
    const now = editable();
    for (const [name, value] of Object.entries(now)) {
      const control = dialog.querySelector(`[name=${name}]`);
      if (plain(control.value) === plain(before[name])) control.value = value;
    }
    const both = Object.keys(now).filter((name) => plain(now[name]) !== plain(before[name]) && plain(dialog.querySelector(`[name=${name}]`).value) !== plain(now[name]));
    [before, version] = [now, Math.min(versions.get("facts"), versions.get("request"))];
    const newest = newestEvent(), clash = both.length ? ` You both changed: ${both.map((name) => name.replaceAll("_", " ")).join(", ")}; it is now ${both.map((name) => `“${now[name]}”`).join(", ")}.` : "";
    return new Error(`This ticket changed while you were editing, and your change was not made. ${newest && `The newest: ${newest}.`}${clash} What you left alone is up to date here; save again to make your change.`);
  };
  const dialog = askForm(`Edit #${id}`, [
    field("Title", h("input", { name: "title", value: before.title, required: true, maxlength: 255 })),
    field("Description", h("textarea", { name: "description", rows: 10 }, before.description)),
    field("Requester", h("input", { name: "requester_name", value: before.requester_name, maxlength: 150 })),
    field("Their mail address", h("input", { name: "requester_email", type: "email", value: before.requester_email, maxlength: 254 })),
    field("Customer", h("select", { name: "customer_tier" }, options([["gold", "Gold"], ["silver", "Silver"], ["bronze", "Bronze"], ["standard", "Standard"]], before.customer_tier))),
    field("Impact", h("select", { name: "impact" }, options(levels, before.impact))),
    field("Urgency", h("select", { name: "urgency" }, options(levels, before.urgency))),
  ], { work: async (data) => {
    const values = Object.fromEntries([...data].filter(([name, value]) => plain(value) !== plain(before[name]))
      .map(([name, value]) => [name, ["impact", "urgency"].includes(name) ? (value ? Number(value) : null) : value]));
    if (!Object.keys(values).length) return undefined;
    try {
      await call(here, values, { method: "PATCH", ...guarded(version) });
    } catch (error) { throw error.status === 412 ? await merged() : error; }
    return showDone;
  } });
};
const route = () => askForm(`Send #${id} to a department`, [
  ...routeFields(desk, facts().department, facts().group), field("Why, for the history", h("input", { name: "reason", maxlength: 300, autocomplete: "off" })),
], { label: "Send", work: async (data) => {
  await call(`route/${id}/`, { department: data.get("department"), group: data.get("group") || null, reason: data.get("reason") }, { method: "PUT" });
  return showDone;
} });
const merge = (into = "") => into
  ? confirmed(`Merge #${id} into #${into}?`, `Its comments and files move to #${into}, which goes on for both; this one is cancelled.`, "Merge",
    async () => { await call(`${here}merge/`, { into }); return () => { location.href = `/tickets/${into}/`; }; })
  : numberForm(`Merge #${id} into another ticket`, "The ticket that goes on", "merge", "into", "Merge", async (number) => { location.href = `/tickets/${number}/`; });
const attach = (to = "") => to
  ? confirmed(`Attach #${id} to #${to}?`, `#${to} is worked on for both: what is done there is done here.`, "Attach",
    async () => { await call(`${here}attach/`, { to }); return showDone; })
  : numberForm(`Attach #${id} to another ticket`, "The ticket that is worked on for both", "attach", "to", "Attach", showDone);
const work = {
  "assign-me": () => {
    const before = region("facts").querySelector("[name=assignee]").defaultValue;
    if (before === desk.me) return note("It is yours already.");
    return patch(() => ({ assignee: desk.me }), ["It is yours.", { label: "Undo", act: () => patch(() => ({ assignee: before || null })) }]);
  },
  confirm: () => act(() => call(`review/${id}/`, { accept: true, version: versions.get("head") }), "Confirmed."),
  detach: () => act(() => call(`${here}detach/`, {})),
  edit, route, merge: () => merge(), attach: () => attach(), help: () => part("help").showModal(), palette: () => openPalette(),
};

document.addEventListener("click", (event) => {
  const older = event.target.closest("[data-older]");
  if (older && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    showOlder(older);
    return;
  }
  const button = event.target.closest("button");
  if (!button) return;
  const { do: name, move: status, untag, removeFile } = button.dataset;
  if (name) work[name]?.();
  if (status) move(status);
  if (untag) patch(() => ({ tags: tags().filter((tag) => tag !== untag) }));
  if (removeFile) confirmed("Remove this file?", "The history keeps its name.", "Remove", () => () => act(() => call(`attachments/${removeFile}/`, undefined, { method: "DELETE" })));
});
const changed = async (input) => {
  const value = input.value.trim(), name = input.dataset.field;
  if (await patch(() => ({ [name]: name === "priority" && value ? Number(value) : value || null }))) return;
  const shownNow = region("facts").querySelector(`[name="${input.name}"]`); // another one, if the part was exchanged
  if (shownNow?.tagName === "SELECT") for (const option of shownNow.options) option.selected = option.defaultSelected;
  else if (shownNow) shownNow.value = shownNow.defaultValue;
};
const addTag = (input) => {
  const added = tagsOf(input.value);
  input.value = "";
  if (added.some((tag) => !tags().includes(tag))) patch(() => ({ tags: [...new Set([...tags(), ...added])] }));
};
page.addEventListener("change", ({ target }) => { if (target.dataset.field && target.dataset.field !== "tag") changed(target); });
page.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.target.dataset.field !== "tag") return;
  event.preventDefault();
  addTag(event.target);
});
page.addEventListener("submit", (event) => {
  if (event.target.dataset.part !== "acknowledge") return;
  event.preventDefault();
  const minutes = Number(new FormData(event.target).get("minutes")) || null;
  act(() => call(`${here}acknowledge/`, { minutes }), "Acknowledged: the next levels wait.");
});

// --- who else is here

const writer = composer({ id, me: desk.me, sent: showDone, began: () => present() });
const others = (people) => {
  const names = (which) => people.filter(({ writing }) => writing === which).map(({ name }) => name);
  const said = (list, verb, verbs) => list.length && `${list.join(" and ")} ${list.length > 1 ? verbs : verb}`;
  const text = [said(names(true), "is writing", "are writing"), said(names(false), "is looking at this", "are looking at this")].filter(Boolean).join("; ");
  if (part("others").textContent !== text) part("others").textContent = text;
};
let wholeAt = Date.now();
const present = async () => {
  if (isGone) return;
  try {
    const answer = await call(`${here}presence/`, { writing: writer.writing() });
    others(answer.others);
    if (answer.version !== oldest() || Date.now() - wholeAt >= WHOLE_EVERY) {
      await refresh();
      wholeAt = Date.now();
    }
    upToDate(true);
  } catch (error) {
    if (error.status === 404) return gone();
    upToDate(false);
    if (error.status === 403) refresh().catch(() => null); // signed in again, perhaps: then the next time goes well
  }
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
