import assert from "node:assert/strict"
import { readdirSync, readFileSync } from "node:fs"
import { test } from "node:test"

const root = new URL("../../", import.meta.url)
const read = (path) => readFileSync(new URL(path, root), "utf8")
const scripts = readdirSync(new URL("static/js/", root)).filter((name) => name.endsWith(".js"))
const imported = new Set(scripts.flatMap((name) => [...read(`static/js/${name}`).matchAll(/^import .* from "\.\/(.+)"$/gm)].map((match) => match[1])))

function templates(folder = "templates/") {
  return readdirSync(new URL(folder, root), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? templates(`${folder}${entry.name}/`) : [folder + entry.name])
}

test("every module that another one imports is in the import map and preloaded", () => {
  const map = read("templates/parts/_modules.html")
  const pages = templates().map(read).join("")
  for (const name of imported) {
    assert.ok(map.includes(`"{{ root }}js/${name}": "{% static 'js/${name}' %}"`), `${name} is not in the map`)
    assert.ok(pages.includes(`<link rel="modulepreload" href="{% static 'js/${name}' %}">`), `${name} is not preloaded`)
  }
})

test("the import map names no module that nobody imports", () => {
  const named = [...read("templates/parts/_modules.html").matchAll(/root }}js\/(.+?)":/g)].map((match) => match[1])
  assert.deepEqual(named.filter((name) => !imported.has(name)), [])
})

test("no template has a style, an event handler or a script of its own", () => {
  for (const path of templates()) {
    const text = read(path).replace(/<script type="importmap"[^]*?<\/script>/, "")
    assert.doesNotMatch(text, /<style|\sstyle=|\son[a-z]+=|javascript:|hx-on/, path)
    assert.doesNotMatch(text, /<script(?![^>]*\ssrc=)/, path)
  }
})

test("no script evaluates text or writes markup", () => {
  for (const name of scripts) assert.doesNotMatch(read(`static/js/${name}`), /\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write/, name)
})
