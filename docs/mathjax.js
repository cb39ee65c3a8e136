/* A page of worked examples has thousands of formulas: those of folded sections are typeset when they are unfolded.
   Without its menu, MathJax gives no formula a stop of the keyboard; wide ones get one, because their boxes scroll. */
const unfolded = (place) => [...place.querySelectorAll(".math")].filter((e) => !e.closest("details:not([open])"));
window.MathJax = {
  options: { enableMenu: false },
  startup: {
    pageReady() {
      document.querySelectorAll("div.math").forEach((box) => { box.tabIndex = 0; });
      document.addEventListener("toggle", ({ target }) => {
        MathJax.startup.promise = MathJax.startup.promise.then(() => MathJax.typesetPromise(unfolded(target)));
      }, true);
      return MathJax.typesetPromise(unfolded(document));
    },
  },
};
