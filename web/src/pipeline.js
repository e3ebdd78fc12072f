// The pipeline view: healthy or not, and why, first; then where each step is, what the last batches did, and what was held back.

import { chartFor } from './charts.js'
import { h, prose } from './dom.js'
import { sentence } from './filters.js'
import * as format from './format.js'
import { problemBox } from './panel.js'
import { table } from './table.js'

const STEPS = [['ingest', 'source to lake'], ['process', 'lake to star schema'], ['load', 'star schema to warehouse']]
const SAID = {
    ok: 'Everything is up to date', late: 'The pipeline is late', behind: 'A step is behind', quarantine: 'Rows are held back',
    empty: 'No batch yet', error: 'Something could not be read',
}
const MARK = { ok: '✓', late: '!', behind: '…', quarantine: '!', empty: '–', error: '✕' }

export class Pipeline {
    constructor(page) {
        this.page = page
        this.health = h('section', { class: 'health', 'aria-live': 'polite' }, h('div', { class: 'skeleton skeleton-line' }))
        this.steps = h('ol', { class: 'steps' })
        this.details = h('div', { class: 'panels' })
        this.element = h('div', { class: 'view' }, h('h1', { class: 'visually-hidden' }, 'Is the pipeline healthy?'), this.health, this.steps, this.details)
        this.progress = null
        if (page.pipeline) this.data(page.pipeline)
        setInterval(() => this.shown && this.element.isConnected && this.tick(), 1000)
        new ResizeObserver(() => this.resized()).observe(this.details)
    }

    update() {
        this.resized()
    }

    resized() {
        if (this.shown && this.element.isConnected && this.details.clientWidth !== this.width) this.showDetails()
    }

    data(document_) {
        this.shown = document_
        // what the clock of the server and this one differ by, so that ages are right on a wrong clock
        this.skew = this.page.source.latest.mode === 'live' ? new Date(document_.now) - Date.now() : 0
        if (!document_.running) this.progress = null
        this.showHealth()
        this.tick()
        this.showDetails()
    }

    problem(problem) {
        this.health.replaceChildren(problemBox(problem, null))
    }

    // Server-sent: progress while a step runs; the rest comes with the next document.
    event(name, data) {
        if (name === 'run') this.progress = data.state === 'started' ? { step: data.step, rows: 0, expected_rows: 0, started_at: data.at } : null
        if (name === 'progress') this.progress = { ...this.progress, ...data }
        if (name === 'hello') this.live = true
        if (name === 'lost') this.live = false
        if (this.shown && ['run', 'progress', 'hello', 'lost'].includes(name)) this.tick()
    }

    age(instant) {
        return (Date.now() + this.skew - new Date(instant)) / 1000
    }

    showHealth() {
        const { health, database } = this.shown
        this.health.className = `health health-${health.state}`
        this.when = h('p', { class: 'muted' })
        this.health.replaceChildren(h('span', { class: 'health-mark', 'aria-hidden': 'true' }, MARK[health.state] ?? '?'),
            h('div', {}, h('h2', {}, SAID[health.state] ?? sentence(health.state)),
                health.reasons.length > 0 && h('ul', { class: 'reasons' }, health.reasons.map(reason => h('li', {}, prose(sentence(reason))))), this.when),
            h('p', { class: 'health-source muted' }, `Source ${database ?? 'unknown'}`))
    }

    // What changes by the second: ages, the next run, a run's progress.
    tick() {
        const { schedule, steps, running } = this.shown
        const last = steps[0]?.captured_at
        const words = [last ? `Last looked at the source ${format.relative(this.age(last))}` : 'The source has not been looked at yet']
        const next = schedule?.next_run && -this.age(schedule.next_run)
        if (running || this.progress) words.push('a run is going on')
        else if (next > 0) words.push(`next run ${format.relative(-next)}`)
        else if (schedule?.every_seconds) words.push(`runs every ${format.duration(schedule.every_seconds)}`)
        else words.push('nobody has said when the next run will be')
        if (this.page.source.latest.mode === 'published') words.push(`published ${format.relative(this.age(this.page.source.latest.published_at))}`)
        else words.push(this.live ? 'live' : 'asked now and then')
        setText(this.when, words.join(' · '))
        this.showSteps()
    }

    showSteps() {
        const now = this.progress ?? this.shown.running
        const boxes = STEPS.map(([name, what]) => this.step(name, what, now?.step === name ? now : null))
        const said = boxes.map(box => box.textContent + box.className).join()
        if (said === this.said) return
        this.said = said
        this.steps.replaceChildren(...boxes)
    }

    step(name, what, run) {
        const { steps } = this.shown
        const found = steps.find(({ step }) => step === name)
        const head = Math.max(...steps.map(({ batch }) => batch ?? 0))
        const behind = found?.batch ? head - found.batch : head
        const state = run ? 'running' : behind > 0 ? 'behind' : found?.batch ? 'done' : 'none'
        const text = run ? 'Running now' : !found?.batch ? 'Nothing yet' : behind > 0 ? `${format.count(behind)} ${behind === 1 ? 'batch' : 'batches'} behind` : 'Up to date'
        return h('li', { class: `step step-${state}` },
            h('div', { class: 'step-head' }, h('h3', {}, sentence(name)), h('span', { class: `badge badge-${state}` }, text)),
            h('p', { class: 'muted' }, sentence(what)),
            h('p', { class: 'step-batch' }, found?.batch ? `Batch ${format.count(found.batch)}` : '–', found?.captured_at && h('span', { class: 'muted' }, ` · ${format.relative(this.age(found.captured_at))}`)),
            run && this.bar(run))
    }

    bar({ rows = 0, expected_rows: expected = 0, started_at: started }) {
        const said = expected > 0 ? `${format.count(rows)} of ${format.count(expected)} rows` : rows ? `${format.count(rows)} rows` : started ? `since ${format.clock(started)}` : 'under way'
        return h('div', { class: 'progress' }, h('progress', expected > 0 ? { max: expected, value: Math.min(rows, expected), 'aria-label': 'Progress' } : { 'aria-label': 'Progress' }), h('p', { class: 'muted' }, said))
    }

    showDetails() {
        this.width = this.details.clientWidth
        const { batches, quarantine, drift, tables, models } = this.shown
        if (batches.length === 0) {
            this.details.replaceChildren(h('section', { class: 'state' }, h('h2', {}, 'No batch yet'), h('p', {}, 'The first run copies everything; its batch appears here while it is made.'), h('pre', {}, h('code', {}, 'tote run'))))
            return
        }
        const panels = [
            rowsPanel(batches),
            chartPanel('How long did each batch take?', 'Seconds, newest right', batches, [['ingest', batch => batch.ingest_seconds], ['process', batch => batch.process_seconds]], 'number'),
            stack(tablePanel('What was held back, and why?', 'Quarantine', QUARANTINE, quarantine, 'No row is held back.'),
                tablePanel('Did the source change its shape?', 'Drift', DRIFT, drift, 'No table or column came, went or changed.')),
            ...inventory(batchesPanel(batches), tablePanel('How many rows has each table?', 'Source', TABLES, tables, ''),
                tablePanel('What is in the warehouse?', 'Models', MODELS, models, ''), batches.length),
        ]
        const open = new Set([...this.details.querySelectorAll('details[open]')].map(element => element.dataset.batch))
        this.details.replaceChildren(...panels.map(({ element }) => element))
        for (const { draw } of panels) draw?.()
        for (const element of this.details.querySelectorAll('details')) element.open = open.has(element.dataset.batch)
    }
}

const setText = (element, text) => element.textContent === text || (element.textContent = text)

const column = (name, kind, title) => ({ name, kind, title })
const QUARANTINE = [column('table', 'label', 'table'), column('batch', 'count', 'batch'), column('rows', 'count', 'rows'), column('reason', 'text', 'reason'), column('keys', 'text', 'keys')]
const DRIFT = [column('change', 'text', 'change'), column('table', 'label', 'table'), column('column', 'label', 'column'), column('detail', 'text', 'detail'), column('batch', 'count', 'batch')]
const TABLES = [column('table', 'label', 'table'), column('rows', 'count', 'in the source'), column('quarantined', 'count', 'held back')]
const MODELS = [column('model', 'label', 'model'), column('rows', 'count', 'last made'), column('warehouse_rows', 'count', 'in the warehouse')]

function panel(question, title, body, wide) {
    return h('section', { class: `panel${wide ? ' panel-wide' : ''}`, 'aria-label': question }, h('div', { class: 'panel-head' }, h('h3', {}, question), h('p', { class: 'panel-sub' }, title)), body)
}

// '{"payment_id":15837}' for people
function keyed(key) {
    try {
        return Object.entries(JSON.parse(key)).map(([name, value]) => `${name} ${value}`).join(', ')
    } catch {
        return key
    }
}

// A few batches leave room below them for one of the lists beside them.
const inventory = (done, tables, models, count) => (count > FEW_BATCHES ? [done, stack(tables, models)] : [stack.wide(done, models), tables])
const FEW_BATCHES = 8

// Two panels in the place of one.
const stack = (...panels) => ({ element: h('div', { class: 'stack' }, panels.map(({ element }) => element)) })

stack.wide = (...panels) => ({ element: h('div', { class: 'stack panel-wide' }, panels.map(({ element }) => element)) })

// Objects as the document has them, as a table of these columns.
function tablePanel(question, title, columns, objects, none) {
    const rows = objects.map(object => columns.map(({ name }) => (Array.isArray(object[name]) ? object[name].map(keyed).join('; ') : object[name] ?? null)))
    const body = rows.length ? table({ columns, rows }, { caption: question, first: 12 }) : h('p', { class: 'empty empty-good' }, none)
    return { element: panel(question, title, h('div', { class: 'panel-body' }, body)) }
}

function chartPanel(question, title, batches, series, kind) {
    const body = h('div', { class: 'panel-body' })
    const columns = [column('batch', 'label', 'batch'), column('what', 'label', 'what'), column('value', kind, 'value'), column('at', 'instant', 'captured at')]
    const rows = [...batches].reverse().flatMap(batch => series.map(([name, get]) => [String(batch.batch), name, get(batch) ?? null, batch.captured_at]))
    const chart = { x: 'batch', y: 'value', by: series.length > 1 ? 'what' : undefined }
    const draw = () => chartFor('bar')(body, { data: { columns, rows }, chart, width: Math.round(body.clientWidth), label: question, palette: () => null })
    return { element: panel(question, title, body), draw }
}

// The first batch holds everything and would flatten all others.
function rowsPanel(batches) {
    const first = batches.length > 4 && batches.find(({ batch }) => batch === 1)
    const shown = first ? batches.filter(batch => batch !== first) : batches
    const title = `New or changed rows, newest right${first ? `; without the first load of ${format.count(first.rows)}` : ''}`
    return chartPanel('How many rows did each batch move?', title, shown, [['rows', batch => batch.rows]], 'count')
}

const PER_TABLE = [column('table', 'label', 'table'), column('rows', 'count', 'rows'), column('deleted', 'count', 'deleted'), column('quarantined', 'count', 'held back'), column('compare', 'label', 'compared by')]

// The accessible alternative of the charts above, and each batch's tables.
function batchesPanel(batches) {
    const head = h('div', { class: 'batch-row batch-head', 'aria-hidden': 'true' }, ['Batch', 'Captured', 'Rows', 'Deleted', 'Held back', 'Ingest', 'Process'].map(text => h('span', {}, text)))
    const line = batch => {
        const cells = [['Batch', format.count(batch.batch)], ['Captured', format.instant(batch.captured_at)], ['Rows', format.count(batch.rows)], ['Deleted', format.count(batch.deleted)], ['Held back', format.count(batch.quarantined)],
            ['Ingest', format.duration(batch.ingest_seconds)], ['Process', batch.processed ? format.duration(batch.process_seconds) : 'not yet']]
        const rows = batch.tables.map(object => PER_TABLE.map(({ name }) => object[name] ?? null))
        return h('details', { class: `batch${batch.quarantined ? ' batch-held' : ''}`, 'data-batch': batch.batch },
            h('summary', { class: 'batch-row' }, cells.map(([name, text]) => h('span', {}, h('span', { class: 'batch-name' }, `${name} `), text))),
            rows.length ? table({ columns: PER_TABLE, rows }, { caption: `Tables of batch ${batch.batch}` }) : h('p', { class: 'empty' }, batch.kind === 'replay' ? 'Rows in quarantine got another try.' : 'No table changed.'))
    }
    return { element: panel('What did the last batches do?', 'Newest first; each opens to its tables', h('div', { class: 'panel-body batches' }, head, batches.map(line)), true) }
}
