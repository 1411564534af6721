// What must not wait for the page: its theme, applied before anything is painted, and selects that act at once,
// which a quick hand uses before the modules run.
(() => {
  const root = document.documentElement, themes = ["auto", "light", "dark"];
  const chosen = () => { // light, dark or as the system has it: the choice that the admin keeps
    try {
      const theme = JSON.parse(localStorage.getItem("adminTheme"));
      return themes.includes(theme) ? theme : "auto";
    } catch { return "auto"; }
  };
  root.dataset.theme = chosen();
  addEventListener("storage", (event) => { if (event.key === "adminTheme") root.dataset.theme = chosen(); });
  addEventListener("DOMContentLoaded", () => {
    const choice = document.getElementById("theme");
    if (choice) choice.value = chosen();
  });
  addEventListener("change", ({ target }) => {
    if (target.id === "theme") {
      localStorage.setItem("adminTheme", JSON.stringify(target.value));
      root.dataset.theme = target.value;
    } else if (target.closest("form[data-follow]")) target.form.submit();
    else if ("follow" in target.dataset) location.href = target.value;
  });
})();
