// The business view: filters, headline figures, and a panel for each report of the catalogue, in its order.

import { Figures } from './figures.js'
import { before, Filters, resolve } from './filters.js'
import { h } from './dom.js'
import * as format from './format.js'
import { Panel } from './panel.js'

const GROUPS = [['sales', 'Sales'], ['purchases', 'Purchases'], ['payments', 'Payments'], ['history', 'What changed afterwards'], ['quality', 'Worth a look']]
const AT_ONCE = 4
const AGAIN_MS = 1500
const AGAIN_MAX = 20

export class Business {
    constructor(page) {
        this.page = page
        this.filters = new Filters(page)
        this.what = h('p', { class: 'what' })
        this.element = h('div', { class: 'view' })
        if (!page.source.latest.batch) {
            this.element.append(nothingYet())
            return
        }
        const reports = [...page.reports.values()].filter(report => report.required.length === 0)
        this.figures = new Figures(page, reports.filter(report => report.group === 'summary'))
        this.panels = []
        const sections = GROUPS.map(([group, title]) => this.section(title, reports.filter(report => report.group === group)))
        this.element.append(h('h1', { class: 'visually-hidden' }, 'How the business goes'), this.filters.element, this.what, this.figures.element, ...sections.filter(Boolean))
    }

    section(title, reports) {
        if (reports.length === 0) return null
        const panels = reports.map(report => new Panel(this.page, report))
        this.panels.push(...panels)
        const id = `group-${reports[0].group}`
        return h('section', { class: 'group', 'aria-labelledby': id }, h('h2', { id }, title), h('div', { class: 'panels' }, panels.map(panel => panel.element)))
    }

    // The address changed. Asks only when the filters did: opening a list leaves the panels alone.
    update(state) {
        if (!this.figures) return
        this.filters.update(state.filters)
        const filters = resolve(this.page, state.filters)
        const key = JSON.stringify(filters)
        if (key === this.key) return
        this.key = key
        this.asked = filters
        this.say(filters)
        this.load()
    }

    // One line that says what all figures below are of; the only heading that a printed page has.
    say(filters) {
        const { from, to, convert, ...others } = filters
        const when = from && to ? format.range(from, to) : from ? `since ${format.date(from)}` : to ? `up to ${format.date(to)}` : `all time, since ${format.date(this.page.choices.dates.from)}`
        const money = convert ? `money converted into ${convert} by the rates of the day`
            : others.currency ? `only what is in ${others.currency}` : 'each currency by itself: no sum mixes two'
        const rest = Object.entries(others).filter(([name]) => name !== 'currency').map(([name, value]) => `${name} ${value}`)
        this.what.textContent = [when, ...rest, money].join(' · ')
    }

    // Something new is there: with it the newest day, of which periods are made.
    reload(state) {
        if (!this.key) return
        this.key = null
        this.update(state)
    }

    // The headlines alone, then how they compare and the panels from the top; a newer choice of filters cancels what is under way.
    async load() {
        this.cancel?.abort()
        this.cancel = new AbortController()
        const { signal } = this.cancel
        const moved = before(this.asked)
        const work = this.panels.map(panel => () => panel.load(this.asked, signal))
        if (moved) work.unshift(() => this.figures.compare(this.asked, moved, signal))
        for (const panel of this.panels) panel.waiting()
        await this.figures.load(this.asked, signal)
        const worker = async () => {
            while (work.length && !signal.aborted) await work.shift()()
        }
        await Promise.all(Array.from({ length: AT_ONCE }, worker))
        if (!signal.aborted) this.staleness()
    }

    // While a batch is loaded the server answers from the one before: say so, and ask again soon.
    staleness() {
        const { latest } = this.page.source
        const old = [...this.figures.data.values(), ...this.panels.map(panel => panel.data)].find(data => data && (data.stale || data.batch < latest.batch))
        this.page.notice('stale', old ? `A newer batch is being loaded; until it is in, these are the figures of batch ${format.count(old.batch)}.` : '')
        clearTimeout(this.again)
        this.tries = old ? (this.tries ?? 0) + 1 : 0
        if (old && this.tries <= AGAIN_MAX) this.again = setTimeout(() => this.load(), AGAIN_MS)
    }
}

function nothingYet() {
    return h('section', { class: 'state' },
        h('h1', {}, 'Nothing has been loaded yet'),
        h('p', {}, 'The first batch copies the whole source; after it the figures appear here by themselves.'),
        h('pre', {}, h('code', {}, 'tote run')))
}
