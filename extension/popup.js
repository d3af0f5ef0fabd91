// The popup of the button: saves the page at once, or shows what became of the links that a menu saved.

import { api } from "./browser.js";
import { isWeb, signInPage } from "./address.js";
import { results, waiting } from "./outbox.js";
import { make, problem, t } from "./texts.js";
import { settings } from "./vault.js";

const byId = (id) => document.getElementById(id);
const list = byId("results");
const { address } = await settings();
const [tab] = await api.tabs.query({ active: true, currentWindow: true });
const url = tab?.url;

function show(all) {
  list.replaceChildren(...all.map(line));
}

function line(result) {
  const item = make("div", "", { className: "result" });
  item.dataset.state = result.state;
  const words = make("p");
  if (result.state === "added" || result.state === "known") words.append(make("strong", t(wordOf(result))));
  else if (result.state === "busy") words.append(t("busy"));
  else if (result.state === "refused") words.append(...problem(result));
  else words.append(make("strong", t("result_waiting")), " ", ...problem(result, address));
  item.append(words, make("p", result.url, { className: "soft clip" }));
  if (result.job) item.append(make("a", t("show_post"), { href: `${address}/jobs/${result.job}`, target: "_blank", rel: "noopener" }));
  return item;
}

function wordOf({ state, isSaved }) {
  if (state === "added") return "result_added";
  return isSaved ? "result_known" : "result_known_unsaved";
}

async function save() {
  byId("save").hidden = true;
  if (!isWeb(url)) return show([{ state: "refused", text: "not_web", url: "" }]);
  show([{ state: "busy", url }]);
  show([await api.runtime.sendMessage({ do: "save", url })]);
  await seen();
}

async function seen() {
  await countWaiting();
  await api.runtime.sendMessage({ do: "seen" });
}

async function countWaiting() {
  const count = (await waiting()).length;
  byId("waiting").hidden = !count;
  byId("waiting").querySelector("span").textContent = t(count === 1 ? "one_waits" : "some_wait", [String(count)]);
}

byId("save").addEventListener("click", save);
byId("send").addEventListener("click", async () => {
  await api.runtime.sendMessage({ do: "send" });
  show((await results()).results.slice(0, 3));
  await seen();
});
for (const id of ["set-up", "options"]) byId(id).addEventListener("click", () => api.runtime.openOptionsPage());
byId("sign-in").addEventListener("click", () => api.tabs.create({ url: signInPage(tab) }));

if (!address) {
  show([{ state: "refused", text: "not_set_up", url: "" }]);
  byId("set-up").hidden = false;
} else {
  byId("vault").href = `${address}/`;
  byId("vault").hidden = false;
  byId("sign-in").hidden = !isWeb(url);
  const kept = await results();
  if (kept.isUnseen) {
    show(kept.results.slice(0, 3));
    byId("save").hidden = !isWeb(url);
    await seen();
  } else await save();
}
