// What stock clients say, by plain fetch: flags by OpenFeature's remote evaluation protocol (OFREP), what happens by
// Segment's tracking API, figures by Upswing's own API.

const ATTEMPTS = 4;
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** A new id. Not by randomUUID, which browsers keep from pages without TLS. */
export const fresh = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The API key, if the server asks for one: kept while the tab is open. */
export const key = {
  get: () => sessionStorage.getItem("upswing-key") ?? "",
  set: (text) => sessionStorage.setItem("upswing-key", text.trim()),
};

/** What the page's address says is to be looked at, passed on as every front end would. */
export const looking = new URLSearchParams(location.search).get("upswing_qa");

/** An answer that was none of those expected. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.errorDetails ?? problem.title ?? `The server answered ${status}.`);
    this.status = status;
  }
}

const bearer = () => (key.get() ? { authorization: `Bearer ${key.get()}` } : {});

/** Asks again while the server is too busy, as often and as late as it says. */
async function ask(path, options, attempt = 1) {
  const answer = await fetch(path, options);
  if (answer.ok || answer.status === 304) return answer;
  if ([429, 503].includes(answer.status) && attempt < ATTEMPTS) {
    await pause(1000 * Number(answer.headers.get("retry-after") ?? 1));
    return ask(path, options, attempt + 1);
  }
  throw new Refused(answer.status, await answer.json().catch(() => ({})));
}

/** A visitor's flags and where changes are told; null where the tag still holds. */
export async function evaluate(visitor, tag, more = {}) {
  const headers = { "content-type": "application/json", ...bearer() };
  if (tag) headers["if-none-match"] = tag;
  const body = JSON.stringify({ context: { targetingKey: visitor.id, ...visitor.attributes, ...more } });
  const answer = await ask("/ofrep/v1/evaluate/flags", { method: "POST", headers, body });
  if (answer.status === 304) return null;
  const { flags, eventStreams } = await answer.json();
  return { flags, streams: (eventStreams ?? []).map(address), tag: answer.headers.get("etag") };
}

const address = ({ url, endpoint }) =>
  url ?? new URL(endpoint.requestUri, endpoint.origin ?? location.origin).href;

/** A call of the tracking API, as analytics.js makes it. */
export function call(type, visitor, what) {
  const timestamp = new Date().toISOString();
  return { type, anonymousId: visitor.id, messageId: fresh(), timestamp, ...what };
}

/** What a visitor did. */
export const did = (visitor, event, properties) => call("track", visitor, { event, properties });

/** That a visitor has seen the variant of an experiment; nothing where none was drawn. */
export const seen = (visitor, flags) =>
  flags
    .filter((flag) => flag.reason === "SPLIT")
    .map(({ key: experiment_id, variant: variation_id }) =>
      did(visitor, "Experiment Viewed", { experiment_id, variation_id }));

/** Sends one call by its own route, several as a batch; done once they are durable. */
export async function track(...calls) {
  if (calls.length === 0) return;
  const common = { writeKey: key.get() || "demo", sentAt: new Date().toISOString() };
  const [route, what] = calls.length === 1
    ? [calls[0].type === "page" ? "p" : "t", calls[0]]
    : ["b", { batch: calls }];
  const headers = { "content-type": "text/plain" };
  await ask(`/v1/${route}`, { method: "POST", headers, body: JSON.stringify({ ...what, ...common }) });
}

/** Something of the API, with its tag; null where the known tag still holds. */
export async function get(path, tag) {
  const headers = { ...bearer(), ...(tag ? { "if-none-match": tag } : {}) };
  const answer = await ask(`/api/v1/${path}`, { headers });
  return answer.status === 304 ? null : { body: await answer.json(), tag: answer.headers.get("etag") };
}

/** Hears what happens to experiments, for ever. By fetch, since EventSource sends no key. */
export async function listen(heard) {
  for (;;) {
    try {
      const answer = await ask("/api/v1/stream", { headers: bearer() });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        const events = (text + piece.value).split("\n\n");
        text = events.pop();
        for (const event of events) {
          const name = /^event: (.+)$/m.exec(event);
          const data = /^data: (.+)$/m.exec(event);
          if (name && data) heard(name[1], JSON.parse(data[1]));
        }
      }
    } catch {
      // The polls say what is wrong.
    }
    await pause(2000);
  }
}
