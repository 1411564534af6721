// The dashboard after it was painted: panels are fetched again and exchanged where they differ, escalations come over the
// WebSocket, the charts draw what the API says of the last days.
import { h, retime, whileSeen } from "../desk/desk.js";
import { measure } from "./charts.js";

const EVERY = 10000, CHARTS_EVERY = 60000, QUIET = 60000, DAYS = 30; // ms, ms, ms, days
const panels = document.getElementById("panels"), said = document.getElementById("said"), pulse = document.querySelector(".pulse");
const state = document.getElementById("state");

// --- panels

// As the server means them: what a clock has made of its words since is no difference.
const plain = (panel) => {
  const copy = panel.cloneNode(true);
  for (const time of copy.querySelectorAll("time")) { time.textContent = ""; time.removeAttribute("title"); }
  return copy.outerHTML;
};
const read = (html) => new Map([...html.querySelectorAll("[data-panel]")].map((one) => [one.dataset.panel, plain(one)]));
const same = (link) => `a[href="${CSS.escape(link.getAttribute("href") ?? "")}"]`;
let shown = read(panels);
let since = Date.now();

// Said aloud only when it changes.
const alive = (live) => {
  const now = live ? "yes" : "no";
  if (pulse.dataset.live === "yes" && !live) state.textContent = "The dashboard is not up to date.";
  if (pulse.dataset.live === "no" && live) state.textContent = "The dashboard is live.";
  pulse.dataset.live = now;
};

const look = async () => {
  try {
    const answer = await fetch(panels.dataset.address, {
      credentials: "same-origin", redirect: "manual", signal: AbortSignal.timeout(EVERY),
    });
    if (answer.type === "opaqueredirect") return location.reload(); // signed out: the login brings back here
    if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html"), fresh = read(page);
    for (const [name, html] of fresh) {
      if (shown.get(name) === html) continue;
      const old = panels.querySelector(`[data-panel=${name}]`), made = page.querySelector(`[data-panel=${name}]`);
      const focused = old?.contains(document.activeElement) ? document.activeElement : null;
      old?.replaceWith(made);
      if (focused) made.querySelector(focused.matches("a") ? same(focused) : "[tabindex]")?.focus({ preventScroll: true });
    }
    shown = fresh;
    since = Date.now();
    said.textContent = `Live, ${new Date().toLocaleTimeString()}`;
    alive(true);
    retime();
  } catch (error) {
    said.textContent = `Not up to date since ${new Date(since).toLocaleTimeString()}: ${error.message}`;
    alive(false);
  }
};

// --- escalations as they happen

let last = Number(document.getElementById("alerts").dataset.after), wait = 1000, heard;
const arrived = (alert) => {
  last = alert.id;
  const list = document.getElementById("alerts"), breach = alert.state === "breach";
  if (list.querySelector(`[data-id="${alert.id}"]`)) return;
  list.querySelector(".empty")?.remove();
  list.prepend(h("li", { "data-id": alert.id, "data-tone": breach ? "bad" : "warn", class: "new" },
    h("span", { class: "badge", "data-tone": breach ? "bad" : "warn" }, breach ? "✕ breach" : "! warning"),
    h("a", { class: "plain cut", href: `/tickets/${alert.ticket_id}/` }, `#${alert.ticket_id}`),
    h("span", { class: "small faint" }, `${alert.sla_type.replace("_", " ")}, level ${alert.level}, `,
      h("time", { "data-ago": alert.timestamp, datetime: alert.timestamp }))));
  while (list.children.length > 8) list.lastElementChild.remove();
  retime();
  clearTimeout(look.soon);
  look.soon = setTimeout(look, 1000); // its title, and what else changed with it
};
const follow = () => {
  const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/ws/alerts?after=${last}`);
  const awaken = () => {
    clearTimeout(heard);
    heard = setTimeout(() => socket.close(), QUIET); // a connection that died says nothing
  };
  socket.onopen = awaken;
  socket.onmessage = ({ data }) => {
    awaken();
    wait = 1000;
    const message = JSON.parse(data);
    if (message.type === "alert") arrived(message);
    else if (message.type === "gap") look();
    else if (message.type === "heartbeat") last = Math.max(last, message.last_id);
  };
  socket.onclose = () => {
    clearTimeout(heard);
    setTimeout(follow, wait);
    wait = Math.min(wait * 2, 30000);
  };
};

whileSeen(EVERY, look);
whileSeen(CHARTS_EVERY, () => measure(DAYS));
measure(DAYS);
follow();
alive(true);
