// Ctrl-K: go to a ticket by its number or its words, to a view, to a page; or do something with what is on the page.
import { call, h } from "./desk.js";

const WAIT = 180, FOUND = 6; // ms after the last letter, tickets

/** Whether a key that was pressed asks for it. */
export const asksForIt = ({ key, ctrlKey, metaKey, altKey, shiftKey }) => key.toLowerCase() === "k" && (ctrlKey || metaKey) && !altKey && !shiftKey;

/** `commands()` lists what the page itself offers: [{ label, hint, run }]. Returns what opens the palette, and starts `fetching` what
 *  is offered later. */
export const palette = (commands, fetching = async () => {}) => {
  let dialog = null;
  const open = () => {
    if (dialog) return;
    const before = document.activeElement;
    const list = h("div", { role: "listbox", id: "palette-list", "aria-label": "What it could be" });
    const input = h("input", { type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list", "aria-autocomplete": "list",
      "aria-label": "Go to a ticket, a view, a page", placeholder: "Number, words, a view, a page…", autocomplete: "off", spellcheck: "false" });
    dialog = h("dialog", { class: "palette", "aria-label": "Go to" }, input, list);
    let shown = [], at = 0, timer = 0, asked = 0, found = [];
    const go = (address) => () => { location.href = address; };
    const offered = () => {
      const text = input.value.trim(), number = /^#?(\d{1,18})$/.exec(text), plain = text.toLowerCase();
      const own = commands().filter(({ label }) => label.toLowerCase().includes(plain));
      return [
        ...(number ? [{ label: `Ticket #${number[1]}`, hint: "go to", run: go(`/tickets/${number[1]}/`) }] : []),
        ...own.slice(0, text ? 12 : 20),
        ...(text && !number ? [{ label: `Search all tickets for “${text}”`, hint: "search", run: go(`/tickets/?q=${encodeURIComponent(text)}`) }] : []),
        ...(text ? found : []),
      ];
    };
    const draw = () => {
      shown = offered();
      at = Math.min(at, Math.max(shown.length - 1, 0));
      list.replaceChildren(...shown.map(({ label, hint }, place) => h("div", {
        role: "option", id: `palette-${place}`, "aria-selected": String(place === at),
        onmousemove: () => { if (at !== place) { at = place; mark(); } }, onclick: () => choose(place),
      }, h("span", { class: "cut" }, label), h("span", { class: "small" }, hint))));
      mark();
    };
    const mark = () => {
      [...list.children].forEach((one, place) => one.setAttribute("aria-selected", String(place === at)));
      if (shown.length) input.setAttribute("aria-activedescendant", `palette-${at}`);
      else input.removeAttribute("aria-activedescendant");
      list.children[at]?.scrollIntoView({ block: "nearest" });
    };
    const choose = (place) => {
      const one = shown[place];
      if (!one) return;
      dialog.close();
      one.run();
    };
    const search = async () => {
      const mine = ++asked, text = input.value.trim();
      if (text.length < 2) return;
      const answer = await call(`tickets/?${new URLSearchParams({ q: text, page_size: FOUND })}`).catch(() => null);
      if (mine !== asked || !answer) return;
      found = answer.results.map(({ id, title, status }) => ({ label: `#${id} ${title}`, hint: status.replace("_", " "), run: go(`/tickets/${id}/`) }));
      draw();
    };
    input.addEventListener("input", () => {
      at = 0;
      found = [];
      draw();
      clearTimeout(timer);
      timer = setTimeout(search, WAIT);
    });
    input.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && shown.length) { at = (at + step + shown.length) % shown.length; mark(); event.preventDefault(); }
      if (event.key === "Enter") { event.preventDefault(); choose(at); }
    });
    dialog.addEventListener("close", () => {
      clearTimeout(timer);
      asked += 1;
      dialog.remove();
      dialog = null;
      if (before?.isConnected) before.focus({ preventScroll: true });
    });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
    dialog.showModal();
    input.focus();
    draw();
    fetching().then(draw);
  };
  return open;
};

/** Where everybody may go: the pages in the header, and the views. */
export const places = (views) => [
  ...views.map(({ name, address }) => ({ label: name, hint: "view", run: () => { location.href = `/tickets/?${address}`; } })),
  ...[...document.querySelectorAll(".top nav a")].map((link) => ({ label: link.textContent, hint: "page", run: () => { location.href = link.href; } })),
];
