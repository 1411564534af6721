// Ctrl-K where the page has nothing to add: tickets, views, pages.
import { call } from "./desk.js";
import { asksForIt, palette, places } from "./palette.js";

let views = [];
const open = palette(() => places(views), async () => { views = await call("saved-views/").catch(() => views); });
document.addEventListener("keydown", (event) => {
  if (!asksForIt(event)) return;
  event.preventDefault();
  open();
});
