// Light or dark, as was chosen here or as the system has it. Runs first, so that nothing flashes.

const KEY = "lingpai-theme";

export function theme() {
  try {
    return localStorage.getItem(KEY) ?? "system";
  } catch {
    return "system";
  }
}

export function setTheme(name) {
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // Private windows may refuse; then it holds for this page.
  }
  apply(name);
}

function apply(name) {
  document.documentElement.dataset.theme = name;
}

apply(theme());
