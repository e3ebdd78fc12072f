// The bar of filters above all panels. What is chosen lives in the address; this only shows and changes it.

import * as address from './address.js'
import { h, icon } from './dom.js'
import * as format from './format.js'

const DEFAULT_PERIOD = 'last 12 months'
const SELECTS = [['country', 'Country', 'All countries'], ['design', 'Design', 'All designs'], ['department', 'Department', 'All departments']]
const CONVERT = { name: 'convert', label: 'Converted into', all: 'not converted' }
const CHIPS = ['city', 'staff', 'counterparty']

export const sentence = text => (text ? text[0].toUpperCase() + text.slice(1) : text)

// The filters as the server knows them: a period becomes dates. Nothing said of time means the last 12 months.
export function resolve(page, filters) {
    const { period, ...rest } = filters
    if (rest.from || rest.to || period === 'all') return rest
    const found = page.choices.periods.find(({ name }) => name === (period ?? DEFAULT_PERIOD))
    const whole = found ? { ...rest, from: found.from, to: found.to } : rest
    return period || page.source.offers(whole) ? whole : rest
}

// The days before these, as many of them; null for all time, which nothing came before.
export function before({ from, to }) {
    if (!from || !to) return null
    const days = format.daysBetween(from, to) + 1
    return { from: format.addDays(from, -days), to: format.addDays(to, -days) }
}

export class Filters {
    constructor(page) {
        this.page = page
        this.chips = h('div', { class: 'chips' })
        this.dates = h('div', { class: 'filter filter-dates', hidden: true }, this.dateInput('from', 'From'), this.dateInput('to', 'To'))
        this.period = h('select', { id: 'filter-period', onchange: event => this.choosePeriod(event.target.value) })
        this.currency = h('div', { class: 'segments', role: 'radiogroup', 'aria-label': 'Currency' })
        this.selects = SELECTS.map(([name, label, all]) => ({ name, label, all, element: h('select', { id: `filter-${name}`, onchange: event => this.choose(name, event.target.value) }) }))
        this.convert = { ...CONVERT, element: h('select', { id: 'filter-convert', onchange: event => this.choose('convert', event.target.value) }) }
        this.convertField = this.field('filter-convert', CONVERT.label, this.convert.element)
        this.reset = h('a', { class: 'button', href: '#business' }, 'Reset')
        this.count = h('span', { class: 'count' })
        const fold = h('details', { class: 'filters-fold' },
            h('summary', {}, icon('filter'), 'Filters ', this.count),
            h('div', { class: 'filters-row' },
                this.field('filter-period', 'Period', this.period), this.dates,
                h('div', { class: 'filter' }, h('span', { class: 'filter-label', 'aria-hidden': 'true' }, 'Currency'), this.currency), this.convertField,
                this.selects.map(({ name, label, element }) => this.field(`filter-${name}`, label, element)), this.reset))
        this.element = h('section', { class: 'filters', 'aria-label': 'Filters' }, fold, this.chips)
        const wide = matchMedia('(min-width: 721px)')
        const unfold = () => (fold.open = wide.matches)
        wide.addEventListener('change', unfold)
        unfold()
    }

    field(id, label, control) {
        return h('div', { class: 'filter' }, h('label', { class: 'filter-label', for: id }, label), control)
    }

    dateInput(name, label) {
        return h('label', {}, h('span', { class: 'filter-label' }, label), h('input', { type: 'date', name, onchange: event => this.chooseDate(name, event.target) }))
    }

    choose(name, value) {
        address.go({ filters: this.reach({ [name]: value }) ?? { [name]: value } })
    }

    // The change of filters that leads to this choice: beside the others where the source has that, else in their place (a published
    // page has a country over all time, but not in one year and one currency); null when it has neither.
    reach(change) {
        const { filters } = address.current()
        const offers = wanted => this.page.source.offers(resolve(this.page, without(wanted)))
        if (offers({ ...filters, ...change })) return change
        const alone = { ...Object.fromEntries(address.FILTERS.map(name => [name, null])), ...change }
        if (!change.period) alone.period = 'all'
        return offers(alone) ? alone : null
    }

    choosePeriod(value) {
        if (value === 'custom') address.go({ filters: { ...resolve(this.page, {}), period: null, ...this.custom() } })
        else address.go({ filters: this.reach({ period: value === DEFAULT_PERIOD ? null : value, from: null, to: null }) ?? {} })
    }

    custom() {
        const { from, to } = resolve(this.page, address.current().filters)
        return { from: from ?? this.page.choices.dates.from, to: to ?? this.page.choices.dates.to }
    }

    chooseDate(name, input) {
        if (!input.value) return
        const dates = { ...this.custom(), [name]: input.value }
        // the other end follows, so that the dates are never the wrong way round
        if (dates.from > dates.to) dates[name === 'from' ? 'to' : 'from'] = input.value
        address.go({ filters: { ...dates, period: null } })
    }

    update(filters) {
        this.offered = change => this.reach(change) !== null
        this.updatePeriod(filters)
        this.updateCurrency(filters)
        for (const select of this.selects) this.updateSelect(select, this.page.choices.choices[select.name] ?? [], filters)
        // only where the warehouse has dated rates
        this.convertField.hidden = this.page.choices.convert.length === 0
        this.updateSelect(this.convert, this.page.choices.convert, filters)
        const inUse = Object.keys(filters).length
        this.count.textContent = inUse ? `(${inUse})` : ''
        this.reset.hidden = !inUse
        this.chips.replaceChildren(...CHIPS.filter(name => filters[name]).map(name =>
            h('a', { class: 'chip', href: address.changed({ filters: { [name]: null } }), 'aria-label': `Take the filter ${name} ${filters[name]} away` }, `${sentence(name)}: ${filters[name]}`, icon('close'))))
    }

    updatePeriod(filters) {
        const { choices, source } = this.page
        const custom = filters.from || filters.to
        const options = choices.periods.map(({ name, from, to }) => [name, sentence(name), this.offered({ period: name, from: null, to: null }), format.range(from, to)])
        options.push(['all', 'All time', this.offered({ period: 'all', from: null, to: null }), ''])
        if (source.features.filters === 'any') options.push(['custom', 'Other dates', true, ''])
        const known = choices.periods.some(({ name }) => name === DEFAULT_PERIOD) && (filters.period || resolve(this.page, filters).from) ? DEFAULT_PERIOD : 'all'
        setOptions(this.period, options, custom ? 'custom' : filters.period ?? known)
        this.dates.hidden = !custom
        for (const input of this.dates.querySelectorAll('input')) input.value = custom ? this.custom()[input.name] : ''
    }

    updateCurrency(filters) {
        const { currency } = this.page.choices.choices
        const one = (value, label) => {
            const checked = (filters.currency ?? '') === value
            const input = h('input', { type: 'radio', name: 'currency', value, checked, disabled: !checked && !this.offered({ currency: value }), onchange: () => this.choose('currency', value) })
            return h('label', { class: 'segment' }, input, h('span', {}, label))
        }
        const focused = this.currency.contains(document.activeElement)
        this.currency.replaceChildren(one('', 'Each'), ...currency.map(code => one(code, code)))
        if (focused) this.currency.querySelector('input:checked')?.focus()
    }

    updateSelect({ name, all, element }, choices, filters) {
        const options = [['', all, true, ''], ...choices.map(choice => [choice, choice, this.offered({ [name]: choice }), ''])]
        setOptions(element, options, filters[name] ?? '')
        element.classList.toggle('in-use', Boolean(filters[name]))
    }
}

const without = filters => Object.fromEntries(Object.entries(filters).filter(([, value]) => value))

function setOptions(select, options, chosen) {
    if (chosen && !options.some(([value]) => value === chosen)) options.push([chosen, sentence(chosen), true, ''])
    select.replaceChildren(...options.map(([value, label, offered, title]) =>
        h('option', { value, disabled: !offered && value !== chosen, selected: value === chosen, title: title || null }, label)))
    select.value = chosen
}
