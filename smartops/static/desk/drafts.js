// Who signs out leaves no half-written answers in the browser, in no tab: "draft:…" is what the composer keeps. A
// ticket's page takes the mark away when its reader has signed in again.
(() => {
  const leave = () => { document.documentElement.dataset.signedOut = ""; };
  document.addEventListener("submit", ({ target }) => {
    if (!/\/logout\/$/.test(target.action)) return;
    leave();
    try {
      for (const key of Object.keys(localStorage)) if (key.startsWith("draft:")) localStorage.removeItem(key);
      localStorage.setItem("signed-out", String(Date.now()));
    } catch { /* a browser that keeps nothing */ }
  });
  addEventListener("storage", ({ key }) => { if (key === "signed-out") leave(); });
})();
