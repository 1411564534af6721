// Keys of a page: single letters while nobody types, unless this browser's reader switched them off, and Ctrl-K always.
import { asksForIt } from "../desk/palette.js";

const TYPED = "input:not([type=checkbox]), textarea, select, [contenteditable]";
const OFF = "letters-off";
/** Whether this browser's reader switched single keys off. */
export const isOff = () => { try { return localStorage.getItem(OFF) !== null; } catch { return false; } };
const show = () => {
  document.documentElement.dataset.letters = isOff() ? "off" : "on";
  for (const box of document.querySelectorAll("[data-part=letters]")) box.checked = !isOff();
};
document.addEventListener("change", ({ target }) => {
  if (target.dataset.part !== "letters") return;
  try {
    if (target.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "");
  } catch { /* a browser that keeps nothing */ }
  show();
});
addEventListener("storage", ({ key }) => { if (key === OFF) show(); });
show();

/** `keys`: key -> work. A letter counts as it is typed, whatever the keyboard; `shift+x` with the shift key. */
export const onKeys = (keys) => {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (asksForIt(event)) {
      if (!keys["ctrl+k"]) return;
      event.preventDefault();
      keys["ctrl+k"]();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    // A field of a dialog that just closed has the focus until the browser paints again.
    if (event.target.closest(TYPED) && !event.target.closest("dialog:not([open])")) {
      if (key === "Escape") event.target.blur();
      return;
    }
    if (key.length === 1 && isOff()) return;
    if (key === "Enter" && event.target.closest("a, button, summary")) return;
    const work = (event.shiftKey && keys[`shift+${key}`]) || keys[key];
    if (!work || (event.repeat && key !== "j" && key !== "k")) return;
    event.preventDefault();
    work(event);
  });
};
