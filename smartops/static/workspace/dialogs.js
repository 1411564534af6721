// Dialogs that are built when they are asked for, and removed when they close.
import { h, note } from "../desk/desk.js";

let unique = 0;

/** Open a dialog with this title and content; returns it. Focus goes back to where it was. */
export const openDialog = (title, ...content) => {
  const id = `dialog-${++unique}`, before = document.activeElement;
  const dialog = h("dialog", { "aria-labelledby": id }, h("h2", { id }, title), content);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected) before.focus({ preventScroll: true });
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
};

/** A dialog with a form. `work` gets the form's data; what it throws is shown and the dialog stays. It may return
    what shall be done when the dialog is closed, so that who goes on typing types to the page. */
export const askForm = (title, fields, { label = "Save", work, danger = false }) => {
  const problem = h("p", { class: "ws-problem", role: "alert" });
  const send = h("button", { class: danger ? "button danger" : "button main" }, label);
  const form = h("form", { class: "ws-form", method: "dialog" }, fields, problem,
    h("div", { class: "ws-acts" }, h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel"), send));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    problem.textContent = "";
    try {
      const next = await work(new FormData(form, event.submitter));
      dialog.close();
      await next?.();
    } catch (error) {
      if (dialog.isConnected) problem.textContent = error.message;
      else note(error.message, { bad: true }); // it is closed: nobody reads it there
    } finally { send.disabled = false; }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); }
  });
  const dialog = openDialog(title, form);
  form.querySelector("input:not([type=hidden]), select, textarea")?.focus();
  return dialog;
};

/** A question with one button for yes. */
export const confirmed = (title, text, label, work) => askForm(title, [h("div", { class: "ws-told" }, text)], { label, work });

/** A labelled field. */
export const field = (label, control) => h("label", {}, label, control);

/** Options of a select: [[value, label], …]. */
export const options = (pairs, chosen) => pairs.map(([value, label]) => h("option", { value, selected: String(value) === String(chosen ?? "") }, label));

let lists = 0;
/** A field that offers the people of the desk. */
export const personField = (people, value = "") => {
  const id = `people-${++lists}`;
  return [h("input", { name: "assignee", list: id, value, autocomplete: "off", placeholder: "Login name; empty for nobody", maxlength: 150 }),
    h("datalist", { id }, people.map(([login, name]) => h("option", { value: login }, name)))];
};

/** Department and group, where the second offers what belongs to the first. */
export const routeFields = (desk, department = "", group = "") => {
  const groups = h("select", { name: "group" });
  const fill = (of, chosen) => groups.replaceChildren(...options([["", "Any group"], ...desk.groups.filter(([, owner]) => owner === of).map(([name]) => [name, name])], chosen));
  const departments = h("select", { name: "department", required: true, onchange: () => fill(departments.value) },
    options([...(department ? [] : [["", "Choose…"]]), ...desk.departments.map((name) => [name, name])], department));
  fill(department, group);
  return [field("Department", departments), field("Group", groups)];
};
