// Draws a plot as SVG, with Apache ECharts, which needs no browser for it. Pure.
import { init } from 'echarts'
import type { Plot } from '../scenario.ts'

const width = 760
const height = 420
const lineHeight = 22
// Of Okabe and Ito: told apart by those who see few colours, too.
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000']

/** The plot as the text of an SVG file. */
export function drawPlot(plot: Plot): string {
  // The legend is a column below the plot: names are long.
  const legendHeight = plot.curves.length * lineHeight
  const chart = init(null, null, {
    renderer: 'svg',
    ssr: true,
    width,
    height: height + legendHeight,
  })
  const axis = (label: string, base: 2 | 10 | undefined) => ({
    type: base === undefined ? ('value' as const) : ('log' as const),
    ...(base !== undefined && { logBase: base }),
    name: label,
    nameLocation: 'middle' as const,
    nameGap: 40,
  })
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: colours,
    title: { text: plot.title, left: 'center' },
    legend: { orient: 'vertical', left: 60, bottom: 0, icon: 'roundRect' },
    grid: { left: 80, right: 30, top: 50, bottom: legendHeight + 70 },
    xAxis:
      plot.xNames === undefined
        ? axis(plot.xLabel, plot.xLog)
        : { ...axis(plot.xLabel, undefined), type: 'category', data: [...plot.xNames] },
    yAxis: { ...axis(plot.yLabel, plot.yLog), nameGap: 55 },
    series: plot.curves.map(({ name, points, isRival = false }) => ({
      type: 'line',
      name,
      lineStyle: { type: isRival ? 'dashed' : 'solid' },
      symbolSize: 7,
      data: points.map(([x, y]) => [x, y]),
    })),
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return `${svg}\n`
}
