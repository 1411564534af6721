// Draws the charts of the report.
import { measure } from "./charts.js";

const { days, department, tz } = document.querySelector(".charts").dataset; // those of the figures above
measure(days, department, tz);
