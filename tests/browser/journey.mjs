// A data expert's first visit, in a real browser against a running server:
//   node journey.mjs BASE_URL [SCREENSHOT_DIR]
// signs up, opens the lap-time challenge, accepts its rules, submits the sample submission, waits for the
// score and finds the own row on the leaderboard; once with JavaScript and once without. Any error in the
// browser's console, among them whatever the content security policy blocks, fails it, as does a page that
// is wider than its screen. CHROMIUM names the browser, CHALLENGE the challenge's slug.
//
// Where DEMO names the demo.json of a demonstration, its organizer then publishes a dataset step by step: sends
// a file (with JavaScript in parts, over a connection that breaks), looks at it, takes the suggested policy,
// looks at what would become public, and publishes it.

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
  check(await page.getByRole("link", { name: "sample.csv" }).isVisible(), "the submission is not listed");
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
  check(await page.getByText("This is a suggestion").isVisible(), "no policy is suggested");
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

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  await journey(browser, "script", true);
  await journey(browser, "plain", false);
  if (process.env.DEMO) {
    const { accounts } = JSON.parse(await readFile(process.env.DEMO, "utf8"));
    await publishing(browser, "script-dataset", true, accounts);
    await publishing(browser, "plain-dataset", false, accounts);
  }
} finally {
  await browser.close();
}
