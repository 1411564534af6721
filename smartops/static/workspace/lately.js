// Says when a page that brings itself up to date could not do so.
import { h, moment } from "../desk/desk.js";

const PATIENCE = 2; // failures one after the other

/** Tell the function that this returns whether the page was brought up to date; `place` shows it when it was not. */
export const lately = (place) => {
  let failed = 0, since = Date.now();
  return (worked) => {
    if (worked) [failed, since] = [0, Date.now()];
    else failed += 1;
    if (failed < PATIENCE) place.hidden = true;
    else if (place.hidden) {
      place.replaceChildren(`Not up to date since ${moment(since)}. `, h("button", { type: "button", class: "button small", onclick: () => location.reload() }, "Reload"));
      place.hidden = false;
    }
  };
};
