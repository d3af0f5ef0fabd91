// Cookies as the text that the vault reads: a cookies.txt in Netscape form. Pure.

const NOT_IN_LINES = /[\t\r\n]/;

export function cookiesTxt(cookies) {
  const lines = cookies.filter((each) => each.name && !NOT_IN_LINES.test(each.name + each.value + each.path)).map(line);
  return ["# Netscape HTTP Cookie File", ...lines, ""].join("\n");
}

function line({ name, value, domain, path, secure, httpOnly, hostOnly, expirationDate }) {
  const host = domain.replace(/^\./, "");
  const expires = Math.floor(expirationDate ?? 0); // 0: until the browser is closed
  const fields = [hostOnly ? host : `.${host}`, hostOnly ? "FALSE" : "TRUE", path, secure ? "TRUE" : "FALSE", expires, name, value];
  return (httpOnly ? "#HttpOnly_" : "") + fields.join("\t");
}

// Joins two lists; where both have a cookie of the same name and scope, that of the first counts.
export function joined(first, second) {
  const jar = new Map([...second, ...first].map((each) => [JSON.stringify([each.name, each.domain, each.path]), each]));
  return [...jar.values()];
}
