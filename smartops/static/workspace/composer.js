// Writing a comment: a draft that survives the page, files, and whether somebody is writing just now.
import { call, h, note } from "../desk/desk.js";

const LATELY = 15000, SAVED = 400; // ms

/** `sent()` is called when a comment is there, `began()` when somebody begins to write. */
export const composer = ({ id, me, sent, began }) => {
  const form = document.querySelector("[data-part=composer]");
  if (!form) return { can: false, writing: () => false, write: () => {} };
  const { body, internal, from_requester: asked, files } = form.elements;
  const part = (name) => form.querySelector(`[data-part=${name}]`), key = `draft:${me}:${id}`;
  let typed = 0, timer = 0, busy = false, sending = null;
  const look = () => {
    form.classList.toggle("wt-internal", internal.checked);
    body.placeholder = internal.checked ? "A note that only colleagues read…" : asked.checked ? "What the requester said…" : "Answer the requester…";
  };
  const keep = () => {
    if ("signedOut" in document.documentElement.dataset) return;
    try {
      if (body.value) localStorage.setItem(key, JSON.stringify({ body: body.value, internal: internal.checked, sending }));
      else localStorage.removeItem(key);
      part("draft").textContent = body.value ? "Draft kept" : "";
    } catch { part("draft").textContent = ""; } // a browser that keeps nothing
  };
  const chosen = () => part("chosen-files")?.replaceChildren(...[...files.files].map((file) => h("li", {}, file.name)));
  const upload = async (comment) => {
    const data = new FormData();
    for (const file of files.files) data.append("files", file);
    if (comment) data.append("comment", comment);
    const token = document.querySelector("meta[name=csrf-token]").content;
    const answer = await fetch(`/api/v1/tickets/${id}/attachments/`, { method: "POST", body: data, credentials: "same-origin", headers: { "X-CSRFToken": token, Accept: "application/json" } });
    if (answer.ok) return;
    const problem = await answer.json().catch(() => ({}));
    throw new Error([problem.detail, ...Object.values(problem.errors ?? {}).flat()].filter(Boolean).join(" ") || "The files were not accepted.");
  };
  /** Add the comment, once: who sends the same again because the answer got lost sends it with the same key. */
  const add = async (comment) => {
    const same = JSON.stringify(comment);
    if (sending?.same !== same) sending = { same, key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` };
    keep();
    const made = await call(`tickets/${id}/comments/`, comment, { headers: { "Idempotency-Key": sending.key } });
    sending = null;
    return made;
  };
  const send = async () => {
    const written = body.value, text = written.trim(), many = files?.files.length ?? 0;
    if (busy || (!text && !many)) { body.focus(); return; }
    busy = true;
    form.querySelector(".main").disabled = true;
    part("composer-problem").textContent = "";
    let made = null, done = false;
    try {
      if (text) {
        made = await add({ body: text, public: !internal.checked, from_requester: asked.checked && !internal.checked });
        // What was typed meanwhile stays.
        if (body.value.startsWith(written)) body.value = body.value.slice(written.length).trimStart();
        keep();
      }
      if (many) {
        await upload(made?.id);
        files.value = "";
        chosen();
      }
      if (!body.value) {
        internal.checked = asked.checked = false;
        typed = 0;
      }
      look();
      done = true;
    } catch (error) {
      part("composer-problem").textContent = error.message;
    } finally {
      busy = false;
      form.querySelector(".main").disabled = false;
    }
    if (made || done) await sent();
    if (done) note(made ? "Your comment was added." : "The files were added.");
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); send(); }
  });
  body.addEventListener("input", () => {
    const first = Date.now() - typed > LATELY;
    typed = Date.now();
    if (first) began();
    clearTimeout(timer);
    timer = setTimeout(keep, SAVED);
  });
  addEventListener("pagehide", keep);
  internal.addEventListener("change", () => { if (internal.checked) asked.checked = false; look(); keep(); });
  asked.addEventListener("change", () => { if (asked.checked) internal.checked = false; look(); });
  files?.addEventListener("change", chosen);
  try {
    const draft = JSON.parse(localStorage.getItem(key) ?? "null");
    if (draft && !body.value) {
      body.value = draft.body;
      internal.checked = draft.internal;
      sending = draft.sending ?? null;
      part("draft").textContent = "Your draft";
    }
  } catch { /* nothing was kept */ }
  look();
  return {
    can: true,
    writing: () => Boolean(body.value) && Date.now() - typed < LATELY,
    write: (inside) => { internal.checked = inside; if (inside) asked.checked = false; look(); body.focus(); body.scrollIntoView({ block: "center" }); },
  };
};
