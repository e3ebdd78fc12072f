// Charts as SVG, by D3: each bar, point or cell is an element that the keyboard reaches, a screen reader reads, and the style
// sheet colours, in light, dark and print.

import { max, min } from 'd3-array'
import { axisBottom, axisLeft } from 'd3-axis'
import { scaleBand, scaleLinear, scalePoint } from 'd3-scale'
import { select } from 'd3-selection'
import { line as lineShape } from 'd3-shape'
import { h } from './dom.js'
import * as format from './format.js'
import { interactive } from './marks.js'

const RANKED = 10

// Sizes follow the page's type, which is larger on a wall screen; what a text needs is measured, not guessed.
const unit = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 15
const pencil = document.createElement('canvas').getContext('2d')

function widest(texts, size = 12) {
    pencil.font = `${size * unit()}px ${getComputedStyle(document.body).fontFamily}`
    return max(texts, text => pencil.measureText(text).width) ?? 0
}

// What all charts are drawn from: marks with x, series and value, in the order of the rows.
function model({ data, chart, palette }) {
    const at = name => data.columns.findIndex(column => column.name === name)
    const [xAt, byAt, yAt] = [at(chart.x), at(chart.by), at(chart.y)]
    const [x, y] = [data.columns[xAt], data.columns[yAt]]
    const moneyAt = y.kind === 'money' ? at(y.currency) : -1
    // money of several currencies never shares a series, whatever the chart was meant to be split by
    const several = index => new Set(data.rows.map(row => row[index])).size > 1
    const split = [...new Set([byAt, moneyAt])].filter(index => index >= 0 && index !== xAt && (index === byAt || several(index)))
    const seriesOf = row => split.map(index => format.value(data.columns[index], row[index])).join(' ')
    const extra = data.columns.map((column, index) => ({ column, index })).filter(({ column, index }) => format.isMeasure(column) && index !== yAt)
    const marks = data.rows.filter(row => row[yAt] !== null).map(row => {
        const currency = moneyAt < 0 ? null : row[moneyAt]
        return { key: `${row[xAt]} ${seriesOf(row)}`, x: String(row[xAt] ?? ''), name: label(x, row[xAt]), series: seriesOf(row), value: format.numeric(row[yAt]), shown: format.value(y, row[yAt], currency), currency, row,
            also: extra.map(({ column, index }) => `${format.value(column, row[index], row[at(column.currency)])}${column.kind === 'count' ? ` ${column.title}` : ''}`) }
    })
    const xs = [...new Set(marks.map(mark => mark.x))]
    const series = [...new Set(marks.map(mark => mark.series))].sort()
    const colour = new Map(series.map((name, index) => [name, palette(name) ?? index % 6]))
    return { marks, xs, series, colour, x, y, names: new Map(marks.map(mark => [mark.x, mark.name])), currency: only(marks.map(mark => mark.currency)), countAt: data.columns.findIndex(column => column.kind === 'count') }
}

// the one value that all have, or null
const only = values => (new Set(values).size === 1 ? values[0] : null)

const label = (column, value) => (value === null || value === '' ? 'unknown' : format.value(column, value))

const tick = (of, value) => (of.y.kind === 'money' && of.currency ? format.money(value, of.currency, 'short') : format.short(value))

function legend(of) {
    if (of.series.length < 2) return null
    return h('ul', { class: 'legend' }, of.series.map(name => h('li', {}, h('span', { class: `swatch s${of.colour.get(name)}`, 'aria-hidden': 'true' }), name)))
}

// An empty drawing of this size inside the host, under the legend; what was focused in the old one is found again by its key.
function drawing(host, of, { width, height, label: said, note }) {
    const focused = host.contains(document.activeElement) ? document.activeElement.dataset.key : null
    const svg = select(document.createElementNS('http://www.w3.org/2000/svg', 'svg'))
        .attr('class', 'chart').attr('width', width).attr('height', height).attr('viewBox', `0 0 ${width} ${height}`)
        .attr('role', 'group').attr('aria-label', said)
    host.replaceChildren(...[legend(of), h('div', { class: 'chart-scroll' }, svg.node()), note && h('p', { class: 'note' }, note)].filter(Boolean))
    return { svg, focused }
}

function leftAxis(svg, y, of, margin, width) {
    const axis = axisLeft(y).ticks(4).tickSize(-(width - margin.left - margin.right)).tickPadding(8).tickFormat(value => tick(of, value))
    svg.append('g').attr('class', 'axis axis-y').attr('aria-hidden', 'true').attr('transform', `translate(${margin.left},0)`).call(axis)
}

const leftMargin = (of, y) => 12 + widest(y.ticks(4).map(value => tick(of, value)))

// Months get their year below where it begins; when there is no room for all, every second, third, … is named.
function bottomAxis(svg, x, of, height, margin) {
    const step = x.step()
    const text = value => (of.x.kind === 'month' ? format.monthShort(value) : of.x.kind === 'weekday' ? format.weekday(value, 'short') : of.names.get(value))
    const every = Math.max(1, Math.ceil((widest(of.xs.map(text)) + 8) / step))
    const shown = of.xs.filter((_, index) => index % every === 0)
    const axis = axisBottom(x).tickValues(shown).tickSize(0).tickPadding(8).tickFormat(text)
    const group = svg.append('g').attr('class', 'axis axis-x').attr('aria-hidden', 'true').attr('transform', `translate(0,${height - margin.bottom})`).call(axis)
    if (of.x.kind === 'month') years(group, x, of)
}

function years(group, x, of) {
    const starts = of.xs.filter((value, index) => index === 0 || value.slice(0, 4) !== of.xs[index - 1].slice(0, 4))
    // a year of one or two months has no room for its number
    const roomy = starts.filter((value, index) => !starts[index + 1] || x(starts[index + 1]) - x(value) > 36 * unit())
    group.selectAll('.year').data(roomy).join('text').attr('class', 'year').attr('x', value => x(value) + (x.bandwidth?.() ?? 0) / 2).attr('y', 30 * unit()).text(format.year)
}

// Marks in place, each with a hit area larger than what is seen.
function place(svg, of, hit, options, focused) {
    const groups = svg.append('g').selectAll('.mark').data(of.marks, mark => mark.key).join('g').attr('class', mark => `mark s${of.colour.get(mark.series)}`)
    groups.append('rect').attr('class', 'hit').attr('x', mark => hit(mark).x).attr('y', mark => hit(mark).y).attr('width', mark => hit(mark).width).attr('height', mark => hit(mark).height)
    interactive(svg, groups, of, options, focused)
    return groups
}

function bars(host, options) {
    const of = model(options)
    const height = 290 * unit()
    const bottom = (of.x.kind === 'month' ? 40 : 26) * unit()
    const y = scaleLinear([Math.min(0, min(of.marks, mark => mark.value)), max(of.marks, mark => mark.value) || 1], [height - bottom, 10]).nice(4)
    const margin = { left: leftMargin(of, y), right: 4, bottom }
    const width = Math.max(options.width, margin.left + of.xs.length * of.series.length * 4.5)
    const x = scaleBand(of.xs, [margin.left, width - margin.right]).paddingInner(of.series.length > 1 ? 0.22 : 0.28).paddingOuter(0.1)
    const inner = scaleBand(of.series, [0, x.bandwidth()]).paddingInner(of.series.length > 1 ? 0.06 : 0)
    const { svg, focused } = drawing(host, of, { ...options, width, height })
    leftAxis(svg, y, of, margin, width)
    bottomAxis(svg, x, of, height, margin)
    const left = mark => x(mark.x) + inner(mark.series)
    const groups = place(svg, of, mark => ({ x: left(mark), y: 10, width: inner.bandwidth(), height: height - bottom - 10 }), options, focused)
    const thick = Math.min(inner.bandwidth(), 52 * unit())
    groups.append('rect').attr('class', 'bar').attr('x', mark => left(mark) + (inner.bandwidth() - thick) / 2).attr('width', thick).attr('rx', Math.min(2.5, thick / 4))
        .attr('y', mark => Math.min(y(mark.value), y(0))).attr('height', mark => Math.max(1, Math.abs(y(0) - y(mark.value))))
}

function lines(host, options) {
    const of = model(options)
    const height = 290 * unit()
    const bottom = (of.x.kind === 'month' ? 40 : 26) * unit()
    const y = scaleLinear([Math.min(0, min(of.marks, mark => mark.value)), max(of.marks, mark => mark.value) || 1], [height - bottom, 10]).nice(4)
    const margin = { left: leftMargin(of, y), right: 12, bottom }
    const { width } = options
    const x = scalePoint([...of.xs].sort(), [margin.left + 8, width - margin.right])
    of.xs.sort()
    const { svg, focused } = drawing(host, of, { ...options, height })
    leftAxis(svg, y, of, margin, width)
    bottomAxis(svg, x, of, height, margin)
    const path = lineShape(mark => x(mark.x), mark => y(mark.value))
    svg.append('g').attr('aria-hidden', 'true').selectAll('path').data(of.series).join('path').attr('class', name => `line s${of.colour.get(name)}`).attr('d', name => path(of.marks.filter(mark => mark.series === name).sort((a, b) => (a.x < b.x ? -1 : 1))))
    const half = Math.max(4, x.step() / 2)
    const reach = of.series.length > 1 ? 9 : height
    const groups = place(svg, of, mark => ({ x: x(mark.x) - half, y: Math.max(10, y(mark.value) - reach), width: half * 2, height: Math.min(reach * 2, height - bottom - 10) }), options, focused)
    groups.append('circle').attr('class', 'point').attr('cx', mark => x(mark.x)).attr('cy', mark => y(mark.value)).attr('r', 3.5)
}

// Longest first. Several currencies cannot be added up: then the number of orders decides who comes first.
function ranked(of) {
    const weigh = mark => (of.series.length > 1 && of.y.kind === 'money' && of.countAt >= 0 ? mark.row[of.countAt] : mark.value)
    const total = new Map()
    for (const mark of of.marks) total.set(mark.x, (total.get(mark.x) ?? 0) + weigh(mark))
    const kept = [...of.xs].sort((a, b) => total.get(b) - total.get(a)).slice(0, RANKED)
    return { ...of, xs: kept, marks: kept.flatMap(x => of.marks.filter(mark => mark.x === x).sort((a, b) => of.series.indexOf(a.series) - of.series.indexOf(b.series))), left: of.xs.length - kept.length }
}

function cut(text, room) {
    if (widest([text]) <= room) return text
    let length = text.length - 1
    while (length > 3 && widest([`${text.slice(0, length)}…`]) > room) length--
    return `${text.slice(0, length).trimEnd()}…`
}

function ranking(host, options) {
    const of = ranked(model(options))
    const { width } = options
    const thick = (of.series.length > 1 ? 10 : 16) * unit()
    const gap = 12 * unit()
    const names = Math.min(width * 0.42, 12 + widest(of.xs.map(x => of.names.get(x))))
    const shown = mark => (of.y.kind === 'money' ? format.money(mark.row[options.data.columns.indexOf(of.y)], of.currency, 'short') : format.small(mark.value))
    const room = 10 + widest(of.marks.map(shown), of.series.length > 1 ? 10.5 : 12)
    const y = scaleBand(of.xs, [0, of.xs.length * (thick * of.series.length + 12)]).paddingInner(gap / (thick * of.series.length + gap)).paddingOuter(0.1)
    const inner = scaleBand(of.series, [0, y.bandwidth()]).paddingInner(of.series.length > 1 ? 0.1 : 0)
    const height = y.range()[1] + 2
    const x = scaleLinear([0, max(of.marks, mark => mark.value) || 1], [names, width - room])
    const note = of.left > 0 ? `The first ${RANKED}${of.series.length > 1 && of.y.kind === 'money' ? ' by number of orders' : ''}; the table has ${format.count(of.left)} more.` : null
    const { svg, focused } = drawing(host, of, { ...options, height, note })
    const labels = svg.append('g').attr('class', 'names').attr('aria-hidden', 'true').selectAll('text').data(of.xs).join('text')
        .attr('x', names - 10).attr('y', name => y(name) + y.bandwidth() / 2).attr('dy', '0.35em').text(name => cut(of.names.get(name), names - 12))
    labels.append('title').text(name => of.names.get(name))
    const top = mark => y(mark.x) + inner(mark.series)
    const groups = place(svg, of, mark => ({ x: 0, y: top(mark), width, height: inner.bandwidth() }), options, focused)
    groups.append('rect').attr('class', 'bar').attr('x', names).attr('y', top).attr('width', mark => Math.max(1, x(mark.value) - names)).attr('height', inner.bandwidth()).attr('rx', 2)
    // beside the marks, not in them: what a bar is called has more digits than what stands at its end
    svg.append('g').attr('aria-hidden', 'true').selectAll('text').data(of.marks).join('text').attr('class', of.series.length > 1 ? 'value value-small' : 'value')
        .attr('x', mark => x(mark.value) + 6).attr('y', mark => top(mark) + inner.bandwidth() / 2).attr('dy', '0.35em').text(shown)
}

function heat(host, options) {
    const at = name => options.data.columns.findIndex(column => column.name === name)
    const by = options.data.columns[at(options.chart.by)]
    const of = model(options)
    for (const mark of of.marks) mark.name = `${format.value(by, mark.row[at(options.chart.by)])}, ${mark.name}`
    const down = [...new Set(options.data.rows.map(row => row[at(options.chart.by)]))].sort((a, b) => (a > b ? 1 : -1))
    const { width } = options
    const margin = { left: 14 + widest(down.map(value => format.value(by, value))), right: 4, bottom: (of.x.kind === 'month' ? 40 : 26) * unit() }
    const height = down.length * 30 * unit() + margin.bottom
    const x = scaleBand(of.xs, [margin.left, width - margin.right]).paddingInner(0.06)
    const y = scaleBand(down, [0, height - margin.bottom]).paddingInner(0.08)
    const shade = scaleLinear([0, max(of.marks, mark => mark.value) || 1], [0.06, 1])
    const single = { ...of, series: [''], colour: new Map(of.series.map(name => [name, 0])) }
    const { svg, focused } = drawing(host, single, { ...options, height })
    bottomAxis(svg, x, of, height, margin)
    svg.append('g').attr('class', 'names').attr('aria-hidden', 'true').selectAll('text').data(down).join('text').attr('x', margin.left - 10).attr('y', value => y(value) + y.bandwidth() / 2).attr('dy', '0.35em').text(value => format.value(by, value))
    const box = mark => ({ x: x(mark.x), y: y(mark.row[at(options.chart.by)]), width: x.bandwidth(), height: y.bandwidth() })
    const groups = place(svg, single, box, options, focused)
    groups.append('rect').attr('class', 'cell').attr('rx', 2).attr('x', mark => box(mark).x).attr('y', mark => box(mark).y).attr('width', mark => box(mark).width).attr('height', mark => box(mark).height).attr('fill-opacity', mark => shade(mark.value))
}

const KINDS = { bar: bars, line: lines, ranking, heat }

// A kind of chart that a newer server knows is drawn as bars.
export const chartFor = kind => KINDS[kind] ?? bars
