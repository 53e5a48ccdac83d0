/**
 * A panel of readings: messages, words, bars, tables, a matrix and plots, from a list of sections.
 *
 * Charts are SVG and everything else is plain elements. All words go through textContent: they are shown, never parsed.
 * A click on a row or a cell that can be picked is told as `{section, row, column}`.
 */

const SVG = "http://www.w3.org/2000/svg";
const INK = "#222222", GREY = "#8a8a8a";

function make(kind, properties = {}, ...children) {
  const node = Object.assign(document.createElement(kind), properties);
  node.append(...children);
  return node;
}

function draw(kind, attributes, text) {
  const node = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

/** A cell or row that answers to mouse and keyboard. */
function pickable(node, pick, data) {
  node.tabIndex = 0;
  node.classList.add("zp-pick");
  node.setAttribute("role", "button");
  node.addEventListener("click", () => pick(data));
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    pick(data);
  });
}

function message({ text }) {
  const node = make("div", { className: "zp-message", textContent: text });
  node.setAttribute("role", "status");
  return node;
}

function words({ lines }) {
  return make("div", {}, ...lines.map((line) => make("p", { textContent: line })));
}

/** Bars with their numbers; a thin bar below is what was there before. */
function bars({ rows, note }) {
  const top = Math.max(1e-9, ...rows.map((row) => Math.max(row.value, row.before ?? 0)));
  const list = make("div", { className: "zp-bars" });
  for (const row of rows) {
    const label = make("span", { className: "zp-label", textContent: row.label, title: row.hint || row.label });
    if (row.own) label.classList.add("zp-own");
    const track = make("span", { className: "zp-track" });
    for (const [value, kind] of [[row.value, row.own ? "zp-bar zp-green" : "zp-bar"], [row.before, "zp-before"]]) {
      if (value === undefined || value === null) continue;
      const bar = make("span", { className: kind });
      bar.style.width = `${(100 * Math.max(value, 0)) / top}%`;
      track.append(bar);
    }
    list.append(label, track, make("span", { className: "zp-value", textContent: row.text }));
  }
  return make("div", {}, list, make("p", { className: "zp-note", textContent: note ?? "" }));
}

function table({ columns, rows, marked = [], picks }, pick, section) {
  const head = make("tr", {}, ...columns.map((name) => make("th", { textContent: name })));
  const body = rows.map((cells, row) => {
    const line = make("tr", { className: marked.includes(row) ? "zp-own" : "" },
      ...cells.map((cell) => make("td", { textContent: cell, title: cell })));
    if (picks) pickable(line, pick, { section, row, column: -1 });
    return line;
  });
  return make("div", { className: "zp-scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

/** Counts of truth (rows) against prediction (columns). */
function matrix({ names, counts, chosen }, pick, section) {
  const shades = counts.map((row) => row.map((n) => n / Math.max(1, row.reduce((a, b) => a + b, 0))));
  const head = make("tr", {}, make("th", { textContent: "true \\ read as" }),
    ...names.map((name) => make("th", { className: "zp-steep", title: name }, make("span", { textContent: name }))));
  const lines = counts.map((row, i) => make("tr", {}, make("th", { textContent: names[i], title: names[i] }),
    ...row.map((count, j) => {
      const cell = make("td", { textContent: count || "", title: `${names[i]} read as ${names[j]}: ${count}` });
      cell.style.background = `rgba(${i === j ? "0, 158, 115" : "213, 94, 0"}, ${0.75 * shades[i][j]})`;
      if (chosen && chosen[0] === i && chosen[1] === j) cell.classList.add("zp-chosen");
      if (count) pickable(cell, pick, { section, row: i, column: j });
      return cell;
    })));
  return make("div", { className: "zp-scroll" },
    make("table", { className: "zp-matrix" }, make("thead", {}, head), make("tbody", {}, ...lines)));
}

/** Round numbers from low to high. */
function ticks(low, high, wanted = 5) {
  const rough = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + 1e-9 * step; v += step) found.push(Number(v.toPrecision(6)));
  return found;
}

function range(values) {
  const known = values.filter(Number.isFinite);
  const low = Math.min(...known), high = Math.max(...known), margin = 0.06 * (high - low || 1);
  return [low - margin, high + margin];
}

function plot({ x, y, items, rule, limits, frameless }) {
  const width = 400, height = 270, left = frameless ? 8 : 48, foot = frameless ? 8 : 36;
  const points = items.flatMap((item) => [...(item.points ?? []), ...(item.ends ?? [])]);
  const [xl, xh] = limits?.x ?? range(points.map((p) => p[0]));
  const [yl, yh] = limits?.y ?? range(points.map((p) => p[1]));
  const px = (v) => left + ((v - xl) / (xh - xl)) * (width - left - 8);
  const py = (v) => 8 + ((yh - v) / (yh - yl)) * (height - foot - 8);
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, class: "zp-plot", role: "img" });
  if (!frameless) {
    for (const v of ticks(xl, xh)) {
      svg.append(draw("line", { x1: px(v), x2: px(v), y1: 8, y2: height - foot, stroke: "#eee" }));
      svg.append(draw("text", { x: px(v), y: height - foot + 14, "text-anchor": "middle" }, String(v)));
    }
    for (const v of ticks(yl, yh)) {
      svg.append(draw("line", { x1: left, x2: width - 8, y1: py(v), y2: py(v), stroke: "#eee" }));
      svg.append(draw("text", { x: left - 5, y: py(v) + 4, "text-anchor": "end" }, String(v)));
    }
    svg.append(draw("text", { x: (left + width) / 2, y: height - 4, "text-anchor": "middle" }, x));
    svg.append(draw("text", { transform: `translate(11 ${height / 2 - 14}) rotate(-90)`, "text-anchor": "middle" }, y));
  }
  if (rule !== undefined) {
    svg.append(draw("line", { x1: px(rule), x2: px(rule), y1: 8, y2: height - foot, stroke: INK, "stroke-dasharray": "4 3" }));
  }
  for (const item of items) plotItem(svg, item, px, py);
  const legend = make("div", { className: "zp-legend" });
  for (const { name, colour } of items.filter((item) => item.name)) {
    const key = make("span", { className: "zp-key" });
    key.style.background = colour;
    legend.append(make("span", { title: name }, key, name));
  }
  return make("div", {}, svg, legend);
}

function plotItem(svg, { kind, points, ends, colour = GREY, size = 3, dash = "", names = [], opacity = 1 }, px, py) {
  if (kind === "line") {
    const path = points.map(([a, b]) => `${px(a)},${py(b)}`).join(" ");
    svg.append(draw("polyline", { points: path, fill: "none", stroke: colour, "stroke-width": size, "stroke-dasharray": dash, opacity }));
    return;
  }
  points.forEach(([a, b], i) => {
    if (kind === "arrows") {
      const [c, d] = ends[i], angle = Math.atan2(py(d) - py(b), px(c) - px(a));
      svg.append(draw("line", { x1: px(a), y1: py(b), x2: px(c), y2: py(d), stroke: colour, "stroke-width": size, "stroke-dasharray": dash, opacity }));
      const wing = (turn) => `${px(c) - 7 * Math.cos(angle + turn)},${py(d) - 7 * Math.sin(angle + turn)}`;
      svg.append(draw("polyline", { points: `${wing(0.4)} ${px(c)},${py(d)} ${wing(-0.4)}`, fill: "none", stroke: colour, "stroke-width": size, opacity }));
      return;
    }
    const dot = draw("circle", { cx: px(a), cy: py(b), r: size, fill: colour, opacity });
    if (names[i]) dot.append(draw("title", {}, names[i]));
    svg.append(dot);
  });
}

const KINDS = { message, words, bars, table, matrix, plot };

/**
 * Put a panel into an element.
 *
 * @param {HTMLElement} el where it goes
 * @param {{sections: object[]}} state what it shows
 * @param {{picked?: (data: object) => void}} hooks told about clicks
 */
export function mount(el, state, hooks = {}) {
  const root = make("div", { className: "zp-panel" });
  root.dataset.lmSuppressShortcuts = "true";
  el.append(root);
  const load = ({ sections }) => {
    // What has the focus keeps it, so that a panel can be used with the keyboard.
    const focused = [...root.querySelectorAll(".zp-pick")].indexOf(document.activeElement);
    root.replaceChildren(...sections.map((section, i) => {
      const body = KINDS[section.kind](section, hooks.picked ?? (() => {}), i);
      const node = make("section", { className: `zp-${section.kind}-section` }, make("h4", { textContent: section.title ?? "" }), body);
      if (section.wide) node.classList.add("zp-wide");
      return node;
    }));
    root.querySelectorAll(".zp-pick")[focused]?.focus({ preventScroll: true });
  };
  load(state);
  return { load, destroy: () => root.remove() };
}

/** Connect a panel to the widget's model in the kernel. */
function render({ model, el }) {
  let clicks = 0;
  const picked = (data) => {
    clicks += 1; // the same cell can be picked twice
    model.set("picked", { ...data, clicks });
    model.save_changes();
  };
  const panel = mount(el, { sections: model.get("sections") }, { picked });
  const load = () => panel.load({ sections: model.get("sections") });
  model.on("change:sections", load);
  return () => {
    model.off("change:sections", load);
    panel.destroy();
  };
}

export default { render };
