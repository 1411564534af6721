// Every element with data-due counts down to that instant, and up after it; with data-short, in fewer words.
(() => {
  const say = (seconds) => {
    const s = Math.abs(Math.trunc(seconds));
    const days = Math.floor(s / 86400), hours = Math.floor(s / 3600) % 24, minutes = Math.floor(s / 60) % 60;
    if (days) return `${days} d ${hours} h`;
    if (hours) return `${hours} h ${String(minutes).padStart(2, "0")} min`;
    return minutes >= 10 ? `${minutes} min` : `${minutes} min ${String(s % 60).padStart(2, "0")} s`;
  };
  const tick = () => {
    for (const element of document.querySelectorAll("[data-due]")) {
      const due = new Date(element.dataset.due);
      const left = (due - Date.now()) / 1000;
      const short = "short" in element.dataset;
      const words = left >= 0 ? (short ? "" : "due in ") : short ? "late " : "overdue for ";
      element.textContent = words + say(left);
      element.title = due.toLocaleString();
    }
  };
  document.addEventListener("DOMContentLoaded", () => {
    tick();
    setInterval(tick, 1000);
  });
  document.addEventListener("countdown", tick); // a page that shows new ones says so
})();
