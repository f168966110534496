// @ts-check
// Paints one service: what it says, its ledger, its lock, the waits between attempts.

import { mark, sync, write } from "./lists.js"

/** @typedef {import("./types.js").Service} Service */
/** @typedef {import("./refs.js").Refs} Refs */

const ENTRY = 300 // milliseconds that a new row may take to come in

/**
 * @param {Refs} refs
 * @param {Service} service
 * @param {boolean} motion whether what is new comes in with motion
 */
export function paintService(refs, service, motion) {
  const { name } = service
  refs.put(`svc-${name}`, service)
  write(refs.get(`bal-${name}`), service.total)
  const lock = refs.get(`lock-${name}`)
  mark(lock, "hidden", service.pending ? null : "")
  write(lock?.querySelector("b"), service.pending)
  const more = refs.get(`more-${name}`)
  mark(more, "hidden", service.more ? null : "")
  write(more?.querySelector("b"), service.more)
  const rows = sync(refs.get(`rows-${name}`), service.rows, (row) => String(row.n), () => refs.part("row"), (child, row) => {
    mark(child, "data-kind", row.kind)
    write(child.querySelector(".n"), row.n)
    write(child.querySelector(".what"), row.what)
    write(child.querySelector(".amt"), row.amount)
  })
  const waits = sync(refs.get(`waits-${name}`), service.waits, (_, index) => String(index), () => refs.part("wait"), (child, wait) => {
    write(child.querySelector("b"), wait.label)
    mark(child.querySelector("svg"), "width", String(wait.ms))
  })
  if (!motion) return
  for (const { child } of rows) enter(child, ENTRY)
  for (const { child, item } of waits) enter(child, item.ms)
}

/**
 * @param {Element} child
 * @param {number} ms
 */
function enter(child, ms) {
  if (!(child instanceof HTMLElement)) return
  child.style.setProperty("--ms", `${ms}ms`)
  child.dataset.new = ""
  setTimeout(() => delete child.dataset.new, ms)
}
