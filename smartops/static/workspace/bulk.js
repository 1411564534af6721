// The same change to many tickets: what to do is asked for in a dialog, each refusal is told with its reason.
import { call, h, note } from "../desk/desk.js";
import { askForm, field, openDialog, options, personField, routeFields } from "./dialogs.js";
import { tagsOf } from "./tags.js";

const tickets = (count) => (count === 1 ? "1 ticket" : `${count} tickets`);

/** Ask what to do with the tickets `ids`, do it, and call `done` with the numbers of those that changed. */
export const askBulk = (action, ids, desk, done) => {
  const key = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
  const send = async (wish) => {
    const answer = await call("tickets/bulk/", { ids, ...wish }, { headers: { "Idempotency-Key": key } });
    tell(answer);
    return () => done(answer.results.filter(({ status }) => status !== "REFUSED").map(({ ticket_id: id }) => id));
  };
  const asked = {
    move: () => askForm(`Move ${tickets(ids.length)}`, [
      field("To", h("select", { name: "status" }, options(desk.statuses, "in_progress"))),
      field("Why, for the history", h("input", { name: "reason", maxlength: 300, autocomplete: "off" })),
    ], { label: "Move", work: (data) => send({ action, status: data.get("status"), reason: data.get("reason") }) }),
    assign: () => askForm(`Assign ${tickets(ids.length)}`, [field("To", personField(desk.people, desk.me))],
      { label: "Assign", work: (data) => send({ action, assignee: data.get("assignee").trim() || null }) }),
    priority: () => askForm(`Priority of ${tickets(ids.length)}`, [
      field("New priority", h("select", { name: "priority" }, options([...desk.priorities, ["", "As triage decides"]], 2))),
    ], { label: "Set", work: (data) => send({ action, priority: data.get("priority") ? Number(data.get("priority")) : null }) }),
    route: () => askForm(`Send ${tickets(ids.length)} to a department`, [
      ...routeFields(desk), field("Why, for the history", h("input", { name: "reason", maxlength: 300, autocomplete: "off" })),
    ], { label: "Send", work: (data) => send({ action, department: data.get("department"), group: data.get("group") || null, reason: data.get("reason") }) }),
    tag: () => askForm(`Tags of ${tickets(ids.length)}`, [
      field("Tags, with commas between", h("input", { name: "tags", required: true, autocomplete: "off" })),
      h("label", { class: "ws-check" }, h("input", { type: "checkbox", name: "away" }), "Take them away"),
    ], { label: "Save", work: (data) => send({ action: data.get("away") ? "untag" : "tag", tags: tagsOf(data.get("tags")) }) }),
    comment: () => askForm(`Comment on ${tickets(ids.length)}`, [
      field("Comment", h("textarea", { name: "body", required: true, maxlength: 20000 })),
      h("label", { class: "ws-check" }, h("input", { type: "checkbox", name: "internal", checked: true }), "Internal: the requesters do not read it"),
    ], { label: "Add", work: (data) => send({ action, body: data.get("body"), public: !data.get("internal") }) }),
  };
  asked[action]();
};

const tell = ({ changed, unchanged, refused, results }) => {
  if (changed) note(`${tickets(changed)} changed.`);
  if (unchanged) note(`${tickets(unchanged)} ${unchanged === 1 ? "was" : "were"} so already.`);
  if (!refused) return;
  const whys = results.filter(({ error }) => error);
  openDialog(`${tickets(refused)} could not be changed`,
    h("ul", { class: "ws-told" }, whys.map(({ ticket_id: id, error }) => h("li", {}, h("a", { href: `/tickets/${id}/` }, `#${id}`), ` ${error.message}`))),
    h("form", { method: "dialog", class: "ws-acts" }, h("button", { class: "button main" }, "Close")));
};
