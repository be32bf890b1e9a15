/* The site's own script: the switch of languages, and charts from the data blocks of the page.
   No code comes from data: texts go in as text, and ECharts is given plain values. */
(function () {
  "use strict";
  var root = document.documentElement;
  var drawn = [];
  // pixels of a chart on paper: two beside each other on A4, as high as the style sheet lets them be there
  var PAPER = { width: 470, height: 208 };

  function language() { return root.getAttribute("data-lang") === "en" ? "en" : "zh"; }

  function remembered() {
    try { return window.localStorage.getItem("ecoplan-lang"); } catch (error) { return null; }
  }

  function choose(lang) {
    root.setAttribute("data-lang", lang);
    root.setAttribute("lang", lang === "en" ? "en" : "zh-CN");
    try { window.localStorage.setItem("ecoplan-lang", lang); } catch (error) { /* private windows keep nothing */ }
    var title = document.body.getAttribute("data-title-" + lang);
    if (title) { document.title = title; }
    drawn.forEach(function (item) { item.chart.setOption(option(item.data), true); });
  }

  function said(pair) { return typeof pair === "string" ? pair : pair[language() === "en" ? 1 : 0]; }

  // ECharts reads tooltips as HTML: they are built as elements, so that a name stays text
  function tip(data) {
    return function (points) {
      var box = document.createElement("div");
      var list = Array.isArray(points) ? points : [points];
      var head = document.createElement("b");
      head.textContent = list.length ? String(list[0].axisValueLabel || list[0].name) : "";
      box.appendChild(head);
      list.forEach(function (point) {
        if (!point.seriesName || point.value === null || point.value === undefined) { return; }
        var line = document.createElement("div");
        line.textContent = point.seriesName + "  " + point.value + " " + (data.unit || "");
        box.appendChild(line);
      });
      return box;
    };
  }

  function nothing(value) { return value === null || value === undefined; }

  var COLOURS = ["#0b5394", "#c2570c", "#2e7d4f", "#7a4fb5", "#8a6d3b", "#a01a58"];
  var SYMBOLS = ["circle", "rect", "triangle", "diamond", "pin", "arrow"];
  var DASHES = ["solid", "dashed", "dotted"];

  function option(data) {
    var series = data.series.map(function (one, place) {
      var bar = data.kind === "bar";
      var few = data.x.length < 40;
      // a line has no length between two gaps: such a value is drawn as a point
      var lone = function (at) { return one.data[at] !== null && nothing(one.data[at - 1]) && nothing(one.data[at + 1]); };
      return {
        name: said(one.name), type: bar ? "bar" : "line", data: one.data, stack: one.stack || undefined,
        connectNulls: false, showSymbol: true, showAllSymbol: true,
        symbolSize: function (value, point) { return few || lone(point.dataIndex) ? 5 : 0; }, symbol: SYMBOLS[place % SYMBOLS.length],
        itemStyle: { color: one.colour || COLOURS[place % COLOURS.length] },
        lineStyle: { width: 1.7, type: DASHES[Math.floor(place / COLOURS.length) % 3 === 0 ? place % 3 : 1] },
        barMaxWidth: 28
      };
    });
    if (series.length && data.limits && data.limits.length) {
      series[0].markLine = {
        silent: true, symbol: "none",
        data: data.limits.map(function (limit, place) {
          return {
            yAxis: limit.value, name: said(limit.name),
            lineStyle: { color: "#b00020", type: place % 2 ? "dotted" : "dashed", width: 1.3 },
            label: { formatter: said(limit.name) + " " + limit.value, position: "insideEndTop", color: "#7d0016", fontSize: 11 }
          };
        })
      };
    }
    // an axis reaches as far as its points do: limits that should be in sight are points nobody sees
    if (data.fit && data.limits && data.limits.length) {
      series.push({
        name: "", type: "line", silent: true, showSymbol: false, lineStyle: { opacity: 0 }, itemStyle: { opacity: 0 },
        data: data.limits.map(function (limit) { return limit.value; }).slice(0, data.x.length), tooltip: { show: false }
      });
    }
    var named = series.map(function (one) { return one.name; }).filter(function (name) { return name; });
    return {
      animation: false,
      aria: {
        enabled: true, decal: { show: data.kind === "bar" },
        label: { description: said(data.title) + (data.unit ? " (" + data.unit + ")" : "") }
      },
      grid: { left: 52, right: 18, top: named.length > 1 ? 46 : 28, bottom: data.x.length > 60 ? 62 : 34 },
      legend: named.length > 1 ? { top: 0, type: "scroll", data: named } : { show: false },
      tooltip: { trigger: "axis", formatter: tip(data), confine: true, transitionDuration: 0 },
      xAxis: { type: "category", data: data.x, axisLabel: { hideOverlap: true } },
      yAxis: {
        type: "value", name: data.unit || "", scale: !!data.scale, nameTextStyle: { align: "left" },
        axisLabel: { formatter: function (value) { return String(Math.round(value * 1e6) / 1e6); } }
      },
      dataZoom: data.x.length > 60 ? [{ type: "slider", height: 18, bottom: 6, showDetail: false }] : [],
      series: series
    };
  }

  function draw() {
    if (!window.echarts) { return; }
    document.querySelectorAll("script.chart-data").forEach(function (block) {
      var data = JSON.parse(block.textContent);
      var place = document.getElementById(block.getAttribute("data-for"));
      var chart = window.echarts.init(place, null, { renderer: "svg" });
      chart.setOption(option(data));
      drawn.push({ chart: chart, data: data });
    });
    window.addEventListener("resize", function () { resize(); });
    window.addEventListener("beforeprint", function () { resize(PAPER); });
    window.addEventListener("afterprint", function () { resize(); });
  }

  // without a size a chart takes its place's; paper does not wait for the next frame, so it is drawn at once
  function resize(size) {
    drawn.forEach(function (item) { item.chart.resize(size); item.chart.getZr().flush(); });
  }

  function begin() {
    var lang = remembered();
    if (lang === "en" || lang === "zh") { choose(lang); }
    var button = document.getElementById("lang");
    if (button) {
      button.hidden = false;
      button.addEventListener("click", function () { choose(language() === "en" ? "zh" : "en"); });
    }
    draw();
    // what is folded away on the screen belongs on paper
    window.addEventListener("beforeprint", function () {
      document.querySelectorAll("details:not([open])").forEach(function (part) { part.open = true; });
    });
  }

  if (document.readyState === "loading") { document.addEventListener("DOMContentLoaded", begin); } else { begin(); }
})();
