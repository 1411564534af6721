// Light, dark or as the system has it: the choice that the admin keeps, applied before anything is painted.
(() => {
  const root = document.documentElement, themes = ["auto", "light", "dark"];
  const chosen = () => {
    try {
      const theme = JSON.parse(localStorage.getItem("adminTheme"));
      return themes.includes(theme) ? theme : "auto";
    } catch { return "auto"; }
  };
  root.dataset.theme = chosen();
  addEventListener("storage", (event) => { if (event.key === "adminTheme") root.dataset.theme = chosen(); });
  addEventListener("DOMContentLoaded", () => {
    const choice = document.getElementById("theme");
    if (!choice) return;
    choice.value = chosen();
    choice.addEventListener("change", () => {
      localStorage.setItem("adminTheme", JSON.stringify(choice.value));
      root.dataset.theme = choice.value;
    });
  });
})();
