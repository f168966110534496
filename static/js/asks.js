// @ts-check
// Pause and resume take each other's place; whoever has pressed one by keyboard stays there.

const stage = document.querySelector(".stage[data-seq]")
let held = false

document.addEventListener("focusin", ({ target }) => {
  if (target instanceof Element && target !== document.body) held = Boolean(target.closest(".asks"))
})

if (stage) new MutationObserver(follow).observe(stage, { attributes: true, attributeFilter: ["data-paused"] })

function follow() {
  if (!held || (document.activeElement !== document.body && document.activeElement?.checkVisibility())) return
  const buttons = [...document.querySelectorAll(".asks button")]
  const first = buttons.find((button) => button.checkVisibility())
  if (first instanceof HTMLElement) first.focus()
}
