// @ts-check
// Parts of a page that are read from the server anew whenever the stage has moved: each carries
// data-reads and says by htmx what it reads on "painted".

const moved = new MutationObserver(() => {
  for (const part of document.querySelectorAll("[data-reads]")) part.dispatchEvent(new Event("painted"))
})

for (const stage of document.querySelectorAll(".stage[data-seq]")) moved.observe(stage, { attributes: true, attributeFilter: ["data-seq", "data-end"] })
