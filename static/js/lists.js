// @ts-check
// Keeps a list in the page equal to a list in the scene, touching only what differs.

/**
 * Sets text only where it differs, so that an unchanged scene costs no layout.
 * @param {Element | null | undefined} element
 * @param {string | number | null | undefined} text
 */
export function write(element, text) {
  const next = text == null ? "" : String(text)
  if (element && element.textContent !== next) element.textContent = next
}

/**
 * @param {Element | null | undefined} element
 * @param {string} name
 * @param {string | null | undefined} value null takes the attribute away
 */
export function mark(element, name, value) {
  if (!element || element.getAttribute(name) === (value ?? null)) return
  if (value == null) element.removeAttribute(name)
  else element.setAttribute(name, value)
}

/**
 * Makes the children of `box` match `items`, by key and in order. Children whose key stays are kept;
 * the new ones are returned, so that the caller can let them move in.
 * @template T
 * @param {Element | null} box
 * @param {T[]} items
 * @param {(item: T, index: number) => string} key
 * @param {() => Element} make
 * @param {(child: Element, item: T) => void} fill
 * @returns {{ child: Element, item: T }[]}
 */
export function sync(box, items, key, make, fill) {
  if (!box) return []
  const wanted = items.map(key)
  const have = new Map([...box.children].map((child) => [child.getAttribute("data-key"), child]))
  for (const [name, child] of have) if (!wanted.includes(name ?? "")) child.remove()
  return items.flatMap((item, index) => {
    const child = have.get(wanted[index]) ?? make()
    const fresh = !have.has(wanted[index])
    mark(child, "data-key", wanted[index])
    fill(child, item)
    if (box.children[index] !== child) box.insertBefore(child, box.children[index] ?? null)
    return fresh ? [{ child, item }] : []
  })
}
