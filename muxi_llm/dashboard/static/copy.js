// Buttons that copy what stands beside them. They are seen only where this runs.
document.documentElement.classList.add("scripted");
document.addEventListener("click", async ({ target }) => {
  const button = target.closest("button.copy");
  if (!button) return;
  const text = button.parentElement.querySelector("pre, code");
  try {
    await navigator.clipboard.writeText(text.textContent);
  } catch {
    // No clipboard without TLS: what is selected can be copied all the same.
    getSelection().selectAllChildren(text);
    if (!document.execCommand("copy")) return;
  }
  const label = button.textContent;
  button.textContent = button.dataset.copied;
  setTimeout(() => { button.textContent = label; }, 1500);
});
