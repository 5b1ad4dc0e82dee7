// Charts: data comes by json_script, colours from the tokens, so both themes and print agree. Needs echarts before it.
function token(name) {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(--c-${name})`;
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}
const money = (n) => n.toLocaleString(document.documentElement.lang || "en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const short = (n) => (n >= 1000 ? `${n / 1000} k` : `${n}`);

function base(ink, line) {
  const text = { color: ink, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 12 };
  return {
    animation: false, textStyle: text,
    grid: { left: 4, right: 8, top: 20, bottom: 2, containLabel: true },
    tooltip: {
      trigger: "axis", renderMode: "richText", backgroundColor: token("surface"), borderColor: token("edge"), borderWidth: 1,
      textStyle: { ...text, color: token("ink") }, valueFormatter: (v) => (v == null ? "–" : money(v)),
    },
    xAxis: { type: "category", axisTick: { show: false }, axisLine: { lineStyle: { color: token("edge") } }, axisLabel: { ...text, hideOverlap: true } },
    yAxis: { type: "value", splitNumber: 3, axisLabel: { ...text, formatter: short }, splitLine: { showMaxLine: false, lineStyle: { color: line } } },
  };
}

function budgetLine(data, plain) {
  const label = {
    show: true, formatter: data.names.budgetLabel, position: "insideStartTop", color: token("ink"), fontSize: 12, distance: [0, 4],
  };
  return {
    ...plain, name: data.names.budget, data: data.days.map(() => data.budget), lineStyle: { opacity: 0 }, itemStyle: { color: token("ink") },
    markLine: {
      symbol: "none", silent: true, lineStyle: { type: "solid", width: 1.5, color: token("ink") }, label, data: [{ yAxis: data.budget }],
    },
  };
}

const draw = {
  // Cost so far, forecast with its band, budget as a line.
  budget(data, option) {
    option.xAxis.data = data.days;
    option.xAxis.boundaryGap = false;
    option.yAxis.max = data.max;
    option.yAxis.axisLabel.showMaxLabel = false;
    const plain = { type: "line", symbol: "none" };
    option.series = [
      { ...plain, name: "low", stack: "band", data: data.low, lineStyle: { opacity: 0 }, tooltip: { show: false } },
      {
        ...plain, name: "band", stack: "band", data: data.band, lineStyle: { opacity: 0 },
        areaStyle: { color: token("accent"), opacity: 0.16 }, tooltip: { show: false },
      },
      { ...plain, name: data.names.actual, data: data.actual, lineStyle: { width: 2.5, color: token("accent") }, itemStyle: { color: token("accent") } },
      { ...plain, name: data.names.forecast, data: data.forecast, lineStyle: { width: 2, type: [4, 4], color: token("accent") }, itemStyle: { color: token("accent") } },
    ];
    if (data.budget != null) option.series.push(budgetLine(data, plain));
  },
  // One bar a day, one colour a cloud; days to come are pale.
  stack(data, option) {
    option.xAxis.data = data.days;
    option.series = data.clouds.map((cloud, i) => ({
      type: "bar", stack: "all", name: cloud.name, barCategoryGap: "22%", itemStyle: { color: token(`s${i + 1}`) },
      data: cloud.values.map((value, day) => (day < data.known ? value : { value, itemStyle: { opacity: 0.32 } })),
    }));
  },
  treemap(data, option) {
    for (const key of ["xAxis", "yAxis", "grid"]) delete option[key];
    option.tooltip = { ...option.tooltip, trigger: "item" };
    const surface = token("surface");
    const label = { fontSize: 12, lineHeight: 16, color: "#fff", textBorderWidth: 0, overflow: "truncate", formatter: (p) => `${p.name}\n${money(p.value)}` };
    option.series = [{
      type: "treemap", data: data.map((cloud, i) => ({ ...cloud, itemStyle: { color: token(`t${i + 1}`), borderColor: surface } })),
      roam: false, nodeClick: false, breadcrumb: { show: false }, width: "100%", height: "100%", left: 0, top: 0, label,
      upperLabel: { show: true, height: 22, color: token("ink"), fontWeight: 600, fontSize: 12, backgroundColor: surface },
      levels: [6, 2, 2].map((gapWidth, depth) => ({ itemStyle: { gapWidth, borderWidth: 0, borderColor: surface }, upperLabel: { show: depth > 0 } })),
    }];
  },
};

function boxes() {
  return document.querySelectorAll("[data-chart]");
}

function drawAll() {
  for (const box of boxes()) {
    const chart = window.echarts.getInstanceByDom(box) || window.echarts.init(box, null, { renderer: "canvas" });
    const option = base(token("ink-2"), token("line"));
    draw[box.dataset.chart](JSON.parse(document.getElementById(box.dataset.from).textContent), option);
    chart.setOption(option, true);
  }
}

drawAll();
document.addEventListener("theme", drawAll);
document.body.addEventListener("htmx:load", drawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
window.addEventListener("resize", () => boxes().forEach((box) => window.echarts.getInstanceByDom(box)?.resize()));
