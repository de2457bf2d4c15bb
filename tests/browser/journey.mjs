// A data expert's first visit, in a real browser against a running server:
//   node journey.mjs BASE_URL [SCREENSHOT_DIR]
// signs up, opens the lap-time challenge, accepts its rules, submits the sample submission, waits for the
// score and finds the own row on the leaderboard; once with JavaScript and once without. Any error in the
// browser's console, among them whatever the content security policy blocks, fails it, as does a page that
// is wider than its screen. CHROMIUM names the browser, CHALLENGE the challenge's slug.
//
// Where DEMO names the demo.json of a demonstration, its organizer then publishes a dataset step by step: sends
// a file (with JavaScript in parts, over a connection that breaks), looks at it, takes the suggested policy,
// looks at what would become public, and publishes it. Its scout searches the talent board, compares two drivers,
// keeps one on a list, and asks to meet them; the organizer hands the link on; a guardian accepts, the scout sees
// who it is, the guardian takes it back. A driver's own page shows a lap as it is driven.

import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { chromium } from "playwright-core";

const [base, screenshots] = process.argv.slice(2);
if (!base) {
  console.error("usage: node journey.mjs BASE_URL [SCREENSHOT_DIR]");
  process.exit(2);
}
if (screenshots) await mkdir(screenshots, { recursive: true });

const SCREENS = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
const PASSWORD = "late apex, early throttle";
const SCORING_SECONDS = 60;

function check(condition, message) {
  if (!condition) throw new Error(message);
}

/** Screenshots of the page as it stands, and that it fits its screen. */
async function look(page, journey, name) {
  for (const [screen, size] of Object.entries(SCREENS)) {
    await page.setViewportSize(size);
    const excess = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    check(excess <= 0, `${name} is ${excess} px wider than the ${screen} screen`);
    if (!screenshots) continue;
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: path.join(screenshots, `${journey}-${name}-${screen}-${colorScheme}.png`), fullPage: true });
    }
    await page.emulateMedia({ colorScheme: null });
  }
  await page.setViewportSize(SCREENS.desktop);
}

/** Waits until the entry is scored: with JavaScript the page changes by itself, without it the page reloads itself. */
async function scored(page) {
  const state = page.locator("[data-final] .badge");
  await state.waitFor({ timeout: SCORING_SECONDS * 1000 });
  const text = (await state.textContent()).trim();
  check(text === "Scored", `the sample submission ended as ${text}: ${await page.locator("main").textContent()}`);
}

async function journey(browser, name, javaScriptEnabled) {
  const context = await browser.newContext({ viewport: SCREENS.desktop, javaScriptEnabled, acceptDownloads: true });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
  });
  const show = (address) => page.goto(new URL(address, base).href);

  await show("/");
  await look(page, name, "home");
  await page.getByRole("link", { name: "Join", exact: true }).click();
  await look(page, name, "sign-up");
  const username = `rookie-${Date.now().toString(36)}`;
  await page.getByLabel("User name").fill(username);
  await page.getByLabel("E-mail").fill(`${username}@example.org`);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Join" }).click();
  await page.waitForURL("**/challenges");
  check(await page.getByText(`Welcome to the paddock, ${username}.`).isVisible(), "nobody was welcomed");
  await look(page, name, "challenges");

  const wanted = process.env.CHALLENGE ?? "lap-time";
  await page.locator(`.card a[href*="${wanted}"]`).first().click();
  await page.waitForURL(`**/challenges/*${wanted}*`);
  const slug = new URL(page.url()).pathname.split("/").pop();
  await look(page, name, "overview");
  const tabs = page.getByRole("navigation", { name: "Challenge" });
  await tabs.getByRole("link", { name: "Data" }).click();
  await look(page, name, "data");
  const sample = await context.request.get(new URL(`/challenges/${slug}/sample-submission.csv`, base).href);
  check(sample.ok(), `the sample submission is answered with ${sample.status()}`);

  await tabs.getByRole("link", { name: "Submit" }).click();
  check(await page.getByText("Accept the rules first").isVisible(), "a stranger may submit");
  await look(page, name, "submit-refused");
  await page.getByRole("link", { name: "Read the rules" }).click();
  await page.getByLabel("I have read these rules").check();
  await look(page, name, "rules");
  await page.getByRole("button", { name: "Join the challenge" }).click();
  await page.waitForURL(`**/challenges/${slug}/submit`);
  await page.getByLabel("Description").fill("The sample, as a first lap");
  await page.getByLabel("Predictions").setInputFiles({ name: "sample.csv", mimeType: "text/csv", buffer: await sample.body() });
  await look(page, name, "submit");
  await page.getByRole("button", { name: "Submit entry" }).click();
  await page.waitForURL("**/submissions/*");
  await scored(page);
  await look(page, name, "submission");

  await page.getByRole("link", { name: "See the leaderboard" }).click();
  const own = page.locator("tr.you");
  check((await own.count()) === 1, "the own row is not on the leaderboard");
  check((await own.textContent()).includes(username), "the own row is somebody else's");
  check((await own.locator("data.score").getAttribute("value")) !== "", "the own row has no score");
  await look(page, name, "leaderboard");
  await tabs.getByRole("link", { name: "My submissions" }).click();
  await page.getByRole("link", { name: "sample.csv" }).waitFor();
  await look(page, name, "submissions");

  await page.getByRole("link", { name: username, exact: true }).click();
  await page.getByLabel("Name", { exact: true }).fill("notebook");
  await page.getByRole("button", { name: "Make token" }).click();
  check((await page.locator(".token code").textContent()).startsWith("pdk_"), "no token is shown");
  await look(page, name, "account");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("link", { name: "Sign in", exact: true }).waitFor();

  check(complaints.length === 0, `the browser complains:\n  ${complaints.join("\n  ")}`);
  await context.close();
  console.log(`${name}: ${username} signed up, submitted to ${slug} and stands on its leaderboard`);
}

/** A lap table of 36 adults at two events, 40 laps each. */
function lapTable() {
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const rows = ["event,driver,age,weight_kg,lap,lap_time"];
  for (const event of ["Spring", "September"]) {
    for (let driver = 0; driver < 36; driver += 1) {
      for (let lap = 1; lap <= 40; lap += 1) {
        const seconds = 50 + ((driver * 7 + event.length * 17) % 36) * 0.05 + (random() - 0.5) * 1.2;
        rows.push(`${event},Racer Number${String(driver).padStart(2, "0")},${20 + (driver % 2)},${70 + (driver % 4)},${lap},${seconds.toFixed(3)}`);
      }
    }
  }
  return rows.join("\n") + "\n";
}

/** An organizer publishes a dataset; whether its gates hold decides who may. */
async function publishing(browser, name, javaScriptEnabled, accounts) {
  const context = await browser.newContext({ viewport: SCREENS.desktop, javaScriptEnabled });
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
  });
  const organizer = accounts.find((account) => account.role === "organizer");
  await page.goto(new URL("/sign-in?next=/console/datasets/new", base).href);
  await page.getByLabel("User name").fill(organizer.username);
  await page.getByLabel("Password").fill(organizer.password);
  await page.locator("main").getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL("**/console/datasets/new");
  await look(page, name, "upload");
  const file = { name: "club laps.csv", mimeType: "text/csv", buffer: Buffer.from(lapTable()) };
  if (javaScriptEnabled) {
    // The first part never arrives: the page tries again by itself.
    let broken = 0;
    await page.route("**/api/v1/uploads/*", (route) => {
      if (route.request().method() === "PATCH" && broken === 0) {
        broken += 1;
        return route.abort();
      }
      return route.continue();
    });
    await page.getByLabel("Raw file").setInputFiles(file);
    await page.getByRole("button", { name: "Send the file" }).click();
    await page.getByText("The connection broke; trying again").waitFor();
    await look(page, name, "upload-broken");
    await page.getByRole("heading", { name: "What was understood" }).waitFor({ timeout: SCORING_SECONDS * 1000 });
    check(broken === 1, "no part was broken off");
    await page.unroute("**/api/v1/uploads/*");
  } else {
    await page.getByLabel("Raw file").setInputFiles(file);
    await page.getByRole("button", { name: "Send the file" }).click();
    await page.getByRole("heading", { name: "What was understood" }).waitFor({ timeout: SCORING_SECONDS * 1000 });
  }
  check(page.url().includes("/console/datasets/drafts/"), `the draft is at ${page.url()}`);
  check((await page.locator("[aria-current=step]").textContent()) === "Inspect", "the step is not marked");
  await look(page, name, "inspect");

  await page.getByRole("link", { name: "Go on: choose the policy" }).click();
  await page.getByText("This is a suggestion").waitFor();
  check((await page.getByLabel("What is shown of driver").inputValue()) === "pseudonym", "the driver is shown");
  await page.getByLabel("Are there minors?").selectOption("no");
  await page.getByLabel("k: at least so many people look alike").fill("5");
  // Without a name for each driver nothing links laps to people, so no attack depends on the draw.
  await page.getByLabel("What is shown of driver").selectOption("drop");
  await page.getByLabel("Publish in pace cells").selectOption("");
  await page.getByLabel("What is shown of lap_time").selectOption("round");
  await page.getByLabel("to multiples of").and(page.locator(":visible")).fill("0.1");
  await look(page, name, "policy");
  // By keyboard alone: the button takes focus and Enter sends the form.
  await page.getByRole("button", { name: "Measure what this publishes" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/preview");
  await page.getByRole("heading", { name: "Column by column" }).waitFor({ timeout: SCORING_SECONDS * 1000 });
  await look(page, name, "preview");
  await page.getByRole("navigation", { name: "Steps of publishing" }).getByRole("link", { name: "Risk" }).click();
  await page.getByRole("heading", { name: "What was measured" }).waitFor();
  await look(page, name, "risk");
  check(await page.getByText("All gates hold").isVisible(), `a gate fails: ${await page.locator(".gates").textContent()}`);
  await page.getByRole("link", { name: "Go on: publish it" }).click();
  const slug = `club-laps-${Date.now().toString(36)}`;
  await page.getByLabel("Slug").fill(slug);
  await page.getByLabel("Title").fill("Laps of a club");
  await page.getByLabel("Summary").fill("Two meetings, 36 drivers, 15 laps of each.");
  await look(page, name, "publish");
  await page.getByRole("button", { name: "Publish what was measured" }).click();
  await page.waitForURL(`**/datasets/${slug}`);
  check(await page.getByText("Version 1 is published").isVisible(), "nothing was published");
  await look(page, name, "published");
  const expected = complaints.filter((complaint) => !complaint.startsWith("404 ") || !complaint.endsWith("/status"));
  check(expected.length === 0, `the browser complains:\n  ${expected.join("\n  ")}`);
  await context.close();
  console.log(`${name}: ${organizer.username} published ${slug}`);
}

async function signedIn(browser, account, javaScriptEnabled, complaints) {
  const context = await browser.newContext({ viewport: SCREENS.desktop, javaScriptEnabled });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
  if (account) {
    await page.goto(new URL("/sign-in", base).href);
    await page.getByLabel("User name").fill(account.username);
    await page.getByLabel("Password").fill(account.password);
    await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
  }
  return page;
}

/** From the talent board to a driver and back again. `nth` is which driver of the board is asked for. */
async function scouting(browser, name, javaScriptEnabled, accounts, nth) {
  const complaints = [];
  const account = (role) => accounts.find((one) => one.role === role);
  const scout = await signedIn(browser, account("scout"), javaScriptEnabled, complaints);
  const organizer = await signedIn(browser, account("organizer"), javaScriptEnabled, complaints);
  const guardian = await signedIn(browser, null, javaScriptEnabled, complaints);

  await scout.goto(new URL("/talent", base).href);
  await look(scout, name, "talent");
  await scout.getByRole("table", { name: "Talent boards" }).or(scout.locator("table")).first().getByRole("link").first().click();
  await scout.getByLabel("Sort by").selectOption("consistency");
  await scout.getByRole("button", { name: "Search", exact: true }).click();
  await scout.waitForURL("**sort=consistency**");
  await look(scout, name, "board");
  const boxes = scout.getByRole("checkbox", { name: /^Compare / });
  check((await boxes.count()) >= 10, "the board has hardly any driver");
  await boxes.nth(0).check();
  await boxes.nth(9).check();
  const driver = scout.locator("tbody th a").nth(nth);
  const pseudonym = (await driver.textContent()).trim();
  const driverAddress = await driver.getAttribute("href");
  await scout.getByRole("button", { name: "Compare the marked drivers" }).click();
  await scout.getByRole("heading", { name: "Drivers side by side" }).waitFor();
  await look(scout, name, "compare");
  await scout.goto(new URL(driverAddress, base).href);
  await look(scout, name, "driver");
  const list = `List ${name}`;
  await scout.getByLabel("Begin a list with this driver").fill(list);
  await scout.getByRole("button", { name: "Begin the list" }).click();
  await scout.getByRole("link", { name: list, exact: true }).waitFor();

  await scout.getByRole("link", { name: "Ask to meet this driver" }).click();
  await scout.waitForURL("**/contact");
  await look(scout, name, "ask");
  await scout.getByLabel("name").first().fill("Ada Lovelace");
  await scout.getByLabel("Organisation").fill("North Karting");
  await scout.locator("textarea").fill("We look for juniors for next season. May we meet you and your parents?");
  await scout.locator("[name=reach]").fill("ada@north.example");
  await scout.getByRole("main").locator("button[type=submit]").last().click();
  await scout.waitForURL("**/scouting/requests/*");
  const request = new URL(scout.url()).pathname;
  check(!(await scout.getByText("driver_name", { exact: true }).isVisible()), "an identity is shown unasked");
  await look(scout, name, "request");

  await organizer.goto(new URL("/console/contact-requests", base).href);
  await organizer.getByRole("main").getByRole("link", { name: pseudonym }).first().click();
  await organizer.waitForURL("**/console/contact-requests/*");
  await look(organizer, name, "forward");
  await organizer.getByLabel("Yes: a parent or guardian decides").check();
  await organizer.getByLabel("You hand the link on yourself").check();
  await organizer.getByRole("button", { name: "Pass it on" }).click();
  await organizer.getByText("/consent/").first().waitFor();
  const link = (await organizer.getByRole("main").textContent()).match(/https?:\/\/\S+\/consent\/[0-9a-f]+/)[0];

  await guardian.goto(new URL(new URL(link).pathname, base).href);
  check(await guardian.getByText("North Karting").isVisible(), "it is not said who asks");
  await look(guardian, name, "consent");
  await guardian.getByLabel("I am the driver’s parent or guardian").check();
  await guardian.getByRole("button", { name: "Accept" }).click();
  await guardian.waitForURL((url) => url.pathname.startsWith("/consent/") && !link.endsWith(url.pathname));
  await look(guardian, name, "accepted");
  await scout.goto(new URL(request, base).href);
  check(await scout.getByText("driver_name", { exact: true }).isVisible(), "the scout does not learn who it is");
  await look(scout, name, "unlocked");
  await Promise.all([
    guardian.waitForResponse((response) => response.request().method() === "POST"),
    guardian.locator("button[value=withdraw]").click(),
  ]);
  await scout.goto(new URL(request, base).href);
  check(!(await scout.getByText("driver_name", { exact: true }).isVisible()), "a consent that was taken back still opens");
  check(complaints.length === 0, `the browser complains:\n  ${complaints.join("\n  ")}`);
  for (const page of [scout, organizer, guardian]) await page.context().close();
  console.log(`${name}: a scout met ${pseudonym}, until it was taken back`);
}

/** A driver's own page, and a lap that appears on it while it is driven. */
async function driving(browser, address, accounts) {
  const complaints = [];
  const page = await signedIn(browser, null, true, complaints);
  const following = page.waitForResponse("**/live**");
  await page.goto(new URL(new URL(address).pathname, base).href);
  await following;
  await look(page, "driving", "page");
  const { token } = accounts.find((one) => one.role === "organizer");
  const headers = { Authorization: `Bearer ${token}` };
  const api = (path, data) => page.request.post(new URL(`/api/v1/coached-drivers${path}`, base).href, { headers, data });
  const session = await (await api("/1/sessions", { track: "Adlerring", name: "Live" })).json();
  const lap = { number: 7, milliseconds: 50632, sectors: [15210, 17122, 18300] };
  check((await api(`/1/sessions/${session.id}/laps`, lap)).ok(), "the lap was refused");
  await page.getByText("50.632").first().waitFor();
  await look(page, "driving", "live");
  check(complaints.length === 0, `the browser complains:\n  ${complaints.join("\n  ")}`);
  await page.context().close();
  console.log("driving: a lap was there as it was driven");
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  await journey(browser, "script", true);
  await journey(browser, "plain", false);
  if (process.env.DEMO) {
    const { accounts, driving: address } = JSON.parse(await readFile(process.env.DEMO, "utf8"));
    await publishing(browser, "script-dataset", true, accounts);
    await publishing(browser, "plain-dataset", false, accounts);
    await scouting(browser, "script-scouting", true, accounts, 3);
    await scouting(browser, "plain-scouting", false, accounts, 4);
    await driving(browser, address, accounts);
  }
} finally {
  await browser.close();
}
