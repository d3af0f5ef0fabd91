// Hands over the cookies of one site, after saying what that means. The permission for it is given back afterwards.

import { api, isFirefox } from "./browser.js";
import { domainPatterns, siteOf } from "./address.js";
import { cookiesTxt, joined } from "./cookies-txt.js";
import { make, notice, problem, t } from "./texts.js";
import { problemOf, request, settings } from "./vault.js";

const byId = (id) => document.getElementById(id);
const given = new URLSearchParams(location.search);
const host = given.get("host") ?? "";
const vault = await settings();

const tell = (isGood, ...parts) => byId("outcome").replaceChildren(notice(isGood, ...parts));

// The cookies of the window that the site is open in: a container or a private window has its own.
async function storeId() {
  const tab = Number(given.get("tab") || NaN);
  const stores = await api.cookies.getAllCookieStores();
  return stores.find(({ tabIds }) => tabIds.includes(tab))?.id;
}

async function cookiesOf(domain) {
  const store = await storeId();
  const query = { domain, ...(store && { storeId: store }), ...(isFirefox && { firstPartyDomain: null }) };
  // what the site itself has set in its own pages, also where that is partitioned
  const partitioned = await api.cookies.getAll({ ...query, partitionKey: { topLevelSite: `https://${domain}` } });
  return joined(await api.cookies.getAll(query), partitioned);
}

async function handOver(site, domain) {
  const wanted = { permissions: ["cookies"], origins: domainPatterns(domain) };
  const asked = isFirefox ? { ...wanted, data_collection: ["authenticationInfo"] } : wanted;
  const asking = api.permissions.request(asked); // before anything is waited for: it must follow the click
  if (!(await asking.catch(() => false))) return tell(false, t("hand_over_refused"));
  try {
    const cookies = await cookiesOf(domain);
    if (!cookies.length) return tell(false, t("hand_over_none", [domain]));
    const path = `/api/sessions/${encodeURIComponent(site.platform)}/cookies`;
    const answer = await request(vault, "POST", path, { body: { text: cookiesTxt(cookies) } });
    if (answer.status !== 200) return tell(false, ...problem(problemOf(answer), vault.address));
    const { taken, resumed, session } = answer.value;
    byId("about").hidden = true;
    const state = make("bdi", session.signed_in === false ? t("hand_over_not_signed_in", [site.title]) : "");
    tell(session.signed_in !== false, t("hand_over_done", [String(taken), site.title]), " ", state, " ", resumed ? t("hand_over_resumed", [String(resumed)]) : "");
  } finally {
    await api.permissions.remove(wanted).catch(() => {}); // fails where the manifest requires it
  }
}

if (!vault.address) tell(false, t("not_set_up"));
else {
  const answer = await request(vault, "GET", "/api/sessions");
  const found = answer.status === 200 ? siteOf(host, answer.value) : null;
  if (answer.status !== 200) tell(false, ...problem(problemOf(answer), vault.address), " ", t("cookies_scope"));
  else if (!found) tell(false, t("hand_over_unknown", [host || "–", answer.value.map(({ title }) => title).join(", ")]));
  else {
    const { site, domain } = found;
    byId("what").textContent = t("hand_over_what", [domain, vault.address]);
    byId("hand-over").textContent = t("hand_over_do", [domain]);
    byId("hand-over").addEventListener("click", () => handOver(site, domain));
    byId("about").hidden = false;
  }
}
