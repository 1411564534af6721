// The review page. A decision shows the next ticket at once; if the server refuses it, the ticket comes after the one
// that is being read, with what was chosen: nobody shall decide about another ticket than they see.
import { call, h, moment, percent, retime } from "../desk/desk.js";
import { isOff } from "../workspace/keys.js";

const page = document.getElementById("review");
const lists = JSON.parse(document.getElementById("review-lists").textContent);
const part = (name) => page.querySelector(`[data-part=${name}]`);
const stage = part("stage");
const AHEAD = 5, FIELDS = ["category", "impact", "urgency", "priority", "department", "group"];
const LEVELS = [["1", "1 high"], ["2", "2 medium"], ["3", "3 low"]];

let items = [], at = 0, next = null, reading = false, broken = false, waiting = null, decided = 0;
let explained = false;
const done = []; // decisions that can be taken back, the newest last
const handled = new Set(); // ids decided here, which the server may still list
const similar = new Map();

// --- small tools

const nameOf = (slug) => lists.categories.find((one) => one.slug === slug)?.name ?? slug ?? "not sorted";
const current = () => items[at];
const ticketLink = (id, text) => h("a", { href: page.dataset.ticket.replace("/0/", `/${id}/`), target: "_blank" }, text);

// Below the API; a decision arrives, even if its maker leaves the page at once.
const ask = (path, sent) => call(path, sent, sent ? { keepalive: true } : {});
const say = (text, undo) => {
  part("said").replaceChildren(text);
  if (undo) part("said").append(h("button", { type: "button", class: "button", onclick: takeBack }, "Undo ", h("kbd", {}, "U")));
};
// What stands beside Undo is what it takes back: the newest decision, once it is answered.
const sayNewest = () => say(done.at(-1)?.text ?? "", Boolean(done.at(-1)?.text));
const fail = (text) => part("failed").replaceChildren(text);

// --- the queue

const scope = new URLSearchParams([...new URLSearchParams(location.search)].filter(([, value]) => value));
const take = (found) => {
  const known = new Set(items.map((item) => item.ticket.id));
  items.push(...found.filter(({ ticket }) => !known.has(ticket.id) && !handled.has(ticket.id)));
};
const read = async () => {
  if (reading) return;
  reading = true;
  const none = !items.length;
  try {
    const answer = await ask(next ?? `review/?${scope}`);
    next = answer.next && `review/${new URL(answer.next).search}`;
    take(answer.results);
    if (waiting === null) waiting = (await ask(`review/next/?${scope}`)).waiting;
    if (broken) fail("");
    broken = false;
  } catch (error) {
    broken = true;
    fail(`The queue could not be read: ${error.message}`);
  }
  reading = false;
  if (none) show();
  else count();
};
const readAhead = () => {
  if (next && !broken && items.length - at <= AHEAD) read();
};
const readAnew = () => {
  if (items.length && !broken) return;
  if (!next) waiting = null;
  read();
};
const count = () => {
  part("waiting").textContent = waiting > 1000 ? "more than 1,000" : waiting ?? items.length;
  part("decided").textContent = decided;
  const onward = stage.querySelector("[data-do=next]");
  if (onward) onward.disabled = at >= items.length - 1;
};
const putBack = (item, where) => {
  handled.delete(item.ticket.id);
  const shown = current();
  items = items.filter(({ ticket }) => ticket.id !== item.ticket.id);
  items.splice(where, 0, item);
  at = Math.max(0, items.indexOf(shown));
};

// --- deciding

const decide = (values) => {
  const item = current();
  if (!item) return;
  const entry = { item };
  item.chosen = { ...item.chosen, ...values };
  const sent = { ...item.chosen, accept: true, version: item.ticket.version };
  items.splice(at, 1);
  at = Math.min(at, Math.max(items.length - 1, 0));
  handled.add(item.ticket.id);
  decided += 1;
  if (waiting !== null) waiting = Math.max(0, waiting - 1);
  done.push(entry);
  sayNewest();
  fail("");
  entry.answer = ask(`review/${item.ticket.id}/`, sent).then(
    (answer) => {
      const where = [answer.department, answer.group].filter(Boolean).join(" › ");
      const verb = answer.result === "confirmed" ? "confirmed as" : "is now";
      entry.text = `#${item.ticket.id} ${verb} ${nameOf(answer.category)}, P${answer.priority}, ${where}.`;
      sayNewest();
      return answer;
    },
    (error) => refused(entry, error),
  );
  show();
  entry.answer.then(readAnew); // what arrived while one worked through the rest
};
const refused = async (entry, error) => {
  const { item } = entry, { id } = item.ticket;
  if (done.includes(entry)) done.splice(done.indexOf(entry), 1);
  sayNewest();
  handled.delete(id);
  decided -= 1;
  if (error.status === 409 || error.status === 404) {
    fail(error.status === 404 ? `#${id} went elsewhere meanwhile.` : `#${id} was left out: ${error.message}`);
    count();
    return null;
  }
  let again = item, why = `#${id} was not saved: ${error.message}`;
  if (error.status === 412) {
    const now = await ask(`review/?ticket=${id}`).catch(() => ({ results: [item] }));
    again = now.results[0];
    why = `#${id} changed while you were reading. Look at it again.`;
  }
  if (waiting !== null && again) waiting += 1;
  if (again) {
    putBack(again, at + 1);
    if (items.length === 1) show();
    else count();
  } else {
    count();
    why = `#${id} was decided by somebody else meanwhile.`;
  }
  fail(why);
  return null;
};
async function takeBack() {
  const entry = done.pop();
  if (!entry) return say("There is nothing to take back.");
  const answer = await entry.answer;
  if (!answer) return undefined;
  try {
    const item = await ask("review/undo/", { undo_token: answer.undo_token });
    decided -= 1;
    if (waiting !== null) waiting += 1;
    putBack(item, at);
    at = items.indexOf(item);
    show();
    say(`#${item.ticket.id} waits again.`);
  } catch (error) {
    if (!(error.status >= 400 && error.status < 500)) done.push(entry); // it may be tried again
    sayNewest();
    fail(`#${entry.item.ticket.id} was not taken back: ${error.message}`);
  }
  return undefined;
}
const move = (by) => {
  if (!items.length) return;
  at = Math.max(0, Math.min(items.length - 1, at + by));
  show();
};

// --- what it looks like

// What weighed for the classifier, and what rules found: those are quoted in the reason.
const telling = (suggestion) => [
  ...(suggestion?.words ?? []).map((one) => one.word),
  ...[...(suggestion?.why ?? "").matchAll(/“([^”]+)”/g)].map(([, word]) => word),
].filter((word) => word.length > 1);
const marked = (text, words) => {
  const found = [...words];
  if (!found.length) return [text];
  const any = found.sort((a, b) => b.length - a.length).map((word) => word.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"));
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(${any.join("|")})(?![\\p{L}\\p{N}])`, "giu");
  return text.split(pattern).map((piece, index) => (index % 2 ? h("mark", {}, piece) : piece));
};
const rail = (share, threshold) => {
  const bar = h("span"), whole = h("span", { class: "review-rail", "aria-hidden": "true" }, bar);
  bar.style.width = percent(share).replace(" ", "");
  if (threshold != null && threshold <= 1) {
    const mark = h("i");
    mark.style.left = `${threshold * 100}%`;
    whole.append(mark);
  }
  return whole;
};
const deadline = (ticket, state) => {
  if (!ticket.due_at) return state === "breached" ? h("span", { class: "review-late" }, "deadline missed") : null;
  const colour = { breached: "review-late", warning: "review-soon" }[state];
  return h("span", { "data-due": ticket.due_at, class: colour }, "…");
};
const ticketCard = ({ ticket, suggestion, sla_state: state }) => {
  const words = telling(suggestion);
  return h("article", { class: "review-card", "aria-labelledby": "review-title" },
    h("div", { class: "review-meta" },
      ticketLink(ticket.id, `#${ticket.id}`),
      h("span", {}, ticket.priority ? `P${ticket.priority}` : "no priority"),
      h("span", {}, ticket.customer_tier),
      deadline(ticket, state),
      h("span", {}, `opened ${moment(ticket.opened_at)}`),
      ticket.requester_name && h("span", {}, `by ${ticket.requester_name}`),
      h("span", {}, [ticket.department, ticket.group].filter(Boolean).join(" › "))),
    h("h1", { id: "review-title", tabindex: "-1" }, marked(ticket.title, words)),
    h("div", { class: "review-text", tabindex: "0", "aria-label": "Description" }, marked(ticket.description, words)));
};
const ranked = ({ ticket, suggestion }) => {
  const known = (suggestion?.alternatives ?? []).filter((one) => lists.categories.some(({ slug }) => slug === one.category));
  if (ticket.category && !known.some((one) => one.category === ticket.category)) {
    known.unshift({ category: ticket.category, share: suggestion?.confidence ?? null });
  }
  return known.slice(0, 9);
};
const others = (item, text = "") => {
  const shown = new Set(ranked(item).map((one) => one.category)), wanted = text.trim().toLowerCase();
  if (!wanted) return lists.categories.filter(({ slug }) => !shown.has(slug));
  const found = lists.categories.filter(({ slug, name }) => `${slug} ${name.toLowerCase()}`.includes(wanted));
  const begins = ({ slug, name }) => slug.startsWith(wanted) || name.toLowerCase().startsWith(wanted);
  return [...found.filter(begins), ...found.filter((one) => !begins(one))];
};
// The second click of a double click would hit what came after the first.
const chooser = (values) => (event) => event.detail < 2 && decide(values);
const otherButtons = (item, text) => {
  const already = text ? 0 : ranked(item).length;
  return others(item, text).map(({ slug, name }, index) => {
    const key = !text && already + index < 9 ? h("kbd", {}, String(already + index + 1)) : null;
    const colour = text && index === 0 ? "button is-first" : "button";
    return h("button", { type: "button", class: colour, onclick: chooser({ category: slug }) }, key, key && " ", name);
  });
};
const choices = (item) => [...ranked(item).map((one) => one.category), ...others(item).map(({ slug }) => slug)];
const besides = (item, name, options, none) => {
  const was = item.ticket[name], chosen = item.chosen?.[name] ?? (none ? "" : was ?? "");
  const change = ({ target: { value } }) => {
    const { [name]: _, ...others } = item.chosen ?? {};
    item.chosen = value && (none || value !== String(was)) ? { ...others, [name]: none ? value : Number(value) } : others;
  };
  return h("label", {}, name[0].toUpperCase() + name.slice(1),
    h("select", { name, onchange: change },
      (none || !was) && h("option", { value: "" }, none ?? "–"),
      options.map(([value, label]) => h("option", { value, selected: value === String(chosen) }, label))));
};
const explanation = (suggestion) => h("section", { class: "review-card", "aria-label": "Explanation" },
  h("h2", {}, "Why"),
  h("table", { class: "review-explained" }, h("tbody", {},
    FIELDS.filter((name) => suggestion.fields_explained[name]).map((name) => {
      const { value, why, by } = suggestion.fields_explained[name];
      return h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, String(value ?? "–")),
        h("td", {}, why ?? "", " ", h("span", { class: "review-faint" }, `(${by})`)));
    }))),
  suggestion.words.length > 0 && h("p", {}, "Words that weighed most: ", suggestion.words.map(({ word, weight }) => `${word} ${weight > 0 ? "+" : ""}${weight}`).join(", ")),
  suggestion.rules.length > 0 && h("p", {}, `Rules: ${suggestion.rules.join(", ")}`),
  h("p", { class: "review-faint" }, `${suggestion.model || "no classifier"}${suggestion.refined ? ", refined" : ""} · ${moment(suggestion.decided_at)}`));
const decisionCard = (item) => {
  const { ticket, suggestion } = item, category = item.chosen?.category ?? ticket.category;
  const find = h("input", { type: "search", "data-part": "find", placeholder: "Another category", "aria-label": "Find a category", autocomplete: "off" });
  const rest = h("div", { class: "review-others" }, otherButtons(item, ""));
  find.addEventListener("input", () => rest.replaceChildren(...otherButtons(item, find.value)));
  find.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      const [best] = find.value.trim() ? others(item, find.value) : [];
      if (best) decide({ category: best.slug });
    } else if (event.key === "Escape") {
      find.value = "";
      rest.replaceChildren(...otherButtons(item, ""));
      stage.querySelector("h1")?.focus();
    }
  });
  const limit = suggestion?.threshold;
  return h("section", { class: "review-card", "aria-label": "Decision" },
    suggestion && h("div", { class: "review-lead" }, h("strong", {}, nameOf(ticket.category)),
      h("span", {}, `${percent(suggestion.confidence)} sure`), h("span", { class: "review-band" }, suggestion.band),
      limit != null && h("span", { class: "review-faint" }, limit <= 1 ? `acts alone from ${percent(limit)}` : "never acts alone here")),
    suggestion && rail(suggestion.confidence, limit),
    suggestion && h("p", { class: "review-why" }, suggestion.why),
    h("div", { class: "review-choices" }, ranked(item).map(({ category: slug, share }, index) =>
      h("button", { type: "button", class: `review-choice${slug === category ? " is-suggested" : ""}`, "data-category": slug, onclick: chooser({ category: slug }) },
        h("kbd", {}, String(index + 1)), h("span", {}, nameOf(slug)),
        share == null ? h("span") : rail(share), h("span", {}, share == null ? "" : percent(share))))),
    rest,
    h("div", { class: "review-find" }, find, h("kbd", {}, "/")),
    h("div", { class: "review-more" }, besides(item, "impact", LEVELS), besides(item, "urgency", LEVELS),
      besides(item, "department", lists.departments.map((name) => [name, name]), "follows the category")),
    h("div", { class: "review-do" },
      h("button", { type: "button", class: "button main", "data-do": "accept", onclick: chooser({}) }, `Accept ${nameOf(category)} `, h("kbd", {}, "Enter")),
      h("button", { type: "button", class: "button", disabled: at === 0, onclick: () => move(-1), "aria-label": "Previous ticket" }, "← ", h("kbd", {}, "K")),
      h("button", { type: "button", class: "button", "data-do": "next", onclick: () => move(1), "aria-label": "Next ticket" }, "→ ", h("kbd", {}, "J")),
      suggestion && h("button", { type: "button", class: "button", "aria-expanded": String(explained), "data-do": "explain", onclick: toggleExplanation }, "Why ", h("kbd", {}, "E"))));
};
const similarCard = (found) => h("section", { class: "review-card", "aria-label": "Similar tickets" },
  h("h2", {}, "Similar tickets"),
  h("ul", { class: "review-similar" }, found.slice(0, 5).map((one) => h("li", {},
    ticketLink(one.id, `#${one.id} ${one.title}`),
    h("div", { class: "review-faint" }, [nameOf(one.category), one.status?.replace("_", " "), one.score != null && percent(one.score)].filter(Boolean).join(" · ")),
    one.solution && h("div", {}, one.solution.text)))));
const showSimilar = async (id) => {
  try {
    if (!similar.has(id)) similar.set(id, (await ask(`tickets/${id}/similar/`)).results);
  } catch {
    return;
  }
  if (current()?.ticket.id === id && similar.get(id).length) part("similar")?.replaceChildren(similarCard(similar.get(id)));
};
const showExplanation = () => {
  const suggestion = current()?.suggestion;
  part("why")?.replaceChildren(...(explained && suggestion ? [explanation(suggestion)] : []));
  stage.querySelector("[data-do=explain]")?.setAttribute("aria-expanded", String(explained));
};
function toggleExplanation() {
  explained = !explained;
  showExplanation();
  part("why")?.scrollIntoView({ block: "nearest" });
}
const show = () => {
  const item = current();
  stage.removeAttribute("aria-busy");
  count();
  if (!item) {
    stage.replaceChildren(h("p", { class: "review-empty", tabindex: "-1" }, reading ? "Reading the queue…" : broken ? "The queue is out of reach; trying again." : next ? "Reading the queue…" : "Nothing waits for a review."));
    readAhead();
    return;
  }
  stage.replaceChildren(h("div", { class: "review-grid" },
    ticketCard(item),
    h("div", {}, decisionCard(item), h("div", { "data-part": "why" })),
    h("div", { "data-part": "similar" })));
  showExplanation();
  count();
  retime();
  stage.querySelector("h1").focus({ preventScroll: true });
  if (page.getBoundingClientRect().top < 0) page.scrollIntoView();
  readAhead();
  showSimilar(item.ticket.id);
};

// --- keys

const KEYS = {
  Enter: () => decide({}),
  j: () => move(1),
  k: () => move(-1),
  u: takeBack,
  e: toggleExplanation,
  "/": () => part("find")?.focus(),
  "?": () => part("help").showModal(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || part("help").open) return;
  if (event.target.closest("input, select, textarea, [contenteditable]")) return;
  if (event.key.length === 1 && isOff()) return;
  if (event.key === "Enter" && event.target.closest("button, a, summary")) return;
  const category = /^[1-9]$/.test(event.key) && current() && choices(current())[Number(event.key) - 1];
  const work = category ? () => decide({ category }) : KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!work || (event.repeat && event.key !== "j" && event.key !== "k")) return;
  event.preventDefault();
  work();
});
page.querySelector("[data-do=help]").addEventListener("click", KEYS["?"]);
setInterval(() => { if (!document.hidden) readAnew(); }, 15000);
read();
