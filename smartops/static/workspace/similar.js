// Tickets that are like this one, and what solved them.
import { call, h, percent } from "../desk/desk.js";

export const similar = async (place, id, { may, merge, attach }) => {
  const draw = (...content) => { place.replaceChildren(...content); place.removeAttribute("aria-busy"); };
  try {
    const { results } = await call(`tickets/${id}/similar/`);
    if (!results.length) return draw(h("p", { class: "faint" }, "Nothing of the last 90 days is like it."));
    return draw(...results.map((one) => h("article", {},
      h("p", {}, h("a", { href: `/tickets/${one.id}/` }, `#${one.id} ${one.title}`), " ", h("span", { class: "small faint" }, `${percent(one.score)}, ${one.status.replace("_", " ")}`), one.duplicate && h("span", { class: "badge", "data-tone": "warn" }, "the same matter?")),
      one.shared.length > 0 && h("p", { class: "small faint" }, `Both speak of ${one.shared.slice(0, 6).join(", ")}`),
      one.solution && h("p", { class: "small" }, `${one.solution.by}: ${one.solution.text.slice(0, 240)}`),
      may && h("div", { class: "ws-acts" },
        h("button", { type: "button", class: "button small", "aria-label": `Merge into #${one.id}`, onclick: () => merge(one.id) }, "Merge into it"),
        ["open", "in_progress", "on_hold"].includes(one.status) && h("button", { type: "button", class: "button small", "aria-label": `Attach to #${one.id}`, onclick: () => attach(one.id) }, "Attach to it")))));
  } catch (error) {
    return draw(h("p", { class: "faint" }, error.message));
  }
};
