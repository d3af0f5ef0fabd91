// Requests to the vault, and what its answers mean for a link. Nothing here throws for what a network may do.

import { api, isFirefox } from "./browser.js";
import { originPattern } from "./address.js";

const ANSWER_WITHIN_MS = 15_000;

export async function settings() {
  const { address = "", token = "" } = await api.storage.local.get(["address", "token"]);
  return { address, token };
}

export function permissionFor(address) {
  return { origins: [originPattern(address, { withPort: !isFirefox })] };
}

// Returns the status and the JSON of an answer; ``status`` is 0 without one, and ``problem`` says why.
export async function request({ address, token }, method, path, { body, key } = {}) {
  if (!(await api.permissions.contains(permissionFor(address)))) return { status: 0, problem: "no_permission" };
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  let answer;
  try {
    answer = await fetch(address + path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      redirect: "manual", // a sign-in page of a proxy is not the vault
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    return { status: answer.status, value: await answer.json() };
  } catch {
    return answer ? { status: answer.status, problem: "not_a_vault" } : { status: 0, problem: "unreachable" };
  }
}

const isOk = ({ status }) => status >= 200 && status < 300;
const isError = ({ value }) => typeof value?.code === "string" && typeof value.message === "string";

// What an answer that is no success says: the vault's own words, or the name of one of our texts.
export function problemOf(answer) {
  if (isError(answer)) return { words: answer.value.message, help: answer.value.help ?? "", code: answer.value.code };
  return { text: answer.problem ?? "not_a_vault" };
}

// Hands a link in. Returns its ``state``: added, known or refused, which are final; or waiting, for the next attempt.
export async function submit(vault, { url, id }) {
  const answer = await request(vault, "POST", "/api/jobs", { body: { post_url: url }, key: id });
  return outcomeOf(answer);
}

const ABOUT_THE_LINK = [400, 409, 413, 422];

export function outcomeOf(answer) {
  if (isOk(answer) && typeof answer.value?.id === "string") {
    const { id, status } = answer.value;
    return { state: answer.status === 201 ? "added" : "known", job: id, isSaved: status === "completed" };
  }
  const isFinal = ABOUT_THE_LINK.includes(answer.status) && isError(answer);
  return { state: isFinal ? "refused" : "waiting", ...problemOf(answer) };
}

// Tries the address and the token without adding anything: a request for no post is refused as such once it is let in.
export async function test(vault) {
  const health = await request(vault, "GET", "/healthz");
  if (health.problem || (!isError(health) && health.value?.status !== "ok")) return problemOf(health);
  if (!isOk(health)) return problemOf(health);
  const answer = await request(vault, "POST", "/api/jobs", { body: {} });
  if (answer.status === 422 && isError(answer)) return { text: "works", isGood: true };
  if (answer.status === 401 && answer.value?.code === "UNAUTHORIZED") {
    return { text: vault.token ? "wrong_token" : "token_missing", words: answer.value.message };
  }
  if (answer.status === 403) return { text: "lacks_scope", ...problemOf(answer) };
  return problemOf(answer);
}
