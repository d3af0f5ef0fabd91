// The settings: the vault's address and token. Saving them asks for the permission to talk to that one address.

import { api } from "./browser.js";
import { isExposed, vaultAddress } from "./address.js";
import { waiting } from "./outbox.js";
import { make, notice, problem, t } from "./texts.js";
import { permissionFor, settings, test } from "./vault.js";

const byId = (id) => document.getElementById(id);
const outcome = byId("outcome");

const tell = (isGood, ...parts) => outcome.append(notice(isGood, ...parts));

// Begins with the prompt of the browser, which must follow the click at once.
async function examine({ isSaving }) {
  outcome.replaceChildren();
  const address = vaultAddress(byId("address").value);
  const token = byId("token").value.trim();
  if (!address) return tell(false, make("strong", t("address_bad")));
  const asking = api.permissions.request(permissionFor(address));
  const isAllowed = await asking.catch(() => false);
  if (isSaving) {
    await forget(address);
    await api.storage.local.set({ address, token });
    byId("address").value = address;
  }
  if (!isAllowed) return tell(false, make("strong", t("no_permission", [address])));
  if (isExposed(address)) tell(false, t("exposed"));
  const result = await test({ address, token });
  tell(result.isGood, ...problem(result, address));
  if (isSaving) tell(true, t("saved"));
}

// The permission for the last vault is given back, unless the new one is at the same address.
async function forget(address) {
  const last = (await settings()).address;
  const [before, now] = [last, address].map((each) => each && permissionFor(each));
  if (!last || before.origins[0] === now.origins[0]) return;
  await api.permissions.remove(before).catch(() => {}); // one that the manifest requires stays
}

async function showOutbox() {
  const outbox = await waiting();
  const ids = outbox.map(({ id }) => id).join(" ");
  if (ids === byId("links").dataset.ids) return; // else a button could be replaced under the pointer, and the click be lost
  byId("links").dataset.ids = ids;
  byId("outbox").hidden = !outbox.length;
  byId("links").replaceChildren(...outbox.map(item));
}

function item({ id, url }) {
  const line = make("li");
  const link = make("bdi", url, { id: `link-${id}` });
  const button = make("button", t("discard"), { type: "button", className: "quiet small" });
  button.setAttribute("aria-describedby", link.id);
  button.addEventListener("click", () => api.runtime.sendMessage({ do: "drop", id }));
  line.append(link, " ", button);
  return line;
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  examine({ isSaving: true });
});
byId("test").addEventListener("click", () => examine({ isSaving: false }));
byId("send").addEventListener("click", () => api.runtime.sendMessage({ do: "send" }));
api.storage.local.onChanged.addListener((changes) => "outbox" in changes && showOutbox());

const { address, token } = await settings();
byId("address").value ||= address; // the user may have typed before it was read
byId("token").value ||= token;
await showOutbox();
