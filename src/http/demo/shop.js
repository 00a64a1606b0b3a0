// The shop: who visits, what is shown and bought, and a crowd on demand.

import { call, did, evaluate, fresh, key, looking, seen, track } from "./wires.js";
import { begin, refresh } from "./panel.js";

const CROWD = 100;
/** Browsers open six connections to a host; two of them listen. */
const AT_ONCE = 3;
const BASE_RATE = 0.1;
/** What raises the chance that a simulated visitor buys, by variant. */
const APPEAL = {
  "free-shipping": 1.8, "last-viewed": 1.4, "treatment": 1.4, "date": 1.3, "bestseller": 1.3, "one-page": 1.3,
};
const PRODUCTS = [
  { id: "p1", name: "Stoneware teapot", category: "Table", price: 64, glyph: "◒", sold: 9, margin: 5, age: 4, text: "Holds a litre. Glazed inside, raw outside, and it pours without a drop." },
  { id: "p2", name: "Linen apron", category: "Kitchen", price: 48, glyph: "◭", sold: 6, margin: 8, age: 2, text: "Heavy washed linen with two deep pockets and a cross back." },
  { id: "p3", name: "Garden shears", category: "Garden", price: 39, glyph: "✂", sold: 7, margin: 6, age: 5, text: "Forged steel that can be sharpened, with handles of ash." },
  { id: "p4", name: "Beeswax candles", category: "Home", price: 18, glyph: "◖", sold: 8, margin: 3, age: 1, text: "Six of them. They burn for seven hours and smell of summer." },
];
const SORTS = {
  relevance: ["", () => 0],
  bestsellers: ["bestsellers first", (a, b) => b.sold - a.sold],
  margin: ["our favourites first", (a, b) => b.margin - a.margin],
  newest: ["newest first", (a, b) => a.age - b.age],
};
const RECOMMENDED = {
  bestsellers: "Others bought: Stoneware teapot",
  complements: "Goes with it: Beeswax candles",
  history: "Seen before: Linen apron",
};

const at = (id) => document.getElementById(id);
const money = (amount) => `${amount.toFixed(2)} €`;
const pick = (list) => list[Math.floor(Math.random() * list.length)];

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Somebody who was here before. */
function someone(prefix, device) {
  const visits = 2 + Math.floor(Math.random() * 10);
  const attributes = { country: pick(["DE", "AT"]), device, visits, results: 24, cart_value: 0 };
  return { id: `${prefix}-${fresh().slice(0, 8)}`, attributes };
}

const device = () => (matchMedia("(max-width: 700px)").matches ? "mobile" : "desktop");

function remembered() {
  // Who looks at a variant is nobody who was drawn before.
  if (looking) return null;
  try {
    return JSON.parse(sessionStorage.getItem("upswing-visitor"));
  } catch {
    return null;
  }
}

let visitor;
let flags = [];
let tag = null;
let cart = [];
let told = new Set();
let source = null;

/** What goes wrong is said, and the shop goes on. */
async function attempt(work) {
  try {
    await work();
    at("notice").hidden = true;
  } catch (error) {
    const asked = error.status === 401 || error.status === 403;
    at("notice").textContent = asked
      ? `${error.message} Enter a key with the scopes assign, events and read under “API key”.`
      : `That did not work: ${error.message}`;
    at("notice").hidden = false;
  }
}

const happened = (...calls) => attempt(async () => {
  await track(...calls);
  await refresh();
});

async function become(who) {
  visitor = who;
  sessionStorage.setItem("upswing-visitor", JSON.stringify(who));
  [flags, tag, cart, told] = [[], null, [], new Set()];
  const { country, device: on, visits } = who.attributes;
  at("visitor").textContent = who.id;
  at("about").textContent = `${country} · ${on} · ${visits} visits`;
  at("bought").textContent = "";
  await attempt(async () => {
    await track(call("page", visitor, { name: "Shop", properties: { path: location.pathname } }));
    await ask();
  });
}

/** Asks for the visitor's flags, shows them and tells what was seen. */
async function ask() {
  const who = visitor;
  const answer = await evaluate(who, tag, looking ? { upswing_qa: looking } : {});
  if (who !== visitor) return;
  if (answer) {
    ({ flags, tag } = answer);
    hear(answer.streams);
  }
  show();
  const untold = flags.filter((flag) => !told.has(`${flag.key}=${flag.variant}`));
  untold.forEach((flag) => told.add(`${flag.key}=${flag.variant}`));
  await track(...seen(who, untold));
  await refresh();
}

/** Asks again when the server says so; a stream that has ended for good is replaced by what a new evaluation names. */
function hear([stream]) {
  const isOpen = source && source.readyState !== EventSource.CLOSED;
  if (isOpen || !stream) return;
  source = new EventSource(stream);
  source.addEventListener("message", ({ data }) => {
    if (JSON.parse(data).type === "refetchEvaluation") attempt(ask);
  });
  // What happened before it opened was not told.
  source.addEventListener("open", () => attempt(ask));
  source.addEventListener("missed", () => attempt(ask));
  source.addEventListener("error", ({ target }) => {
    if (target !== source || target.readyState !== EventSource.CLOSED) return;
    tag = null;
    setTimeout(() => attempt(ask), 5000);
  });
}

/** The first value of this name among all flags. */
function says(name) {
  const values = flags.map((flag) => flag.value).filter((value) => value && typeof value === "object");
  return values.find((value) => name in value)?.[name];
}

function show() {
  at("headline").textContent = says("headline") || says("title") || "Things that last";
  const text = says("text") || says("banner");
  at("banner").textContent = text ?? "";
  at("banner").hidden = !text;
  at("order").textContent = SORTS[says("sort")]?.[0] ?? "";
  at("buy").textContent = says("pages") === 3 ? "Checkout, step 1 of 3" : "Buy";
  at("recommended").textContent = RECOMMENDED[says("source")] ?? "";
  promise();
  products();
  basket();
  at("flags").replaceChildren(...flags.map((flag) => element("li", {},
    element("code", { textContent: flag.key }), element("b", { textContent: flag.variant }),
    element("span", { textContent: ["SPLIT", "STATIC"].includes(flag.reason) ? JSON.stringify(flag.value) : "not part of the experiment" }))));
}

function promise() {
  const day = (ahead) => new Date(Date.now() + ahead * 864e5).toLocaleDateString("en", { weekday: "long", day: "numeric", month: "short" });
  const told = {
    date: () => [element("p", { textContent: `With you on ${day(2)}` })],
    table: () => [element("p", { textContent: `Standard: ${day(3)} · Express: ${day(1)}` })],
  };
  at("promise").replaceChildren(...(told[says("promise")]?.() ?? []));
}

function products() {
  const word = at("search").value.trim().toLowerCase();
  const found = PRODUCTS.filter((product) => `${product.name} ${product.category}`.toLowerCase().includes(word));
  const [, order] = SORTS[says("sort")] ?? SORTS.relevance;
  at("nothing").hidden = found.length > 0;
  at("products").replaceChildren(...found.sort(order).map((product, place) => card(product, place === 0 && says("badge"))));
}

function card(product, badge) {
  const text = element("p", { className: "text", id: `about-${product.id}`, textContent: product.text, hidden: true });
  const closer = element("button", { type: "button", className: "plain", textContent: "Details" });
  closer.setAttribute("aria-expanded", "false");
  closer.setAttribute("aria-controls", text.id);
  closer.setAttribute("aria-label", `Details of ${product.name}`);
  closer.addEventListener("click", () => {
    text.hidden = !text.hidden;
    closer.setAttribute("aria-expanded", String(!text.hidden));
    if (!text.hidden) happened(did(visitor, "Product Viewed", described(product)));
  });
  const add = element("button", { type: "button", textContent: "Add to cart" });
  add.setAttribute("aria-label", `Add ${product.name} to cart`);
  add.addEventListener("click", () => {
    cart.push(product);
    at("bought").textContent = "";
    basket();
    happened(did(visitor, "Product Added", { ...described(product), quantity: 1 }));
  });
  const picture = element("div", { className: "picture", textContent: product.glyph });
  picture.setAttribute("aria-hidden", "true");
  const head = element("div", { className: "name" }, element("h3", { textContent: product.name }), element("p", { textContent: money(product.price) }));
  const made = element("li", {}, picture, head, text, element("div", { className: "row" }, add, closer));
  if (badge) made.prepend(element("p", { className: "badge", textContent: badge }));
  made.dataset.product = product.id;
  return made;
}

const described = ({ id, name, category, price }) => ({ product_id: id, name, category, price, currency: "EUR" });
const worth = (products) => products.reduce((sum, product) => sum + product.price, 0);

function ordered(products) {
  const total = worth(products);
  const list = products.map((product) => ({ ...described(product), quantity: 1 }));
  return { order_id: fresh(), revenue: total, total, currency: "EUR", products: list };
}

function basket() {
  at("cart").replaceChildren(...cart.map((product) => element("li", {}, element("span", { textContent: product.name }), element("span", { textContent: money(product.price) }))));
  at("empty").hidden = cart.length > 0;
  at("buy").disabled = cart.length === 0;
  at("total").textContent = money(worth(cart));
}

async function buy() {
  const order = ordered(cart);
  cart = [];
  basket();
  await happened(did(visitor, "Order Completed", order));
  if (at("notice").hidden) at("bought").textContent = `Thank you. ${money(order.revenue)} will show in the report.`;
}

/** What one simulated visitor does, from the first page on. */
async function visit() {
  const who = someone("crowd", pick(["mobile", "desktop"]));
  const { flags: theirs } = await evaluate(who);
  const product = pick(PRODUCTS);
  const drawn = theirs.filter((flag) => flag.reason === "SPLIT");
  const chance = drawn.reduce((chance, flag) => chance * (APPEAL[flag.variant] ?? 1), BASE_RATE);
  const calls = [call("page", who, { name: "Shop" }), ...seen(who, theirs), did(who, "Product Viewed", described(product))];
  const buys = Math.random() < chance;
  if (buys || Math.random() < 0.2) calls.push(did(who, "Product Added", { ...described(product), quantity: 1 }));
  if (buys) calls.push(did(who, "Order Completed", ordered([product])));
  await track(...calls);
}

async function crowd() {
  const bar = at("progress");
  at("crowd").disabled = true;
  [bar.max, bar.value, bar.hidden] = [CROWD, 0, false];
  let left = CROWD;
  const send = async () => {
    while (left > 0) {
      left -= 1;
      await visit();
      bar.value += 1;
      if (bar.value % 20 === 0) refresh();
    }
  };
  await attempt(() => Promise.all(Array.from({ length: AT_ONCE }, send)));
  left = 0;
  bar.hidden = true;
  at("crowd").disabled = false;
  await attempt(refresh);
}

at("another").addEventListener("click", () => become(someone("visitor", device())));
at("crowd").addEventListener("click", crowd);
at("buy").addEventListener("click", buy);
at("search").addEventListener("input", () => {
  if (flags.find((flag) => flag.key === "express-search")?.value !== false) products();
});
at("search").addEventListener("change", products);
at("access").addEventListener("submit", (event) => {
  event.preventDefault();
  key.set(at("key").value);
  source?.close();
  become(visitor);
});
at("key").value = key.get();
at("looking").hidden = !looking;
products();
begin();
become(remembered() ?? someone("visitor", device()));
