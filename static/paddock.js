// Paddock: small conveniences on top of pages that work without them.
//   times          <time datetime> in the visitor's own zone; <time data-countdown> also says how long is left
//   copy buttons   in every [data-copy], for the text of its <code>
//   drop zones     [data-drop] around a file input takes dropped files and names what was chosen
//   live status    [data-status-url] is replaced by the fragment at that address until one carries data-final

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
      if (element.querySelector("[data-final]")) return;
    } catch {
      // Offline or restarting: the next turn tries again.
    }
    next();
  };
  if (!element.querySelector("[data-final]")) next();
}

function enhance(root) {
  showTimes(root);
  addCopyButtons(root);
  connectDropZones(root);
}

enhance(document);
for (const element of document.querySelectorAll("[data-status-url]")) followStatus(element);
setInterval(() => showTimes(document), MINUTE / 2);
