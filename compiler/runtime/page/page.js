"use strict";
// The figures, in the page's own colours; they follow the reader's light or dark.
const figures = JSON.parse(document.getElementById("figures").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

function themed(layout) {
  const line = { gridcolor: colour("grid"), linecolor: colour("line"), zerolinecolor: colour("grid"), zeroline: false };
  const made = { ...layout, autosize: true };
  made.font = { family: "system-ui, sans-serif", size: 12, color: colour("soft") };
  made.hoverlabel = {
    align: "left", bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("text"), size: 12 },
  };
  made.modebar = { bgcolor: "rgba(0,0,0,0)", color: colour("soft"), activecolor: colour("text") };
  for (const axis of ["xaxis", "yaxis"]) made[axis] = { ...line, ...(layout[axis] || {}) };
  return made;
}

// From what matters less to what matters more; around zero from one colour through the page's to another.
function coloured(trace) {
  const scale = [[0, colour("less")], [0.5, colour("more")], [1, colour("most")]];
  const around = [[0, colour("pruned")], [0.5, colour("card")], [1, colour("more")]];
  if (trace.type === "heatmap") trace.colorscale = trace.zmid === 0 ? around : scale;
  for (const part of [trace.marker, trace.line]) if (part && part.colorscale) part.colorscale = scale;
  return trace;
}

function draw(plot) {
  const { data, layout, height } = figures[plot.id];
  const buttons = data[0].type === "parcoords" ? ["toImage"] : ["zoom2d", "pan2d", "resetScale2d", "toImage"];
  const config = { responsive: true, displaylogo: false, displayModeBar: height > 300 ? "hover" : false };
  config.modeBarButtons = [buttons];
  return Plotly.react(plot, data.map(coloured), themed(layout), config);
}

// A figure is drawn when it is about to be seen: a page of many parameters opens at once.
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    draw(entry.target).then(() => entry.target.classList.add("drawn"));
  }
}, { rootMargin: "600px" });
document.querySelectorAll(".plot").forEach((plot) => seen.observe(plot));
dark.addEventListener("change", () => document.querySelectorAll(".plot.drawn").forEach(draw));
addEventListener("beforeprint", () => document.querySelectorAll(".plot:not(.drawn)").forEach(draw));

// Tables: a heading sorts, the field filters.
const value = (row, column) => {
  const cell = row.cells[column];
  return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
};
function compare(a, b) {
  if (a === "" || b === "") return (a === "") - (b === "");
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return typeof a === "number" ? -1 : 1;
}
document.querySelectorAll(".sortable").forEach((table) => {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows];
    rows.sort((one, other) => {
      const a = value(one, column), b = value(other, column);
      return a === "" || b === "" || !down ? compare(a, b) : compare(b, a);
    });
    table.tBodies[0].append(...rows);
  }));
  table.closest("section").querySelector(".filter")?.addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
});

const copy = document.getElementById("copy");
if (copy) {
  copy.addEventListener("click", () => {
    const code = copy.previousElementSibling;
    getSelection().selectAllChildren(code);
    const done = navigator.clipboard ? navigator.clipboard.writeText(code.textContent) : Promise.reject();
    done.then(() => { copy.textContent = "copied"; }, () => { copy.textContent = "selected"; });
  });
}
