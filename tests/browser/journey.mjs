// A data expert's first visit, in a real browser against a running server:
//   node journey.mjs BASE_URL [SCREENSHOT_DIR]
// signs up, opens the lap-time challenge, accepts its rules, submits the sample submission, waits for the
// score and finds the own row on the leaderboard; once with JavaScript and once without. Any error in the
// browser's console, among them whatever the content security policy blocks, fails it, as does a page that
// is wider than its screen. CHROMIUM names the browser, CHALLENGE the challenge's slug.

import { mkdir } from "node:fs/promises";
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

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  await journey(browser, "script", true);
  await journey(browser, "plain", false);
} finally {
  await browser.close();
}
