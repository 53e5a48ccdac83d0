/**
 * A stage for moving bodies: one or two skeletons on a 2-D canvas, without WebGL, a network or a kernel.
 *
 * `mount` draws into an element and returns a handle; the default export connects it to a Jupyter model, and static
 * pages call it themselves. Coordinates come as one buffer of float32: for each body `[person][frame][joint][x, y, z]`
 * in metres, x to the viewer's right, y up, z towards the viewer; NaN where a person is absent. Values of joints, such
 * as importances, follow as `[frame][joint]`. The scene says where each array begins.
 *
 * Whatever people bring (titles, names, messages) goes through textContent or fillText: it is shown, never parsed.
 */

const INK = "#222222", GREY = "#8a8a8a", LIGHT = "#e2e2e2", PALE = "#b4b4b4", TRACE = "#d55e00";
const VIRIDIS = [
  [68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99],
  [170, 220, 50], [253, 231, 37],
];
const SPEEDS = [0.25, 0.5, 1, 2, 4];
const START = { yaw: -0.45, pitch: 0.16, zoom: 1, speed: 1, follow: false, traces: [] };
const STRIP = 68, TILE = 0.5, REACH = 14, FONT = "12px system-ui, sans-serif";

/** The colour of a value between 0 and 1. */
function viridis(value) {
  const place = Math.min(Math.max(value, 0), 1) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(place), VIRIDIS.length - 2), rest = place - low;
  const mix = VIRIDIS[low].map((from, i) => Math.round(from + rest * (VIRIDIS[low + 1][i] - from)));
  return `rgb(${mix.join(",")})`;
}

/** A new element with properties and children. */
function make(kind, properties = {}, ...children) {
  const node = Object.assign(document.createElement(kind), properties);
  node.append(...children);
  return node;
}

/** Offer a file to the viewer. */
function download(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** One body of the scene with its coordinates, the box around all of them, and values of its joints. */
class Body {
  constructor(spec, floats) {
    Object.assign(this, spec);
    this.points = floats.subarray(spec.at, spec.at + spec.persons * spec.frames * spec.joints * 3);
    const weights = spec.weights;
    this.values = weights && floats.subarray(weights.at, weights.at + weights.frames * spec.joints);
    const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
    for (let i = 0; i < this.points.length; i += 1) {
      const value = this.points[i], axis = i % 3;
      if (value < low[axis]) low[axis] = value;
      if (value > high[axis]) high[axis] = value;
    }
    this.floor = low[1];
    this.centre = low.map((value, axis) => (value + high[axis]) / 2);
    this.tall = Math.max((high[1] - low[1]) / 2, 0.05);
    this.wide = Math.max(Math.hypot(high[0] - low[0], high[2] - low[2]) / 2, 0.05);
  }

  /** Position of a joint's x among the points. A body that has ended keeps its last frame. */
  place(person, frame, joint) {
    return ((person * this.frames + Math.min(frame, this.frames - 1)) * this.joints + joint) * 3;
  }

  present(person, frame) {
    return !Number.isNaN(this.points[this.place(person, frame, 0)]);
  }

  /** The middle of whoever is there, for a camera that follows. */
  middle(frame) {
    for (let person = 0; person < this.persons; person += 1) {
      if (!this.present(person, frame)) continue;
      const sum = [0, 0, 0], first = this.place(person, frame, 0);
      for (let i = 0; i < this.joints * 3; i += 1) sum[i % 3] += this.points[first + i] / this.joints;
      return [sum[0], this.centre[1], sum[2]];
    }
    return this.centre;
  }

  /** Value of a joint between 0 and 1 on the scale of the scene; values are stretched over the frames. */
  share(frame, joint) {
    const { frames, low, high } = this.weights;
    const row = Math.min(Math.floor((Math.min(frame, this.frames - 1) * frames) / this.frames), frames - 1);
    return (this.values[row * this.joints + joint] - low) / (high - low || 1);
  }
}

class Stage {
  constructor(el, hooks) {
    Object.assign(this, { el, hooks, bodies: [], frame: 0, frames: 1, rate: 30, playing: false, hover: null });
    this.view = { ...START };
    this.build();
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.canvas);
  }

  /** The elements, once. */
  build() {
    this.titles = make("div", { className: "zs-titles" });
    this.canvas = make("canvas", { className: "zs-canvas" });
    this.strip = make("canvas", { className: "zs-strip", title: "frames: click or drag" });
    this.note = make("span", { className: "zs-note" });
    this.notice = make("div", { className: "zs-message", hidden: true });
    this.notice.setAttribute("role", "status");
    this.play = make("button", { className: "zs-play", type: "button", onclick: () => this.toggle() });
    this.slider = make("input", { className: "zs-slider", type: "range", min: 0, step: 1, title: "frame" });
    this.clock = make("span", { className: "zs-clock" });
    this.speed = make("select", { className: "zs-speed", title: "speed" });
    for (const speed of SPEEDS) this.speed.append(make("option", { value: speed, textContent: `${speed}×` }));
    this.follow = make("input", { className: "zs-follow", type: "checkbox" });
    const button = (text, title, onclick) => make("button", { type: "button", textContent: text, title, onclick });
    const bar = make("div", { className: "zs-bar" }, this.play, this.slider, this.clock, this.speed,
      make("label", { title: "keep the body in the middle" }, this.follow, "follow"),
      button("front", "back to the first view, no traces", () => this.look({ ...START, speed: this.view.speed })),
      button("PNG", "save what is shown as an image", () => this.savePicture()),
      button("view", "save the choices as a small JSON file that reopens them", () => this.saveView()));
    this.root = make("div", { className: "zs-stage", tabIndex: 0 },
      this.titles, make("div", { className: "zs-field" }, this.canvas, this.notice), this.strip, bar, this.note);
    // JupyterLab's shortcuts would take the space bar and the arrows.
    this.root.dataset.lmSuppressShortcuts = "true";
    this.root.title = "drag: turn; wheel: zoom; click a joint: its path; space, arrows, home, end: frames";
    this.el.append(this.root);
    this.listen();
  }

  listen() {
    this.slider.addEventListener("input", () => this.seek(Number(this.slider.value)));
    this.slider.addEventListener("change", () => this.settle());
    this.speed.addEventListener("change", () => this.look({ speed: Number(this.speed.value) }));
    this.follow.addEventListener("change", () => this.look({ follow: this.follow.checked }));
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("wheel", (event) => {
      if (!this.root.contains(document.activeElement)) return; // the page scrolls until the stage is chosen
      event.preventDefault();
      this.look({ zoom: this.view.zoom * Math.exp(-event.deltaY / 600) });
    }, { passive: false });
    this.canvas.addEventListener("pointermove", (event) => {
      if (event.buttons) return;
      this.hover = this.nearest(event);
      this.draw();
    });
    this.canvas.addEventListener("pointerleave", () => { this.hover = null; this.draw(); });
    this.drag(this.canvas, (start, event) => {
      this.look({ yaw: start.yaw + (event.clientX - start.x) / 120, pitch: start.pitch + (event.clientY - start.y) / 160 });
    }, (moved, event) => moved || this.trace(this.nearest(event)));
    const scrub = (start, event) => {
      const box = this.strip.getBoundingClientRect();
      this.seek(Math.round(((event.clientX - box.left) / box.width) * (this.frames - 1)));
    };
    this.drag(this.strip, scrub, (moved, event) => { scrub(null, event); this.settle(); });
  }

  /** Follow a pointer from press to release. */
  drag(target, move, end) {
    target.addEventListener("pointerdown", (press) => {
      target.setPointerCapture(press.pointerId);
      this.root.focus({ preventScroll: true });
      const start = { x: press.clientX, y: press.clientY, ...this.view };
      let moved = false;
      const onmove = (event) => {
        moved ||= Math.hypot(event.clientX - start.x, event.clientY - start.y) > 3;
        if (moved) move(start, event);
      };
      const stop = () => {
        target.removeEventListener("pointermove", onmove);
        target.removeEventListener("pointerup", onend);
        target.removeEventListener("pointercancel", stop);
      };
      const onend = (event) => {
        stop();
        end(moved, event);
        this.told();
      };
      target.addEventListener("pointermove", onmove);
      target.addEventListener("pointerup", onend);
      target.addEventListener("pointercancel", stop);
    });
  }

  key(event) {
    const native = ["INPUT", "SELECT", "BUTTON"].includes(event.target.tagName);
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    const turns = { ArrowLeft: { yaw: -0.1 }, ArrowRight: { yaw: 0.1 }, ArrowUp: { pitch: 0.1 }, ArrowDown: { pitch: -0.1 } };
    if (event.shiftKey && turns[event.key]) {
      const [[name, by]] = Object.entries(turns[event.key]);
      this.look({ [name]: this.view[name] + by });
    } else if (event.key === " " && !native) this.toggle();
    else if (event.key in steps && !native) { this.pause(); this.seek(this.frame + steps[event.key]); this.settle(); }
    else if (event.key === "+" || event.key === "-") this.look({ zoom: this.view.zoom * (event.key === "+" ? 1.1 : 1 / 1.1) });
    else if (event.key === "f" && !native) this.look({ follow: !this.view.follow });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Show another scene; the camera stays where it is. */
  load(scene, data) {
    const bytes = data instanceof DataView ? data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) : data;
    const floats = new Float32Array(bytes);
    this.scene = scene;
    this.bodies = scene.bodies.map((spec) => new Body(spec, floats));
    this.frames = Math.max(1, ...this.bodies.map((body) => body.frames));
    this.rate = scene.rate;
    this.slider.max = this.frames - 1;
    this.root.style.setProperty("--zs-height", `${scene.height}px`);
    this.view.traces = this.view.traces.filter((joint) => this.bodies.some((body) => joint < body.joints));
    this.titles.replaceChildren(...this.bodies.map((body) =>
      make("span", { textContent: body.title, title: body.title })));
    this.seek(Math.min(this.frame, this.frames - 1));
    this.say(this.playing);
  }

  say(playing) {
    this.playing = playing;
    this.play.textContent = playing ? "❚❚" : "▶";
    this.play.title = playing ? "pause (space)" : "play (space)";
  }

  /** Words over the stage; an empty text takes them away. */
  tell(text) {
    this.notice.textContent = text;
    this.notice.hidden = !text;
  }

  toggle() {
    if (this.playing) this.pause();
    else this.run();
  }

  run() {
    if (!this.bodies.length) return;
    this.say(true);
    let last = null, rest = 0;
    const tick = (now) => {
      if (!this.playing) return;
      rest += last === null ? 0 : ((now - last) / 1000) * this.rate * this.view.speed;
      last = now;
      const steps = Math.floor(rest);
      rest -= steps;
      if (steps) this.seek((this.frame + steps) % this.frames);
      this.timer = requestAnimationFrame(tick);
    };
    this.timer = requestAnimationFrame(tick);
  }

  pause() {
    if (!this.playing) return;
    this.say(false);
    cancelAnimationFrame(this.timer);
    this.settle();
  }

  seek(frame) {
    this.frame = Math.min(Math.max(Math.round(frame), 0), this.frames - 1) || 0;
    this.slider.value = this.frame;
    this.clock.textContent = `${this.frame} / ${this.frames - 1}  ${(this.frame / this.rate).toFixed(2)} s`;
    this.root.dataset.frame = this.frame;
    this.note.textContent = this.marks().filter((mark) => mark.frame === this.frame).map((mark) => mark.text).join("; ");
    this.draw();
  }

  /** The frame at rest is told; those on the way are not. */
  settle() {
    this.hooks.settled?.(this.frame);
  }

  marks() {
    return this.bodies.flatMap((body) => body.marks);
  }

  look(changes) {
    this.view = { ...this.view, ...changes };
    this.view.pitch = Math.min(Math.max(this.view.pitch, -1.5), 1.5);
    this.view.zoom = Math.min(Math.max(this.view.zoom, 0.2), 8);
    this.speed.value = this.view.speed;
    this.follow.checked = this.view.follow;
    this.draw();
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.told(), 400);
  }

  told() {
    clearTimeout(this.telling);
    this.hooks.viewed?.({ ...this.view });
  }

  trace(found) {
    if (!found) return;
    const kept = this.view.traces.filter((joint) => joint !== found.joint);
    this.look({ traces: kept.length < this.view.traces.length ? kept : [...kept, found.joint] });
  }

  /** From metres to the panel of a body: `[x, y, depth, enlargement]`. */
  camera(body, panel, view = this.view, frame = this.frame) {
    const { yaw, pitch, zoom, follow } = view;
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    const tall = Math.max(...this.bodies.map((b) => b.tall)), wide = Math.max(...this.bodies.map((b) => b.wide));
    const k = zoom * Math.min(panel.height / (2.3 * tall + 0.05), panel.width / (2.1 * wide + 0.05));
    const far = 5 * Math.max(tall, wide);
    const from = follow ? body.middle(frame) : body.centre;
    return (x, y, z) => {
      const [dx, dy, dz] = [x - from[0], y - from[1], z - from[2]];
      const x1 = cy * dx + sy * dz, z1 = cy * dz - sy * dx;
      const y2 = cp * dy - sp * z1, z2 = sp * dy + cp * z1;
      const s = far / Math.max(far - z2, far / 10);
      return [panel.x + panel.width / 2 + s * x1 * k, panel.y + panel.height / 2 - s * y2 * k, z2, s];
    };
  }

  /** A canvas of the size that it has on the page, cleared. */
  context(canvas, height) {
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth || 640;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    Object.assign(context, { lineCap: "round", lineJoin: "round", font: FONT });
    return [context, width];
  }

  draw() {
    const height = this.canvas.clientHeight || 400;
    const [context, width] = this.context(this.canvas, height);
    this.seen = [];
    this.bodies.forEach((body, i) => {
      const panel = { x: (i * width) / this.bodies.length, y: 0, width: width / this.bodies.length, height };
      context.save();
      context.beginPath();
      context.rect(panel.x, panel.y, panel.width, panel.height);
      context.clip();
      const camera = this.camera(body, panel);
      this.drawFloor(context, body, camera);
      for (const joint of this.view.traces) this.drawTrace(context, body, camera, joint);
      this.drawBody(context, body, camera, this.frame, { whole: true, number: i });
      if (body.values) this.drawScale(context, body.weights, panel);
      context.restore();
      if (i) this.line(context, [[panel.x, 0], [panel.x, height]], LIGHT, 1);
    });
    this.drawHover(context, width);
    this.drawStrip();
  }

  line(context, points, colour, width, alpha = 1) {
    Object.assign(context, { strokeStyle: colour, lineWidth: width, globalAlpha: alpha });
    context.beginPath();
    let pen = false;
    for (const [x, y] of points) {
      if (Number.isNaN(x)) pen = false;
      else if (pen) context.lineTo(x, y);
      else { context.moveTo(x, y); pen = true; }
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  drawFloor(context, body, camera) {
    const reach = TILE * Math.ceil((body.wide + 0.3) / TILE), [x, , z] = body.centre, y = body.floor;
    for (let i = -reach; i <= reach + 1e-6; i += TILE) {
      this.line(context, [camera(x + i, y, z - reach), camera(x + i, y, z + reach)], LIGHT, 1);
      this.line(context, [camera(x - reach, y, z + i), camera(x + reach, y, z + i)], LIGHT, 1);
    }
  }

  drawTrace(context, body, camera, joint) {
    if (joint >= body.joints) return;
    for (let person = 0; person < body.persons; person += 1) {
      const path = [];
      for (let t = 0; t < body.frames; t += 1) {
        const at = body.place(person, t, joint);
        path.push(camera(body.points[at], body.points[at + 1], body.points[at + 2]));
      }
      this.line(context, path, TRACE, 1.5, 0.3);
      this.line(context, path.slice(0, this.frame + 1), TRACE, 2.5, 0.9);
    }
  }

  drawBody(context, body, camera, frame, { whole, number = 0 }) {
    for (let person = body.persons - 1; person >= 0; person -= 1) {
      if (!body.present(person, frame)) continue;
      const dots = [], alpha = person ? 0.5 : 1;
      for (let joint = 0; joint < body.joints; joint += 1) {
        const at = body.place(person, frame, joint);
        dots.push(camera(body.points[at], body.points[at + 1], body.points[at + 2]));
      }
      // What is further away is drawn first.
      const order = [...body.bones].sort((a, b) => dots[a[0]][2] + dots[a[1]][2] - dots[b[0]][2] - dots[b[1]][2]);
      for (const [far, near] of order) {
        const hue = body.values ? PALE : body.hues[far];
        this.line(context, [dots[far], dots[near]], hue, whole ? 5 * dots[far][3] : 1.6, alpha);
      }
      if (whole) this.drawJoints(context, body, dots, { frame, alpha, person, number });
    }
  }

  drawJoints(context, body, dots, { frame, alpha, person, number }) {
    const order = dots.map((_, joint) => joint).sort((a, b) => dots[a][2] - dots[b][2]);
    for (const joint of order) {
      const [x, y, , s] = dots[joint], share = body.values ? body.share(frame, joint) : 0;
      context.globalAlpha = alpha;
      context.fillStyle = body.values ? viridis(share) : body.hues[joint];
      context.beginPath();
      context.arc(x, y, s * (body.values ? 3 + 8 * Math.sqrt(Math.min(Math.max(share, 0), 1)) : 3.4), 0, 2 * Math.PI);
      context.fill();
      if (body.values || this.view.traces.includes(joint)) {
        Object.assign(context, { strokeStyle: this.view.traces.includes(joint) ? TRACE : INK, lineWidth: 0.8 });
        context.stroke();
      }
      context.globalAlpha = 1;
      this.seen.push({ x, y, joint, person, body, number });
    }
  }

  /** What colours mean. */
  drawScale(context, weights, panel) {
    const width = Math.min(150, panel.width / 3), left = panel.x + 10, top = panel.height - 32;
    for (let i = 0; i < width; i += 1) {
      context.fillStyle = viridis(i / width);
      context.fillRect(left + i, top, 1.5, 8);
    }
    context.fillStyle = INK;
    context.fillText(weights.low.toPrecision(2), left, top + 22);
    const high = weights.high.toPrecision(2);
    context.fillText(high, left + width - context.measureText(high).width, top + 22);
    context.fillText(weights.label, left, top - 6);
  }

  nearest(event) {
    const box = this.canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = null, reach = REACH;
    for (const dot of this.seen ?? []) {
      const off = Math.hypot(dot.x - x, dot.y - y);
      if (off < reach) [best, reach] = [{ joint: dot.joint, person: dot.person, number: dot.number }, off];
    }
    return best;
  }

  drawHover(context, width) {
    const wanted = this.hover;
    const dot = wanted && this.seen.find((d) =>
      d.joint === wanted.joint && d.person === wanted.person && d.number === wanted.number);
    if (!dot) return;
    const value = dot.body.values ? `  ${this.valueOf(dot.body, dot.joint).toPrecision(2)}` : "";
    const text = `${dot.body.names[dot.joint]}${value}`, size = context.measureText(text).width;
    const left = Math.min(dot.x + 10, width - size - 10);
    context.fillStyle = "rgba(255, 255, 255, 0.85)";
    context.fillRect(left - 4, dot.y - 22, size + 8, 18);
    context.fillStyle = INK;
    context.fillText(text, left, dot.y - 9);
  }

  valueOf(body, joint) {
    return body.weights.low + body.share(this.frame, joint) * (body.weights.high - body.weights.low);
  }

  /** Small poses along the time of the scene, its marks, and where it is now. */
  drawStrip() {
    const [context, width] = this.context(this.strip, STRIP);
    const count = Math.max(2, Math.floor(width / 52)), last = this.frames - 1;
    const view = { ...this.view, follow: true, zoom: 1.15 };
    for (let i = 0; i < count; i += 1) {
      const panel = { x: (i * width) / count, y: 3, width: width / count, height: STRIP - 6 };
      const frame = Math.round(((i + 0.5) / count) * last);
      for (const body of this.bodies.slice(0, 1)) {
        this.drawBody(context, body, this.camera(body, panel, view, frame), frame, { whole: false });
      }
    }
    const at = (frame) => 1 + (last ? frame / last : 0) * (width - 2);
    for (const mark of this.marks()) this.line(context, [[at(mark.frame), 0], [at(mark.frame), 9]], TRACE, 3);
    this.line(context, [[at(this.frame), 0], [at(this.frame), STRIP]], INK, 1.5, 0.7);
  }

  savePicture() {
    const [a, b] = [this.canvas, this.strip], ratio = window.devicePixelRatio || 1, head = 22 * ratio;
    const page = make("canvas", { width: a.width, height: a.height + b.height + head });
    const context = page.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, page.width, page.height);
    Object.assign(context, { fillStyle: INK, font: `${13 * ratio}px system-ui, sans-serif` });
    this.bodies.forEach((body, i) => {
      const left = (i * a.width) / this.bodies.length + 6;
      context.fillText(body.title, left, 15 * ratio, a.width / this.bodies.length - 12);
    });
    context.drawImage(a, 0, head);
    context.drawImage(b, 0, head + a.height);
    page.toBlob((blob) => download(blob, "stage.png"));
  }

  saveView() {
    const kept = { kind: "zsar view", version: 1, stage: { frame: this.frame, ...this.view }, chosen: this.scene?.about ?? {} };
    download(new Blob([JSON.stringify(kept, null, 1)], { type: "application/json" }), "view.json");
  }

  destroy() {
    this.playing = false;
    cancelAnimationFrame(this.timer);
    clearTimeout(this.telling);
    this.sizes.disconnect();
    this.root.remove();
  }
}

/**
 * Put a stage into an element.
 *
 * @param {HTMLElement} el where it goes
 * @param {{scene: object, data: DataView|ArrayBuffer, frame?: number, view?: object, message?: string}} state what it shows
 * @param {{settled?: (frame: number) => void, viewed?: (view: object) => void}} hooks told when frame or view are at rest
 */
export function mount(el, state, hooks = {}) {
  const stage = new Stage(el, hooks);
  stage.view = { ...START, ...state.view };
  stage.frame = state.frame ?? 0;
  if (state.scene.bodies) stage.load(state.scene, state.data);
  stage.speed.value = stage.view.speed;
  stage.follow.checked = stage.view.follow;
  stage.tell(state.message ?? "");
  return stage;
}

/** Connect a stage to the widget's model in the kernel. */
function render({ model, el }) {
  const get = (...names) => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const send = (name, value) => { model.set(name, value); model.save_changes(); };
  const stage = mount(el, get("scene", "data", "frame", "view", "message"), {
    settled: (frame) => send("frame", frame),
    viewed: (view) => send("view", view),
  });
  const heard = {
    "change:scene": () => { stage.frame = model.get("frame"); stage.load(model.get("scene"), model.get("data")); },
    "change:frame": () => { if (model.get("frame") !== stage.frame) stage.seek(model.get("frame")); },
    "change:view": () => { stage.view = { ...stage.view, ...model.get("view") }; stage.look({}); clearTimeout(stage.telling); },
    "change:message": () => stage.tell(model.get("message")),
  };
  for (const [event, answer] of Object.entries(heard)) model.on(event, answer);
  return () => {
    for (const [event, answer] of Object.entries(heard)) model.off(event, answer);
    stage.destroy();
  };
}

export default { render };
