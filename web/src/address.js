// What the page shows, kept in the fragment of its address: #business?period=2024&currency=EUR&show=sales_orders&at.month=2024-10-01
//
// The fragment survives the redirect that takes a token out of the address, works on any file server, and goes to nobody's log.
// `show` is the list that is open, `at.…` what was drilled into, `row` and `key` the history that is open.

export const FILTERS = ['period', 'from', 'to', 'currency', 'country', 'city', 'design', 'department', 'staff', 'counterparty', 'convert']

const listeners = new Set()

export function parse(fragment) {
    const [view, query = ''] = fragment.replace(/^#/, '').split('?')
    const state = { view: view === 'pipeline' ? 'pipeline' : 'business', filters: {}, at: {} }
    for (const [name, value] of new URLSearchParams(query)) {
        if (value === '') continue
        if (FILTERS.includes(name)) state.filters[name] = value
        else if (name.startsWith('at.')) state.at[name.slice(3)] = value
        else if (['show', 'row', 'key'].includes(name)) state[name] = value
    }
    return state
}

export function format(state) {
    const query = new URLSearchParams()
    for (const name of FILTERS) if (state.filters[name]) query.set(name, state.filters[name])
    if (state.show) {
        query.set('show', state.show)
        for (const [name, value] of Object.entries(state.at)) query.set(`at.${name}`, value)
    }
    if (state.row) {
        query.set('row', state.row)
        query.set('key', state.key)
    }
    const text = query.toString()
    return `#${state.view}${text ? `?${text}` : ''}`
}

export const current = () => parse(location.hash)

// The address of the page as it is, but for `change`; filters are merged, null takes one away.
export function changed(change) {
    const state = { ...current(), ...change }
    state.filters = Object.fromEntries(Object.entries({ ...current().filters, ...change.filters }).filter(([, value]) => value))
    return format(state)
}

export const closed = { show: undefined, row: undefined, key: undefined, at: {} }

export function go(change, { replace = false } = {}) {
    const next = changed(change)
    if (next === location.hash) return
    history[replace ? 'replaceState' : 'pushState'](null, '', next)
    announce()
}

export const onChange = listener => listeners.add(listener)

function announce() {
    for (const listener of listeners) listener(current())
}

// back, forward, a link inside the page, an address typed in
addEventListener('popstate', announce)
