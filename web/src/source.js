// Where the figures come from: a running `tote serve`, or the files of `tote publish`. Both answer the same questions
// (docs/reference/http-api.md); the rest of the page does not know which of them it has, only what it offers.

const TIMEOUT_MS = 30000

// A server that is busy (429, 503) says when to come back; asked too often, it is a problem like any other.
const TRIES = 4
const LONGEST_WAIT_S = 5

// What went wrong, as the server says it (application/problem+json) or as the browser knows it.
export class Problem extends Error {
    constructor({ status = 0, code = 'UNAVAILABLE', title = 'no answer', detail = '', hint = '', after = 0 }) {
        super(detail || title)
        Object.assign(this, { status, code, title, detail, hint, after })
    }
}

const wait = seconds => new Promise(done => setTimeout(done, seconds * 1000))

async function get(address, options = {}) {
    for (let left = TRIES; ; left--) {
        try {
            return await getOnce(address, options)
        } catch (problem) {
            if (![429, 503].includes(problem.status) || left <= 1) throw problem
            await wait(Math.min(problem.after || 1, LONGEST_WAIT_S))
            options.signal?.throwIfAborted()
        }
    }
}

async function getOnce(address, { signal, cache = 'no-cache' }) {
    const limit = AbortSignal.timeout(TIMEOUT_MS)
    let answer
    try {
        answer = await fetch(address, { cache, signal: signal ? AbortSignal.any([signal, limit]) : limit, credentials: 'same-origin' })
    } catch (error) {
        if (signal?.aborted) throw error
        const detail = limit.aborted ? 'the server took longer than 30 seconds' : 'the server cannot be reached'
        throw new Problem({ detail, hint: 'is `tote serve` still running? This page tries again by itself' })
    }
    if (answer.ok) {
        try {
            return await answer.json()
        } catch (error) {
            if (signal?.aborted) throw error
            throw new Problem({ status: answer.status, code: 'DATA', detail: 'the answer is no JSON document' })
        }
    }
    const body = await answer.json().catch(() => ({}))
    throw new Problem({ title: answer.statusText, ...body, status: answer.status, after: Number(answer.headers.get('Retry-After')) })
}

// The filters as the server takes them, in the order in which a published page names them.
export function query(filters) {
    return Object.keys(filters).filter(name => filters[name] !== undefined && filters[name] !== '').sort()
        .map(name => `${name}=${encodeURIComponent(filters[name])}`).join('&')
}

class Live {
    constructor(latest) {
        this.latest = latest
        this.features = latest.features
    }

    catalogue() {
        return get(`${this.latest.data}reports`)
    }

    filters() {
        return get(`${this.latest.data}filters`)
    }

    pipeline(signal) {
        return get(`${this.latest.data}pipeline`, { signal })
    }

    report(report, filters, signal) {
        return get(this.address(report, filters), { signal })
    }

    async previous(report, filters, moved, signal) {
        return this.report(report, { ...filters, ...moved }, signal)
    }

    offers() {
        return true
    }

    address(report, filters) {
        const taken = Object.fromEntries(Object.entries(filters).filter(([name]) => report.filters.includes(name) || name === 'limit'))
        const text = query(taken)
        return `${this.latest.data}reports/${report.name}${text ? `?${text}` : ''}`
    }

    spreadsheet(report, filters) {
        const address = this.address(report, filters)
        return `${address}${address.includes('?') ? '&' : '?'}format=csv`
    }

    events() {
        return new EventSource(`${this.latest.data}events`)
    }
}

class Published {
    constructor(latest) {
        this.latest = latest
        this.features = latest.features
        this.bundles = new Map()
    }

    catalogue() {
        return get(this.latest.documents.reports, { cache: 'default' })
    }

    filters() {
        return get(this.latest.documents.filters, { cache: 'default' })
    }

    pipeline(signal) {
        return get(this.latest.documents.pipeline, { signal, cache: 'default' })
    }

    // Everything but the newest pointer is immutable: one request for all reports of a set of filters.
    bundle(filters) {
        const key = query(filters)
        const address = this.latest.bundles[key]
        if (!address) throw new Problem({ status: 404, code: 'NOT_FOUND', detail: 'this choice of filters is not published', hint: 'take one of the filters away' })
        if (!this.bundles.has(key)) {
            const asked = get(address, { cache: 'default' })
            asked.catch(() => this.bundles.delete(key))
            this.bundles.set(key, asked)
        }
        return this.bundles.get(key)
    }

    // A list of rows is narrowed here to what was drilled into; no sum is ever made of it.
    async report(report, filters) {
        const narrowed = {}
        const whole = { ...filters }
        delete whole.limit
        for (const name of Object.keys(whole).sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b))) {
            if (this.offers(whole)) break
            narrowed[name] = whole[name]
            delete whole[name]
        }
        if (report.group !== 'rows' && Object.keys(narrowed).length) this.bundle(filters)
        const found = (await this.bundle(whole)).reports[report.name]
        if (!found) throw new Problem({ status: 404, code: 'NOT_FOUND', detail: 'this is not part of the published page', hint: '`tote serve` has it' })
        return Object.keys(narrowed).length ? narrow(found, narrowed) : found
    }

    async previous(report, filters) {
        return (await this.bundle(filters)).previous?.[report.name] ?? null
    }

    offers(filters) {
        return query(filters) in this.latest.bundles
    }

    spreadsheet() {
        return null
    }

    events() {
        return null
    }
}

// what is given up first when rows are looked for in a bundle
const ORDER = ['weekday', 'month', 'staff', 'design', 'counterparty', 'city', 'department', 'country', 'currency', 'to', 'from']

function narrow(found, wanted) {
    const at = name => found.columns.findIndex(column => column.name === name)
    const when = found.columns.findIndex(column => column.kind === 'date')
    const matches = row => Object.entries(wanted).every(([name, value]) => {
        if (name === 'month') return when < 0 || row[when]?.slice(0, 7) === value.slice(0, 7)
        if (name === 'weekday') return when < 0 || (new Date(row[when]).getUTCDay() || 7) === Number(value)
        if (name === 'from') return when < 0 || row[when] >= value
        if (name === 'to') return when < 0 || row[when] <= value
        if (at(name) < 0) return true
        const cell = row[at(name)]
        return (found.columns[at(name)].kind === 'flag' ? (cell ? 'yes' : 'no') : String(cell)) === value
    })
    const rows = found.rows.filter(matches)
    return { ...found, rows, row_count: rows.length, applied: { ...found.applied, ...wanted } }
}

// Reads the pointer and says which of the two it is. Asked again, it says what is newest now.
export async function open() {
    const latest = await get('latest.json', { cache: 'no-store' })
    return latest.mode === 'published' ? new Published(latest) : new Live(latest)
}
