// The dashboard after it was painted: panels are fetched again and exchanged where they differ, escalations come over the
// WebSocket, the charts draw what the API says of the last days.
import { h, retime, whileSeen } from "../desk/desk.js";
import { measure } from "./charts.js";

const EVERY = 10000, CHARTS_EVERY = 60000, QUIET = 60000, DAYS = 30; // ms, ms, ms, days
const panels = document.getElementById("panels"), said = document.getElementById("said"), pulse = document.querySelector(".pulse");

// --- panels

const read = (html) => new Map([...html.querySelectorAll("[data-panel]")].map((one) => [one.dataset.panel, one.outerHTML]));
let shown = read(panels); // as the server wrote them: clocks that ticked since are no difference
let since = Date.now();

const look = async () => {
  try {
    const answer = await fetch(panels.dataset.address, { credentials: "same-origin", redirect: "manual" });
    if (answer.type === "opaqueredirect") return location.reload(); // signed out: the login brings back here
    if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html"), fresh = read(page);
    for (const [name, html] of fresh) {
      if (shown.get(name) === html) continue;
      const old = panels.querySelector(`[data-panel=${name}]`), focused = old?.contains(document.activeElement);
      const place = focused && [...old.querySelectorAll("a, [tabindex]")].indexOf(document.activeElement);
      const made = page.querySelector(`[data-panel=${name}]`);
      old?.replaceWith(made);
      if (focused) made.querySelectorAll("a, [tabindex]")[place]?.focus({ preventScroll: true });
    }
    shown = fresh;
    since = Date.now();
    said.textContent = `Live, ${new Date().toLocaleTimeString()}`;
    pulse.dataset.live = "yes";
    retime();
  } catch (error) {
    said.textContent = `Not up to date since ${new Date(since).toLocaleTimeString()}: ${error.message}`;
    pulse.dataset.live = "no";
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
    h("span", { class: "small faint" }, `${alert.sla_type}, level ${alert.level}, `,
      h("time", { "data-ago": alert.timestamp, datetime: alert.timestamp }))));
  while (list.children.length > 8) list.lastElementChild.remove();
  retime();
  clearTimeout(look.soon);
  look.soon = setTimeout(look, 1000); // its title, and what else changed with it
};
const follow = () => {
  const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/ws/alerts?after=${last}`);
  const alive = () => {
    clearTimeout(heard);
    heard = setTimeout(() => socket.close(), QUIET); // a connection that died says nothing
  };
  socket.onopen = alive;
  socket.onmessage = ({ data }) => {
    alive();
    wait = 1000;
    const message = JSON.parse(data);
    if (message.type === "alert") arrived(message);
    else if (message.type === "gap") look();
    else if (message.last_id) last = Math.max(last, message.last_id);
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
pulse.dataset.live = "yes";
