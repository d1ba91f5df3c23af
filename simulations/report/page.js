// Draws the figures in the page's own colours, again when the screen turns dark or light, and for paper.
"use strict";
(() => {
  const { colours, figures } = JSON.parse(document.getElementById("figures").textContent);
  const root = document.documentElement;
  const places = [...document.querySelectorAll(".plot")];
  // The one button saves a figure; Plotly's others would need room, or a network.
  const options = key => ({
    responsive: true, displaylogo: false, modeBarButtons: [["toImage"]],
    toImageButtonOptions: { format: "svg", filename: key },
  });

  function coloured(figure) {
    const style = getComputedStyle(root);
    const named = stand => style.getPropertyValue(`--${colours[stand]}`).trim();
    return JSON.parse(JSON.stringify(figure).replace(
      /"(#(0[0-9a-f])\2\2)([0-9a-f]{2})?"/g, (_, stand, __, alpha) => `"${named(stand)}${alpha || ""}"`));
  }

  function draw(width) {
    for (const place of places) {
      const key = place.dataset.figure, { data, layout, height } = coloured(figures[key]);
      layout.height = height;
      layout.font.family = getComputedStyle(document.body).fontFamily;
      if (width) { layout.width = width; layout.autosize = false; }
      Plotly.react(place, data, layout, options(key));
    }
  }

  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  addEventListener("beforeprint", () => { root.classList.add("printing"); draw(620); });
  addEventListener("afterprint", () => { root.classList.remove("printing"); draw(); });
})();
