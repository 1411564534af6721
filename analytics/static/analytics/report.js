// The report follows what is chosen, and draws the charts of it.
import { measure } from "./charts.js";

const asked = document.getElementById("asked");
asked.querySelector("button").hidden = true;
asked.addEventListener("change", () => asked.submit());
measure(asked.elements.days.value, asked.elements.department.value);
