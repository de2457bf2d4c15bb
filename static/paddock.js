// Paddock: small conveniences on top of pages that work without them.
//   times          <time datetime> in the visitor's own zone; <time data-countdown> also says how long is left
//   copy buttons   in every [data-copy], for the text of its <code>
//   drop zones     [data-drop] around a file input takes dropped files and names what was chosen
//   live status    [data-status-url] is replaced by the fragment at that address until one carries data-final;
//                  where that also carries data-then, the page goes there
//   live laps      [data-live] is replaced by what the page's own address + /live sends (server-sent events);
//                  [data-live-status] says each new lap
//   uploads        a form with data-upload sends its file part by part (tus 1.0.0) and goes on after a break

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const formats = {
  date: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" }),
  deadline: new Intl.DateTimeFormat(undefined, {
    day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
  }),
  minute: new Intl.DateTimeFormat(undefined, {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
  }),
};

/** "3 d 4 h", "4 h 12 min" or "12 min"; a countdown needs no finer grain than its own last minute. */
function duration(milliseconds) {
  const days = Math.floor(milliseconds / DAY);
  const hours = Math.floor((milliseconds % DAY) / HOUR);
  const minutes = Math.floor((milliseconds % HOUR) / MINUTE);
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : "less than a minute";
}

function showTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    element.title ||= element.textContent.trim();
    const left = at - Date.now();
    const counting = "countdown" in element.dataset && left > 0;
    // A deadline within half a year needs no year.
    const format = counting && left < 180 * DAY ? formats.deadline : (formats[element.dataset.format] ?? formats.minute);
    const text = format.format(at) + (counting ? ` (in ${duration(left)})` : "");
    // Only on change: a rewritten text would be announced again inside a live region.
    if (element.textContent !== text) element.textContent = text;
  }
}

function addCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const box of root.querySelectorAll("[data-copy]")) {
    const row = box.querySelector(".row");
    const code = box.querySelector("code");
    if (!row || !code || row.querySelector("button")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button button-small";
    button.textContent = "Copy";
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      const copied = await navigator.clipboard.writeText(code.textContent).then(() => true, () => false);
      button.textContent = copied ? "Copied" : "Select and copy by hand";
      setTimeout(() => { button.textContent = "Copy"; }, 2500);
    });
    row.append(button);
  }
}

function fileSize(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  return `${(bytes / 1000 ** power).toFixed(power ? 1 : 0)} ${units[power]}`;
}

function connectDropZones(root) {
  for (const zone of root.querySelectorAll("[data-drop]")) {
    const input = zone.querySelector("input[type=file]");
    const chosen = zone.querySelector("output");
    if (!input || !chosen) continue;
    const show = () => {
      // A server that is sent too much hangs up, and the browser then shows nothing of its answer.
      const limit = Number(input.dataset.limit) || Infinity;
      const tooLarge = Array.from(input.files).find((file) => file.size > limit);
      input.setCustomValidity(tooLarge ? `${tooLarge.name} is larger than ${fileSize(limit)}; send a smaller file.` : "");
      chosen.textContent = Array.from(input.files, (file) => `${file.name}, ${fileSize(file.size)}`).join("; ");
    };
    input.addEventListener("change", show);
    zone.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      zone.dataset.over = "";
    });
    for (const end of ["dragleave", "drop"]) zone.addEventListener(end, () => { delete zone.dataset.over; });
    zone.addEventListener("drop", (event) => {
      if (event.dataTransfer.files.length === 0) return;
      event.preventDefault();
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
  }
}

/** Asks again after 2 s, then ever more slowly up to 15 s; a hidden page or a failed request only waits. */
function followStatus(element) {
  let wait = 2_000;
  let shown = "";
  const next = () => setTimeout(ask, (wait = Math.min(wait * 1.3, 15_000)));
  const ask = async () => {
    if (document.hidden) return next();
    try {
      const response = await fetch(element.dataset.statusUrl, { headers: { accept: "text/html" }, credentials: "same-origin" });
      if (response.status === 401 || response.status === 403 || response.status === 404) return;
      if (!response.ok || response.redirected) return next();
      const html = await response.text();
      if (html !== shown) {
        shown = html;
        wait = 2_000;
        element.replaceChildren(document.createRange().createContextualFragment(html));
        enhance(element);
      }
      const end = element.querySelector("[data-final]");
      if (end?.dataset.then) location.replace(end.dataset.then);
      if (end) return;
    } catch {
      // Offline or restarting: the next turn tries again.
    }
    next();
  };
  if (!element.querySelector("[data-final]")) next();
}

/** Follows a driver's laps. The browser reconnects by itself after a break; where it gave up, and where all places are
    taken, this tries again, ever more slowly. */
function followLaps(element) {
  const status = document.querySelector("[data-live-status]");
  const say = (text) => { if (status && status.textContent !== text) status.textContent = text; };
  let { after } = element.dataset;
  let wait = 5_000;
  const open = () => {
    const source = new EventSource(`${location.pathname}/live?after=${after}`);
    source.addEventListener("open", () => { wait = 5_000; say("Live: new laps appear here at once."); });
    source.addEventListener("insights", (event) => {
      const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
      element.replaceChildren(document.createRange().createContextualFragment(event.data));
      enhance(element);
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    });
    source.addEventListener("lap", (event) => {
      after = event.lastEventId;
      say(JSON.parse(event.data).text);
    });
    source.addEventListener("gone", () => {
      source.close();
      say("This link opens nothing any more. Ask whoever gave it to you for a new one.");
    });
    source.addEventListener("error", () => {
      say("The connection broke; trying again…");
      if (source.readyState !== EventSource.CLOSED) return;
      setTimeout(open, wait);
      wait = Math.min(wait * 2, 120_000);
    });
  };
  open();
}

const PART = 8 * 2 ** 20;
const TUS = { "tus-resumable": "1.0.0" };

/** The words of a refusal, for people. */
async function problemOf(response) {
  const problem = await response.json().catch(() => null);
  return problem?.detail ?? `The server answered with ${response.status}.`;
}

/** Sends a file part by part, and each part again until it has come; `show` is told how much has. */
async function sendInParts(file, address, offset, show) {
  let wait = 1_000;
  while (offset < file.size) {
    show(offset);
    const response = await fetch(address, {
      method: "PATCH",
      headers: { ...TUS, "content-type": "application/offset+octet-stream", "upload-offset": offset },
      body: file.slice(offset, offset + PART),
    }).catch(() => null);
    if (response?.ok) {
      offset = Number(response.headers.get("upload-offset"));
      wait = 1_000;
      continue;
    }
    // 409: something has come that we did not hear of. No answer, or the server's own failure: wait.
    if (response && response.status < 500 && response.status !== 409 && response.status !== 400) throw new Error(await problemOf(response));
    show(offset, "The connection broke; trying again…");
    await new Promise((resume) => setTimeout(resume, wait));
    wait = Math.min(wait * 2, 30_000);
    const standing = await fetch(address, { method: "HEAD", headers: TUS }).catch(() => null);
    if (standing?.ok) offset = Number(standing.headers.get("upload-offset"));
    else if (standing && standing.status < 500) throw new Error("The upload has gone from the server; begin anew.");
  }
}

function connectUploads(root) {
  for (const form of root.querySelectorAll("form[data-upload]")) {
    const input = form.querySelector("input[type=file]");
    const button = form.querySelector("button[type=submit]");
    const { upload, drafts } = form.dataset;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const [file] = input.files;
      let { key } = form.dataset;
      const status = form.querySelector("[role=status]") ?? form.appendChild(Object.assign(document.createElement("div"), { role: "status" }));
      const bar = form.querySelector("progress") ?? document.createElement("progress");
      if (!bar.isConnected) {
        const label = Object.assign(document.createElement("label"), { className: "progress" });
        label.append(Object.assign(document.createElement("b"), { textContent: "Received" }), bar);
        status.before(label);
      }
      const text = status.appendChild(document.createElement("p"));
      const show = (offset, said) => {
        bar.max = file.size;
        bar.value = offset;
        text.textContent = said ?? `${fileSize(offset)} of ${fileSize(file.size)} sent`;
      };
      status.replaceChildren(text);
      button.disabled = true;
      try {
        if (key && file.size !== Number(form.dataset.bytes)) throw new Error("This is another file: its size differs. Choose the one that was begun.");
        let offset = 0;
        if (!key) {
          const name = btoa(String.fromCodePoint(...new TextEncoder().encode(file.name)));
          const begun = await fetch(upload, { method: "POST", headers: { ...TUS, "upload-length": file.size, "upload-metadata": `filename ${name}` } });
          if (!begun.ok) throw new Error(await problemOf(begun));
          key = begun.headers.get("location").split("/").pop();
          form.dataset.key = key;
          form.dataset.bytes = file.size;
          // A reload finds the draft, and goes on there.
          history.replaceState(null, "", drafts + key);
        } else {
          const standing = await fetch(`${upload}/${key}`, { method: "HEAD", headers: TUS });
          if (!standing.ok) throw new Error("The upload has gone from the server; begin anew.");
          offset = Number(standing.headers.get("upload-offset"));
        }
        await sendInParts(file, `${upload}/${key}`, offset, show);
        show(file.size);
        location.assign(drafts + key);
      } catch (problem) {
        text.className = "error";
        text.textContent = problem.message;
        button.disabled = false;
      }
    });
  }
}

function enhance(root) {
  showTimes(root);
  addCopyButtons(root);
  connectDropZones(root);
  connectUploads(root);
}

enhance(document);
for (const element of document.querySelectorAll("[data-status-url]")) followStatus(element);
for (const element of document.querySelectorAll("[data-live]")) followLaps(element);
setInterval(() => showTimes(document), MINUTE / 2);
