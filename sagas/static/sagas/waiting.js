// @ts-check
// What a person asked for waits to be journaled: look again until it is.

const AGAIN = 700 // milliseconds

if (document.querySelector("[data-waits]")) setTimeout(() => location.reload(), AGAIN)
