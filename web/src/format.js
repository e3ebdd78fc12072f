// Numbers and dates in the reader's locale; words in the page's language. Decimal strings go to Intl as they are, which keeps every digit;
// `numeric` is for geometry and percentages only, never for a sum that is shown.

const formats = new Map()

function cached(kind, options) {
    const key = kind.name + JSON.stringify(options)
    if (!formats.has(key)) formats.set(key, new kind(undefined, options))
    return formats.get(key)
}

// A word among the page's own: "3 minutes ago" stands within a sentence.
const LANGUAGE = 'en'

const number = options => cached(Intl.NumberFormat, options)
const dates = options => cached(Intl.DateTimeFormat, options)

export const numeric = value => (value === null || value === undefined ? 0 : Number(value))

// How money looks: exact; whole where the cents of a large figure would only be in the way; short on an axis.
export function money(value, currency, how = 'exact') {
    if (value === null || value === undefined) return '–'
    const style = currency ? { style: 'currency', currency } : { minimumFractionDigits: 2 }
    if (how === 'short') return number({ ...style, minimumFractionDigits: 0, notation: 'compact', maximumSignificantDigits: 3 }).format(value)
    if (how === 'whole' && Math.abs(numeric(value)) >= 100000)
        return number({ ...style, minimumFractionDigits: 0, maximumFractionDigits: 0 }).format(value)
    return number({ ...style, maximumFractionDigits: Math.max(2, decimals(value)) }).format(value)
}

const decimals = value => (String(value).split('.')[1] ?? '').length

export const count = value => (value === null || value === undefined ? '–' : number({}).format(value))
export const short = value => number({ notation: 'compact', maximumSignificantDigits: 3 }).format(value)
// On a bar: all digits while they are few.
export const small = value => (Math.abs(value) < 100000 ? count(value) : short(value))
export const plain = value => (value === null || value === undefined ? '–' : number({ maximumFractionDigits: decimals(value) }).format(value))
export const percent = value => number({ style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: 'exceptZero' }).format(value)

const day = text => new Date(`${text.slice(0, 10)}T00:00:00Z`)

export const date = text => (text ? dates({ dateStyle: 'medium', timeZone: 'UTC' }).format(day(text)) : '–')
export const month = text => (text ? dates({ month: 'long', year: 'numeric', timeZone: 'UTC' }).format(day(text)) : '–')
export const monthShort = text => dates({ month: 'short', timeZone: 'UTC' }).format(day(text))
export const year = text => dates({ year: 'numeric', timeZone: 'UTC' }).format(day(text))
export const range = (from, to) => dates({ dateStyle: 'medium', timeZone: 'UTC' }).formatRange(day(from), day(to))
export const instant = text => (text ? dates({ dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(text)) : '–')
export const clock = text => (text ? dates({ timeStyle: 'short' }).format(new Date(text)) : '–')
export const zone = () => dates({ timeZoneName: 'short' }).formatToParts(new Date()).find(part => part.type === 'timeZoneName').value

// ISO weekdays: 2024-01-01 was a Monday.
export const weekday = (iso, width = 'long') =>
    iso ? dates({ weekday: width, timeZone: 'UTC' }).format(new Date(Date.UTC(2024, 0, Number(iso)))) : '–'

const UNITS = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]]

// "3 minutes ago", "in 20 seconds"
export function relative(seconds) {
    const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS[3]
    return new Intl.RelativeTimeFormat(LANGUAGE, { numeric: 'auto' }).format(-Math.trunc(seconds / size), unit)
}

export function duration(seconds) {
    if (seconds === null || seconds === undefined) return '–'
    if (seconds < 1) return number({ style: 'unit', unit: 'millisecond', maximumFractionDigits: 0 }).format(seconds * 1000)
    if (seconds < 120) return number({ style: 'unit', unit: 'second', maximumFractionDigits: 1 }).format(seconds)
    return number({ style: 'unit', unit: 'minute', maximumFractionDigits: 0 }).format(seconds / 60)
}

export const list = words => new Intl.ListFormat(LANGUAGE, { type: 'conjunction' }).format(words)

const BY_KIND = {
    count, number: plain, date, instant, month, weekday,
    percent: value => (value === null ? '–' : number({ style: 'percent', maximumFractionDigits: 1 }).format(numeric(value) / 100)),
    flag: value => (value === null ? '–' : value ? 'yes' : 'no'),
}

// A value of a report by the kind of its column; `currency` is the code for money.
export function value(column, content, currency, how) {
    if (column.kind === 'money') return money(content, currency, how)
    const format = BY_KIND[column.kind]
    return format ? format(content) : content === null || content === '' ? '–' : String(content)
}

// What a chart can show; `position` is the order of a ranking, not a figure.
export const isMeasure = column => ['money', 'count', 'number', 'percent'].includes(column.kind) && column.name !== 'position'

// Days are counted in UTC, so that no clock change makes one longer.
export function addDays(text, days) {
    const moved = day(text)
    moved.setUTCDate(moved.getUTCDate() + days)
    return moved.toISOString().slice(0, 10)
}

export const daysBetween = (from, to) => Math.round((day(to) - day(from)) / 86400000)
