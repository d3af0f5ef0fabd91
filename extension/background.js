// Saves links: from the menus, from the popup, and later from the outbox. One thing at a time.

import { api } from "./browser.js";
import { isWeb, signInPage } from "./address.js";
import { add, drop, keep, minutesUntilNext, sendAll, waiting } from "./outbox.js";
import { settings, submit } from "./vault.js";

const ALARM = "outbox";
const BADGE_FOR_MS = 10_000;
const BADGES = {
  added: { text: "✓", color: "#1f6b3a" },
  known: { text: "✓", color: "#1f6b3a" },
  refused: { text: "!", color: "#a62b26" },
  waiting: { text: "…", color: "#7d5200" },
};
const t = api.i18n.getMessage;

let last = Promise.resolve();
function exclusively(work) {
  const result = last.then(work);
  last = result.catch(() => {});
  return result;
}

// Returns what became of a link, and shows it on the button until the popup has shown it.
async function save(url) {
  const result = await outcomeOf(url);
  await keep(result);
  await api.storage.session.set({ isUnseen: true });
  await showBadge(result.state);
  return result;
}

async function outcomeOf(url) {
  const result = { url, at: Date.now() };
  if (!isWeb(url)) return { ...result, state: "refused", text: "not_web" };
  const entry = await add(url);
  if (!entry) return { ...result, state: "refused", text: "outbox_full" };
  const outcomes = await send();
  // a link before this one may be what waits; then this one waits for the same reason
  return { ...result, id: entry.id, ...(outcomes.get(entry.id) ?? [...outcomes.values()].at(-1)) };
}

async function send() {
  const vault = await settings();
  const outcomes = await sendAll(async (entry) =>
    vault.address ? submit(vault, entry) : { state: "waiting", text: "not_set_up" },
  );
  const minutes = minutesUntilNext(await waiting());
  if (minutes === null) await api.alarms.clear(ALARM);
  else await api.alarms.create(ALARM, { delayInMinutes: minutes });
  return outcomes;
}

let clearing = 0;

async function showBadge(state) {
  clearTimeout(clearing); // else the end of an earlier ✓ would take this one away
  const { text, color } = BADGES[state] ?? { text: "", color: "#1f6b3a" };
  await api.action.setBadgeBackgroundColor({ color });
  await api.action.setBadgeTextColor?.({ color: "#ffffff" });
  await api.action.setBadgeText({ text });
  await api.action.setTitle({ title: state ? t(`result_${state}`) : t("save_page") });
  if (text === "✓") clearing = setTimeout(clearDone, BADGE_FOR_MS);
}

async function clearDone() {
  if ((await api.action.getBadgeText({})) === "✓") await showBadge(null);
}

// What is sent later by itself is shown too, if it is the last that waited.
async function sendLater() {
  if (!(await waiting()).length) return;
  const outcomes = [...(await send()).values()];
  const refused = outcomes.find(({ state }) => state === "refused");
  const shown = (await waiting()).length ? { state: "waiting" } : (refused ?? outcomes.at(-1));
  if (shown.state !== "waiting") await api.storage.session.set({ isUnseen: true });
  await showBadge(shown.state);
}

// --- what asks for it

const DO = {
  save: ({ url }) => save(url),
  send: () => send().then(() => waiting()),
  drop: ({ id }) => drop(id).then(() => waiting()),
  seen: async () => {
    await api.storage.session.set({ isUnseen: false });
    await showBadge((await waiting()).length ? "waiting" : null);
  },
};

api.runtime.onMessage.addListener((message, sender, answer) => {
  if (sender.id !== api.runtime.id || !Object.hasOwn(DO, message.do)) return false;
  exclusively(() => DO[message.do](message)).then(answer, (error) => answer({ state: "waiting", words: String(error), help: "" }));
  return true;
});

async function makeMenus() {
  await api.contextMenus.removeAll();
  const web = ["http://*/*", "https://*/*"];
  const menus = [
    { id: "page", title: t("save_page"), contexts: ["page"], documentUrlPatterns: web },
    { id: "link", title: t("save_link"), contexts: ["link"], targetUrlPatterns: web },
    { id: "video", title: t("save_video"), contexts: ["video"], documentUrlPatterns: web },
    { id: "sign-in", title: t("hand_over_menu"), contexts: ["action"] },
  ];
  for (const menu of menus) api.contextMenus.create(menu);
}

// The vault reads pages, so of a video it gets the page that it is on, or the embedded one that shows it.
const ADDRESS_OF = {
  page: ({ pageUrl }) => pageUrl,
  link: ({ linkUrl }) => linkUrl,
  video: ({ frameUrl, pageUrl }) => frameUrl ?? pageUrl,
};

api.contextMenus.onClicked.addListener((info, tab) => {
  if (info.menuItemId === "sign-in") return api.tabs.create({ url: signInPage(tab) });
  return exclusively(() => save(ADDRESS_OF[info.menuItemId](info)));
});

api.alarms.onAlarm.addListener(() => exclusively(sendLater));

api.runtime.onInstalled.addListener(async ({ reason }) => {
  await makeMenus();
  if (reason === "install") await api.runtime.openOptionsPage();
});

api.runtime.onStartup.addListener(async () => {
  await makeMenus(); // Firefox forgets them, and the alarm, with its end
  await exclusively(sendLater);
});

api.storage.local.onChanged.addListener((changes) => {
  if ("address" in changes || "token" in changes) exclusively(sendLater);
});
