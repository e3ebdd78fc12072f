// Starts the page: finds the source, shows the view that the address names, and keeps both fresh.

import * as address from './address.js'
import { Business } from './business.js'
import { byId, h, icon, prose } from './dom.js'
import { sentence } from './filters.js'
import * as format from './format.js'
import { follow } from './live.js'
import { Pipeline } from './pipeline.js'
import { Sheet } from './sheet.js'
import { open } from './source.js'
import { startTheme } from './theme.js'

const REACHED_AGAIN_MS = 5000

const HEALTH = {
    ok: 'Healthy', late: 'Late', behind: 'Catching up', quarantine: 'Rows held back', empty: 'No batch yet', error: 'Needs attention',
}

// What all parts of the page share. `choices` is the document of the filters, `reports` the catalogue by name.
const page = { source: null, reports: new Map(), choices: null, pipeline: null, notice, health: HEALTH, palette }

const views = {}
let sheet

// One colour a currency, the same in every chart, whatever is filtered.
function palette(series) {
    const known = page.choices?.choices.currency ?? []
    const at = known.indexOf(series)
    return at < 0 ? null : at % 6
}

// A line above the page that says what one must know of what is shown; an empty text takes it away.
function notice(name, text, kind = 'info', action = null) {
    const box = byId('notices')
    const shown = box.querySelector(`[data-name="${name}"]`)
    if (shown?.dataset.text === text) return
    shown?.remove()
    if (text) box.append(h('p', { class: `notice notice-${kind}`, 'data-name': name, 'data-text': text }, text, action && ' ', action))
}

function tabs(view) {
    for (const name of ['business', 'pipeline']) {
        const tab = byId(`tab-${name}`)
        tab.setAttribute('href', address.changed({ view: name, ...address.closed }))
        if (name === view) tab.setAttribute('aria-current', 'page')
        else tab.removeAttribute('aria-current')
    }
}

function show() {
    const state = address.current()
    tabs(state.view)
    const main = byId('main')
    const view = (views[state.view] ??= state.view === 'pipeline' ? new Pipeline(page) : new Business(page))
    if (main.firstElementChild !== view.element) {
        main.replaceChildren(view.element)
        scrollTo(0, 0)
    }
    document.title = `${page.source.latest.title} · ${state.view === 'pipeline' ? 'pipeline' : 'business'}`
    view.update(state)
    sheet.update(state)
}

function freshness() {
    const { captured_at: captured, batch, mode } = page.source.latest
    const state = page.pipeline?.health.state ?? (batch ? 'ok' : 'empty')
    const age = captured ? format.relative((Date.now() - new Date(captured)) / 1000) : ''
    const text = batch ? `${mode === 'published' ? 'Published' : 'Data of'} ${age}` : HEALTH.empty
    byId('freshness').replaceChildren(h('a', { href: address.changed({ view: 'pipeline', ...address.closed }), class: `pill pill-${state}`, title: captured ? `batch ${batch}, captured ${format.instant(captured)}` : null },
        h('span', { class: 'dot', 'aria-hidden': 'true' }), state !== 'ok' && state !== 'empty' && h('strong', {}, `${HEALTH[state]} · `), text))
}

// Every answer of the pipeline says how healthy it is; a bad state stands above the business figures too.
function pipelineChanged(document_) {
    page.pipeline = document_
    const { state, reasons } = document_.health
    const bad = ['late', 'behind', 'error'].includes(state) && page.source.latest.batch
    notice('health', bad ? `${HEALTH[state]}: ${reasons[0] ?? 'see the pipeline'}. The figures are of ${format.instant(page.source.latest.captured_at)}.` : '', 'warning')
    freshness()
    views.pipeline?.data(document_)
}

async function refreshPipeline() {
    try {
        pipelineChanged(await page.source.pipeline())
    } catch (problem) {
        views.pipeline?.problem(problem)
    }
}

// The warehouse, or the published pointer, has something new: ask again for everything that is shown.
async function refresh() {
    const had = page.source.latest.batch
    page.source = await open()
    await readCatalogue()
    if (!had && page.source.latest.batch) {
        for (const name of Object.keys(views)) delete views[name]
        show()
    } else {
        views.business?.reload(address.current())
        sheet.reload()
    }
    await refreshPipeline()
}

async function readCatalogue() {
    const [catalogue, choices] = await Promise.all([page.source.catalogue(), page.source.filters()])
    page.reports = new Map(catalogue.reports.map(report => [report.name, report]))
    page.choices = choices
}

function foot() {
    const { version, batch, lake } = { ...page.source.latest, ...page.pipeline }
    byId('foot').textContent = `tote ${version} · batch ${format.count(batch)}${lake ? ` · lake ${lake.slice(0, 8)}` : ''} · times in ${format.zone()}`
}

// The page cannot even begin: say why, and what to do.
function stuck(problem) {
    const locked = problem.status === 401 || problem.status === 403
    const retry = h('button', { class: 'button button-primary', type: 'button', onclick: () => location.reload() }, 'Try again')
    byId('main').replaceChildren(h('section', { class: 'state state-error', role: 'alert' },
        h('h1', {}, locked ? 'This dashboard needs its token' : 'The dashboard cannot be shown'),
        h('p', {}, locked ? 'Open the address that you were given, the one that ends in ?token=…, once; this browser then remembers it.' : sentence(problem.message)),
        !locked && problem.hint && h('p', { class: 'hint' }, prose(sentence(problem.hint))), retry))
    if (problem.status === 0) setInterval(() => open().then(() => location.reload(), () => null), REACHED_AGAIN_MS)
}

async function start() {
    startTheme()
    byId('print').append(icon('print'))
    byId('print').addEventListener('click', () => print())
    document.querySelector('.skip').addEventListener('click', event => {
        event.preventDefault() // the fragment is the page's state
        byId('main').focus()
    })
    try {
        page.source = await open()
        await readCatalogue()
    } catch (problem) {
        stuck(problem)
        return
    }
    byId('brand').textContent = page.source.latest.title
    sheet = new Sheet(page)
    address.onChange(show)
    show()
    freshness()
    await refreshPipeline()
    foot()
    setInterval(freshness, 10000)
    follow(page, { refresh, refreshPipeline, event: (name, data) => views.pipeline?.event(name, data) })
}

start()
