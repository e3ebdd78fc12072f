// A report as a table: sorted by any column, with links to what is behind a row.

import * as address from './address.js'
import { h } from './dom.js'
import { sentence } from './filters.js'
import * as format from './format.js'

const RIGHT = new Set(['money', 'count', 'number', 'percent'])

// Exact: numbers too long for a double are compared digit by digit only where the double cannot tell them apart.
function compare(a, b, kind) {
    if (a === b) return 0
    if (a === null || a === undefined) return 1
    if (b === null || b === undefined) return -1
    if (RIGHT.has(kind) || kind === 'weekday') return Number(a) - Number(b)
    return String(a).localeCompare(String(b), undefined, { numeric: kind === 'key' })
}

// `at(row)` is the change of address that opens what is behind the row, or null; `first` rows are shown before one asks for all.
export function table(data, { caption, at = () => null, first = Infinity }) {
    const { columns } = data
    const currencyOf = columns.map(column => columns.findIndex(({ name }) => name === column.currency))
    let rows = data.rows
    let sorted = null
    let limit = first
    const body = h('tbody', {})
    const more = h('button', { class: 'button button-small', type: 'button', onclick: () => { limit = Infinity; fill() } })

    const cell = (row, column, index) => {
        const shown = format.value(column, row[index], currencyOf[index] < 0 ? null : row[currencyOf[index]])
        const to = index === 0 ? at(row) : null
        return h(index === 0 ? 'th' : 'td', { class: RIGHT.has(column.kind) ? 'right' : column.kind === 'text' ? 'text' : null, scope: index === 0 ? 'row' : null }, to ? h('a', { href: address.changed(to) }, shown) : shown)
    }

    const open = (event, row) => {
        const to = at(row)
        if (to && !event.target.closest('a') && !getSelection().toString()) address.go(to)
    }

    function fill() {
        body.replaceChildren(...rows.slice(0, limit).map(row =>
            h('tr', at(row) ? { class: 'opens', onclick: event => open(event, row) } : {}, columns.map((column, index) => cell(row, column, index)))))
        more.hidden = rows.length <= limit
        more.textContent = `Show all ${format.count(rows.length)}`
    }

    function sort(index, header) {
        const down = sorted?.index === index ? !sorted.down : RIGHT.has(columns[index].kind)
        sorted = { index, down }
        rows = [...data.rows].sort((a, b) => compare(a[index], b[index], columns[index].kind) * (down ? -1 : 1))
        for (const other of header.parentElement.children) other.removeAttribute('aria-sort')
        header.setAttribute('aria-sort', down ? 'descending' : 'ascending')
        fill()
    }

    const headers = columns.map((column, index) => {
        const header = h('th', { scope: 'col', class: RIGHT.has(column.kind) ? 'right' : null })
        header.append(h('button', { type: 'button', class: 'sort', onclick: () => sort(index, header) }, sentence(column.title)))
        return header
    })
    fill()
    return h('div', { class: 'table-box' },
        h('div', { class: 'table-scroll', tabindex: '0', role: 'group', 'aria-label': `Table: ${caption}` },
            h('table', {}, h('caption', { class: 'visually-hidden' }, caption), h('thead', {}, h('tr', {}, headers)), body)), more)
}
