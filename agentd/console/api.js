// The control API. The token lives in this module's memory alone: not in storage, a cookie or a URL.

const ROOT = new URL("../", import.meta.url);
let token = null;
let refused = () => {};

/** A refusal in the daemon's own words (RFC 9457), or what the browser knows when there is no answer. */
export class Problem extends Error {
  constructor(document, retryAfter = null) {
    super(document.detail || document.title);
    this.code = document.code ?? "unknown";
    this.title = document.title ?? "The request failed";
    this.detail = document.detail ?? "";
    this.status = document.status ?? 0;
    this.faults = document.errors ?? [];
    this.requestId = document.request_id ?? null;
    this.retryAfter = retryAfter;
  }
}

/** Hold this token; `onRefused` is called when the daemon does not know it any more. */
export function useToken(value, onRefused) {
  token = value;
  refused = onRefused;
}

/** Let go of the token. */
export function forgetToken() {
  token = null;
  refused = () => {};
}

/** The absolute address of a path of the API. */
export const addressOf = (path) => new URL(path.replace(/^\//, ""), ROOT);

/** A request with the token, or with another `bearer`. Throws a Problem for every answer that is not a success. */
export async function request(method, path, { body, headers = {}, signal, bearer = token } = {}) {
  const all = { ...headers };
  if (bearer !== null) all.Authorization = `Bearer ${bearer}`;
  let sent;
  if (body !== undefined) {
    all["Content-Type"] = "application/json";
    sent = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(addressOf(path), { method, headers: all, body: sent, signal, cache: "no-store", redirect: "error" });
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new Problem({ code: "unreachable", title: "The daemon does not answer", detail: "It may be restarting; the console tries again by itself." });
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (response.status === 401 && token !== null && bearer === token) refused(problem);
  throw problem;
}

/** A request whose answer is JSON. */
export async function call(method, path, body, options = {}) {
  const response = await request(method, path, { ...options, body });
  return response.json();
}

/** Connect a WebSocket with a short-lived ticket for it, as a subprotocol: browsers cannot send headers there. */
export async function connect(path) {
  const { access_token: ticket } = await call("POST", "/v1/auth/grant", {});
  const address = addressOf(path);
  address.protocol = address.protocol.replace("http", "ws");
  return new WebSocket(address, ["bearer", ticket]);
}

/** The path of a session, or of something of it. */
export const sessionPath = (id, ...parts) => ["/v1/sessions", ...[id, ...parts].map(encodeURIComponent)].join("/");

async function problemOf(response) {
  const retryAfter = Number(response.headers.get("Retry-After")) || null;
  try {
    return new Problem(await response.json(), retryAfter);
  } catch {
    return new Problem({ title: "The request failed", detail: `The answer was HTTP ${response.status}.`, status: response.status }, retryAfter);
  }
}
