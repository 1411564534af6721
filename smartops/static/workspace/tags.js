// Tags with commas between. One that holds a comma itself stands in "quotes", as in an address of the list.

const WORD = /\s*(?:"((?:[^"]|"")*)"\s*|([^,]*))(?:,|$)/gy;

export const tagsOf = (text) => {
  const found = [...text.trim().matchAll(WORD)].map(([, quoted, plain]) => (quoted?.replaceAll('""', '"') ?? plain).trim());
  return [...new Set(found.filter(Boolean))];
};
export const written = (tag) => (/^\s|\s$|[",]/.test(tag) ? `"${tag.replaceAll('"', '""')}"` : tag);
