/* The live page: the connection, the pictures, what is the matter, and what is wished for. */

import { by, ms, say, showFigures } from "./figures.js";

const HEAD_BYTES = 24;
const QUIET_MS = 3000;             // without a word for so long, the server is not well
const SETTLE_MS = 800;             // a wish of ours is not undone by a status sent before it
const NUM_DELAYS = 60;
const FIRST_RETRY_MS = 500, LAST_RETRY_MS = 10000;

const canvas = by("picture");
const paint = canvas.getContext("2d", { alpha: false });
let socket = null, retryMs = FIRST_RETRY_MS, retryTimer = 0, retryAt = 0;
let ended = false, wantsToken = false, full = "";
let status = null, heardAt = 0, wishedAt = -Infinity;
const delays = [];                 // of the last pictures, capture to drawn here, ms
let picture = null, drawnNumber = 0, numDrawn = 0;
let paused = false, told = "", toastTimer = 0;

const clock = (unixS) => new Date(unixS * 1000).toLocaleTimeString("en-GB");
const isOpen = () => socket !== null && socket.readyState === WebSocket.OPEN;
const send = (message) => { if (isOpen()) socket.send(JSON.stringify(message)); };

/* Connection ---------------------------------------------------------------------------- */

function connect() {
  if (socket) return;
  clearTimeout(retryTimer);
  retryAt = 0;
  const mine = new WebSocket(`${location.origin.replace(/^http/, "ws")}/watch`);
  socket = mine;
  mine.binaryType = "arraybuffer";
  mine.onopen = () => {
    full = "";
    drawnNumber = 0;
    status = null;
    wishedAt = -Infinity;
    heardAt = performance.now();
    sendPause();
  };
  mine.onmessage = ({ data }) => {
    heardAt = performance.now();
    if (typeof data === "string") hear(JSON.parse(data));
    else show(mine, data);
  };
  mine.onclose = (event) => {
    if (socket !== mine) return;
    socket = null;
    full = event.code === 1013 ? event.reason : "";
    session().then((known) => {
      if (known === false) wantsToken = true;
      else retry();
      render();
    });
    render();
  };
}

function retry() {
  const waitMs = retryMs * (0.8 + 0.4 * Math.random());
  retryMs = Math.min(2 * retryMs, LAST_RETRY_MS);
  retryAt = performance.now() + waitMs;
  retryTimer = setTimeout(connect, waitMs);
}

/* true: signed in, or nothing is demanded; false: the token is needed; null: nobody answers. */
async function session() {
  try {
    return (await fetch("session")).status === 204;
  } catch { return null; }
}

async function signIn(token) {
  try {
    const body = JSON.stringify({ token });
    const answer = await fetch("session", { method: "POST", body });
    if (answer.status === 204) { wantsToken = false; connect(); return; }
    wantsToken = true;
    say("token-note", answer.status === 429 ? "Too many try at once: wait a moment." :
      "That is not the token of this page.");
  } catch { retry(); }
}

function hear(message) {
  if (message.t === "status") {
    status = message;
    retryMs = FIRST_RETRY_MS;
    ended = false;
    showFigures(status, wish);
    say("screen", ms([...delays].sort((a, b) => a - b)[delays.length >> 1]));
    if (performance.now() - wishedAt > SETTLE_MS) adopt(status.asked);
  }
  if (message.t === "end") ended = true;
  if (message.t === "refused") { toast(message.why); wishedAt = -Infinity; }
  render();
}

/* Pictures ------------------------------------------------------------------------------ */

async function show(from, data) {
  const head = new DataView(data, 0, HEAD_BYTES);
  const number = head.getUint32(0, true), screenMs = head.getFloat32(12, true);
  const jpeg = new Blob([new Uint8Array(data, HEAD_BYTES)], { type: "image/jpeg" });
  if (screenMs > 0) delays.push(screenMs);
  if (delays.length > NUM_DELAYS) delays.shift();
  let bitmap = null;
  try { bitmap = await createImageBitmap(jpeg); } catch { /* the next one comes anyway */ }
  if (bitmap && number > drawnNumber && from === socket) {
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
    }
    paint.drawImage(bitmap, 0, 0);
    drawnNumber = number;
    numDrawn += 1;
    picture = { jpeg, index: head.getUint32(4, true), unixS: head.getFloat64(16, true) };
    canvas.dataset.index = picture.index;
    canvas.dataset.drawn = numDrawn;
    canvas.dataset.unixMs = 1000 * picture.unixS;
    by("snapshot").disabled = false;
  }
  if (bitmap) bitmap.close();
  if (from.readyState === WebSocket.OPEN) from.send(JSON.stringify({ t: "drawn", number }));
}

function snapshot() {
  if (!picture) return;
  const link = document.createElement("a");
  const day = new Date(picture.unixS * 1000).toISOString().slice(0, 19).replace(/[:T]/g, "-");
  link.href = URL.createObjectURL(picture.jpeg);
  link.download = `losszero-rt-${day}-frame${picture.index}.jpg`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/* State --------------------------------------------------------------------------------- */

/* What is the matter: [state of the page, headline, detail]. */
function situation() {
  if (wantsToken) return ["token", "This page asks for its token", ""];
  if (full) return ["gone", "Too many viewers", full];
  if (!isOpen()) {
    if (ended) return ["gone", "The run has ended", "The page goes on when another one starts."];
    if (!heardAt) return ["connecting", "Connecting", ""];
    const inS = Math.max(0, Math.ceil((retryAt - performance.now()) / 1000));
    return ["gone", "Connection to the server lost", inS ? `Next try in ${inS} s` : "Trying again"];
  }
  if (!status) return ["connecting", "Starting", "The model is being loaded."];
  if (performance.now() - heardAt > QUIET_MS) return ["gone", "The server is silent", ""];
  return ofSignal(status.signal);
}

function ofSignal({ state, since_unix_s: since, reason, attempt }) {
  if (state === "ended") return ["lost", "The source has ended", reason];
  if (state === "connecting") return ["connecting", "Connecting to the source", reason];
  if (state !== "live") {
    const which = attempt ? `, attempt ${attempt}` : "";
    const tries = state === "reconnecting" ? `Connecting again${which}` : "";
    const last = picture ? `Last picture at ${clock(picture.unixS)}` : "";
    const detail = [reason, tries, last].filter(Boolean).join(" · ");
    return ["lost", `No signal since ${clock(since)}`, detail];
  }
  if (paused) return ["paused", "Paused", ""];
  return picture ? ["live", "", ""] : ["connecting", "Waiting for the first picture", ""];
}

function render() {
  const [state, headline, detail] = situation();
  const words = state === "live" ? "Signal is live" : headline;
  document.body.dataset.state = state;
  say("headline", headline);
  say("detail", detail);
  const signal = status ? status.signal.state : "connecting";
  const badges = { gone: "offline", token: "locked", paused: "paused" };
  say("badge", badges[state] || signal);
  by("retry").hidden = state !== "gone";
  by("sign-in").hidden = state !== "token";
  if (words !== told) { told = words; say("says", words); }
}

function toast(words) {
  say("toast", words);
  by("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { by("toast").hidden = true; }, 5000);
}

/* Wishes -------------------------------------------------------------------------------- */

const boxes = () => [...by("classes").querySelectorAll("input")];
/* The first class is the background, which is left without colour unless asked for. */
const usual = (ids, total) => ids.length === total - 1 && !ids.includes(0);

/* Which class's activation is drawn: alone in its view, and over the picture where the run was
   configured with one. */
const takesCam = (view) => view === "cam" || (status?.cam_configured ?? null) !== null;

function wish() {
  const view = document.querySelector('[name="view"]:checked').value;
  if (view === "cam" && by("cam").value === "") by("cam").value = status?.cam_fixed ?? 1;
  const cam = by("cam").value;
  const ids = boxes().flatMap((box, id) => (box.checked ? [id] : []));
  wishedAt = performance.now();
  reflect(view, usual(ids, boxes().length));
  send({
    t: "choice", view, alpha: by("alpha").valueAsNumber / 100,
    classes: usual(ids, boxes().length) ? null : ids,
    cam: takesCam(view) && cam !== "" ? Number(cam) : null, text: by("text").checked,
  });
}

function adopt(asked) {
  document.querySelector(`[name="view"][value="${asked.view}"]`).checked = true;
  by("alpha").value = Math.round(100 * asked.alpha);
  if (asked.cam !== null || status.cam_configured !== null) by("cam").value = asked.cam ?? "";
  by("text").checked = asked.text;
  boxes().forEach((box, id) => {
    box.checked = asked.classes === null ? id > 0 : asked.classes.includes(id);
  });
  reflect(asked.view, asked.classes === null);
}

function reflect(view, isUsual) {
  by("cam-field").hidden = view === "mask" || !takesCam(view);
  by("cam").options[0].disabled = view === "cam";
  by("all-classes").hidden = isUsual;
  say("alpha-value", `${by("alpha").value} %`);
}

function sendPause() { send({ t: "pause", paused: paused || document.hidden }); }

function togglePause() {
  paused = !paused;
  by("pause").setAttribute("aria-pressed", String(paused));
  say("pause", paused ? "Go on" : "Pause");
  sendPause();
  render();
}

function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else by("stage").requestFullscreen?.();
}

function stronger(step) {
  by("alpha").value = by("alpha").valueAsNumber + step;
  wish();
}

function pick(view) {
  const radio = document.querySelector(`[name="view"][value="${view}"]`);
  if (!radio.disabled) { radio.checked = true; wish(); }
}

const KEYS = {
  1: () => pick("overlay"), 2: () => pick("mask"), 3: () => pick("side"), 4: () => pick("cam"),
  "[": () => stronger(-5), "]": () => stronger(5), t: () => by("text").click(),
  p: togglePause, s: snapshot, f: fullScreen,
  "?": () => by("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches('input[type="password"], select');
  if (event.ctrlKey || event.metaKey || event.altKey || typing || by("keys").open) return;
  const act = KEYS[event.key.toLowerCase()];
  if (!act || !(by("use-keys").checked || event.key === "?")) return;
  event.preventDefault();
  if (!event.repeat || "[]".includes(event.key)) act();
});
by("views").addEventListener("change", wish);
by("cam").addEventListener("change", wish);
by("alpha").addEventListener("input", wish);
by("text").addEventListener("change", wish);
by("pause").addEventListener("click", togglePause);
by("snapshot").addEventListener("click", snapshot);
by("full").addEventListener("click", fullScreen);
by("help").addEventListener("click", () => by("keys").showModal());
by("retry").addEventListener("click", connect);
by("all-classes").addEventListener("click", () => {
  boxes().forEach((box, id) => { box.checked = id > 0; });
  wish();
});
by("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(by("token").value.trim());
});
document.addEventListener("visibilitychange", sendPause);
setInterval(render, 500);

const secret = new URLSearchParams(location.hash.slice(1)).get("token");
if (secret) {
  history.replaceState(null, "", location.pathname);  // out of sight, bookmarks and history
  signIn(secret);
} else {
  session().then((known) => {
    if (known === false) { wantsToken = true; render(); } else connect();
  });
}
