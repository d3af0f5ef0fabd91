// Fills a page with the texts of the browser's language. Texts are set as text, never as HTML.

import { api } from "./browser.js";

export const t = api.i18n.getMessage;

document.documentElement.lang = t("language");
for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));

// Returns an element with text, and classes and attributes if needed.
export function make(name, text = "", properties = {}) {
  return Object.assign(document.createElement(name), { textContent: text }, properties);
}

export function notice(isGood, ...parts) {
  const line = make("p", "", { className: isGood ? "notice good" : "notice bad" });
  line.append(...parts);
  return line;
}

// The vault's own words, which are English. Between backticks they are code.
function quoted(words) {
  const element = make("bdi", "", { lang: "en" });
  element.append(...words.split("`").map((part, place) => (place % 2 ? make("code", part) : part)));
  return element;
}

// Returns what a problem says, as elements: our sentence, the vault's words, or both.
export function problem({ text, words, help = "" }, ...values) {
  const own = text ? [make("strong", t(text, values))] : [];
  if (!words) return own;
  const said = [make("strong"), " ", quoted(help)];
  if (own.length) said[0] = quoted(words);
  else said[0].append(quoted(words));
  return own.length ? [...own, " ", t("vault_says"), " ", ...said] : said;
}
