// What every page of the desk needs: elements, the API, times in words, short notes.

/** Build an element: attributes by name, listeners as on…, children as text or nodes; what is null or false is left out. */
export const h = (tag, given = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return element;
};

/** An answer that is no success. `message` is what the API says, with the fields that it names. */
export class Refused extends Error {
  constructor(status, body) {
    const fields = Object.values(body?.errors ?? {}).flat().join(" ");
    super([body?.detail, fields].filter(Boolean).join(" ") || `The server answered ${status}.`);
    this.status = status;
    this.body = body;
  }
}

const token = () => document.querySelector("meta[name=csrf-token]")?.content ?? "";

/** Ask the API for `path` (below /api/v1/, or a whole address). `sent` is posted as JSON, or sent with `method`. */
export const call = async (path, sent, { method = sent === undefined ? "GET" : "POST", headers = {}, ...rest } = {}) => {
  const options = {
    method, headers: { Accept: "application/json", ...headers }, credentials: "same-origin",
    signal: AbortSignal.timeout(30000), ...rest,
  };
  if (method !== "GET") options.headers["X-CSRFToken"] = token();
  if (sent !== undefined) {
    options.body = JSON.stringify(sent);
    options.headers["Content-Type"] = "application/json";
  }
  let answer;
  try {
    answer = await fetch(/^(\/|https?:)/.test(path) ? path : `/api/v1/${path}`, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, { detail: "The desk does not answer. Is the connection up?" });
  }
  const body = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, body);
  return body;
};

/** Seconds in at most two units; `short` without seconds beside minutes. */
export const duration = (seconds, short = false) => {
  const s = Math.abs(Math.trunc(seconds));
  const days = Math.floor(s / 86400), hours = Math.floor(s / 3600) % 24, minutes = Math.floor(s / 60) % 60;
  if (days) return hours && days < 10 ? `${days} d ${hours} h` : `${days} d`;
  if (hours) return `${hours} h ${String(minutes).padStart(2, "0")} min`;
  return minutes >= 10 || (short && minutes) ? `${minutes} min` : minutes ? `${minutes} min ${String(s % 60).padStart(2, "0")} s` : `${s} s`;
};
export const ago = (time, short = false) => {
  const minutes = Math.max(0, Math.floor((Date.now() - new Date(time)) / 60000));
  if (short) return minutes < 1 ? "now" : minutes < 60 ? `${minutes} min` : minutes < 1440 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} d`;
  return minutes < 1 ? "just now" : minutes < 60 ? `${minutes} min ago` : minutes < 2880 ? `${Math.floor(minutes / 60)} h ago`
    : `${Math.floor(minutes / 1440)} days ago`;
};
export const moment = (time) => new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
const sameYear = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
/** A moment on one line: the year where it is not this one. */
export const shortMoment = (time) => {
  const date = new Date(time), old = date.getFullYear() !== new Date().getFullYear();
  return date.toLocaleString([], old ? { ...sameYear, year: "numeric" } : sameYear);
};
export const percent = (share) => `${Math.round(share * 100)} %`;

/** Do `work` every `ms` while somebody looks, and at once when they come back; never twice at a time. */
export const whileSeen = (ms, work) => {
  let busy = false, last = Date.now();
  const turn = async () => {
    if (busy || document.hidden) return;
    busy = true;
    try { await work(); } finally { busy = false; last = Date.now(); }
  };
  setInterval(turn, ms);
  document.addEventListener("visibilitychange", () => { if (Date.now() - last >= ms) turn(); });
};

/** A short note at the lower edge; with `act` a button that does it. Bad news stays until it is dismissed. */
export const note = (text, { bad = false, label = bad ? "Dismiss" : "", act = null } = {}) => {
  let place = document.querySelector(".notes");
  if (!place) document.body.append(place = h("div", { class: "notes" }));
  const one = h("div", { class: "note", role: bad ? "alert" : "status", "data-tone": bad ? "bad" : null }, h("span", {}, text),
    label && h("button", { type: "button", onclick: () => { one.remove(); act?.(); } }, label));
  place.append(one);
  if (!bad) setTimeout(() => one.remove(), act ? 10000 : 5000);
  return one;
};

// Every <time data-due> counts down to its instant, and up after it; every <time data-ago> says how long ago it was;
// every <time data-at> says when, where the reader is. With data-short they need less room.
const tick = () => {
  for (const element of document.querySelectorAll("[data-due]")) {
    const left = (new Date(element.dataset.due) - Date.now()) / 1000;
    const short = "short" in element.dataset;
    const said = (left >= 0 ? (short ? "" : "due in ") : short ? "late " : "overdue for ") + duration(left, short);
    if (element.textContent !== said) element.textContent = said;
    if (!element.title) element.title = moment(element.dataset.due);
  }
  for (const element of document.querySelectorAll("[data-ago]")) {
    const said = ago(element.dataset.ago, "short" in element.dataset);
    if (element.textContent !== said) element.textContent = said;
    if (!element.title) element.title = moment(element.dataset.ago);
  }
  for (const element of document.querySelectorAll("[data-at]:not([title])")) {
    element.textContent = ("short" in element.dataset ? shortMoment : moment)(element.dataset.at);
    element.title = moment(element.dataset.at);
  }
};
/** Bring the times of elements that were just put into the page up to date. */
export const retime = tick;
tick();
setInterval(tick, 1000);
