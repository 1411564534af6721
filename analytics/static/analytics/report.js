// The report follows what is chosen, and draws the charts of it.
import { measure } from "./charts.js";

const asked = document.getElementById("asked");
asked.querySelector("button").hidden = true;
asked.addEventListener("change", () => asked.submit());
const { days, department, tz } = document.querySelector(".charts").dataset; // those of the figures above
measure(days, department, tz);
