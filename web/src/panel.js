// A panel shows one report: as a chart, or as the table that says the same.

import * as address from './address.js'
import { chartFor } from './charts.js'
import { h, icon, prose } from './dom.js'
import { sentence } from './filters.js'
import * as format from './format.js'
import { table } from './table.js'

const WIDE = new Set(['line', 'heat'])
const ROWS_AT_FIRST = 8

// What went wrong and what can be done about it, where the thing would have been.
export function problemBox(problem, retry) {
    return h('div', { class: 'problem', role: 'alert' },
        h('p', {}, h('strong', {}, 'Could not be shown. '), sentence(problem.message)),
        problem.hint && h('p', { class: 'hint' }, prose(sentence(problem.hint))),
        retry && h('button', { class: 'button', type: 'button', onclick: retry }, 'Try again'))
}

export class Panel {
    constructor(page, report) {
        this.page = page
        this.report = report
        this.measure = report.chart.y
        this.asTable = report.chart.kind === 'table' || report.chart.kind === 'figure'
        const id = `panel-${report.name}`
        this.subtitle = h('p', { class: 'panel-sub' })
        this.tools = h('div', { class: 'panel-tools' })
        this.body = h('div', { class: 'panel-body' }, h('div', { class: 'skeleton skeleton-chart' }))
        this.element = h('section', { class: `panel${this.wide() ? ' panel-wide' : ''}`, 'aria-labelledby': id, 'data-report': report.name },
            h('div', { class: 'panel-head' }, h('h3', { id }, report.question), h('div', { class: 'panel-line' }, this.subtitle, this.tools)), this.body)
        // a chart is drawn for the width that it has
        new ResizeObserver(() => this.resized()).observe(this.body)
    }

    wide() {
        const { kind, x } = this.report.chart
        const overTime = kind === 'bar' && this.report.columns.find(({ name }) => name === x)?.kind !== 'weekday'
        const manyColumns = kind === 'table' && this.report.columns.length > 4
        return WIDE.has(kind) || overTime || manyColumns
    }

    waiting() {
        this.body.setAttribute('aria-busy', 'true')
    }

    async load(filters, signal) {
        this.asked = filters
        try {
            const data = await this.page.source.report(this.report, filters, signal)
            if (signal?.aborted) return
            this.data = data
            this.show()
        } catch (problem) {
            if (signal?.aborted) return
            this.data = null
            this.tools.replaceChildren()
            this.body.replaceChildren(problemBox(problem, () => this.load(filters)))
        }
        this.body.removeAttribute('aria-busy')
    }

    show() {
        this.showSubtitle()
        this.showTools()
        this.draw()
        if (this.data.rows.length === 0) this.tools.replaceChildren()
    }

    showSubtitle() {
        this.subtitle.textContent = [this.report.title, this.money(), this.ignored()].filter(Boolean).join(' · ')
    }

    // Which currency the sums are in: never more than one in a bar.
    money() {
        const { money, columns, rows, applied } = this.data
        const at = columns.findIndex(({ name }) => name === columns.find(({ kind }) => kind === 'money')?.currency)
        if (!columns.some(column => column.kind === 'money')) return ''
        if (money.mode === 'converted') return `converted into ${money.to}${money.unconverted ? `, ${format.count(money.unconverted)} without a rate left out` : ''}`
        const found = at < 0 ? [] : [...new Set(rows.map(row => row[at]))].filter(Boolean).sort()
        if (found.length > 1) return this.asTable ? `${format.list(found)} apart` : '' // the legend says it
        return found[0] ?? applied.currency ?? ''
    }

    // A filter that this report does not know would otherwise seem to hold.
    ignored() {
        const names = Object.keys(this.asked).filter(name => !['from', 'to', 'convert'].includes(name) && !this.report.filters.includes(name))
        if (this.asked.from && !this.report.filters.includes('from')) names.unshift('period')
        return names.length ? `not filtered by ${format.list(names)}` : ''
    }

    measures() {
        return this.report.chart.kind === 'table' ? [] : this.data.columns.filter(format.isMeasure)
    }

    showTools() {
        const tools = []
        const measures = this.measures()
        if (measures.length > 1 && !this.asTable) {
            const select = h('select', { class: 'select-small', 'aria-label': `What the chart shows: ${this.report.title}`, onchange: event => this.setMeasure(event.target.value) },
                measures.map(({ name, title }) => h('option', { value: name, selected: name === this.measure }, sentence(title))))
            tools.push(select)
        }
        if (!['table', 'figure'].includes(this.report.chart.kind)) {
            tools.push(h('button', { class: 'icon-button', type: 'button', 'aria-pressed': String(this.asTable), 'aria-label': `As a table: ${this.report.title}`, title: this.asTable ? 'Show the chart' : 'Show the table', onclick: () => this.toggle() }, icon(this.asTable ? 'chart' : 'table')))
        }
        const sheet = this.page.source.spreadsheet(this.report, this.asked)
        if (sheet) tools.push(h('a', { class: 'icon-button', href: sheet, download: `${this.report.name}.csv`, 'aria-label': `For a spreadsheet: ${this.report.title}`, title: 'CSV for a spreadsheet' }, icon('download')))
        this.tools.replaceChildren(...tools)
    }

    toggle() {
        this.asTable = !this.asTable
        this.showSubtitle()
        this.showTools()
        this.draw()
        this.tools.querySelector('button')?.focus()
    }

    setMeasure(name) {
        this.measure = name
        this.draw()
    }

    resized() {
        const width = Math.round(this.body.clientWidth)
        if (!this.data || width === this.width || this.asTable) return
        cancelAnimationFrame(this.frame)
        this.frame = requestAnimationFrame(() => this.draw())
    }

    draw() {
        const { data, report } = this
        this.width = Math.round(this.body.clientWidth)
        this.element.classList.toggle('panel-wide', this.wide() && data.rows.length > 0)
        if (data.rows.length === 0) {
            this.body.replaceChildren(this.nothing())
            return
        }
        if (this.asTable) this.body.replaceChildren(table(data, { caption: report.question, at: row => this.drillTo(row), first: ROWS_AT_FIRST }))
        else chartFor(report.chart.kind)(this.body, { data, chart: { ...report.chart, y: this.measure }, width: this.width, label: report.question, palette: this.page.palette, drill: report.drill && (row => this.drill(row)) })
    }

    nothing() {
        const good = this.report.group === 'quality'
        return h('p', { class: good ? 'empty empty-good' : 'empty' }, good ? 'None found.' : 'Nothing matches these filters.')
    }

    // The part of the address that opens the rows behind one row of this report.
    drillTo(row) {
        const { drill, columns } = this.report
        if (!drill || !this.page.reports.has(drill.report)) return null
        const entries = Object.entries(drill.with).map(([filter, column]) => [filter, row[columns.findIndex(({ name }) => name === column)]])
        if (entries.some(([, value]) => value === null || value === undefined)) return null
        const at = { ...Object.fromEntries(entries.map(([filter, value]) => [filter, String(value)])), ...drill.set }
        return 'key' in at ? { row: drill.report, key: at.key, show: undefined, at: {} } : { show: drill.report, at, row: undefined, key: undefined }
    }

    drill(row) {
        const to = this.drillTo(row)
        if (to) address.go(to)
    }
}
