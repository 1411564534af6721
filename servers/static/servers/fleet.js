// The fleet page. A small fleet shows a tile for each server, a large one a bar for each host group; asked again
// every few seconds while somebody looks.
import { call, duration, h, note } from "../desk/desk.js";

const page = document.getElementById("fleet");
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const part = (name) => page.querySelector(`[data-part=${name}]`);
const { api, list, ticket } = page.dataset;
const signs = Object.fromEntries(read("fleet-signs").map(({ state, sign }) => [state, sign]));
const order = Object.keys(signs); // the gravest first
const MANY = 1000, MOST = 5000, EVERY = 5000, SELDOM = 15000; // servers, servers, ms, ms

let summary = read("fleet-summary"), servers = [], shape = "", chosen = null, wanted = 0, since = Date.now();
const tiles = new Map(); // server name, or "region\nhost group" -> its button

const all = async (address, most = MANY) => {
  const rows = [];
  while (address && rows.length < most) {
    const { results, next } = await call(address);
    rows.push(...results);
    address = next && new URL(next).pathname + new URL(next).search;
  }
  return rows;
};
const words = (states) => order.filter((state) => states[state]).map((state) => `${states[state]} ${state}`).join(", ");

// --- the grid: built anew when servers come or go, else only what changed is touched

const count = () => {
  part("total").textContent = summary.total.toLocaleString();
  for (const item of part("counts").children)
    item.querySelector("strong").textContent = (summary.states[item.dataset.state] ?? 0).toLocaleString();
};
const draw = () => {
  const few = summary.total <= MANY;
  const now = JSON.stringify(few ? servers.map((one) => [one.name, one.region, one.host_group])
    : summary.regions.map((one) => [one.region, one.host_groups.map((group) => group.host_group)]));
  if (now !== shape) {
    shape = now;
    tiles.clear();
    part("regions").replaceChildren(...summary.regions.map((region) => h("section",
      { class: "fleet-card fleet-region", "data-region": region.region },
      h("header", {}, h("h2", {}, region.region || "No region"), h("span", { class: "faint small" })),
      few ? region.host_groups.map((group) => servedGroup(region.region, group.host_group))
        : h("div", { class: "fleet-racks" }, region.host_groups.map((group) => rack(region.region, group.host_group))))));
    if (!summary.total) part("regions").replaceChildren(h("p", { class: "fleet-empty" },
      "There are no servers yet. ", h("a", { href: `${list}add/` }, "Add one"), "."));
  }
  count();
  for (const region of summary.regions) {
    const section = [...part("regions").children].find((one) => one.dataset.region === region.region);
    if (section) section.querySelector("header span").textContent = words(region.states);
    if (!few) for (const group of region.host_groups) fillRack(region.region, group);
  }
  if (few) for (const server of servers) fillTile(tiles.get(server.name), server);
  tiles.get(chosen)?.setAttribute("aria-pressed", "true");
};
const servedGroup = (region, group) => h("div", { class: "fleet-group" }, h("h3", {}, group || "No host group"),
  h("div", { class: "fleet-tiles" }, servers.filter((one) => one.region === region && one.host_group === group).map(tile)));
const tile = (server) => {
  const button = h("button", { type: "button", class: "fleet-tile", "aria-pressed": "false", onclick: () => show(server.name) });
  tiles.set(server.name, button);
  fillTile(button, server);
  return button;
};
const fillTile = (button, server) => {
  const said = `${server.name}: ${server.state}${server.reason ? `, ${server.reason}` : ""}`;
  if (!button || button.title === said) return;
  button.dataset.state = server.state;
  button.textContent = signs[server.state];
  button.title = said;
  button.setAttribute("aria-label", said);
  if (server.name === chosen) show(server.name, wanted);
};
const rack = (region, group) => {
  const button = h("button", { type: "button", class: "fleet-rack", "aria-pressed": "false", onclick: () => open(region, group) });
  tiles.set(`${region}\n${group}`, button);
  return button;
};
const fillRack = (region, group) => {
  const button = tiles.get(`${region}\n${group.host_group}`), said = words(group.states);
  if (!button || button.title === said) return;
  const grave = order.filter((state) => group.states[state] && state !== "running");
  button.title = said;
  button.setAttribute("aria-label", `${group.host_group || "No host group"}: ${said}`);
  button.replaceChildren(
    h("span", {}, h("span", {}, group.host_group || "None"), h("b", {}, grave.length ? `${signs[grave[0]]} ${group.states[grave[0]]}` : group.total)),
    h("span", { class: "fleet-rails" }, order.filter((state) => group.states[state]).map((state) =>
      h("i", { "data-state": state, style: `flex-grow:${group.states[state]}` }))));
};

// --- the detail: a server, or in a large fleet the servers of a host group

const choose = (key, ...children) => {
  const other = chosen !== key;
  chosen = key;
  for (const [name, button] of tiles) button.setAttribute("aria-pressed", String(name === key));
  part("detail").hidden = false;
  part("detail").replaceChildren(h("button", { type: "button", "aria-label": "Close", onclick: close }, "✕"),
    ...children.filter(Boolean));
  if (other) part("detail").focus({ preventScroll: true });
};
const close = () => {
  const button = tiles.get(chosen);
  chosen = null;
  wanted += 1; // what is still asked for is not shown any more
  part("detail").hidden = true;
  for (const one of tiles.values()) one.setAttribute("aria-pressed", "false");
  button?.focus();
};
const link = (name) => h("a", { href: `#${encodeURIComponent(name)}`, onclick: (event) => { event.preventDefault(); show(name); } }, name);
const state = (word) => [h("span", { class: "fleet-sign", "data-state": word, "aria-hidden": "true" }, signs[word]), ` ${word}`];
const links = (rows) => rows.length ? rows.flatMap((one, place) => [place ? ", " : "", link(one.name), one.state === "running" ? "" : ` (${one.state})`]) : ["nothing"];
const show = async (name, mine = ++wanted) => {
  const one = await call(`${api}${encodeURIComponent(name)}/`).catch(refused);
  if (!one || mine !== wanted) return; // somebody chose another one meanwhile
  const facts = [
    ["State", [...state(one.state), ` for ${duration((Date.now() - new Date(one.state_since)) / 1000)}`]],
    one.reason && ["Why", [one.reason]],
    one.ticket && ["Ticket", [h("a", { href: ticket.replace("/0/", `/${one.ticket}/`) }, `#${one.ticket}`)]],
    ["Role", [`${one.role}, ${one.environment}, ${one.kind}`]],
    ["Place", [[one.region, one.host_group].filter(Boolean).join(", ") || "unknown"]],
    ["Needs", links(one.depends_on)],
    ["Needed by", [...links(one.dependents), one.dependents_count > one.dependents.length && ` and ${one.dependents_count - one.dependents.length} more`]],
  ];
  choose(name, h("h2", {}, one.name),
    h("dl", { class: "fleet-facts" }, facts.filter(Boolean).map(([term, said]) => [h("dt", {}, term), h("dd", {}, said)])),
    h("a", { href: `${list}?q=${encodeURIComponent(name)}` }, "Open in the admin"),
    h("ul", { class: "fleet-events" }, one.events.slice(0, 8).map((event) => h("li", {},
      h("time", { datetime: event.at, class: "faint small" }, new Date(event.at).toLocaleString([], { dateStyle: "short", timeStyle: "medium" })),
      ` ${event.old} → ${event.new}`, event.reason && `: ${event.reason}`))));
};
const open = async (region, group, mine = ++wanted) => {
  const asked = new URLSearchParams({ page_size: 500, region, host_group: group });
  const found = await all(`${api}?${asked}`, MOST).catch(refused);
  if (!found || mine !== wanted) return;
  const rows = found.filter((one) => one.region === region && one.host_group === group); // an empty name filters nothing
  rows.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  choose(`${region}\n${group}`, h("h2", {}, group || "No host group"), h("p", { class: "faint small" }, region),
    found.length >= MOST && h("p", { class: "faint small" }, "Not all are shown: there are too many."),
    h("ul", { class: "fleet-events" }, rows.map((one) => h("li", {}, ...state(one.state), " ", link(one.name)))));
};

const refused = (error) => { note(error.message, { bad: true }); }; // the page itself is up to date

// --- asking again

const failed = (error) => { part("said").textContent = `Not up to date for ${duration((Date.now() - since) / 1000)}: ${error.message}`; };
const look = async () => {
  if (document.hidden) return;
  try {
    summary = await call(`${api}summary/`);
    servers = summary.total <= MANY ? await all(`${api}?page_size=500`) : [];
    since = Date.now();
    part("said").textContent = "Live";
    draw();
  } catch (error) { failed(error); }
};
const again = () => setTimeout(async () => { await look(); again(); }, summary.total <= MANY ? EVERY : SELDOM);
document.addEventListener("visibilitychange", look);
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && chosen !== null) close(); });
count(); // what the page brought along
look().then(again);
