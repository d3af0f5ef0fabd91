// Addresses and the permissions that belong to them. Pure.

// Returns the address below which a vault is served, without a slash at its end; null if the text is no such address.
export function vaultAddress(text) {
  const typed = text.trim();
  if (!typed) return null;
  let url;
  try {
    url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(typed) ? typed : `http://${typed}`);
  } catch {
    return null;
  }
  if (!isWeb(url.href) || url.username || url.password) return null;
  return url.origin + url.pathname.replace(/\/+$/, "");
}

export function isWeb(address) {
  return /^https?:\/\/[^/]/i.test(address ?? "");
}

// Whether a token sent there can be read on the way: plain HTTP that leaves this computer.
export function isExposed(address) {
  const { protocol, hostname } = new URL(address);
  return protocol === "http:" && !/^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

// The match pattern of one origin. Firefox knows none with a port: there the permission is for all ports of the host.
export function originPattern(address, { withPort }) {
  const { protocol, hostname, host } = new URL(address);
  return `${protocol}//${withPort ? host : hostname}/*`;
}

// The pages of a domain and of those below it. Two patterns: Firefox finds `*://` in none that the manifest declares.
export function domainPatterns(domain) {
  return [`https://*.${domain}/*`, `http://*.${domain}/*`];
}

// The page that hands over the cookies of the site in a tab.
export function signInPage(tab) {
  const host = isWeb(tab?.url) ? new URL(tab.url).hostname : "";
  return `sign-in.html?${new URLSearchParams({ host, tab: tab?.id ?? "" })}`;
}

export function isBelow(host, domain) {
  return host === domain || host.endsWith(`.${domain}`);
}

// Returns the site of the vault that a host belongs to, and the shortest of its domains that the host lies in.
export function siteOf(host, sites) {
  for (const site of sites) {
    const domains = site.domains.filter((domain) => isBelow(host, domain)).sort((a, b) => a.length - b.length);
    if (domains.length) return { site, domain: domains[0] };
  }
  return null;
}
