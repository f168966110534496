// @ts-check
// The list of runs is replaced whenever it changes; whoever stands on one of its links stays there.

let held = ""

document.addEventListener("htmx:oobBeforeSwap", () => {
  held = document.activeElement?.closest("#runlist-body") ? document.activeElement.id : ""
})

document.addEventListener("htmx:oobAfterSwap", () => {
  if (held) document.getElementById(held)?.focus({ preventScroll: true })
})
