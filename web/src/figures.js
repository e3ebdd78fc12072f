// Headline figures: for each summary report a row of cards, a card for every measure, with one line a currency and the
// period before.

import { h } from './dom.js'
import { sentence } from './filters.js'
import * as format from './format.js'
import { problemBox } from './panel.js'

// More would be a table; the reports have the rest.
const CARDS = 4

const headline = columns => columns.filter(format.isMeasure).slice(0, CARDS)

export class Figures {
    constructor(page, reports) {
        this.page = page
        this.reports = reports
        this.element = h('section', { class: 'figures', 'aria-label': 'Headline figures' })
        this.cards = new Map()
        this.rows = new Map()
        this.data = new Map()
        for (const report of reports) {
            const cards = headline(report.columns).map(column => {
                const body = h('div', { class: 'figure-body' }, h('div', { class: 'skeleton skeleton-line' }))
                this.cards.set(`${report.name} ${column.name}`, body)
                return h('div', { class: 'figure', 'data-figure': column.name }, h('h3', { class: 'figure-title' }, sentence(column.title)), body)
            })
            const row = h('div', { class: 'figures-row' }, cards)
            this.rows.set(report.name, { row, cards })
            this.element.append(h('h2', { class: 'figures-title' }, report.title), row)
        }
    }

    async load(filters, signal) {
        this.data.clear()
        await Promise.all(this.reports.map(async report => {
            try {
                const now = await this.page.source.report(report, filters, signal)
                if (!signal.aborted) this.show(report, now, null)
            } catch (problem) {
                if (!signal.aborted) this.fail(report, problem)
            }
        }))
    }

    // How they compare with the days before follows when it is known.
    async compare(filters, moved, signal) {
        await Promise.all(this.reports.map(async report => {
            const now = this.data.get(report.name)
            const then = now && await this.page.source.previous(report, filters, moved, signal).catch(() => null)
            if (then && !signal.aborted) this.show(report, now, then)
        }))
    }

    body(report, column) {
        return this.cards.get(`${report.name} ${column.name}`)
    }

    show(report, now, then) {
        this.data.set(report.name, now)
        const { row, cards } = this.rows.get(report.name)
        if (cards.length && !cards[0].isConnected) row.replaceChildren(...cards)
        const currencyAt = now.columns.findIndex(column => column.kind === 'currency')
        const alone = now.rows.length === 1
        for (const column of headline(now.columns)) {
            const at = now.columns.findIndex(({ name }) => name === column.name)
            const lines = now.rows.map(row => {
                const currency = currencyAt < 0 ? null : row[currencyAt]
                const old = then?.rows.find(other => currencyAt < 0 || other[currencyAt] === currency)
                return this.line(column, row[at], currency, old?.[at], alone)
            })
            const empty = h('p', { class: 'figure-none' }, 'none in this period')
            this.body(report, column)?.replaceChildren(...(lines.length ? lines : [empty]))
        }
    }

    line(column, value, currency, old, alone) {
        const shown = format.value(column, value, currency, 'whole')
        const exact = format.value(column, value, currency)
        const series = this.page.palette(currency)
        return h('p', { class: alone ? 'figure-line figure-alone' : 'figure-line' },
            !alone && currency && h('span', { class: 'figure-currency', title: currency }, series !== null && h('span', { class: `swatch s${series}`, 'aria-hidden': 'true' }), currency),
            h('span', { class: 'figure-value', title: exact === shown ? null : exact }, shown),
            comparison(column, value, old, currency))
    }

    fail(report, problem) {
        this.rows.get(report.name).row.replaceChildren(problemBox(problem, null)) // once, not in each card
    }
}

// How much more or less than in the days before; the arrow and the sign say it, not a colour.
function comparison(column, value, old, currency) {
    const before = format.numeric(old)
    if (old === null || old === undefined || before === 0) return null
    const change = (format.numeric(value) - before) / Math.abs(before)
    const arrow = Math.abs(change) < 0.0005 ? '=' : change > 0 ? '▲' : '▼'
    const said = `${format.percent(change)} against ${format.value(column, old, currency)} in the period before`
    return h('span', { class: 'figure-change', title: said }, h('span', { 'aria-hidden': 'true' }, `${arrow} ${format.percent(change)}`), h('span', { class: 'visually-hidden' }, said))
}
