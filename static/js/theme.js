// Runs before the first paint: a stored choice of light or dark wins over the system's.
{
  let theme = ""
  try { theme = localStorage.getItem("theme") ?? "" } catch { /* storage is off: the system decides */ }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme
}
