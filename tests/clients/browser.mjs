// Opens a module as a page of its own origin in headless Chromium; prints the page's title once it is set and a request to
// the path was answered.
import http from "node:http";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const { outputFiles } = await build({
  entryPoints: [process.argv[2]],
  bundle: true,
  format: "esm",
  write: false,
  logLevel: "error",
});
const server = http.createServer((request, response) => {
  const isScript = request.url === "/page.js";
  response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
  response.end(isScript ? outputFiles[0].contents : '<script type="module" src="/page.js"></script>');
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", ...quiet],
});
const page = await browser.newPage();
page.on("console", (message) => console.error(message.text()));
page.on("pageerror", (error) => console.error(error.message));
page.on("requestfailed", (request) => console.error(request.url(), request.failure().errorText));
const answered = page.waitForResponse((answer) => answer.url().endsWith(process.argv[3]));
await page.goto(`http://127.0.0.1:${server.address().port}/`);
await page.waitForFunction("document.title !== ''", undefined, { timeout: 20_000 });
await answered;
console.log(await page.title());
await browser.close();
server.close();
