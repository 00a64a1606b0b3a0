// Visits the demonstration shop of a server without experiments in headless Chromium; defines one, buys, becomes somebody
// else, sends the crowd. Prints what the page shows then. Where the server asks for keys, `admin` defines and `secret` is the page's.
import { chromium } from "playwright-core";

const [server, key, definition, admin, secret] = process.argv.slice(2);
const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", ...quiet],
});
const page = await browser.newPage();
page.setDefaultTimeout(60_000);
if (secret) await page.addInitScript((secret) => sessionStorage.setItem("upswing-key", secret), secret);
const errors = [];
page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
page.on("pageerror", (error) => errors.push(error.message));
page.on("request", (request) => {
  if (!request.url().startsWith(server) && !request.url().startsWith("data:")) errors.push(request.url());
});

const shown = () => page.evaluate(() => {
  const text = (id) => document.getElementById(id).textContent;
  const rows = [...document.querySelectorAll("#variants tr")].map((row) => {
    const [visitors, conversions] = [...row.querySelectorAll("td")].map((cell) => Number(cell.textContent));
    return [row.dataset.variant, { visitors, conversions }];
  });
  return {
    visitors: Number(text("visitors")),
    conversions: Number(text("conversions")),
    variants: Object.fromEntries(rows),
    verdict: text("verdict"),
    headline: text("headline"),
    visitor: text("visitor"),
    bars: document.querySelectorAll("#lifts svg").length,
  };
});
const reaches = (id, number) =>
  page.waitForFunction(([id, number]) => document.getElementById(id).textContent === String(number), [id, number]);
const button = (name) => page.getByRole("button", { name });

const listening = page.waitForResponse((answer) => answer.url().includes("/ofrep/v1/stream"));
await page.goto(`${server}/demo/shop`);
await page.getByText("No experiment is running.").waitFor();
await listening;
await fetch(`${server}/api/v1/experiments/${key}`, {
  method: "PUT",
  body: definition,
  headers: admin ? { authorization: `Bearer ${admin}` } : {},
});
// Whoever is there gets a variant without loading the page again.
await reaches("visitors", 1);
const before = await shown();
await button("Details of Linen apron").click();
await button("Add Linen apron to cart").click();
await button("Buy").click();
await reaches("conversions", 1);
const bought = await shown();
await button("New visitor").click();
await reaches("visitors", 2);
await button("Send 100 visitors").click();
await page.waitForSelector("#progress:not([hidden])");
await reaches("visitors", 102);
await page.waitForSelector("#progress", { state: "hidden" });
// What was sent last is in the answer to a question asked after it.
await page.waitForResponse((answer) => answer.url().includes("/report"));
await page.waitForResponse((answer) => answer.url().includes("/report"));
await page.waitForTimeout(100);
console.log(JSON.stringify({ before, bought, errors, ...(await shown()) }));
await browser.close();
