// @ts-check
// The shapes that come over the line, for the type checker; no page loads this file.

/**
 * What a page shows at one moment, as playground/scene.py folds it. Painted, never interpreted.
 * @typedef {{ state: string, word: string }} Mark
 * @typedef {{ n: number, kind: string, what: string, amount: string }} Row
 * @typedef {{ ms: number, label: string }} Wait
 * @typedef {{ name: string, title: string, state: string, word: string, label: string, total: string, rows: Row[], waits: Wait[], pending: string | null, more?: number }} Service
 * @typedef {{ kind?: string, name: string, undo_name: string, turn: boolean, hop?: Mark, hears?: string, stop: Mark, undo: Mark, service: Service }} Leg
 * @typedef {{ leg: number, dir: "down" | "up" | "hop" | "back", state: string, tag: string, lost: string | null, ms: number }} Token
 * @typedef {{ seq: number, t: number, clock: string, kind: string, state: string, what: string, key: string | null, say: string }} Line
 * @typedef {{ saga: string, order: string, state: string, word: string, steps: string[], back: string[] }} Other
 * @typedef {{ seq: number, ms: number, saga: string, order: string, end: string | null, orch: Mark, legs: Leg[], token: Token | null, entry: Line | null, say: string, facts: Record<string, string>, sold: string, alert: { title: string, text: string } | null, others: Other[], over: boolean, paused?: boolean }} Scene
 * @typedef {{ entry: { seq: number }, scene: Scene }} Frame
 */

export {}
