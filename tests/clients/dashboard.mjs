// The dashboard in headless Chromium. `story`: a marketer without scripts runs an experiment from the first form to the takeaway.
// `pages`: every page that links lead to, held to axe-core and to its width, in both schemes and on both screens; with a
// directory, pictures of them go there. `figures`: prints how fast and how large pages are. Each says `[]`, or what is wrong.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [what, server, ...rest] = process.argv.slice(2);
const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", ...quiet],
});
const wrong = [];
const holds = (claim, isTrue) => isTrue || wrong.push(claim);
const signIn = async (page, key) => {
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
};

async function story(secret) {
  const context = await browser.newContext({ javaScriptEnabled: false, acceptDownloads: true });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const shows = async (text) => holds(`${page.url()} shows ${text}`, (await page.getByText(text).count()) > 0);
  const press = (name) => page.getByRole("button", { name, exact: true }).click();
  const fill = async (fields) => {
    for (const [label, text] of Object.entries(fields)) await page.locator(`[name="${label}"]`).fill(text);
  };
  const api = (path, body) => {
    const headers = { authorization: `Bearer ${secret}` };
    return fetch(server + path, body ? { method: "POST", body: JSON.stringify(body), headers } : { headers });
  };
  const report = async () => (await api("/api/v1/experiments/hero/report")).json();

  await page.goto(`${server}/new`);
  await signIn(page, "up_nobody");
  await shows("This is no API key in force.");
  await signIn(page, secret);
  holds("signing in leads on", page.url() === `${server}/new`);

  // Mistakes stand at their fields, what was written stays, and nothing is saved.
  await fill({ key: "Not a key", "metrics[0].key": "purchase", "metrics[0].event": "Order Completed" });
  await fill({ holdout: "2" });
  await press("Save");
  await shows("Nothing was saved");
  for (const name of ["key", "holdout"]) {
    const field = page.locator(`[name="${name}"]`);
    const hint = page.locator(`[id="${await field.getAttribute("aria-describedby")}"]`);
    holds(`${name} is invalid`, (await field.getAttribute("aria-invalid")) === "true");
    holds(`${name} says why`, (await hint.innerText()).includes("✕"));
  }
  holds("what was written stays", (await page.locator("[name=key]").inputValue()) === "Not a key");
  holds("nothing is saved", (await (await api("/api/v1/experiments")).json()).experiments.length === 0);

  await fill({ key: "hero", name: "Hero of the start page", owner: "Ann", hypothesis: "A face sells", holdout: "" });
  await fill({ "variants[0].key": "plain", "variants[1].key": "face" });
  await page.locator('[name="allocation.policy"]').selectOption("thompson");
  await press("Check");
  await shows("The definition is valid.");
  await press("Save");
  await shows("The experiment is defined.");
  await press("Start");
  await shows("The experiment runs.");
  await shows("No visitor has been assigned yet.");

  // Traffic moves what the page says, and it says what the report says.
  const visitors = Array.from({ length: 400 }, (_, i) => ({ visitor: `v${i}`, experiments: ["hero"] }));
  const { results } = await (await api("/api/v1/assignments/batch", { requests: visitors })).json();
  const happy = results.flatMap(({ assignments: [{ variant }] }, i) => (i % (variant === "face" ? 3 : 9) ? [] : `v${i}`));
  const orders = happy.map((visitor) => ({ event: "Order Completed", visitor, id: `o-${visitor}` }));
  await api("/api/v1/events", orders);
  await page.goto(`${server}/experiments/hero`);
  const { verdict } = await report();
  await shows(verdict.headline);
  const counts = await page.getByRole("region", { name: "Traffic" }).locator("tbody td:nth-child(2)").allInnerTexts();
  holds(`${counts} are 400 visitors`, counts.reduce((sum, count) => sum + Number(count), 0) === 400);

  const version = async () => (await (await api("/api/v1/experiments/hero")).json()).version;
  await page.getByRole("link", { name: "Ask the bandit now" }).click();
  await shows("Nothing has changed yet");
  const before = await version();
  await press("Reallocate");
  await shows("New visitors are shared as the bandit says now.");
  holds("a reallocation is no new version", (await version()) === before);

  await press("Pause");
  await shows("The experiment is paused");
  await press("Resume");
  await shows("The experiment runs.");

  for (const name of ["CSV", "Excel", "Download"]) {
    const link = page.getByRole("link", { name, exact: true });
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    const file = await readFile(await download.path());
    const has = name === "Excel" ? file.subarray(0, 2).toString() === "PK" : file.toString().includes("face");
    holds(`${name} has the report`, has && download.suggestedFilename().startsWith("hero."));
  }

  // A form of a page that somebody else's change made stale does nothing.
  const other = await context.newPage();
  await other.goto(`${server}/experiments/hero/edit`);
  const text = other.getByLabel("Definition");
  await text.fill((await text.inputValue()).replace("A face sells", "A face sells more"));
  await other.getByRole("button", { name: "Save" }).click();
  await press("Pause");
  await shows("Somebody changed the experiment since this page was loaded");
  await page.goto(`${server}/experiments/hero`);
  holds("a change of words does not stop it", (await (await api("/api/v1/experiments/hero")).json()).status === "running");

  await page.getByText("Conclude …").click();
  await page.getByLabel("Which variant is served from now on").selectOption("face");
  await page.getByLabel("Everyone").check();
  await page.getByLabel("What was learned").fill("Faces sell");
  await press("Conclude");
  await shows("The experiment is concluded.");
  const served = await (await api("/api/v1/assignments", { visitor: "late", experiments: ["hero"] })).json();
  holds("the winner is served", served.assignments[0].variant === "face");

  await page.getByRole("link", { name: "Experiments", exact: true }).click();
  const row = page.getByRole("row", { name: /Hero of the start page/ });
  holds("the list has it", /Concluded/i.test(await row.innerText()));
  await page.goto(`${server}/?q=nothing`);
  await shows("No experiment fits.");
  await page.goto(`${server}/?q=hero&status=concluded`);
  await shows("Hero of the start page");

  await press("Sign out");
  await page.goto(`${server}/experiments/hero`);
  holds("signed out", new URL(page.url()).pathname === "/login");
}

const isPage = (url) => url.origin === server && !/^\/(api|demo|style)/.test(url.pathname);
// Views of an experiment, its forms and what else has a key in its address are alike: of each kind the first few are looked at.
const kind = ({ pathname, search }) => pathname.replace(/(?<=^\/\w+\/)[^/]+/, "*") + search.replace(/=[^&]*/g, "=*");
const PLENTY = 2;

// Every page that links lead to, from the list on; `open` looks at each.
async function crawl(page, open) {
  const found = new Set([`${server}/`]);
  const kinds = new Map();
  for (const address of found) {
    const answer = await page.goto(address);
    if (!/html/.test(answer.headers()["content-type"])) continue;
    const links = await page.locator("a[href]:not([download])").evaluateAll((all) => all.map((link) => new URL(link.getAttribute("href"), document.baseURI).href.split("#")[0]));
    for (const link of links) {
      const of = kind(new URL(link));
      const most = of === "/experiments/*" ? Infinity : PLENTY;
      if (found.has(link) || !isPage(new URL(link)) || (kinds.get(of) ?? 0) >= most) continue;
      kinds.set(of, (kinds.get(of) ?? 0) + 1);
      found.add(link);
    }
    await open(page, new URL(address), answer);
  }
}

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const screens = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } };

// Looks at what is shown, on both screens and in both schemes.
async function look(page, name, pictures) {
  await page.evaluate(axe);
  // Everything is unfolded; of long tables the first rows are enough.
  await page.evaluate(() => {
    for (const details of document.querySelectorAll("details")) details.open = true;
    for (const row of document.querySelectorAll("tbody tr:nth-child(n + 13)")) row.remove();
  });
  for (const [screen, size] of Object.entries(screens)) {
    await page.setViewportSize(size);
    for (const colorScheme of screen === "wide" || pictures ? ["light", "dark"] : ["light"]) {
      await page.emulateMedia({ colorScheme });
      // What is not about colours is the same in the dark.
      const runOnly = colorScheme === "dark" ? { type: "rule", values: ["color-contrast"] } : undefined;
      const { violations } = await page.evaluate((options) => window.axe.run(document, options), runOnly ? { runOnly } : {});
      for (const { id, help, nodes } of violations)
        wrong.push(`${name} ${screen} ${colorScheme}: ${id}: ${help}: ${nodes.map((node) => node.html).slice(0, 3).join(" ")}`);
      if (pictures) {
        const path = `${pictures}/${name.replace(/[^\w.-]+/g, "_").slice(0, 120)}-${screen}-${colorScheme}.png`;
        await page.screenshot({ path, fullPage: true });
      }
    }
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    holds(`${name} ${screen}: ${over} pixels too wide`, over <= 0);
  }
}

async function pages(secret, pictures) {
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  page.on("console", (message) => message.type() === "error" && !/ 4\d\d /.test(message.text()) && wrong.push(message.text()));
  let asked = [];
  page.on("request", (request) => ["eventsource", "fetch"].includes(request.resourceType()) || asked.push(request.url()));
  await page.addInitScript(() => {
    window.shift = 0;
    const seen = (list) => list.getEntries().forEach((entry) => (window.shift += entry.value));
    new PerformanceObserver(seen).observe({ type: "layout-shift", buffered: true });
  });
  const see = (name) => look(page, name, pictures);

  await page.goto(`${server}/`);
  await see("login");
  await signIn(page, "up_nobody");
  await see("login refused");
  await signIn(page, secret);
  await page.getByRole("heading", { name: "Experiments" }).waitFor();
  asked = [];
  await crawl(page, async (_, url, answer) => {
    const name = url.pathname.slice(1) + url.search || "list";
    const own = asked.filter((address) => !address.startsWith("data:") && !address.includes("/style-"));
    holds(`${name}: asked for ${own}`, own.length === 1);
    holds(`${name}: answered ${answer.status()}`, answer.ok());
    const shift = await page.evaluate(() => window.shift);
    holds(`${name}: moved by ${shift}`, shift === 0);
    await see(name);
    asked = [];
  });
  await page.goto(`${server}/experiments/none`);
  await see("refused");
  await page.goto(`${server}/?q=nothing`);
  await see("list nothing");
  for (const [name, path] of [["form", "/new"], ["text", "/new?as=text"]]) {
    await page.goto(server + path);
    await page.locator("[name=key], [name=text]").fill("?!");
    await page.getByRole("button", { name: "Save" }).click();
    await see(`new ${name} mistakes`);
  }
}

async function figures(secret) {
  const page = await browser.newPage();
  await page.goto(`${server}/`);
  if (secret) await signIn(page, secret);
  const headers = { cookie: (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join("; ") };
  const lines = [];
  await crawl(page, async (_, url) => {
    const painted = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
    const times = [];
    let bytes = 0;
    for (let i = 0; i < 50; i += 1) {
      const start = performance.now();
      bytes = (await (await fetch(url, { headers })).arrayBuffer()).byteLength;
      times.push(performance.now() - start);
    }
    const median = times.sort((a, b) => a - b)[25].toFixed(1);
    lines.push(`${median.padStart(8)} ms ${(bytes / 1024).toFixed(0).padStart(6)} KiB ${painted?.toFixed(0).padStart(6)} ms  ${url.pathname}${url.search}`);
  });
  console.error(["  served        HTML    paint", ...lines].join("\n"));
}

try {
  await { story, pages, figures }[what](...rest);
} catch (error) {
  const open = browser.contexts().flatMap((context) => context.pages());
  const shown = await Promise.all(open.map(async (page) => `${page.url()}\n${await page.locator("main").innerText()}`));
  wrong.push(`${error.message}\n${error.stack}\n${shown.join("\n")}`);
}
console.log(JSON.stringify(wrong, null, 1));
await browser.close();
