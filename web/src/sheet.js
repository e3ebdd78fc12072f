// The sheet beside the page: the rows behind a bar, and from a row the history of that order. What it shows stands in the
// address (show, at.…, row, key), so that back closes it and a link opens it.

import * as address from './address.js'
import { byId, h, icon } from './dom.js'
import { resolve, sentence } from './filters.js'
import * as format from './format.js'
import { hideTip } from './marks.js'
import { problemBox } from './panel.js'
import { table } from './table.js'

const LIMITS = [200, 1000, 10000]
const OWN = new Set(['valid_from', 'valid_to', 'deleted', 'batch_id', 'captured_at'])

export class Sheet {
    constructor(page) {
        this.page = page
        this.dialog = byId('sheet')
        this.dialog.addEventListener('cancel', event => {
            event.preventDefault() // Escape: the address closes it
            this.close()
        })
        this.dialog.addEventListener('click', event => event.target === this.dialog && this.close())
    }

    close() {
        address.go(address.closed)
    }

    update(state) {
        hideTip()
        this.state = state
        const wanted = state.row ?? state.show
        if (!wanted || !this.page.reports.has(wanted)) {
            this.key = null
            this.cancel?.abort()
            if (this.dialog.open) {
                this.dialog.close()
                this.opener?.()
            }
            return
        }
        const key = address.format(state)
        if (key === this.key) return
        this.key = key
        this.limit = 0
        this.frame(this.page.reports.get(wanted))
        if (!this.dialog.open) {
            this.opener = wayBack(document.activeElement)
            this.dialog.showModal()
        }
        this.load(this.page.reports.get(wanted))
    }

    reload() {
        if (this.dialog.open) this.load(this.page.reports.get(this.state.row ?? this.state.show))
    }

    frame(report) {
        const { row, key, show, at } = this.state
        const back = row && show && h('a', { class: 'icon-button', href: address.changed({ row: undefined, key: undefined }), 'aria-label': 'Back to the list' }, icon('back'))
        const places = row ? [] : Object.entries(at).map(([name, value]) => this.place(report, name, value))
        this.body = h('div', { class: 'sheet-body', 'aria-busy': 'true' }, h('div', { class: 'skeleton skeleton-chart' }))
        this.tools = h('div', { class: 'panel-tools' })
        this.dialog.replaceChildren(
            h('header', { class: 'sheet-head' }, back,
                h('div', { class: 'sheet-title' }, h('h2', { id: 'sheet-title' }, row ? `${report.title} ${key}` : report.title), places.length > 0 && h('p', { class: 'panel-sub' }, places.join(' · '))),
                this.tools, h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Close', autofocus: true, onclick: () => this.close() }, icon('close'))),
            row ? '' : this.everywhere(at), this.body)
    }

    place(report, name, value) {
        return name === 'month' || name === 'weekday' ? format.value({ kind: name }, value) : value
    }

    // What was drilled into can become a filter of the whole page.
    everywhere(at) {
        const offers = Object.entries(at).filter(([name, value]) => address.FILTERS.includes(name) && this.state.filters[name] !== value &&
            this.page.source.offers(resolve(this.page, { ...this.state.filters, [name]: value })))
        if (offers.length === 0) return ''
        return h('p', { class: 'everywhere' }, 'Filter the whole page: ', offers.map(([name, value]) =>
            h('a', { class: 'chip', href: address.changed({ ...address.closed, filters: { [name]: value } }) }, `${sentence(name)}: ${value}`)))
    }

    asked() {
        const { row, key, at, filters } = this.state
        if (row) return { key }
        const resolved = resolve(this.page, filters)
        const shown = at.from || at.to ? { ...resolved, from: undefined, to: undefined } : resolved
        return { ...shown, ...at, limit: LIMITS[this.limit] }
    }

    async load(report) {
        this.cancel?.abort()
        this.cancel = new AbortController()
        const { signal } = this.cancel
        try {
            const data = await this.page.source.report(report, this.asked(), signal)
            if (signal.aborted) return
            const { scrollTop } = this.body
            if (this.state.row) this.history(data)
            else this.list(report, data)
            this.body.scrollTop = scrollTop
        } catch (problem) {
            if (signal.aborted) return
            const missing = this.state.row && !this.page.source.features.history
            this.body.replaceChildren(missing ? h('p', { class: 'empty' }, 'A published page holds no history of single orders; `tote serve` shows it.') : problemBox(problem, () => this.load(report)))
        }
        this.body.removeAttribute('aria-busy')
    }

    list(report, data) {
        const csv = this.page.source.spreadsheet(report, { ...this.asked(), limit: LIMITS.at(-1) })
        this.tools.replaceChildren(...(csv ? [h('a', { class: 'icon-button', href: csv, download: `${report.name}.csv`, 'aria-label': 'For a spreadsheet', title: 'CSV for a spreadsheet' }, icon('download'))] : []))
        if (data.rows.length === 0) {
            this.body.replaceChildren(h('p', { class: 'empty' }, this.page.source.features.drill === 'newest' ? 'None of the newest rows, which are all that a published page holds, match.' : 'No rows match.'))
            return
        }
        const more = data.truncated && this.limit < LIMITS.length - 1 && this.page.source.features.drill === 'all'
        const said = data.truncated ? `The newest ${format.count(data.rows.length)}; there are more.` : `${format.count(data.rows.length)} ${data.rows.length === 1 ? 'row' : 'rows'}.`
        this.body.replaceChildren(h('p', { class: 'note', role: 'status' }, said, ' ', more && h('button', { class: 'button button-small', type: 'button', onclick: () => this.more(report) }, `Up to ${format.count(LIMITS[this.limit + 1])}`)),
            table(data, { caption: report.title, at: row => this.historyOf(report, row) }))
    }

    more(report) {
        this.limit++
        this.load(report)
    }

    historyOf(report, row) {
        const column = report.drill?.with.key
        const at = report.columns.findIndex(({ name }) => name === column)
        if (at < 0 || !this.page.reports.has(report.drill.report)) return null
        return { row: report.drill.report, key: String(row[at]) }
    }

    history(data) {
        this.tools.replaceChildren()
        if (data.rows.length === 0) {
            this.body.replaceChildren(h('p', { class: 'empty' }, 'The warehouse has never seen this one.'))
            return
        }
        const versions = data.rows.map((row, index) => version(data, index))
        this.body.replaceChildren(h('ol', { class: 'timeline', reversed: true }, versions.reverse()), h('h3', {}, 'Every version in full'), table(data, { caption: 'Every version in full' }))
    }
}

// The browser gives the focus back to the element that had it, unless its chart was drawn again meanwhile: then the same mark of
// the same panel has it.
function wayBack(opener) {
    const panel = opener.closest('[data-report]')?.dataset.report
    const { key } = opener.dataset
    if (!panel || !key) return null
    return () => {
        if (!opener.isConnected) document.querySelector(`[data-report="${CSS.escape(panel)}"] [data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true })
    }
}

// One version: from when to when it held, and what was different from the one before.
function version(data, index) {
    const { columns, rows } = data
    const at = name => columns.findIndex(column => column.name === name)
    const [row, older] = [rows[index], rows[index - 1]]
    const get = name => (at(name) < 0 ? null : row[at(name)])
    const until = get('valid_to')
    const changes = columns.map((column, i) => ({ column, i })).filter(({ column, i }) => !OWN.has(column.name) && (!older || row[i] !== older[i]))
    const show = (column, from, i) => format.value(column, from[i], at(column.currency) < 0 ? null : from[at(column.currency)])
    const state = get('deleted') ? 'Deleted' : older ? 'Changed' : 'First seen'
    return h('li', { class: `version version-${get('deleted') ? 'deleted' : older ? 'changed' : 'first'}` },
        h('p', { class: 'version-when' }, h('strong', {}, state), ` ${format.instant(get('valid_from'))}`, get('batch_id') !== null && h('span', { class: 'muted' }, ` · batch ${format.count(get('batch_id'))}`)),
        h('p', { class: 'muted' }, until ? `held until ${format.instant(until)}` : 'this is what holds now'),
        get('deleted') && changes.length === 0 ? null : h('dl', { class: 'changes' }, changes.map(({ column, i }) => [h('dt', {}, sentence(column.title)),
            h('dd', {}, older && [h('del', {}, show(column, older, i)), ' → '], older ? h('ins', {}, show(column, row, i)) : show(column, row, i))])))
}
