// The browser's own interface: Firefox calls it `browser`, Chromium `chrome`. Both return promises.

export const api = globalThis.browser ?? globalThis.chrome;
export const isFirefox = api.runtime.getURL("").startsWith("moz-extension:");
