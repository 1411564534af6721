// Saving the list that is shown as a view, and removing views.
import { call, h } from "../desk/desk.js";
import { askForm, field } from "./dialogs.js";

export const saveView = (desk, views) => {
  const own = views.filter(({ editable }) => editable), current = own.find((view) => view.current);
  const filters = Object.entries(desk.query).map(([name, value]) => `${name}: ${value}`).join(" · ") || "all tickets";
  const name = h("input", { name: "name", required: true, maxlength: 80, value: current?.name ?? "", autocomplete: "off", list: "own-views" });
  const same = () => own.find((view) => view.name === name.value.trim());
  askForm("Save this list as a view", [
    h("p", { class: "small faint" }, filters),
    field("Name; that of one you have replaces it", name),
    h("datalist", { id: "own-views" }, own.map((view) => h("option", { value: view.name }))),
    desk.mayShare && h("label", { class: "ws-check" }, h("input", { type: "checkbox", name: "shared", checked: current?.shared }), "Everybody sees it"),
    own.length > 0 && h("details", {}, h("summary", { class: "small" }, "Remove a view"),
      h("ul", { class: "ws-told" }, own.map((view) => h("li", {}, h("button", { type: "button", class: "button small danger", onclick: (event) => remove(view, event.target) }, `Remove ${view.name}`))))),
  ], {
    label: "Save",
    work: async (data) => {
      const values = { name: data.get("name").trim(), query: desk.query, ordering: desk.ordering === "rank" ? "" : desk.ordering, ...(desk.mayShare ? { shared: Boolean(data.get("shared")) } : {}) };
      const old = same();
      const view = await (old ? call(`saved-views/${old.id}/`, values, { method: "PATCH" }) : call("saved-views/", values));
      location.href = `/tickets/?${view.address}`;
    },
  });
  const remove = async (view, button) => {
    try {
      await call(`saved-views/${view.id}/`, undefined, { method: "DELETE" });
      location.reload();
    } catch (error) { button.after(h("span", { class: "ws-problem" }, ` ${error.message}`)); }
  };
};
