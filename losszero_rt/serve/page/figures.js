/* The figures beside the picture. */

const SPARK_POINTS = 300;          // a minute at five statuses a second
const ages = { p50: [], p95: [], p99: [] };
let classKey = "";

export const by = (id) => document.getElementById(id);
export const say = (id, words) => { if (by(id).textContent !== words) by(id).textContent = words; };
export const ms = (value) => (Number.isFinite(value) ? String(Math.round(value)) : "–");

export function showFigures(now, wish) {
  const { age_ms: age, frames, model, engine } = now;
  say("source", now.source);
  const many = now.num_viewers > 1 ? `${now.num_viewers} viewers · ` : "";
  const size = now.size[0] ? `${now.size[1]}×${now.size[0]} · ` : "";  // unknown at first
  say("run", `${many}${size}${duration(now.elapsed_s)}`);
  say("fps", now.fps === null ? "–" : now.fps.toFixed(1));
  const declared = now.fps_declared ? ` of ${now.fps_declared.toFixed(1)} declared` : "";
  say("rates", now.fps_measured ? `source gives ${now.fps_measured.toFixed(1)}${declared}` :
    `source${declared || ": rate unknown"}`);
  for (const key of ["p50", "p95", "p99"]) say(key, ms(age[key]));
  if (now.signal.state === "live" && age.p50 > 0) spark(age);
  for (const key of ["shown", "late", "dropped", "corrupt"]) say(key, count(frames[key]));
  say("read", `${count(frames.read)} read`);
  const reasons = Object.entries(frames.dropped_by_reason || {});
  say("reasons", reasons.map(([why, n]) => `${why} ${count(n)}`).join(" · "));
  say("model", model.name || "–");
  say("score", score(model));
  by("unverified").hidden = model.verified !== false;
  say("engine", [engine.name, engine.precision, engine.device].filter(Boolean).join(" · "));
  notes(now.notes);
  classes(now, wish);
}

const count = (n) => (Number.isFinite(n) ? n.toLocaleString("en-US") : "–");

function duration(seconds) {
  const s = Math.floor(seconds), two = (n) => String(n).padStart(2, "0");
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

function score({ miou, miou_ci95: ci, n, score_of: of, weights_miou: weights, weights_miou_ci95 }) {
  if (!Number.isFinite(miou)) return "mIoU not measured";
  const figure = `mIoU ${miou.toFixed(3)}${span(ci)}${n ? `, n = ${n}` : ""}, of ${of}`;
  if (of === "fp32 weights") return `${figure}: what runs was not scored itself`;
  if (of === "eager fp32" || !Number.isFinite(weights)) return figure;
  return `${figure}; fp32 weights ${weights.toFixed(3)}${span(weights_miou_ci95)}`;
}

const span = (ci) => (ci ? ` (95 % CI ${ci[0].toFixed(3)} to ${ci[1].toFixed(3)})` : "");

function notes(lines) {
  by("notes-card").hidden = !lines.length;
  const same = [...by("notes").children].map((item) => item.textContent).join() === lines.join();
  if (!same) by("notes").replaceChildren(...lines.map((line) => make("li", {}, line)));
}

function spark(age) {
  let top = 50;
  for (const [key, values] of Object.entries(ages)) {
    values.push(age[key] || 0);
    if (values.length > SPARK_POINTS) values.shift();
    top = Math.max(top, ...values);
  }
  for (const [key, values] of Object.entries(ages)) {
    const step = 300 / (SPARK_POINTS - 1), start = SPARK_POINTS - values.length;
    const points = values.map((v, i) =>
      `${((start + i) * step).toFixed(1)},${(55 - 53 * v / top).toFixed(1)}`);
    document.querySelector(`#spark .${key}`).setAttribute("d", `M${points.join("L")}`);
  }
  say("spark-scale", `1 min · top ${Math.round(top)} ms`);
  by("spark").setAttribute("aria-label", `Age over the last minute, at most ${Math.round(top)} ms`);
}

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function classes({ class_names: names, class_colours: colours, shares, can_cam: canCam,
  cam_fixed: fixed }, wish) {
  const key = JSON.stringify([names, colours]);
  if (key !== classKey) {
    classKey = key;
    by("classes").replaceChildren(...names.map((name, id) => classRow(name, id, colours[id], wish)));
    const options = names.map((name, id) => make("option", { value: id }, name));
    by("cam").replaceChildren(make("option", { value: "" }, "none"), ...options);
    by("cam").value = Math.min(1, names.length - 1);
  }
  names.forEach((_, id) => {
    const share = shares[id] || 0;
    by(`bar-${id}`).style.width = `${100 * share}%`;
    say(`share-${id}`, `${(100 * share).toFixed(1)} %`);
  });
  document.querySelector('[name="view"][value="cam"]').disabled = !canCam;
  [...by("cam").options].slice(1).forEach((option, id) => {
    option.disabled = fixed !== null && id !== fixed;
  });
  by("cam").title = fixed === null ? "" : "What is recorded or shown in the window decides this";
  by("cam-view").title = canCam ? "" : "This model has no activation maps";
}

function classRow(name, id, [r, g, b], wish) {
  const box = make("input", { type: "checkbox", id: `class-${id}`, onchange: wish });
  const swatch = make("span", { className: "swatch" });
  const bar = make("i", { id: `bar-${id}` });
  swatch.style.background = bar.style.background = `rgb(${r} ${g} ${b})`;
  if (Math.max(r, g, b) < 40) bar.style.background = "#5a6875";
  const share = make("output", { id: `share-${id}` });
  return make("li", {}, make("label", {}, box, swatch, make("span", {}, name),
    make("span", { className: "bar" }, bar), share));
}
